/** Gossip: whose verdict counts, and that it survives a broken stream. */
import type { Connection } from "@libp2p/interface";
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/protocol/limits.ts";
import { connect, startBare, topic } from "./bare-peer.ts";
import { createCleanup, names, nodeAt, startNode, startValidators, until } from "./support.ts";
import type { TestNode } from "./support.ts";

const cleanup = createCleanup();
afterEach(() => cleanup.run());

/** for what comes soon, on a busy machine later */
const limitMs = 20_000;

/** Three validators in a line: the outer two have no link of their own. */
const startLine = async (): Promise<[TestNode, TestNode, TestNode]> => {
  const validators = names(3);
  const middle = await startNode(cleanup, 1, { validators });
  const bootstrap = middle.network.addresses();
  const first = await startNode(cleanup, 0, { validators });
  const last = await startNode(cleanup, 2, { validators });
  first.network.setCut([last.name]);
  last.network.setCut([first.name]);
  for (const node of [first, last]) await node.network.stop();
  const outer = await Promise.all(
    [0, 2].map(async (index) => {
      const node = await startNode(cleanup, index, { validators, bootstrap });
      node.network.setCut(index === 0 ? [last.name] : [first.name]);
      return node;
    }),
  );
  return [nodeAt(outer, 0), middle, nodeAt(outer, 1)];
};

/** Publishes a new message each time until `arrived` says so; gossip's mesh takes a heartbeat to form. */
const publishUntil = async (node: TestNode, arrived: () => boolean): Promise<void> => {
  let count = 0;
  let last = 0;
  await until(
    () => {
      if (performance.now() - last > 100) {
        last = performance.now();
        count += 1;
        node.network.publish(Uint8Array.of(77, count >> 8, count & 255));
      }
      return arrived();
    },
    limitMs,
    "gossip arrives",
  );
};

describe("a message", () => {
  test("goes on from a node that accepts it, and not from one that ignores or rejects it", async () => {
    const [first, middle, last] = await startLine();
    await publishUntil(first, () => last.recorder.gossip.length > 0);
    for (const verdict of ["ignore", "reject"] as const) {
      // what was published before it is judged once this one is
      const marker = Uint8Array.from(Buffer.from(`before ${verdict}`));
      first.network.publish(marker);
      await until(() => middle.recorder.gossip.some(({ data }) => Buffer.from(data).equals(marker)), limitMs, "all before it");
      middle.recorder.verdict = verdict;
      const bad = Uint8Array.from(Buffer.from(`to be met with ${verdict}`));
      first.network.publish(bad);
      const isBad = ({ data }: { data: Uint8Array }): boolean => Buffer.from(data).equals(bad);
      await until(() => middle.recorder.gossip.some(isBad), limitMs, "the middle saw it");
      middle.recorder.verdict = "accept";
      // what is published later overtakes nothing: had it been forwarded, it would be there now
      const before = last.recorder.gossip.length;
      await publishUntil(first, () => last.recorder.gossip.length >= before + 3);
      expect(last.recorder.gossip.some(isBad)).toBe(false);
    }
    const counters = middle.network.counters();
    expect(counters).toMatchObject({ gossipIgnored: 1, gossipRejected: 1, blames: 1 });
    expect(counters.gossipAccepted).toBeGreaterThan(6);
  });

  test("is not passed on to those who are known to have it", async () => {
    const [first, middle, last] = await startLine();
    await publishUntil(first, () => last.recorder.gossip.length > 0);
    const [theirs, news] = ["they have it", "they lack it"].map((text) => Uint8Array.from(Buffer.from(text))) as [Uint8Array, Uint8Array];
    const arrived = (node: TestNode, data: Uint8Array): boolean => node.recorder.gossip.some((one) => Buffer.from(one.data).equals(data));
    const { onGossip } = middle.recorder;
    middle.recorder.onGossip = (from, data, verdict) =>
      onGossip(from, data, (said) => verdict(said, Buffer.from(data).equals(theirs) ? [last.name] : []));
    first.network.publish(theirs);
    await until(() => arrived(middle, theirs), limitMs, "the middle saw it");
    first.network.publish(news);
    await until(() => arrived(last, news), limitMs, "the other one was passed on");
    expect(arrived(last, theirs)).toBe(false);
  });

  test("larger than the limit is not sent, and one of the largest size is", async () => {
    const nodes = await startValidators(cleanup, 2);
    const [a, b] = [nodeAt(nodes, 0), nodeAt(nodes, 1)];
    await publishUntil(a, () => b.recorder.gossip.length > 0);
    a.network.publish(new Uint8Array(limits.maxGossipBytes + 1));
    a.network.publish(new Uint8Array(limits.maxGossipBytes));
    await until(() => b.recorder.gossip.some(({ data }) => data.byteLength === limits.maxGossipBytes), limitMs, "the largest");
    expect(b.recorder.gossip.every(({ data }) => data.byteLength <= limits.maxGossipBytes)).toBe(true);
    expect(a.network.counters().gossipOversize).toBe(1);
  });

  test("without a verdict in time is ignored, and too many of them hold up nothing", async () => {
    const validators = names(2);
    const a = await startNode(cleanup, 0, { validators });
    const b = await startNode(cleanup, 1, {
      validators,
      bootstrap: a.network.addresses(),
      limits: { gossipVerdictMs: 300, maxUndecidedGossip: 4 },
    });
    await publishUntil(a, () => b.recorder.gossip.length > 0);
    const accepted = b.network.counters().gossipAccepted;
    b.recorder.onGossip = () => undefined;
    for (let count = 0; count < 20; count += 1) a.network.publish(Uint8Array.of(1, count));
    await until(() => b.network.counters().gossipUndecided >= 20, limitMs, "given up");
    expect(b.network.counters().gossipAccepted).toBe(accepted);
  });
});

describe("when a gossip stream breaks", () => {
  test("the connection is made anew, and gossip is back", async () => {
    const validators = names(2);
    const node = await startNode(cleanup, 0, { validators, limits: { gossipGraceMs: 500, firstDeadMs: 500, deadMs: 0 } });
    const bare = await startBare(cleanup, 1);
    let received = 0;
    bare.services.pubsub.addEventListener("message", () => (received += 1));
    bare.services.pubsub.subscribe(topic);
    await connect(bare, node);
    await publishUntil(node, () => received > 0);
    // in a node's first second libp2p introduces the peers to each other once more, which hides the break: then break it again
    for (let round = 0; round < 8 && node.network.counters().disconnectedGossip === 0; round += 1) {
      for (const { streams } of bare.getConnections())
        for (const stream of streams) if (stream.protocol.includes("meshsub")) stream.abort(new Error("test"));
      const before = received;
      await publishUntil(node, () => received > before + 2);
    }
    expect(node.network.counters().disconnectedGossip).toBeGreaterThan(0);
  });
});

describe("who floods gossip with control messages", () => {
  const gossipsub = "/meshsub/1.1.0";
  /** a message of gossipsub with a control message that asks for nothing */
  const idle = Uint8Array.of(2, 0x1a, 0);
  const limits = {
    strangerFramesPerSecond: 0.001,
    strangerFrameBurst: 50,
    strangerDropsBeforeBan: 500,
    validatorGossipPerSecond: 0.001,
    validatorGossipBurst: 50,
    gossipGraceMs: 600_000,
  };
  const flood = async (node: TestNode, count: number): Promise<Connection> => {
    const connection = await connect(await startBare(cleanup, 1), node);
    const stream = await connection.newStream(gossipsub);
    for (let sent = 0; sent < count; sent += 100) stream.send(Buffer.concat(Array.from({ length: 100 }, () => idle)));
    return connection;
  };

  test("is not looked at beyond a rate, and refused for a while", async () => {
    const node = await startNode(cleanup, 0, { validators: [], limits });
    const connection = await flood(node, 1_000);
    await until(() => connection.status !== "open", limitMs, "cut off");
    expect(node.network.counters()).toMatchObject({ droppedRate: 500, disconnectedFlood: 1, bans: 1 });
  });

  test("and is a validator is not looked at beyond a rate", async () => {
    const node = await startNode(cleanup, 0, { validators: names(2), limits });
    const connection = await flood(node, 1_000);
    await until(() => node.network.counters().droppedRate >= 950, limitMs, "dropped");
    expect([connection.status, node.network.counters().bans]).toEqual(["open", 0]);
  });
});
