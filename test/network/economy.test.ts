/** What small messages cost below the streams: nobody sees it fail but in the bill. */
import { Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createCleanup, nodeAt, startValidators, until } from "./support.ts";

const cleanup = createCleanup();
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await cleanup.run();
});

/** so many that what libp2p says when a connection is new, some hundred writes, does not count */
const messages = 400;

describe("small messages, each in a turn of its own", () => {
  test("cost one system call each, and hardly anything comes back", async () => {
    const nodes = await startValidators(cleanup, 2);
    const [from, to] = [nodeAt(nodes, 0), nodeAt(nodes, 1)];
    const chunks = vi.spyOn(Socket.prototype, "write");
    const calls = vi.spyOn(Socket.prototype, "uncork");
    let thrown = 0;
    // what Noise's decoder throws, as it comes, after each read
    const count = (target: RangeErrorConstructor, self: unknown, args: [string?]): unknown => {
      thrown += 1;
      return Reflect.apply(target, self, args);
    };
    vi.stubGlobal("RangeError", new Proxy(RangeError, { apply: count }));
    for (let count = 1; count <= messages; count += 1) {
      expect(from.network.send(to.name, "consensus", new Uint8Array(128).fill(count))).toBe(true);
      await until(() => to.recorder.frames.length === count, 20_000, `message ${count}`);
    }
    expect(thrown).toBe(0);
    // a length and a body each; as libp2p comes, as many again for window updates, and none of them gathered
    expect(chunks.mock.calls.length).toBeLessThan(3 * messages);
    expect(calls.mock.calls.length).toBeGreaterThan(messages / 2);
    expect(calls.mock.calls.length).toBeLessThan(1.5 * messages);
  });
});

describe("a channel that carries many times its window", () => {
  test("does not run dry while the other end reads", async () => {
    const nodes = await startValidators(cleanup, 2);
    const [from, to] = [nodeAt(nodes, 0), nodeAt(nodes, 1)];
    for (let count = 1; count <= 64; count += 1) {
      await until(() => from.network.send(to.name, "consensus", new Uint8Array(40_000).fill(count)), 20_000, "room in the queue");
    }
    await until(
      () => to.recorder.frames.length === 64,
      20_000,
      () => `${to.recorder.frames.length} of 64`,
    );
    expect(to.recorder.frames.every(({ frame }, index) => frame.length === 40_000 && frame[0] === index + 1)).toBe(true);
  });
});
