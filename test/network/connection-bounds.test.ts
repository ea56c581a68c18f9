/** What a peer can do to a node below its streams: bytes on the wire that no libp2p of ours would send. */
import type { Connection, MessageStream } from "@libp2p/interface";
import { afterEach, expect, test } from "vitest";
import { connect, nameOf, protocols, startBare } from "./bare-peer.ts";
import { createCleanup, names, nodeAt, startNode, startValidators, until } from "./support.ts";

const cleanup = createCleanup();
afterEach(cleanup.run);
const limitMs = 30_000;

const [data, ping] = [0, 2];
/** A frame's header: version, type, flags, stream, length. */
const header = (type: number, flags: number, stream: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, type);
  view.setUint16(2, flags);
  view.setUint32(4, stream);
  view.setUint32(8, length);
  return bytes;
};
const pings = (count: number): Uint8Array => Buffer.concat(Array.from({ length: count }, (_, index) => header(ping, 1, 0, index)));

interface Inside {
  readonly muxer: { readonly maConn: MessageStream; handlePing: () => void };
  readonly maConn: { readonly socket: { pause: () => void } };
}
/** Below the muxer, and what a correct one would do with the answers. */
const below = (connection: Connection): Inside["muxer"] & { pauseSocket: () => void } => {
  const { muxer, maConn } = connection as unknown as Inside;
  muxer.handlePing = () => undefined;
  return Object.assign(muxer, { pauseSocket: () => maConn.socket.pause() });
};

test("a frame that says it is longer than any window is not waited for", async () => {
  const node = await startNode(cleanup, 0, { validators: [] });
  const connection = await connect(await startBare(cleanup, 50), node);
  const { maConn } = below(connection);
  maConn.send(header(data, 1, 1001, 0xffff_ffff));
  let sent = 0;
  for (; sent < 64 && maConn.status === "open"; sent += 1) {
    maConn.send(new Uint8Array(64 * 1024));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(() => connection.status !== "open", limitMs, "cut off");
  expect(node.network.counters().disconnectedFlood).toBe(1);
  expect(sent).toBeLessThan(64);
});

test("a validator that floods is read more slowly, and so are strangers; the others are not", async () => {
  const limits = { strangerReadBytesPerSecond: 128 * 1024, validatorReadBytesPerSecond: 128 * 1024 };
  const nodes = await startValidators(cleanup, 2, { limits });
  const [node, other] = [nodeAt(nodes, 0), nodeAt(nodes, 1)];
  const connection = await connect(await startBare(cleanup, 50), node);
  const counters = () => node.network.counters();
  await until(() => node.network.peers().length === 2, limitMs, "connected");
  // half a MiB may come at once, and a frame counts as one KiB
  below(connection).maConn.send(pings(1_000));
  await until(() => counters().restedConnections > 0, limitMs, "rested");
  const stream = await connection.newStream(protocols.sync);
  stream.send(Uint8Array.of(1, 7));
  expect(other.network.send(node.name, "consensus", Uint8Array.of(8))).toBe(true);
  await until(() => node.recorder.frames.length === 2, limitMs, "both heard");
  // the stranger only after its rest
  expect(node.recorder.frames.map(({ frame }) => frame[0])).toEqual([8, 7]);
  expect(connection.status).toBe("open");
});

test("a validator that floods with small frames is read more slowly, and goes on where it was when it connects anew", async () => {
  const limits = { validatorReadBytesPerSecond: 128 * 1024, gossipGraceMs: 600_000 };
  const validators = names(3);
  const node = await startNode(cleanup, 0, { validators, limits });
  const other = await startNode(cleanup, 1, { validators, bootstrap: node.network.addresses(), limits: { ...limits } });
  const host = await startBare(cleanup, 2);
  const { recorder, network } = node;
  const rests = (): number => network.counters().restedConnections;
  const open = async (): Promise<(count: number) => void> => {
    const stream = await (await connect(host, node)).newStream(protocols.sync);
    return (count) => void stream.send(Buffer.concat(Array.from({ length: count }, () => Uint8Array.of(2, 7, 7))));
  };
  await until(() => network.isUp(other.name), limitMs, "up");
  // 4 MiB by what they count as, of which half a MiB was at hand
  (await open())(2_000);
  await until(() => recorder.frames.length === 2_000 && rests() === 1, limitMs, "heard, and rested");
  for (const connection of host.getConnections()) connection.abort(new Error("to begin anew"));
  await until(() => !network.peers().some(({ peer }) => peer === nameOf(host)), limitMs, "gone");
  const bring = await open();
  await until(() => rests() === 2, limitMs, "rested at once");
  bring(100);
  expect(other.network.send(node.name, "sync", Uint8Array.of(8))).toBe(true);
  await until(() => recorder.frames.some(({ from }) => from === other.name), limitMs, "another one is heard");
  expect(recorder.frames.length).toBe(2_001);
});

test("who opens and resets streams without end is not read until it has paid for what came", async () => {
  const node = await startNode(cleanup, 0, { validators: [], limits: { gossipGraceMs: 600_000 } });
  const connection = await connect(await startBare(cleanup, 50), node);
  await until(() => node.network.peers().length === 1, limitMs, "connected");
  const { maConn } = below(connection);
  const began = performance.now();
  for (let id = 5_001; id < 65_000; id += 200) {
    const pairs = Array.from({ length: 100 }, (_, index) => [header(1, 1, id + 2 * index, 0), header(1, 8, id + 2 * index, 0)]);
    maConn.send(Buffer.concat(pairs.flat()));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const seconds = (performance.now() - began) / 1000;
  // short rests at first, then long ones: were something read meanwhile, there would be two or three in each second
  const { restedConnections } = node.network.counters();
  expect(restedConnections).toBeGreaterThan(0);
  expect(restedConnections).toBeLessThanOrEqual(3 + seconds / 2);
  expect(connection.status).toBe("open");
});

test.each([
  ["for a while", { slowPeerMs: 300 }],
  ["that wait in great number", { slowPeerMs: 600_000, maxUnsentBytes: 512 * 1024 }],
])("who asks and does not take the answers %s is cut off", async (_, bounds) => {
  // asks as fast as it can
  const GiB = 1024 ** 3;
  const limits = { ...bounds, gossipGraceMs: 600_000, strangerReadBytesPerSecond: GiB, strangersReadBytesPerSecond: GiB };
  const node = await startNode(cleanup, 0, { validators: [], limits });
  const host = await startBare(cleanup, 50);
  const connection = await connect(host, node);
  await until(() => node.network.isUp(nameOf(host)), limitMs, "up");
  const { maConn, pauseSocket } = below(connection);
  pauseSocket();
  const isCut = (): boolean => node.network.counters().disconnectedSlow > 0;
  const began = performance.now();
  while (!isCut() && performance.now() - began < limitMs) {
    if (maConn.status === "open") maConn.send(pings(5_000));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(isCut()).toBe(true);
  await until(() => node.network.peers().length === 0, limitMs, "gone");
});
