/**
 * The share of the search that runs on each change: two thousand universes, on threads. `BYZ_SEEDS=20000 vitest run test/simulation/seeds.test.ts` runs ten
 * times as many, `BYZ_FIRST_SEED=7` begins elsewhere; `npm run search` goes on for as long as it is let.
 */
import { availableParallelism } from "node:os";
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import { faultKinds } from "../../src/simulator/plan.ts";
import { runCrew } from "../../src/simulator/crew.ts";
import type { SeedRequest, SeedResult } from "../../src/simulator/seed.ts";
import { createTally, simulate, type Simulation } from "../../src/simulator/simulate.ts";

const seeds = Number(env["BYZ_SEEDS"] ?? 2_000);
const first = BigInt(env["BYZ_FIRST_SEED"] ?? 1_000_000);
const timeout = 300 * seeds + 60_000;
const workers = Math.min(4, availableParallelism());

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

describe("a share of all seeds", () => {
  it("holds under everything at once, on four to seven validators and on ten", { timeout }, async () => {
    const sizes = new Set<number>();
    const after = ({ nodes }: SeedResult): boolean => sizes.add(nodes).size > 0;
    const found: Simulation = await simulate({ seed: first, runs: 0.6 * seeds, scenario: "brief", workers, twiceEvery: 40, after });
    expect(found.violations).toEqual([]);
    expect([...sizes]).toEqual(expect.arrayContaining([4, 5, 6, 7, 10]));
    // what is never reached proves nothing
    expect([...faultKinds, ...troubles].filter((kind) => (found.faults[kind] ?? 0) === 0)).toEqual([]);
    expect(Object.keys(found.proofs)).toEqual(expect.arrayContaining(["conflicting-votes", "conflicting-checkpoints", "invalid-batch"]));
    expect(found.ordered).toBeGreaterThan(3 * found.runs);
  });

  it("holds under cuts of every shape, with documents that all sides edit", { timeout }, async () => {
    const found = await simulate({ seed: first, runs: 0.006 * seeds, scenario: "partitions", workers });
    expect(found.violations).toEqual([]);
    expect(cutKinds.filter((kind) => (found.faults[kind] ?? 0) === 0)).toEqual([]);
    expect(found.ordered).toBeGreaterThan(20 * found.runs);
  });

  it("holds with clients, clocks, links and power that are each at their worst", { timeout }, async () => {
    const kinds = ["rogues", "clocks", "uneven", "power-cuts"] as const;
    const each = Math.ceil(0.01 * seeds);
    const tallies = new Map(kinds.map((kind) => [kind, createTally()]));
    // on the same threads: what is compiled once is of use to all
    const requests = kinds.flatMap((scenario) =>
      Array.from({ length: each }, (_, run) => ({ scenario, seed: first + BigInt(run) }) satisfies SeedRequest),
    );
    let told = 0;
    const result = (found: SeedResult): boolean => {
      tallies.get(kinds[Math.floor(told / each)] ?? "rogues")?.add(found);
      told += 1;
      return true;
    };
    await runCrew({ workers, requests, result });
    const [rogues, clocks, uneven, cuts] = [...tallies.values()].map((tally) => tally.result());
    for (const found of [rogues, clocks, uneven, cuts]) {
      expect(found?.violations).toEqual([]);
      expect(found?.ordered).toBeGreaterThan(5 * each);
    }
    expect(rogues?.reasons["client-pool-full"]).toBeGreaterThan(0);
    expect(rogues?.reasons["source-pool-full"]).toBeGreaterThan(each);
    expect(uneven?.faults["overtaken"]).toBeGreaterThan(each);
    expect(cuts?.faults["power-cut-in-turn"]).toBeGreaterThan(each);
  });

  it("holds with a validator that runs twice, whoever hears whom", { timeout }, async () => {
    const found = await simulate({ seed: first, runs: 0.4 * seeds, scenario: "twins", workers });
    expect(found.violations).toEqual([]);
    expect(found.proofs["conflicting-votes"]).toBeGreaterThan(0);
    expect(found.ordered).toBeGreaterThan(found.runs);
  });
});
