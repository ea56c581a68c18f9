/** One seed's run as plain data: asked for, answered, and sent between threads. */
import type { Violation } from "./judges/violation.ts";
import type { Reduction } from "./reduction.ts";
import { scenarios, type ScenarioName } from "./scenarios.ts";
import { runUniverse, type UniverseOptions, type UniverseReport } from "./universe.ts";

export interface SeedRequest {
  readonly seed: bigint;
  /** validators; drawn when absent */
  readonly nodes?: number;
  /** validators that lie; up to f are drawn when absent */
  readonly faults?: number;
  /** events after which a run ends; every run has a verdict on safety, a run that was cut short none on liveness */
  readonly maxSteps?: number;
  readonly scenario: ScenarioName;
  readonly reduction?: Reduction;
  /** run twice: another trace hash is a violation of `determinism` */
  readonly twice?: boolean;
}

export interface SeedResult {
  readonly seed: bigint;
  readonly nodes: number;
  /** events */
  readonly steps: number;
  readonly deliveries: number;
  /** sequences that were agreed on */
  readonly ordered: number;
  readonly traceHash: string;
  readonly violation: Violation | undefined;
  /** how often each kind of fault happened, those of links and disks included */
  readonly faults: Readonly<Record<string, number>>;
  /** how often honest nodes refused something, by reason */
  readonly reasons: Readonly<Record<string, number>>;
  /** honest nodes' proofs, by kind */
  readonly proofs: Readonly<Record<string, number>>;
}

/** What a request asks of its universe. */
export const universeOf = ({ scenario, seed, nodes, faults, maxSteps, reduction }: SeedRequest): UniverseOptions => ({
  seed,
  ...(nodes === undefined ? {} : { nodes }),
  ...(faults === undefined ? {} : { faults }),
  ...(maxSteps === undefined ? {} : { maxSteps }),
  ...(reduction === undefined ? {} : { reduction }),
  ...(scenarios[scenario].options(seed) as Partial<UniverseOptions>),
});

const proofsOf = ({ accused }: UniverseReport): Record<string, number> => {
  const proofs: Record<string, number> = {};
  for (const kinds of accused.values()) for (const kind of kinds) proofs[kind] = (proofs[kind] ?? 0) + 1;
  return proofs;
};

/** Never rejects because of what is found: a violation is a result. */
export const runSeed = async (request: SeedRequest): Promise<SeedResult> => {
  const report = await runUniverse(universeOf(request));
  const { steps, deliveries, ordered, traceHash } = report;
  let { violation } = report;
  if (request.twice === true && violation === undefined) {
    const again = await runUniverse(universeOf(request));
    if (again.traceHash !== traceHash) violation = { invariant: "determinism", detail: `two runs: ${traceHash} and ${again.traceHash}` };
  }
  return {
    seed: request.seed,
    nodes: report.plan.n,
    steps,
    deliveries,
    ordered,
    traceHash,
    violation,
    faults: report.troubles,
    reasons: Object.fromEntries(report.reasons),
    proofs: proofsOf(report),
  };
};
