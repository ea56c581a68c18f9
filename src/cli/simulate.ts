/** `byz simulate`: universes out of seeds, judged (docs/simulation.md). */
import { Option } from "commander";
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { scenarioNames, type ScenarioName } from "../simulator/scenarios.ts";
import { simulate, type SimulateOptions, type Simulation } from "../simulator/simulate.ts";
import { defineCommand, wholeNumber } from "./command.ts";
import { exitCodes, usageError } from "./errors.ts";

interface Options {
  readonly seed?: string;
  readonly runs: number;
  readonly nodes?: number;
  readonly faults?: number;
  readonly steps?: number;
  readonly scenario: ScenarioName;
  readonly workers?: number;
  readonly twice?: boolean;
}

const seedOf = (text: string | undefined): bigint => {
  if (text === undefined) return randomBytes(8).readBigUInt64BE();
  const seed = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n;
  if (seed < 0n || seed >= 1n << 64n) throw usageError(`--seed is a whole number below 2^64, not ${text}`);
  return seed;
};

/** The command that runs this seed again, and nothing else. */
const replayOf = (seed: string, { nodes, faults, steps, scenario }: Options): string =>
  [
    `byz simulate --seed ${seed}`,
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(faults === undefined ? [] : [`--faults ${faults}`]),
    ...(steps === undefined ? [] : [`--steps ${steps}`]),
    ...(scenario === "swarm" ? [] : [`--scenario ${scenario}`]),
  ].join(" ");

const describe = (found: Simulation, stepsPerSecond: number, options: Options): string =>
  [
    `${found.runs} runs, ${found.steps} steps (${stepsPerSecond} a second), ${found.deliveries} deliveries, ${found.ordered} sequences agreed on`,
    `trace ${found.traceHash}`,
    ...(found.violations.length === 0 ? ["no violation"] : []),
    ...found.violations.map(
      ({ seed, invariant, detail }) => `seed ${seed} breaks ${invariant}: ${detail}\n  again: ${replayOf(seed, options)}`,
    ),
  ].join("\n");

export const simulateCommand = defineCommand<Options>({
  usage: "simulate",
  summary: "Search for faults: whole networks in virtual time, each out of one seed, under faults and liars, watched by judges",
  options: [
    new Option("--seed <number>", "of the first run, below 2^64; the same seed is the same run (default: a random one)"),
    new Option("--runs <count>", "runs, each with the next seed").argParser(wholeNumber(1)).default(1),
    new Option("--nodes <count>", "validators (default: drawn from the seed)").argParser(wholeNumber(1, 32)),
    new Option("--faults <count>", "validators that lie (default: up to f, drawn from the seed)").argParser(wholeNumber(0, 32)),
    new Option("--steps <count>", "events after which a run is cut short (default: 3000000)").argParser(wholeNumber(1)),
    new Option("--scenario <name>", "kind of universe").choices(scenarioNames).default("swarm"),
    new Option("--workers <count>", "threads, where there are several runs (default: one for each core)").argParser(wholeNumber(1, 256)),
    new Option("--twice", "run each seed twice, and look whether it is the same both times"),
  ],
  examples: ["byz simulate --seed 42", "byz simulate --runs 100 --nodes 4 --json"],
  async run(session, _args, options) {
    const seed = seedOf(options.seed);
    if ((options.faults ?? 0) > (options.nodes ?? Number.MAX_SAFE_INTEGER)) throw usageError("--faults is at most --nodes");
    const startedAt = performance.now();
    const { nodes, faults, steps } = options;
    const wishes: SimulateOptions = {
      seed,
      runs: options.runs,
      scenario: options.scenario,
      ...(nodes === undefined ? {} : { nodes }),
      ...(faults === undefined ? {} : { faults }),
      ...(steps === undefined ? {} : { maxSteps: steps }),
      workers: options.runs === 1 ? 0 : (options.workers ?? availableParallelism()),
      ...(options.twice === true ? { twiceEvery: 1 } : {}),
      after: ({ seed: own, violation }) => {
        if (violation !== undefined) session.note(`seed ${own} breaks ${violation.invariant}`);
        return !session.io.signal.aborted;
      },
    };
    const found = await simulate(wishes);
    const stepsPerSecond = Math.round(found.steps / Math.max(0.001, (performance.now() - startedAt) / 1000));
    const violations = found.violations.map((each) => ({ ...each, replay: replayOf(each.seed, options) }));
    session.answer(() => describe(found, stepsPerSecond, options), { seed: String(seed), ...found, stepsPerSecond, violations });
    return found.violations.length === 0 ? exitCodes.done : exitCodes.failed;
  },
});
