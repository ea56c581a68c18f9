/** Whoever comes back to a network in which nobody asks for anything any more has to be told by heartbeats alone (PROTOCOL §7). */
import { describe, expect, it } from "vitest";
import type { SimulatedNode } from "../../src/simulator/node.ts";
import type { Plan } from "../../src/simulator/plan.ts";
import { runUniverse, type UniverseReport } from "../../src/simulator/universe.ts";
import type { World } from "../../src/simulator/world.ts";

const second = 1_000_000;
/** Nothing is kept for those who come later, and nobody asks for anything once the first seconds are over. */
const pruned = (plan: Plan): Plan => ({
  ...plan,
  retain: 1,
  parameters: { ...plan.parameters, checkpointInterval: 4 },
  safetyUs: 2 * second,
  thinkUs: 20_000,
  downUs: second / 5,
});

const places = (nodes: readonly SimulatedNode[]): string[] =>
  nodes.map(({ assembly }) => {
    const summary = assembly?.engine.replica.describe();
    return summary === undefined || summary.transfer !== undefined ? "not there" : `${summary.executed} ${summary.logHash}`;
  });

/** @param leave takes node 3 away at the beginning, or its disk at the end @returns how it ended, and requests executed since it was silent */
const run = async (leave: {
  readonly first?: (world: World, node: SimulatedNode) => void;
  readonly last?: (node: SimulatedNode) => void;
}) => {
  let late = 0;
  let world: World | undefined;
  const report: UniverseReport = await runUniverse({
    seed: 12n,
    nodes: 4,
    faults: 0,
    calm: true,
    adjust: pruned,
    stage(made) {
      world = made;
      const [node] = made.nodes.slice(3) as [SimulatedNode];
      leave.first?.(made, node);
      let silent: number | undefined;
      return {
        awaited: {
          what: "everybody has what the others have",
          isReached() {
            // what was asked for before is done, and it is quiet
            if (made.workload.outstanding.length > 0) return false;
            if (silent === undefined) {
              silent = made.court.history.requests;
              leave.last?.(node);
              return false;
            }
            late = made.court.history.requests - silent;
            const seen = places(made.nodes.filter((each) => !made.gone.has(each)));
            return new Set(seen).size === 1 && !seen.includes("not there");
          },
        },
      };
    },
  });
  return { report, late, world: world as World };
};

describe("in a silent network", () => {
  it("a validator that was cut off gets the state of what it missed, and no request needs to come", async () => {
    const { report, late } = await run({
      first: ({ links, nodes }, node) => {
        for (const { endpoint } of nodes)
          for (const [a, b] of [
            [endpoint, node.endpoint],
            [node.endpoint, endpoint],
          ] as const)
            if (a !== b) links.setCut(a, b, true);
      },
    });
    expect([report.violation, late]).toEqual([undefined, 0]);
    expect(report.transfers).toBeGreaterThan(0);
    expect(report.ordered).toBeGreaterThan(20);
  });

  it("a validator that lost its disk gets everything back, and stays passive until others have something to order", async () => {
    const { report, late, world } = await run({ last: (node) => node.wipe() });
    expect([report.violation, late]).toEqual([undefined, 0]);
    expect(report.transfers).toBe(1);
    expect(world.nodes[3]?.assembly?.engine.replica.describe()).toMatchObject({ passive: true, halted: undefined });
  });
});
