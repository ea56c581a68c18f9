import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { createBodyReader } from "../../src/api/body.ts";

const MiB = 1024 * 1024;

it("keeps a body that comes byte by byte in about as much memory as it has bytes", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const inUse = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const incoming = Object.assign(new EventEmitter(), { headers: {} });
  const reading = createBodyReader(MiB).read(incoming as unknown as IncomingMessage, MiB);
  const from = Buffer.alloc(MiB, "abcdefg");
  const before = inUse();
  for (let at = 0; at < MiB; at += 1) incoming.emit("data", from.subarray(at, at + 1));
  expect(inUse() - before).toBeLessThan(8 * MiB);
  incoming.emit("end");
  expect(from.equals(await reading)).toBe(true);
});
