/** A fixed share of the fuzzing with every test run: the same cases each time. `npm run fuzz` goes on from there (docs/fuzzing.md). */
import { afterEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../src/node/memory/process-memory.ts";
import { createRandom, mixSeed } from "./random.ts";
import { FuzzFailure, fuzz, withinMemory } from "./target.ts";
import type { Target } from "./target.ts";
import { targets } from "./targets.ts";

const seed = 1;
const share: Readonly<Record<string, number>> = {
  wire: 20_000,
  framing: 2_000,
  files: 800,
  store: 100,
  recovery: 300,
  http: 60,
  replica: 20,
};

describe("hostile bytes", () => {
  it.each(targets)("to $name are refused or understood, and nothing else happens: $about", { timeout: 400_000 }, async (target) => {
    const cases = share[target.name];
    expect(cases).toBeGreaterThan(0);
    expect((await fuzz(target, seed, { cases: cases as number })).cases).toBe(cases);
  });
});

/** A target whose cases do what they are told. */
const failingAt = (number: number, fail: () => void, closed: () => void = () => undefined): Target => {
  let count = 0;
  return {
    name: "planted",
    about: "",
    open: () => ({
      next: () => ({ input: () => "the input", run: () => (count++ === number ? fail() : undefined) }),
      close: closed,
    }),
  };
};

describe("the fuzzer", () => {
  let closed = 0;
  afterEach(() => {
    closed = 0;
  });

  it("names the case that failed, its input and how to see it again, and lets go of everything", async () => {
    const target = failingAt(
      5,
      () => {
        throw new TypeError("a planted fault");
      },
      () => (closed += 1),
    );
    const failure: unknown = await fuzz(target, 7, { cases: 100 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FuzzFailure);
    expect(failure).toMatchObject({ target: "planted", number: 5, input: "the input", cause: { message: "a planted fault" } });
    expect((failure as Error).message).toContain("npm run fuzz -- --target planted --seed 7 --from 5 --count 1");
    expect(closed).toBe(1);
  });

  it("does not let a case take more of the processor than it may", async () => {
    const busy = failingAt(1, () => {
      const until = performance.now() + 300;
      while (performance.now() < until);
    });
    await expect(fuzz(busy, 7, { cases: 3, caseMs: 20 })).rejects.toThrow(/took \d+ ms of CPU/);
  });

  it("sees an allocation that only a length in the input asked for", () => {
    // else it could make the collector take away as much of what others left behind
    collectGarbage();
    expect(() => withinMemory(10, () => new Uint8Array(64 * 1024 * 1024).length)).toThrow(/took \d+ bytes for an input of 10/);
    expect(withinMemory(10, () => new Uint8Array(1_000).length)).toBe(1_000);
  });

  it("draws the same case for the same seed, target and number, and another for another", () => {
    const draw = (...parts: (string | number)[]) => [...createRandom(mixSeed(...parts)).bytes(16)].join();
    expect(draw("wire", 1, 5)).toBe(draw("wire", 1, 5));
    expect(new Set([draw("wire", 1, 5), draw("wire", 1, 6), draw("wire", 2, 5), draw("framing", 1, 5)]).size).toBe(4);
  });
});
