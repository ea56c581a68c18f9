/** Many universes: what `byz simulate` and the tests run. */
import { runCrew } from "./crew.ts";
import type { Violation } from "./judges/violation.ts";
import { runSeed, type SeedRequest, type SeedResult } from "./seed.ts";
import { createTrace } from "./trace.ts";

export interface SimulateOptions extends Omit<SeedRequest, "scenario" | "twice"> {
  /** swarm when absent */
  readonly scenario?: SeedRequest["scenario"];
  /** the first has `seed`, each later one the next */
  readonly runs: number;
  /** threads; without any, all run on this one */
  readonly workers?: number;
  /** every so many-th seed is run twice, and must be the same both times */
  readonly twiceEvery?: number;
  /** called after each run, in the order of the seeds; false ends the simulation */
  readonly after?: (result: SeedResult) => boolean;
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
  /** over all runs: how often each kind of fault happened, each reason to refuse was given, each kind of proof was found */
  readonly faults: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  readonly proofs: Readonly<Record<string, number>>;
}

const seedMask = (1n << 64n) - 1n;

const requestsOf = function* (options: SimulateOptions): Generator<SeedRequest> {
  const { seed, runs, twiceEvery, scenario = "swarm", nodes, faults, maxSteps, reduction } = options;
  const asked = {
    scenario,
    ...(nodes === undefined ? {} : { nodes }),
    ...(faults === undefined ? {} : { faults }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(reduction === undefined ? {} : { reduction }),
  };
  for (let run = 0; run < runs; run += 1) {
    const twice = twiceEvery !== undefined && run % twiceEvery === 0;
    yield { ...asked, twice, seed: (seed + BigInt(run)) & seedMask };
  }
};

/** Adds up results, in the order of the seeds. */
export const createTally = () => {
  const violations: FoundViolation[] = [];
  const trace = createTrace();
  const [faults, reasons, proofs]: Record<string, number>[] = [{}, {}, {}];
  let [runs, steps, deliveries, ordered] = [0, 0, 0, 0];
  let last = "";
  const addUp = (sums: Record<string, number> = {}, counts: Readonly<Record<string, number>>): void => {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  };
  return {
    add(result: SeedResult): void {
      runs += 1;
      steps += result.steps;
      deliveries += result.deliveries;
      ordered += result.ordered;
      last = result.traceHash;
      trace.noteText(last);
      addUp(faults, result.faults);
      addUp(reasons, result.reasons);
      addUp(proofs, result.proofs);
      if (result.violation !== undefined) violations.push({ seed: String(result.seed), ...result.violation });
    },
    result: (): Simulation => ({
      runs,
      steps,
      deliveries,
      ordered,
      violations,
      traceHash: runs === 1 ? last : trace.digest(),
      faults: faults ?? {},
      reasons: reasons ?? {},
      proofs: proofs ?? {},
    }),
  };
};

/** Never rejects because of what is found: a violation is a result. */
export const simulate = async (options: SimulateOptions): Promise<Simulation> => {
  const tally = createTally();
  const result = (found: SeedResult): boolean => {
    tally.add(found);
    return options.after?.(found) !== false;
  };
  const workers = Math.min(options.workers ?? 0, options.runs);
  if (workers > 0) await runCrew({ workers, requests: requestsOf(options), result });
  else for (const request of requestsOf(options)) if (!result(await runSeed(request))) break;
  return tally.result();
};
