/** The simulator's own promises, and a fixed share of seeds that the node has to survive on each change. */
import { describe, expect, it } from "vitest";
import { behaviourNames } from "../../src/adversaries/behaviours.ts";
import { createSharedDecoders } from "../../src/simulator/decoding.ts";
import type { ScenarioName } from "../../src/simulator/scenarios.ts";
import type { Plan } from "../../src/simulator/plan.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { forkScript, forkScripts, partitionsOf, twinsScript, twinsScripts } from "../../src/simulator/twins.ts";
import { runUniverse } from "../../src/simulator/universe.ts";
import { frameDecoders, type FrameDecoders } from "../../src/wire/frames.ts";

/** Whoever changes what was read of a frame throws. Bytes can not be frozen. */
const frozen = <T>(value: T): T => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
};
const freezingDecoders: FrameDecoders = {
  consensus: (bytes) => frozen(frameDecoders.consensus(bytes)),
  sync: (bytes) => frozen(frameDecoders.sync(bytes)),
  gossip: (bytes) => frozen(frameDecoders.gossip(bytes)),
};

describe("a universe", () => {
  it("is the same each time, to the last event", async () => {
    const again = { seed: 7n, nodes: 4, maxSteps: 20_000 };
    const [first, second] = [await runUniverse(again), await runUniverse(again)];
    expect(second.traceHash).toBe(first.traceHash);
    expect(second.steps).toBe(first.steps);
    expect(second.ordered).toBe(first.ordered);
  });

  it("is the same where each node decodes a frame for itself, and where nobody can change what all of them share", async () => {
    const options = { seed: 7n, nodes: 4, maxSteps: 10_000 };
    const shared = await runUniverse(options);
    for (const decoders of [frameDecoders, createSharedDecoders(freezingDecoders)]) {
      const other = await runUniverse({ ...options, decoders });
      expect(other.violation).toBeUndefined();
      expect(other.traceHash).toBe(shared.traceHash);
    }
  });

  it("is another one for another seed", async () => {
    const [first, second] = [await runUniverse({ seed: 8n, nodes: 4 }), await runUniverse({ seed: 9n, nodes: 4 })];
    expect(second.traceHash).not.toBe(first.traceHash);
  });

  it("orders what clients ask for and answers them, when nothing fails", async () => {
    const report = await runUniverse({ seed: 3n, nodes: 4, faults: 0, calm: true });
    expect(report.violation).toBeUndefined();
    expect(report.recoveryMs).toBeDefined();
    expect(report.acknowledged).toBeGreaterThan(20);
    expect(report.requests).toBeGreaterThan(20);
  });

  it("runs with real signatures too", async () => {
    const report = await runUniverse({ seed: 3n, nodes: 4, calm: true, faults: 0, realSignatures: true, maxSteps: 2_000 });
    expect(report.violation).toBeUndefined();
    expect(report.requests).toBeGreaterThan(0);
  });
});

describe("seeds of every kind", () => {
  const hold = async (seed: bigint, runs: number, scenario: ScenarioName, nodes?: number): Promise<void> => {
    const found = await simulate({ seed, runs, scenario, ...(nodes === undefined ? {} : { nodes }) });
    expect(found.violations).toEqual([]);
    expect(found.ordered).toBeGreaterThan(runs);
  };

  it("hold with faults of links, disks, clocks and processes", () => hold(1002n, 2, "crashes"));
  it("hold with liars among four nodes", () => hold(2000n, 2, "swarm", 4));
  it("hold with two liars among seven nodes", () => hold(2100n, 1, "swarm", 7));
});

describe("seeds that once broke something", () => {
  it.each([
    [170n, "a validator whose disk was set back stops at its own later words"],
    [1043n, "damage that is met while running ends in an empty disk, not in a circle"],
    [2665n, "a validator whose disk was set back halts at its own older proposal, and owes no proof against itself"],
    [6738n, "a primary that lost its disk keeps the view that it enters on its own older NEW-VIEW"],
    [13_918n, "a liar's power is cut while it starts"],
    [16_405n, "a transfer of the state goes on although nobody was there as it was about to ask"],
    [1_000_162n, "who catches up keeps no more checkpoints of its own than it is behind"],
  ])("%i: %s", async (seed) => {
    const found = await simulate({ seed, runs: 1, scenario: "brief" });
    expect(found.violations).toEqual([]);
  });

  it.each([
    ["clocks", 29n, "clocks that were ahead together and are put right do not stop the ledger"],
    ["clocks", 100_016n, "requests that nodes numbered while their clocks were ahead are given up, not proposed again and again"],
    ["rogues", 8n, "strangers with numbers a day ahead make the ledger forget all others, and nobody's plain users feel it"],
  ] as const)("%s %i: %s", async (scenario, seed, _what) => {
    const found = await simulate({ seed, runs: 1, scenario });
    expect(found.violations).toEqual([]);
  });
});

describe("each way to lie", () => {
  const short = (plan: Plan): Plan => ({
    ...plan,
    safetyUs: 2_000_000,
    thinkUs: 20_000,
    parameters: { ...plan.parameters, checkpointInterval: 4 },
  });
  it.each(behaviourNames)("%s neither stops four nodes nor gets an honest one accused", async (behaviour) => {
    const report = await runUniverse({ seed: 31n, nodes: 4, faults: 1, calm: true, behaviour, adjust: short });
    expect(report.violation).toBeUndefined();
    expect(report.recoveryMs).toBeDefined();
    expect([...report.accused.keys()].every((culprit) => report.plan.liars.includes(culprit))).toBe(true);
  });

  it("is proved where it leaves a proof", async () => {
    const accusations = async (behaviour: "double-vote" | "bad-checkpoint" | "invalid-batch"): Promise<string[]> => {
      const kinds = new Set<string>();
      for (const seed of [31n, 32n]) {
        const { accused } = await runUniverse({ seed, nodes: 4, faults: 1, calm: true, behaviour, adjust: short });
        for (const found of accused.values()) for (const kind of found) kinds.add(kind);
      }
      return [...kinds];
    };
    expect(await accusations("double-vote")).toContain("conflicting-votes");
    expect(await accusations("invalid-batch")).toContain("invalid-batch");
    expect(await accusations("bad-checkpoint")).toContain("conflicting-checkpoints");
  });
});

describe("twins", () => {
  it("are scripted over every partition once", () => {
    // Stirling numbers: 1 + 15 + 25 ways to divide five endpoints into one, two and three blocks
    expect(partitionsOf(5, 3)).toHaveLength(41);
    expect(new Set(partitionsOf(5, 3).map(String)).size).toBe(41);
    expect(twinsScripts).toBe(4 * 41 ** 3);
    expect(twinsScript(0n).twins).toEqual([0]);
    const scripts = new Set(Array.from({ length: 164 }, (_, number) => twinsScript(BigInt(number)).twins[0]));
    expect(scripts).toEqual(new Set([0, 1, 2, 3]));
  });

  it("of one validator among four do no harm", async () => {
    for (const seed of [1n, 40_000n, 123_456n]) {
      const { violations } = await simulate({ seed, runs: 1, scenario: "twins" });
      expect(violations).toEqual([]);
    }
  });

  it("of more than f validators fork, and what honest nodes hold convicts each of them and nobody else", async () => {
    // four validators and seven; a fork within a view, and over two
    for (const seed of [0n, 1n, 3n, 40n, 150n]) {
      const { violations } = await simulate({ seed, runs: 1, scenario: "fork" });
      expect(violations.map(({ invariant }) => invariant)).toEqual([
        expect.stringMatching(/^(agreement|prepared-uniqueness|commit-lock)$/),
      ]);
      expect(violations[0]?.culprits).toEqual(forkScript(seed).twins);
    }
    expect(forkScripts).toBe(6 * 2 + 35 * 6);
  });
});
