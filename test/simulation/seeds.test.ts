/**
 * The share of the search that runs on each change: two thousand universes, on threads. `BYZ_SEEDS=20000 vitest run test/simulation/seeds.test.ts` runs ten
 * times as many, `BYZ_FIRST_SEED=7` begins elsewhere; `npm run search` goes on for as long as it is let.
 */
import { availableParallelism, getPriority, setPriority } from "node:os";
import { env } from "node:process";
import { beforeAll, describe, expect, it } from "vitest";
import { faultKinds } from "../../src/simulator/plan.ts";
import { runCrew } from "../../src/simulator/crew.ts";
import type { ScenarioName } from "../../src/simulator/scenarios.ts";
import type { SeedRequest, SeedResult } from "../../src/simulator/seed.ts";
import { createTally, type Simulation } from "../../src/simulator/simulate.ts";

const seeds = Number(env["BYZ_SEEDS"] ?? 2_000);
const first = BigInt(env["BYZ_FIRST_SEED"] ?? 1_000_000);
// ends what hangs; beside others, on a busy machine, they take their time
const timeout = 1_200 * seeds + 60_000;
const workers = Math.min(4, availableParallelism());

// Networks of real processes run beside this file: what they need of the machine is theirs. A third of their priority, and no less, for whatever else is
// busy here would leave nothing of it. Threads have that of the one that starts them.
if (getPriority() < 5) setPriority(5);

/** what links, disks and processes do by themselves */
const troubles = [
  "lost",
  "duplicated",
  "replayed",
  "overtaken",
  "clogged",
  "cut",
  "gossip-lost",
  "torn-write",
  "store-failed",
  "power-cut",
];

const cutKinds = ["split", "isolate-one", "isolate-primary", "one-way", "ring", "bridge", "swizzle", "flap", "heal"];

/** how many of each scenario; those whose seeds take longest come first, that no thread is left alone with one in the end */
const shares: Readonly<Partial<Record<ScenarioName, number>>> = {
  partitions: 0.006 * seeds,
  rogues: 0.01 * seeds,
  clocks: 0.01 * seeds,
  uneven: 0.01 * seeds,
  "power-cuts": 0.01 * seeds,
  brief: 0.6 * seeds,
  twins: 0.4 * seeds,
};

const requests: readonly SeedRequest[] = Object.entries(shares).flatMap(([scenario, runs]) =>
  Array.from({ length: Math.ceil(runs) }, (_, run) => ({
    scenario: scenario as ScenarioName,
    seed: first + BigInt(run),
    twice: scenario === "brief" && run % 40 === 0,
  })),
);

describe("a share of all seeds", () => {
  const tallies = new Map<string, ReturnType<typeof createTally>>();
  const sizes = new Set<number>();
  const found = (scenario: ScenarioName): Simulation => {
    const tally = tallies.get(scenario);
    if (tally === undefined) throw new Error(`no seed of ${scenario} was run`);
    return tally.result();
  };

  // all on the same threads: what is compiled once is of use to all, and none waits for the last seed of each scenario
  beforeAll(async () => {
    for (const scenario of Object.keys(shares)) tallies.set(scenario, createTally());
    let told = 0;
    const result = (each: SeedResult): boolean => {
      const scenario = requests[told]?.scenario ?? "";
      tallies.get(scenario)?.add(each);
      if (scenario === "brief") sizes.add(each.nodes);
      told += 1;
      return true;
    };
    await runCrew({ workers, requests, result });
    expect(told).toBe(requests.length);
  }, timeout);

  it("holds under everything at once, on four to seven validators and on ten", () => {
    const brief = found("brief");
    expect(brief.violations).toEqual([]);
    expect([...sizes]).toEqual(expect.arrayContaining([4, 5, 6, 7, 10]));
    // what is never reached proves nothing
    expect([...faultKinds, ...troubles].filter((kind) => (brief.faults[kind] ?? 0) === 0)).toEqual([]);
    expect(Object.keys(brief.proofs)).toEqual(expect.arrayContaining(["conflicting-votes", "conflicting-checkpoints", "invalid-batch"]));
    expect(brief.runs).toBeGreaterThanOrEqual(0.6 * seeds);
    expect(brief.ordered).toBeGreaterThan(3 * brief.runs);
  });

  it("holds under cuts of every shape, with documents that all sides edit", () => {
    const partitions = found("partitions");
    expect(partitions.violations).toEqual([]);
    expect(cutKinds.filter((kind) => (partitions.faults[kind] ?? 0) === 0)).toEqual([]);
    expect(partitions.ordered).toBeGreaterThan(20 * partitions.runs);
  });

  it("holds with clients, clocks, links and power that are each at their worst", () => {
    const [rogues, clocks, uneven, cuts] = [found("rogues"), found("clocks"), found("uneven"), found("power-cuts")];
    for (const { violations, ordered, runs } of [rogues, clocks, uneven, cuts]) {
      expect(violations).toEqual([]);
      expect(ordered).toBeGreaterThan(5 * runs);
    }
    expect(rogues.reasons["client-pool-full"]).toBeGreaterThan(0);
    expect(rogues.reasons["source-pool-full"]).toBeGreaterThan(rogues.runs);
    expect(uneven.faults["overtaken"]).toBeGreaterThan(uneven.runs);
    expect(cuts.faults["power-cut-in-turn"]).toBeGreaterThan(cuts.runs);
  });

  it("holds with a validator that runs twice, whoever hears whom", () => {
    const twins = found("twins");
    expect(twins.violations).toEqual([]);
    expect(twins.proofs["conflicting-votes"]).toBeGreaterThan(0);
    expect(twins.runs).toBeGreaterThanOrEqual(0.4 * seeds);
    expect(twins.ordered).toBeGreaterThan(twins.runs);
  });
});
