/** `byz bench` */
import { writeFileSync } from "node:fs";
import { Option } from "commander";
import { limits } from "../../protocol/limits.ts";
import { figuresText, type Point } from "../bench/figures.ts";
import { measureOwnNetworks, measureRunningNetwork } from "../bench/measure.ts";
import { barsText, plotSvg } from "../bench/plot.ts";
import { type Axis, parseAxis, pointsOf, ranges, sweepText } from "../bench/sweep.ts";
import { defineCommand, wholeNumber } from "../command.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import { type Cheating, cheatingOption } from "./testnet-byzantine.ts";

interface BenchOptions {
  readonly nodes?: number;
  readonly clients: number;
  readonly payload: number;
  readonly operations: number;
  readonly plain?: true;
  readonly seconds: number;
  readonly rate?: number;
  readonly sweep?: readonly Axis[];
  readonly plot?: string;
  readonly byzantine?: Cheating;
}

/** of an encoded operation beside its value: key, lengths, kind */
const operationOverheadBytes = 64;

/** @throws CliError (usage) for what every node would refuse */
const checkSizes = (points: readonly Point[]): void => {
  for (const { operations, payload } of points) {
    if (operations * (payload + operationOverheadBytes) <= limits.maxRequestBytes) continue;
    throw usageError(
      `${operations} operations of ${payload} bytes are more than a request may hold`,
      `a request has at most ${limits.maxRequestBytes} bytes: give less --operations or --payload`,
    );
  }
};

/** @throws CliError (usage) */
const pointsOfOptions = (options: BenchOptions, apiGiven: boolean): readonly Point[] => {
  const axes = options.sweep ?? [];
  if (apiGiven && (options.nodes !== undefined || axes.some(({ name }) => name === "nodes")))
    throw usageError("--nodes does not go with --api", "the network that runs has the nodes it has");
  if (apiGiven && options.byzantine !== undefined)
    throw usageError("--byzantine does not go with --api", "see `byz testnet byzantine` for a network that runs");
  if (options.plot !== undefined && axes.length === 0)
    throw usageError("--plot shows a sweep", "add --sweep clients=1,16,64, for instance");
  const { clients, payload, operations, plain, nodes = 4 } = options;
  const points = pointsOf({ nodes, clients, payload, operations: plain === true ? 0 : operations }, axes);
  checkSizes(points);
  return points;
};

const nothingCommitted = (): CliError =>
  new CliError({
    code: "nothing_committed",
    message: "no request was committed",
    hint: "see `byz explain` for why",
    exitCode: exitCodes.noQuorum,
  });

const ranged = (name: keyof typeof ranges) => wholeNumber(ranges[name][0], ranges[name][1]);

export const benchCommand = defineCommand<BenchOptions>({
  usage: "bench",
  summary: "Measures a network: requests a second, latency, CPU and memory; starts one of its own unless --api names one that runs",
  options: [
    new Option("--nodes <n>", "validators of its own network (default: 4)").argParser(ranged("nodes")),
    new Option("--clients <n>", "clients, each with a key of its own and one request under way").argParser(ranged("clients")).default(64),
    new Option("--payload <bytes>", "of each value").argParser(ranged("payload")).default(128),
    new Option("--operations <n>", "in each request").argParser(wholeNumber(1, ranges.operations[1])).default(1),
    new Option("--plain", "unsigned writes, one value each, that the nodes' gateways coalesce").conflicts("operations"),
    new Option("--seconds <n>", "how long, after the warm-up").argParser(wholeNumber(1, 86_400)).default(20),
    new Option("--rate <n>", "requests a second of all clients together, instead of as many as there can be").argParser(
      wholeNumber(1, 1_000_000),
    ),
    cheatingOption(),
    new Option(
      "--sweep <axis>",
      "measure each of these: nodes, clients, payload or operations (0: plain), as clients=1,16,64; several times for every combination",
    ).argParser(parseAxis),
    new Option("--plot <file>", "draw the sweep into an SVG file"),
  ],
  examples: [
    "byz bench --seconds 5 --sweep nodes=4,7 --sweep clients=1,16,64 --plot sweep.svg",
    "byz bench --api http://127.0.0.1:27657,http://127.0.0.1:27659 --rate 500 --json",
  ],
  exits: [4, 5],
  async run(session, _args, options) {
    const { seconds, rate, byzantine, sweep = [], plot } = options;
    const apiGiven = session.apiFrom !== "default";
    const points = pointsOfOptions(options, apiGiven);
    const conditions = { seconds, ...(rate === undefined ? {} : { rate }), ...(byzantine === undefined ? {} : { byzantine }) };
    const figures = await (apiGiven ? measureRunningNetwork : measureOwnNetworks)(session, points, conditions);
    if (figures.every(({ committed }) => committed === 0)) throw nothingCommitted();
    const [only] = figures;
    if (sweep.length === 0 && only !== undefined) return session.answer(() => figuresText(only), only);
    if (plot !== undefined) {
      writeFileSync(plot, plotSvg(sweep, figures));
      session.note(`drawn into ${plot}`);
    }
    session.answer(() => `${sweepText(session, figures)}\n\n${barsText(sweep, figures)}`, { axes: sweep, points: figures });
  },
});
