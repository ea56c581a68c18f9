/** Shared documents between nodes on a network: what is told, to whom, and after a cut. */
import { describe, expect, it } from "vitest";
import { encodeMessage } from "../../../src/documents/messages.ts";
import type { DocumentName } from "../../../src/documents/operation.ts";
import { createCounters } from "../../../src/node/counters.ts";
import { createSharing, type Sharing } from "../../../src/node/sharing/sharing.ts";
import { createMemoryHub } from "../../../src/network/memory.ts";
import { createCommittee } from "../../../src/protocol/committee.ts";
import type { Epoch, PeerName, ReplicaIndex } from "../../../src/protocol/ids.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { StoreError } from "../../../src/storage/port.ts";
import { decodeSyncFrame } from "../../../src/wire/frames.ts";
import { add, author, sign, signBytes, write } from "../../documents/support.ts";

const plan = "plan" as DocumentName;
const peers = ["a", "b", "c", "d"].map((letter) => letter as PeerName);
const committee = createCommittee(
  0 as Epoch,
  peers.map((peer, index) => ({ index: index as ReplicaIndex, publicKey: author(index).publicKey, peer, moniker: "" })),
);

interface Rig {
  readonly nodes: readonly Sharing[];
  readonly forked: string[];
  readonly hub: ReturnType<typeof createMemoryHub>;
  readonly failures: StoreError[];
  /** lets time pass for all nodes, and whatever is under way arrive */
  pass(milliseconds: number): Promise<void>;
  frames(): number;
}

const turns = async (): Promise<void> => {
  for (let at = 0; at < 20; at++) await new Promise((resolve) => setImmediate(resolve));
};

const build = async (stores = peers.map(() => createMemoryStore())): Promise<Rig> => {
  const hub = createMemoryHub();
  const forked: string[] = [];
  const failures: StoreError[] = [];
  let now = 0;
  let frames = 0;
  const nodes: Sharing[] = [];
  for (const [index, peer] of peers.entries()) {
    const network = hub.createMemoryNetwork(peer, peers);
    const counters = createCounters();
    const node = await createSharing({
      store: stores[index] as (typeof stores)[number],
      identity: { committee, signBytes, validatorKey: author(index) },
      network,
      clock: { now: () => now },
      counters: () => counters,
      forked: (proof) => forked.push(`${peer}: ${proof.author}`),
      storeFailed: (error) => failures.push(error),
    });
    nodes.push(node);
    await network.start({
      onFrame: (from, _, frame) => {
        frames++;
        const decoded = decodeSyncFrame(frame);
        if (decoded.ok && decoded.value.kind === "documents") node.receive(from, decoded.value.bytes);
      },
      onGossip: (_from, _data, verdict) => verdict("ignore"),
      onPeer: (other, up) => (up ? node.greet(other) : undefined),
    });
  }
  await turns();
  return {
    nodes,
    forked,
    hub,
    failures,
    frames: () => frames,
    async pass(milliseconds) {
      for (let passed = 0; passed < milliseconds; passed += 100) {
        now += 100;
        for (const node of nodes) node.tick();
        await turns();
      }
    },
  };
};

const texts = (nodes: readonly Sharing[]): Promise<(string | undefined)[]> =>
  Promise.all(nodes.map(async ({ documents }) => new TextDecoder().decode((await documents.read(plan))?.bytes)));

describe("sharing", () => {
  it("brings an edit to every connected node within a few ticks", async () => {
    const { nodes, pass } = await build();
    await nodes[0]?.documents.edit(plan, [add(1, "votes")]);
    await pass(300);
    expect(await texts(nodes)).toEqual(peers.map(() => '{"votes":{"counter":1}}'));
  });

  it("goes on on both sides of a cut, and brings them together at once when it heals", async () => {
    const { nodes, hub, pass } = await build();
    await nodes[0]?.documents.edit(plan, [write("common", "title")]);
    await pass(300);
    hub.partition([peers.slice(0, 2), peers.slice(2)]);
    await nodes[0]?.documents.edit(plan, [write("left", "title"), add(1, "votes")]);
    await nodes[3]?.documents.edit(plan, [write("right", "title"), add(2, "votes")]);
    await pass(1_000);
    const [left, right] = [
      '{"title":{"register":["left"]},"votes":{"counter":1}}',
      '{"title":{"register":["right"]},"votes":{"counter":2}}',
    ];
    expect(await texts(nodes)).toEqual([left, left, right, right]);
    hub.heal();
    await pass(500);
    expect(await texts(nodes)).toEqual(peers.map(() => '{"title":{"register":["left","right"]},"votes":{"counter":3}}'));
  });

  it("tells everyone of an author who says different things to different nodes", async () => {
    const { nodes, forked, pass } = await build();
    const tell = (to: number, value: string): void =>
      nodes[to]?.receive(
        "d" as PeerName,
        encodeMessage({ kind: "operations", document: plan, more: false, operations: [sign(3, 1, [], write(value, "r")).bytes] }),
      );
    tell(0, "one");
    tell(1, "other");
    await pass(6_000);
    for (const peer of ["a", "b", "c"]) expect(forked).toContain(`${peer}: ${author(3).publicKey}`);
    expect(new Set(await texts(nodes)).size).toBe(1);
  });

  it("falls silent but for the overviews when there is nothing to tell", async () => {
    const { nodes, pass, frames } = await build();
    for (const node of nodes) await node.documents.edit(plan, [add(1, "votes")]);
    await pass(1_000);
    const before = frames();
    await pass(10_000);
    // two overviews from each to each of the others
    expect(frames() - before).toBe(2 * 4 * 3);
  });

  it("stops the node when its store fails, and takes nothing after the end", async () => {
    const stores = peers.map((_, index) =>
      index === 1 ? createMemoryStore({ fail: () => new StoreError("full", "no space") }) : createMemoryStore(),
    );
    const { nodes, pass, failures } = await build(stores);
    await nodes[0]?.documents.edit(plan, [add(1, "votes")]);
    await pass(300);
    expect(failures.map(({ code }) => code)).toContain("full");
    await Promise.all(nodes.map((node) => node.stop()));
    await nodes[0]?.documents.edit(plan, [add(1, "votes")]);
    await pass(300);
    expect((await texts(nodes))[2]).toBe('{"votes":{"counter":1}}');
  });
});
