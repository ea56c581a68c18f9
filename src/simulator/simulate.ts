/** Many universes, one after the other: what `byz simulate` and the tests run. */
import type { Violation } from "./judges/violation.ts";
import { scenarios, type ScenarioName } from "./scenarios.ts";
import { createTrace } from "./trace.ts";
import { runUniverse, type UniverseOptions, type UniverseReport } from "./universe.ts";

export interface SimulateOptions {
  /** of the first run; each later run has the next seed */
  readonly seed: bigint;
  readonly runs: number;
  /** validators; drawn when absent */
  readonly nodes?: number;
  /** validators that lie; up to f are drawn when absent */
  readonly faults?: number;
  /** events after which a run ends; every run has a verdict on safety, a run that was cut short none on liveness */
  readonly steps?: number;
  readonly scenario?: ScenarioName;
  /** called after each run; false ends the simulation */
  readonly after?: (report: UniverseReport) => boolean;
}

export interface FoundViolation extends Violation {
  readonly seed: string;
}

export interface Simulation {
  readonly runs: number;
  /** events */
  readonly steps: number;
  readonly deliveries: number;
  /** sequences that were agreed on */
  readonly ordered: number;
  readonly violations: readonly FoundViolation[];
  /** of all runs; of a single one it is its own */
  readonly traceHash: string;
}

const seedMask = (1n << 64n) - 1n;

/** Never rejects because of what is found: a violation is a result. */
export const simulate = async (options: SimulateOptions): Promise<Simulation> => {
  const { seed, runs, nodes, faults, steps: maxSteps, scenario = "swarm" } = options;
  const violations: FoundViolation[] = [];
  const trace = createTrace();
  let [done, steps, deliveries, ordered] = [0, 0, 0, 0];
  let last = "";
  for (let run = 0; run < runs; run += 1) {
    const own = (seed + BigInt(run)) & seedMask;
    const wishes: Partial<UniverseOptions> = scenarios[scenario].options(own);
    const report = await runUniverse({
      ...(nodes === undefined ? {} : { nodes }),
      ...(faults === undefined ? {} : { faults }),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      ...wishes,
      seed: own,
    });
    done += 1;
    steps += report.steps;
    deliveries += report.deliveries;
    ordered += report.ordered;
    last = report.traceHash;
    trace.noteText(last);
    if (report.violation !== undefined) violations.push({ seed: String(report.seed), ...report.violation });
    if (options.after?.(report) === false) break;
  }
  return { runs: done, steps, deliveries, ordered, violations, traceHash: done === 1 ? last : trace.digest() };
};
