/** What a stranger can ask of libp2p's own services, and make them keep. */
import type { Stream } from "@libp2p/interface";
import { afterEach, expect, test } from "vitest";
import { protocolNames } from "../../src/network/libp2p/assemble.ts";
import { connect, startBare } from "./bare-peer.ts";
import { createCleanup, genesisHash, ownTime, startNode, until } from "./support.ts";

const cleanup = createCleanup();
afterEach(cleanup.run);
const limitMs = 30_000;
const { kad } = protocolNames(genesisHash);

/** A field of bytes, shorter than 128, of a protocol buffer. */
const field = (number: number, bytes: Uint8Array): Uint8Array => Uint8Array.of(number * 8 + 2, bytes.length, ...bytes);
const framed = (bytes: Uint8Array): Uint8Array => Uint8Array.of(bytes.length, ...bytes);
const key = new Uint8Array(34).fill(7);
/** A message of the DHT: its type, a key, and whatever else. */
const message = (type: number, ...more: readonly Uint8Array[]): Uint8Array =>
  framed(Buffer.concat([Uint8Array.of(8, type), field(2, key), ...more]));
const [putValue, addProvider, findNode] = [0, 2, 4];

const heard = (stream: Stream): { bytes: number } => {
  const counter = { bytes: 0 };
  stream.addEventListener("message", ({ data }) => {
    counter.bytes += data.byteLength;
  });
  return counter;
};

test("the DHT answers one question a stream, about peers only, so many of them in a while, and none that is long", async () => {
  const node = await startNode(cleanup, 0, {
    validators: [],
    limits: { gossipGraceMs: 600_000, dhtQuestionsPerSecond: 0.001, dhtQuestionBurst: 6 },
  });
  const connection = await connect(await startBare(cleanup, 50), node);
  const ask = async (bytes: Uint8Array): Promise<{ readonly stream: Stream; readonly answer: { bytes: number } }> => {
    const stream = await connection.newStream(kad);
    const answer = heard(stream);
    if (stream.writeStatus === "writable") stream.send(bytes);
    return { stream, answer };
  };
  const refused = async (bytes: Uint8Array): Promise<void> => {
    const before = node.network.counters().rejectedStreams;
    const { stream, answer } = await ask(bytes);
    await until(() => stream.status !== "open", limitMs, "reset");
    expect(answer.bytes).toBe(0);
    expect(node.network.counters().rejectedStreams).toBe(before + 1);
  };
  await refused(message(putValue, field(3, key)));
  await refused(message(addProvider, field(9, field(1, key))));
  await refused(Buffer.concat(Array.from({ length: 100 }, () => message(findNode))));
  const first = await ask(message(findNode));
  await until(() => first.answer.bytes > 0, limitMs, "answered");
  const [once, before] = [first.answer.bytes, node.network.counters().rejectedStreams];
  first.stream.send(message(findNode));
  await until(() => first.stream.status !== "open", limitMs, "reset");
  expect([first.answer.bytes, node.network.counters().rejectedStreams]).toEqual([once, before + 1]);
  // what a peer may ask at once is used up, with what the two nodes asked each other
  for (let more = 0; more < 6; more += 1) await (await ask(message(findNode))).stream.close();
  await refused(message(findNode));
  expect(connection.status).toBe("open");
});

test("who says much of himself, or often, is not listened to", async () => {
  const node = await startNode(cleanup, 0, { validators: [], limits: { gossipGraceMs: 600_000, pushesPerSecond: 0.001, pushBurst: 2 } });
  const host = await startBare(cleanup, 50);
  await host.unhandle("/ipfs/id/1.0.0");
  const junk = new Uint8Array(16 * 1024);
  await host.handle("/ipfs/id/1.0.0", (stream) => void stream.send(junk));
  const connection = await connect(host, node);
  const refused = (): number => node.network.counters().rejectedStreams;
  await until(() => refused() === 1, limitMs, "its answer was too long");
  const tell = async (bytes: Uint8Array): Promise<void> => {
    const stream = await connection.newStream("/ipfs/id/push/1.0.0");
    if (stream.writeStatus === "writable") stream.send(bytes);
    await until(() => stream.status !== "open", limitMs, "refused");
  };
  await tell(junk);
  await tell(junk);
  // this one said nothing yet
  await tell(Uint8Array.of(1));
  expect(refused()).toBe(4);
});

test("an answer of the DHT's that does not begin with a length is not read", async () => {
  const node = await startNode(cleanup, 0, { validators: [], limits: { gossipGraceMs: 600_000 } });
  const host = await startBare(cleanup, 50);
  await host.unhandle(kad);
  const junk = new Uint8Array(60 * 1024).fill(0xff);
  let asked = 0;
  await host.handle(kad, (stream) => {
    asked += 1;
    stream.send(junk);
  });
  await connect(host, node);
  const time = await ownTime(() => until(() => node.network.counters().rejectedStreams > 0, limitMs, "refused"));
  expect(asked).toBeGreaterThan(0);
  expect(time).toBeLessThan(1_000);
});
