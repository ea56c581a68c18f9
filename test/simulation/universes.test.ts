/** The simulator's own promises, and a fixed share of seeds that the node has to survive on each change. */
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/simulator/simulate.ts";
import { runUniverse } from "../../src/simulator/universe.ts";

describe("a universe", () => {
  it("is the same each time, to the last event", async () => {
    const [first, second] = [await runUniverse({ seed: 7n, nodes: 4 }), await runUniverse({ seed: 7n, nodes: 4 })];
    expect(second.traceHash).toBe(first.traceHash);
    expect(second.steps).toBe(first.steps);
    expect(second.ordered).toBe(first.ordered);
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
});

describe("seeds of every kind", () => {
  const seeds = async (seed: bigint, runs: number, scenario: "crashes" | "swarm", nodes?: number): Promise<void> => {
    const found = await simulate({ seed, runs, scenario, ...(nodes === undefined ? {} : { nodes }) });
    expect(found.violations).toEqual([]);
    expect(found.ordered).toBeGreaterThan(runs);
  };

  it("hold with faults of links, disks, clocks and processes", () => seeds(1000n, 8, "crashes"));
  it("hold for four nodes", () => seeds(2000n, 6, "swarm", 4));
});
