/** Bytes that are no length, where libp2p reads one: each would be gone through once for each that came after it. */
import { connect as dial } from "node:net";
import { afterEach, expect, test } from "vitest";
import { connect, startBare } from "./bare-peer.ts";
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
