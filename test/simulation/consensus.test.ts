/**
 * Many universes of faults, each from one seed: safety at every step, liveness and convergence after the faults.
 *
 * `BYZ_SEEDS=5000 vitest run --project simulation` runs more of them, `BYZ_FIRST_SEED=42 BYZ_SEEDS=1` one again.
 */
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import { describeFailure, runScenario } from "../consensus/world/scenario.ts";

const seeds = Number(env["BYZ_SEEDS"] ?? 150);
const first = Number(env["BYZ_FIRST_SEED"] ?? 1);
const chunk = 50;

describe("every seeded universe stays safe and recovers", () => {
  const starts = Array.from({ length: Math.ceil(seeds / chunk) }, (_, index) => first + index * chunk);
  it.each(starts)(
    "from seed %i",
    (start) => {
      for (let seed = start; seed < Math.min(start + chunk, first + seeds); seed += 1) {
        const report = runScenario({ seed, traceLines: seeds === 1 ? 400 : 0 });
        expect(report.violation, [...report.trace.slice(-200), describeFailure(report)].join("\n")).toBeUndefined();
      }
    },
    300_000,
  );

  it("the same seed is the same universe", () => {
    for (const seed of [3, 7, 11]) expect(runScenario({ seed }).fingerprint).toBe(runScenario({ seed }).fingerprint);
  });
});
