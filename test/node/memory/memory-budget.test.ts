import { describe, expect, it } from "vitest";
import { heapArgument, leastMemoryLimitMib, memoryLimit, memoryShares } from "../../../src/node/memory/memory-budget.ts";
import { limits } from "../../../src/protocol/limits.ts";

const MiB = 1024 ** 2;
const GiB = 1024 * MiB;

describe("the limit", () => {
  it("is the configured one, whatever there is", () => {
    expect(memoryLimit(256, { total: 64 * GiB, constrained: 128 * MiB })).toBe(256 * MiB);
  });

  it("is three quarters of the machine, or of the control group where that has less", () => {
    expect(memoryLimit(0, { total: 16 * GiB, constrained: 0 })).toBe(12 * GiB);
    expect(memoryLimit(0, { total: 16 * GiB, constrained: 256 * MiB })).toBe(192 * MiB);
    // how libuv tells that there is no bound
    expect(memoryLimit(0, { total: 16 * GiB, constrained: 2 ** 64 })).toBe(12 * GiB);
  });

  it("is never less than a node needs to stand still", () => {
    expect(memoryLimit(0, { total: GiB, constrained: 64 * MiB })).toBe(leastMemoryLimitMib * MiB);
  });
});

describe("the shares", () => {
  const least = memoryShares(leastMemoryLimitMib * MiB);

  it("leave each consumer what it has on a large machine, and shrink with the limit", () => {
    const large = memoryShares(16 * GiB);
    expect(large).toMatchObject({ state: 48 * MiB, bodies: 64 * MiB, peerQueue: 32 * MiB, storeWrites: 16 * MiB, young: 32 * MiB });
    for (const [name, bytes] of Object.entries(least)) expect(bytes, name).toBeLessThan(large[name as keyof typeof large]);
  });

  it("have room for the largest of what they hold", () => {
    for (const bytes of [least.bodies, least.pool, least.peerQueue]) expect(bytes).toBeGreaterThan(4 * limits.maxRequestBytes);
    expect(least.peerQueue).toBeGreaterThan(2 * limits.maxBatchBytes);
  });

  it("are a part of it, and so is V8's heap", () => {
    expect(heapArgument(200 * MiB)).toBe("--max-old-space-size=120");
    const { bodies, pool, young, state } = least;
    expect(bodies + pool + young + state).toBeLessThan((leastMemoryLimitMib * MiB) / 2);
  });
});
