/** Bytes that are no length, where libp2p reads one: each would be gone through once for each that came after it. */
import { connect as dial } from "node:net";
import { afterEach, expect, test } from "vitest";
import { connect, protocols, startBare } from "./bare-peer.ts";
import { createCleanup, ownTime, startNode, until } from "./support.ts";

const cleanup = createCleanup();
afterEach(cleanup.run);
const limitMs = 30_000;
const junk = Buffer.alloc(64 * 1024, 0xff);

test.each([
  ["at once", ""],
  ["after the first name", "\u0013/multistream/1.0.0\n"],
])("before anything is agreed on end the connection, %s, and take no time", async (_, first) => {
  const node = await startNode(cleanup, 0, { validators: [] });
  const port = Number(/tcp\/(\d+)/.exec(node.network.addresses()[0] ?? "")?.[1]);
  const attack = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = dial(port, "127.0.0.1", () => socket.write(Buffer.concat([Buffer.from(first), junk])));
      socket.on("error", () => undefined);
      socket.on("data", () => undefined);
      socket.on("close", () => resolve());
    });
  expect(await ownTime(() => Promise.all(Array.from({ length: 20 }, attack)))).toBeLessThan(1_500);
});

test("before a stream's protocol is agreed on reset it", async () => {
  const node = await startNode(cleanup, 0, { validators: [], limits: { gossipGraceMs: 600_000 } });
  const connection = await connect(await startBare(cleanup, 50), node);
  const { muxer } = connection as unknown as {
    muxer: { createStream(options: object): Promise<{ send(data: Uint8Array): boolean; status: string }> };
  };
  const stream = await muxer.createStream({});
  const time = await ownTime(async () => {
    stream.send(junk);
    await until(() => stream.status !== "open", limitMs, "reset");
  });
  expect(time).toBeLessThan(500);
});

interface Answering {
  onRemoteStream(stream: { send(data: Uint8Array): boolean }): void;
}

test.each([
  ["with no length", Buffer.alloc(256 * 1024, 0xff)],
  ["with a length that is too long", Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(64 * 1024)])],
  ["with another first line", Buffer.from("\u0013/multistream/2.0.0\n")],
  ["with no length after the first line", Buffer.concat([Buffer.from("\u0013/multistream/1.0.0\n"), Buffer.alloc(200 * 1024, 0xff)])],
  ["with no length after a refusal", Buffer.concat([Buffer.from("\u0013/multistream/1.0.0\n\u0003na\n"), Buffer.alloc(200 * 1024, 0xff)])],
])("in answer to a stream of ours reset it, %s, and take no time", async (_, answer) => {
  const node = await startNode(cleanup, 0, { validators: [], limits: { gossipGraceMs: 600_000 } });
  const host = await startBare(cleanup, 50);
  // the node goes on to try
  await host.unhandle(protocols.sync);
  const { muxer } = (await connect(host, node)) as unknown as { muxer: Answering };
  const { onRemoteStream } = muxer;
  muxer.onRemoteStream = (stream) => {
    onRemoteStream.call(muxer, stream);
    stream.send(answer);
  };
  const time = await ownTime(() => until(() => node.network.counters().rejectedStreams > 0, limitMs, "reset"));
  expect(time).toBeLessThan(1_000);
});
