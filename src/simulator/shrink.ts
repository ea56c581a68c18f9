/**
 * From a seed that breaks an invariant to the smallest case that still breaks the same one: fewer validators, clean links, fewer faults, liars and
 * clients, less time. Each attempt is a run of its own; what no longer fails is put back.
 */
import type { Violation } from "./judges/violation.ts";
import type { Reduction } from "./reduction.ts";
import { universeOf, type SeedRequest } from "./seed.ts";
import { createTranscript } from "./transcript.ts";
import { runUniverse, type UniverseReport } from "./universe.ts";

export interface Smallest {
  readonly request: SeedRequest;
  readonly violation: Violation;
  readonly nodes: number;
  readonly steps: number;
  readonly deliveries: number;
  /** kinds of the faults that are left */
  readonly faults: readonly string[];
  /** the end of what happened, to the violation */
  readonly transcript: readonly string[];
  /** runs that it took */
  readonly attempts: number;
}

export interface ShrinkOptions {
  /** runs at most; 150 when absent */
  readonly attempts?: number;
  /** asked before each run */
  readonly enough?: () => boolean;
}

const TRANSCRIPT_LINES = 60;

interface Case {
  readonly request: SeedRequest;
  readonly report: UniverseReport;
}

/** Half of the faults at a time, then a quarter, down to each of them: what is not needed goes. */
const fewer = async (numbers: readonly number[], stillFails: (kept: readonly number[]) => Promise<boolean>): Promise<void> => {
  let kept = [...numbers];
  for (let size = Math.ceil(kept.length / 2); size >= 1 && kept.length > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < kept.length;) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (await stillFails(without)) kept = without;
      else from += size;
    }
  }
};

/**
 * @param request breaks an invariant
 * @returns undefined if it does not
 */
export const shrink = async (request: SeedRequest, options: ShrinkOptions = {}): Promise<Smallest | undefined> => {
  const most = options.attempts ?? 150;
  let attempts = 0;
  const run = (tried: SeedRequest): Promise<UniverseReport> => {
    attempts += 1;
    return runUniverse(universeOf(tried));
  };
  const report = await run(request);
  if (report.violation === undefined) return undefined;
  let best: Case = { request, report };
  const { invariant } = report.violation;
  // what comes after the violation is no part of it; a run without convergence has to be as long as it is
  if (invariant !== "eventual-commit") best = { report, request: { ...request, maxSteps: report.steps } };

  /** @returns whether it still breaks the same invariant; then it is the best so far */
  const attempt = async (change: Partial<SeedRequest>): Promise<boolean> => {
    if (attempts >= most || options.enough?.() === true) return false;
    const tried = { ...best.request, ...change };
    const found = await run(tried);
    if (found.violation?.invariant !== invariant) return false;
    best = { request: tried, report: found };
    return true;
  };
  const reduce = (reduction: Reduction): Promise<boolean> => attempt({ reduction: { ...best.request.reduction, ...reduction } });

  for (let nodes = 1; nodes < report.plan.n; nodes += 1) if (await attempt({ nodes })) break;
  await reduce({ cleanLinks: true });
  await fewer(
    best.report.faults.map(({ number }) => number),
    (keep) => reduce({ keep }),
  );
  for (const liar of best.report.plan.liars) await reduce({ reformed: [...(best.request.reduction?.reformed ?? []), liar] });
  await reduce({ clients: 1 });
  for (let halved = best.report.plan.safetyUs / 2000; halved >= 1; halved /= 2) if (!(await reduce({ safetyMs: Math.ceil(halved) }))) break;
  if (invariant !== "eventual-commit") await attempt({ maxSteps: best.report.steps });

  const transcript = createTranscript(TRANSCRIPT_LINES);
  const last = await runUniverse({ ...universeOf(best.request), transcript });
  return {
    request: best.request,
    violation: last.violation ?? report.violation,
    nodes: last.plan.n,
    steps: last.steps,
    deliveries: last.deliveries,
    faults: last.faults.map(({ kind }) => kind),
    transcript: transcript.lines,
    attempts,
  };
};
