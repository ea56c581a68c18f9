import { describe, expect, it } from "vitest";
import { memoryReport } from "../../../src/api/schemas/status.ts";
import { collectGarbage, machineMemory, readProcessMemory } from "../../../src/node/memory/process-memory.ts";
import { type BreakerChange, createResources } from "../../../src/node/memory/resources.ts";

const MiB = 1024 ** 2;
const idle = { rss: 120, heapTotal: 50, heapUsed: 30, external: 10, heapLimit: 1_000 };

/** A process of 60 MiB beside V8, with a limit of 200 MiB; sizes in MiB, one sample each 250 ms. */
const createRig = () => {
  let memory = { ...idle };
  let time = 0;
  /** what a collection takes away, MiB of external memory */
  let garbage = 0;
  const seen = { collections: 0, shrunk: 0, changes: [] as BreakerChange[] };
  const resources = createResources({
    limit: 200 * MiB,
    read: () => ({
      rss: memory.rss * MiB,
      heapTotal: memory.heapTotal * MiB,
      heapUsed: memory.heapUsed * MiB,
      external: memory.external * MiB,
      heapLimit: memory.heapLimit * MiB,
    }),
    collect: () => {
      seen.collections += 1;
      memory = { ...memory, external: memory.external - garbage };
      garbage = 0;
    },
    shrink: () => (seen.shrunk += 1),
    changed: (change) => seen.changes.push(change),
    now: () => time,
    random: () => 0.5,
  });
  return {
    resources,
    seen,
    take: (change: Partial<typeof idle>, dead = 0) => {
      memory = { ...memory, ...change };
      garbage = dead;
    },
    samples: (count: number) => {
      for (let index = 0; index < count; index += 1) {
        time += 250;
        resources.sample();
      }
    },
    admitted: () => Array.from({ length: 20 }, () => resources.admit()).filter((failure) => failure === undefined).length,
  };
};

const full = { rss: 300, external: 150 };

describe("a node whose memory suffices", () => {
  it("admits everything, and says how much it uses", () => {
    const { resources, samples, seen } = createRig();
    samples(10);
    expect(resources.admit()).toBeUndefined();
    expect(resources.exhausted).toBe(false);
    expect(resources.figures()).toEqual({
      breaker: "closed",
      used: 100 * MiB,
      limit: 200 * MiB,
      pressure: 0.5,
      refused: 0,
      opened: 0,
    });
    expect(resources.check()).toEqual({ name: "memory", ok: true, reason: "100 of 200 MiB in use" });
    const report = { rss: 120 * MiB, heapUsed: 30 * MiB, limit: 200 * MiB, pressure: 0.5, breaker: "closed" };
    expect(memoryReport.parse(resources.report())).toEqual(report);
    expect(seen).toEqual({ collections: 0, shrunk: 0, changes: [] });
  });

  it("is not taken for full for its garbage: that is collected", () => {
    const { resources, samples, seen, take } = createRig();
    for (let round = 0; round < 20; round += 1) {
      take({ rss: 250, external: 95 }, 85);
      samples(2);
    }
    expect(seen.collections).toBe(20);
    expect(resources.figures()).toMatchObject({ breaker: "closed", opened: 0 });
  });

  it("nor for what the allocator keeps of memory that was freed", () => {
    const { resources, samples, take } = createRig();
    take({ rss: 400 });
    samples(100);
    expect(resources.figures()).toMatchObject({ breaker: "closed", used: 100 * MiB });
  });
});

describe("a node that is short of memory", () => {
  it("refuses, lets go of what it can, tells, and is not ready", () => {
    const { resources, samples, seen, take } = createRig();
    take(full);
    samples(1);
    expect(resources.exhausted).toBe(true);
    expect(seen).toEqual({ shrunk: 1, collections: 1, changes: [{ breaker: "open", used: 240 * MiB, limit: 200 * MiB }] });
    expect(resources.admit()).toEqual({
      code: "overloaded",
      message: "this node is short of memory and takes no new work",
      hint: "ask another node, or again a little later",
      retryAfterSeconds: 4,
      details: { reason: "memory" },
    });
    for (let asked = 0; asked < 99; asked += 1) expect(resources.admit()).toBeDefined();
    expect(resources.figures()).toMatchObject({ refused: 100, opened: 1 });
    expect(resources.check()).toMatchObject({ name: "memory", ok: false, reason: "240 of 200 MiB in use: no new work is taken" });
    expect(memoryReport.parse(resources.report())).toMatchObject({ pressure: 1, breaker: "open" });
    samples(40);
    expect(resources.exhausted).toBe(true);
  });

  it("is short of it, too, when V8's heap is full", () => {
    const { resources, samples, take } = createRig();
    take({ heapUsed: 97, heapLimit: 100 });
    samples(1);
    expect(resources.exhausted).toBe(true);
  });

  it("takes a little for a while when that has passed, and then everything", () => {
    const { resources, samples, seen, take, admitted } = createRig();
    take(full);
    samples(1);
    take(idle);
    samples(8);
    expect(seen.changes.map(({ breaker }) => breaker)).toEqual(["open", "half-open"]);
    expect([admitted(), admitted()]).toEqual([4, 0]);
    samples(1);
    expect(admitted()).toBe(4);
    expect(resources.check().ok).toBe(true);
    samples(7);
    expect(seen.changes.map(({ breaker }) => breaker)).toEqual(["open", "half-open", "closed"]);
    expect(admitted()).toBe(20);
  });

  it("finds out by itself once it is started", async () => {
    let external = 0;
    const { promise, resolve } = Promise.withResolvers<BreakerChange>();
    const resources = createResources({
      limit: 200 * MiB,
      read: () => ({ rss: 400 * MiB, heapTotal: 350 * MiB, heapUsed: 10 * MiB, external, heapLimit: 1024 * MiB }),
      collect: () => undefined,
      shrink: () => undefined,
      changed: resolve,
      now: () => performance.now(),
    });
    external = 300 * MiB;
    // its timer keeps no process alive, so neither this test's
    const alive = setInterval(() => undefined, 100);
    resources.start();
    expect((await promise).breaker).toBe("open");
    resources.stop();
    clearInterval(alive);
  });
});

describe("this process", () => {
  it("has what it says, and a collector that takes garbage away", async () => {
    const { total, constrained } = machineMemory();
    expect(total).toBeGreaterThan(64 * MiB);
    expect(constrained).toBeGreaterThanOrEqual(0);
    const before = readProcessMemory();
    expect(before.heapUsed).toBeLessThan(before.heapLimit);
    expect(before.rss).toBeLessThan(total);
    const held = Array.from({ length: 64 }, () => Buffer.alloc(MiB, 1));
    // not how much more than before: what others left behind in this process may go at any moment
    collectGarbage();
    const full = readProcessMemory().external;
    expect(full).toBeGreaterThanOrEqual(64 * MiB);
    held.length = 0;
    const gone = () => {
      collectGarbage();
      return full - readProcessMemory().external;
    };
    await expect.poll(gone, { timeout: 10_000 }).toBeGreaterThan(48 * MiB);
    expect("gc" in globalThis).toBe(false);
  });
});
