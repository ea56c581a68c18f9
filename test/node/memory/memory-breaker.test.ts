import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterSample, type Breaker, breakerRule, closedBreaker, type MemorySample } from "../../../src/node/memory/memory-breaker.ts";

const { openAt, urgentAt, closeAt, holdMs, trialMs } = breakerRule;

/** What the breaker is, and whether it wished for a collection, after each sample. */
const run = (samples: readonly MemorySample[]): readonly (Breaker & { readonly collect: boolean })[] => {
  let breaker = closedBreaker(0);
  return samples.map((sample) => {
    const step = afterSample(breaker, sample);
    breaker = step.breaker;
    return { ...breaker, collect: step.collect };
  });
};
/** One sample each 250 ms. */
const every = (...pressures: readonly number[]): MemorySample[] =>
  pressures.map((pressure, index) => ({ pressure, now: 250 * (index + 1) }));
const statesOf = (samples: readonly MemorySample[]): readonly string[] => run(samples).map(({ state }) => state);
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe("the breaker opens", () => {
  it("when a collection did not help, and not on garbage", () => {
    const high = openAt + 0.01;
    expect(run(every(high, high)).map(({ state, collect }) => [state, collect])).toEqual([
      ["closed", true],
      ["open", true],
    ]);
    const sawtooth = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? high : closeAt));
    expect(new Set(statesOf(every(...sawtooth)))).toEqual(new Set(["closed"]));
  });

  it("at once where there is no time left", () => {
    expect(statesOf(every(0.5, urgentAt))).toEqual(["closed", "open"]);
  });

  it("never below its mark, however long that lasts", () => {
    const samples = run(every(...times(1_000, openAt - 0.001)));
    expect(samples.every(({ state, collect }) => state === "closed" && !collect)).toBe(true);
  });
});

describe("an open breaker", () => {
  it("wants collections while pressure is high, at most one in its holding time", () => {
    const collections = run(every(...times(80, 1)))
      .map(({ collect }, index) => (collect ? 250 * (index + 1) : 0))
      .filter((at) => at > 0);
    expect(collections.length).toBeGreaterThan(5);
    expect(collections.every((at, index) => index === 0 || at - (collections[index - 1] ?? 0) >= holdMs)).toBe(true);
  });

  it("waits for the lower mark, tries, and closes; or opens again", () => {
    const held = Math.ceil(holdMs / 250);
    const tried = Math.ceil(trialMs / 250);
    expect(statesOf(every(1, ...times(held * 3, closeAt + 0.01))).at(-1)).toBe("open");
    const calm = statesOf(every(1, ...times(held + tried, closeAt)));
    expect(calm).toEqual([...times(held, "open"), ...times(tried, "half-open"), "closed"]);
    expect(statesOf(every(1, ...times(held, closeAt), 1)).slice(-2)).toEqual(["half-open", "open"]);
  });
});

describe("whatever the samples", () => {
  const pressure = fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), fc.constantFrom(0, closeAt, openAt, urgentAt));
  const samples = fc.array(fc.record({ pressure, step: fc.integer({ min: 0, max: 3_000 }) }), { maxLength: 200 }).map((drawn) => {
    let now = 0;
    return drawn.map((each) => ({ pressure: each.pressure, now: (now += each.step) }));
  });

  it("it opens at high pressure only, stays open for its time, and comes from open to closed through half-open alone", () => {
    fc.assert(
      fc.property(samples, (drawn) => {
        let last = closedBreaker(0);
        for (const sample of drawn) {
          const { breaker } = afterSample(last, sample);
          if (breaker.state === last.state) expect(breaker.since).toBe(last.since);
          else {
            const way = `${last.state} → ${breaker.state}`;
            expect(["closed → open", "open → half-open", "half-open → open", "half-open → closed"]).toContain(way);
            expect(breaker.since).toBe(sample.now);
            if (breaker.state === "open") expect(sample.pressure).toBeGreaterThanOrEqual(openAt);
            if (breaker.state === "half-open") expect(sample.pressure).toBeLessThanOrEqual(closeAt);
            if (last.state === "open") expect(sample.now - last.since).toBeGreaterThanOrEqual(holdMs);
            if (breaker.state === "closed") expect(sample.now - last.since).toBeGreaterThanOrEqual(trialMs);
          }
          last = breaker;
        }
      }),
    );
  });

  it("it closes when pressure stays low, and stays closed", () => {
    const low = fc.array(fc.double({ min: 0, max: closeAt, noNaN: true }), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(samples, low, (drawn, calm) => {
        const begin = drawn.at(-1)?.now ?? 0;
        const after = calm.map((each, index) => ({ pressure: each, now: begin + 250 * (index + 1) }));
        const states = statesOf([...drawn, ...after]).slice(drawn.length);
        const closed = states.indexOf("closed");
        expect(closed).toBeGreaterThanOrEqual(0);
        expect(closed * 250).toBeLessThanOrEqual(holdMs + trialMs + 250);
        expect(new Set(states.slice(closed))).toEqual(new Set(["closed"]));
      }),
    );
  });
});
