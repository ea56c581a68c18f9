/** `byz simulate`: universes out of seeds, judged (docs/simulation.md). */
import { Option } from "commander";
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { scenarioNames, type ScenarioName } from "../../simulator/scenarios.ts";
import { parseReduction } from "../../simulator/reduction.ts";
import type { SeedRequest } from "../../simulator/seed.ts";
import { shrink, type Smallest } from "../../simulator/shrink.ts";
import { simulate, type FoundViolation, type Simulation } from "../../simulator/simulate.ts";
import { defineCommand, wholeNumber } from "../command.ts";
import { exitCodes, usageError } from "../errors.ts";
import type { Session } from "../session.ts";

interface Options {
  readonly seed?: string;
  readonly runs: number;
  readonly nodes?: number;
  readonly faults?: number;
  readonly steps?: number;
  readonly scenario: ScenarioName;
  readonly workers?: number;
  readonly twice?: boolean;
  readonly reduce?: string;
  readonly shrink: boolean;
}

const seedOf = (text: string | undefined): bigint => {
  if (text === undefined) return randomBytes(8).readBigUInt64BE();
  const seed = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n;
  if (seed < 0n || seed >= 1n << 64n) throw usageError(`--seed is a whole number below 2^64, not ${text}`);
  return seed;
};

/** The command that runs this again, and nothing else. */
const replayOf = ({ seed, nodes, faults, maxSteps, scenario, reduction }: SeedRequest): string =>
  [
    `byz simulate --seed ${seed}`,
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(faults === undefined ? [] : [`--faults ${faults}`]),
    ...(maxSteps === undefined ? [] : [`--steps ${maxSteps}`]),
    ...(scenario === "swarm" ? [] : [`--scenario ${scenario}`]),
    ...(reduction === undefined ? [] : [`--reduce '${JSON.stringify(reduction)}' --no-shrink`]),
  ].join(" ");

interface Replayable extends FoundViolation {
  readonly replay: string;
}

interface Answer extends Simulation {
  readonly stepsPerSecond: number;
  readonly violations: readonly Replayable[];
  readonly smallest?: Omit<Smallest, "request" | "violation"> & Replayable;
}

const describeSmallest = ({
  attempts,
  nodes,
  deliveries,
  faults,
  invariant,
  detail,
  replay,
  transcript,
}: NonNullable<Answer["smallest"]>): string[] => [
  `the smallest case found, in ${attempts} runs: ${nodes} validators, ${deliveries} deliveries, faults: ${faults.join(", ") || "none"}`,
  `  breaks ${invariant}: ${detail}`,
  `  again: ${replay}`,
  ...transcript.map((line) => `  ${line}`),
];

const describe = (found: Answer): string =>
  [
    `${found.runs} ${found.runs === 1 ? "run" : "runs"}, ${found.steps} steps (${found.stepsPerSecond} a second), ${found.deliveries} deliveries, ${found.ordered} sequences agreed on`,
    `trace ${found.traceHash}`,
    ...(found.violations.length === 0 ? ["no violation"] : []),
    ...found.violations.map(({ seed, invariant, detail, replay }) => `seed ${seed} breaks ${invariant}: ${detail}\n  again: ${replay}`),
    ...(found.smallest === undefined ? [] : describeSmallest(found.smallest)),
  ].join("\n");

/** time for the search for a smaller case */
const SHRINK_MS = 120_000;

const smallestOf = async (session: Session, request: SeedRequest, searches: boolean): Promise<Answer["smallest"]> => {
  const startedAt = performance.now();
  if (searches) session.note(`looking for a smaller case of seed ${request.seed}`);
  const found = await shrink(request, {
    ...(searches ? {} : { attempts: 1 }),
    enough: () => session.io.signal.aborted || performance.now() - startedAt > SHRINK_MS,
  });
  if (found === undefined) return undefined;
  const { request: smallest, violation, ...rest } = found;
  return { seed: String(smallest.seed), ...violation, ...rest, replay: replayOf(smallest) };
};

const wishesOf = (seed: bigint, { nodes, faults, steps, scenario, reduce }: Options): SeedRequest => {
  const reduction = reduce === undefined ? undefined : parseReduction(reduce);
  if (reduce !== undefined && reduction === undefined)
    throw usageError("--reduce is JSON with keep, cleanLinks, clients, safetyMs or reformed");
  return {
    seed,
    scenario,
    ...(nodes === undefined ? {} : { nodes }),
    ...(faults === undefined ? {} : { faults }),
    ...(steps === undefined ? {} : { maxSteps: steps }),
    ...(reduction === undefined ? {} : { reduction }),
  };
};

export const simulateCommand = defineCommand<Options>({
  usage: "simulate",
  summary: "Searches for faults: whole networks in virtual time, each out of one seed, under faults and liars, watched by judges",
  options: [
    new Option("--seed <number>", "of the first run, below 2^64; the same seed is the same run (default: a random one)"),
    new Option("--runs <count>", "runs, each with the next seed").argParser(wholeNumber(1)).default(1),
    new Option("--nodes <count>", "validators (default: drawn from the seed)").argParser(wholeNumber(1, 32)),
    new Option("--faults <count>", "validators that lie (default: up to f, drawn from the seed)").argParser(wholeNumber(0, 32)),
    new Option("--steps <count>", "events after which a run is cut short (default: 3000000)").argParser(wholeNumber(1)),
    new Option("--scenario <name>", "kind of universe").choices(scenarioNames).default("swarm"),
    new Option("--workers <count>", "threads, where there are several runs (default: one for each core)").argParser(wholeNumber(1, 256)),
    new Option("--reduce <json>", "leave out what a smallest case leaves out, as printed with it"),
    new Option("--no-shrink", "do not look for a smaller case of what is found"),
    new Option("--twice", "run each seed twice, and look whether it is the same both times"),
  ],
  examples: ["byz simulate --seed 42", "byz simulate --runs 100 --nodes 4 --json"],
  async run(session, _args, options) {
    const seed = seedOf(options.seed);
    if ((options.faults ?? 0) > (options.nodes ?? Number.MAX_SAFE_INTEGER)) throw usageError("--faults is at most --nodes");
    const startedAt = performance.now();
    const wishes = wishesOf(seed, options);
    const found = await simulate({
      ...wishes,
      runs: options.runs,
      workers: options.runs === 1 ? 0 : (options.workers ?? availableParallelism()),
      ...(options.twice === true ? { twiceEvery: 1 } : {}),
      after: ({ seed: own, violation }) => {
        if (violation !== undefined) session.note(`seed ${own} breaks ${violation.invariant}`);
        return !session.io.signal.aborted;
      },
    });
    const stepsPerSecond = Math.round(found.steps / Math.max(0.001, (performance.now() - startedAt) / 1000));
    const violations = found.violations.map((each) => ({ ...each, replay: replayOf({ ...wishes, seed: BigInt(each.seed) }) }));
    const [first] = violations;
    const smallest = first === undefined ? undefined : await smallestOf(session, { ...wishes, seed: BigInt(first.seed) }, options.shrink);
    const answer: Answer = { ...found, stepsPerSecond, violations, ...(smallest === undefined ? {} : { smallest }) };
    session.answer(() => describe(answer), { seed: String(seed), ...answer });
    return violations.length === 0 ? exitCodes.done : exitCodes.failed;
  },
});
