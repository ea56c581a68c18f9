/** `byz bench` */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Option } from "commander";
import { createHttpClient } from "../client/http-client.ts";
import { faultsTolerated } from "../protocol/committee.ts";
import { maxNodes, Testnet } from "../testnet/testnet.ts";
import { type Floor, measureFloor } from "./bench/floor.ts";
import type { LoadResult } from "./bench/load.ts";
import { startLoad } from "./bench/load-process.ts";
import { type Usage, usageOf } from "./bench/usage.ts";
import { clientOf } from "./client.ts";
import { defineCommand, wholeNumber } from "./command.ts";
import { usageError } from "./errors.ts";
import type { Session } from "./session.ts";
import { pairs } from "./table.ts";

interface BenchOptions {
  readonly nodes?: number;
  readonly clients: number;
  readonly payload: number;
  readonly seconds: number;
  readonly rate?: number;
}

/** The network that is measured. */
interface Target {
  readonly nodes: readonly { readonly api: string; readonly pid?: number | null }[];
  /** validators */
  readonly n: number;
  readonly genesisHash: string;
}

export interface BenchFigures {
  readonly nodes: number;
  readonly clients: number;
  readonly payload: number;
  readonly seconds: number;
  readonly rate?: number;
  readonly committed: number;
  readonly failed: number;
  /** believed requests a second */
  readonly throughput: number;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** of all nodes together, for 1,000 believed requests; null where it could not be seen */
  readonly cpuSecondsPerThousand: number | null;
  /** each node's after the load */
  readonly rssMiB: readonly number[];
  /** the process that makes the load, apart from the nodes */
  readonly generator: { readonly cpuSecondsPerThousand: number };
  readonly floor: Floor;
}

/** not counted: sockets open, code is compiled */
const warmUpSeconds = 2;

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

const percentile = (ascending: readonly number[], part: number): number =>
  rounded(ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? 0, 2);

const figuresOf = (load: LoadResult, before: readonly Usage[], after: readonly Usage[]) => {
  const { committed, failed, seconds, latencies, cpuMicros } = load;
  const used = after.reduce((sum, { cpuSeconds }, index) => sum + cpuSeconds - (before[index]?.cpuSeconds ?? 0), 0);
  const perThousand = (cpuSeconds: number): number => rounded((cpuSeconds / Math.max(1, committed)) * 1_000, 3);
  return {
    committed,
    failed,
    throughput: rounded(committed / seconds, 1),
    latencyMs: {
      p50: percentile(latencies, 0.5),
      p90: percentile(latencies, 0.9),
      p99: percentile(latencies, 0.99),
      max: percentile(latencies, 1),
    },
    cpuSecondsPerThousand: Number.isNaN(used) ? null : perThousand(used),
    rssMiB: after.map(({ rssBytes }) => Math.round(rssBytes / 2 ** 20)),
    generator: { cpuSecondsPerThousand: perThousand(cpuMicros / 1e6) },
  };
};

const measure = async (session: Session, target: Target, options: BenchOptions, folder: string): Promise<BenchFigures> => {
  const { clients, payload, seconds, rate } = options;
  const believed = faultsTolerated(target.n) + 1;
  session.note("measuring what this machine can do at best");
  const floor = await measureFloor(folder);
  const load = startLoad(session.io.signal);
  try {
    const usage = usageOf(target.nodes);
    const paced = rate === undefined ? {} : { rate };
    const order = { urls: target.nodes.map(({ api }) => api), believed, genesisHash: target.genesisHash, clients, payload, ...paced };
    session.note(`warming up for ${warmUpSeconds} s, then ${clients} clients for ${seconds} s`);
    await load.run({ ...order, seconds: warmUpSeconds });
    const before = await usage();
    const result = await load.run({ ...order, seconds });
    return { nodes: target.n, clients, payload, seconds, ...paced, ...figuresOf(result, before, await usage()), floor };
  } finally {
    load.stop();
  }
};

/** A network of its own, gone afterwards. */
const ofOwnNetwork = async (session: Session, options: BenchOptions, folder: string): Promise<BenchFigures> => {
  const n = options.nodes ?? 4;
  const testnet = await Testnet.up({
    dir: join(folder, "net"),
    nodes: n,
    chainId: "bench",
    config: { log: { level: "warn" } },
    progress: session.note,
    signal: session.io.signal,
  });
  try {
    const { genesisHash } = await testnet.client(0).status();
    return await measure(session, { nodes: testnet.state().nodes, n, genesisHash }, options, folder);
  } finally {
    await testnet.down();
  }
};

/** The network that --api names: it keeps what was written. */
const ofRunningNetwork = async (session: Session, options: BenchOptions, folder: string): Promise<BenchFigures> => {
  if (options.nodes !== undefined) throw usageError("--nodes does not go with --api", "the network that runs has the nodes it has");
  clientOf(session); // complains about bad URLs
  const statuses = await Promise.all(session.apiUrls.map((url) => createHttpClient({ urls: [url], signal: session.io.signal }).status()));
  const { n, f } = statuses[0]?.quorum ?? { n: 0, f: 0 };
  if (new Set(statuses.map(({ peerId }) => peerId)).size < f + 1) {
    throw usageError(
      `a result of ${n} validators is believed when ${f + 1} nodes answer alike`,
      `name at least ${f + 1} different nodes with --api`,
    );
  }
  return measure(
    session,
    { nodes: session.apiUrls.map((api) => ({ api })), n, genesisHash: statuses[0]?.genesisHash ?? "" },
    options,
    folder,
  );
};

const render = (figures: BenchFigures): string => {
  const { latencyMs, floor } = figures;
  return pairs([
    ["nodes", String(figures.nodes)],
    [
      "load",
      `${figures.clients} clients, ${figures.payload} bytes, ${figures.seconds} s${figures.rate === undefined ? "" : `, ${figures.rate}/s asked for`}`,
    ],
    ["throughput", `${figures.throughput} requests/s (${figures.committed} committed, ${figures.failed} failed)`],
    ["latency", `p50 ${latencyMs.p50} ms, p90 ${latencyMs.p90} ms, p99 ${latencyMs.p99} ms, max ${latencyMs.max} ms`],
    [
      "CPU",
      `${figures.cpuSecondsPerThousand ?? "?"} s for 1,000 requests on all nodes, ${figures.generator.cpuSecondsPerThousand} s in the generator`,
    ],
    ["memory", `${figures.rssMiB.join(", ")} MiB`],
    [
      "floor",
      `${floor.verificationsPerSecond} verifications/s, ${floor.durableWritesPerSecond} durable writes/s, ${floor.roundTripsPerSecond} round trips/s`,
    ],
  ]);
};

export const benchCommand = defineCommand<BenchOptions>({
  usage: "bench",
  summary: "Measures a network: requests a second, latency, CPU and memory; starts one of its own unless --api names one that runs",
  options: [
    new Option("--nodes <n>", "validators of its own network (default: 4)").argParser(wholeNumber(1, maxNodes)),
    new Option("--clients <n>", "clients, each with a key of its own and one request under way")
      .argParser(wholeNumber(1, 10_000))
      .default(64),
    new Option("--payload <bytes>", "of each value").argParser(wholeNumber(0, 1024 * 1024)).default(128),
    new Option("--seconds <n>", "how long, after the warm-up").argParser(wholeNumber(1, 86_400)).default(20),
    new Option("--rate <n>", "requests a second of all clients together, instead of as many as there can be").argParser(
      wholeNumber(1, 1_000_000),
    ),
  ],
  examples: ["byz bench --seconds 5", "byz bench --api http://127.0.0.1:27657,http://127.0.0.1:27659 --rate 500 --json"],
  exits: [4],
  async run(session, _args, options) {
    const folder = mkdtempSync(join(tmpdir(), "byz-bench-"));
    try {
      const figures = await (session.apiGiven ? ofRunningNetwork(session, options, folder) : ofOwnNetwork(session, options, folder));
      session.answer(() => render(figures), figures);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});
