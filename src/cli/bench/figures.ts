/** What a measurement comes to. */
import { pairs } from "../table.ts";
import type { Floor } from "./floor.ts";
import type { LoadOrder, LoadResult } from "./load.ts";
import type { Usage } from "./usage.ts";

/** The load that is asked for; a sweep has several. */
export interface Point {
  /** validators */
  readonly nodes: number;
  readonly clients: number;
  /** bytes of each value */
  readonly payload: number;
  /** in each signed request; 0: plain writes, which the gateways coalesce */
  readonly operations: number;
}

export interface BenchFigures extends Point {
  readonly seconds: number;
  readonly rate?: number;
  /** validators that misbehave, as `INDEX=BEHAVIOUR` */
  readonly byzantine?: readonly string[];
  /** requests */
  readonly committed: number;
  readonly failed: number;
  /** requests a second */
  readonly throughput: number;
  readonly operationsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** of all nodes together, for 1,000 requests; null where it could not be seen */
  readonly cpuSecondsPerThousand: number | null;
  /** of one node, for one operation, on average; null where it could not be seen */
  readonly cpuMicrosPerOperation: number | null;
  /** each node's after the load */
  readonly rssMiB: readonly number[];
  /** the process that makes the load, apart from the nodes */
  readonly generator: { readonly cpuSecondsPerThousand: number };
  readonly floor: Floor;
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

const percentile = (ascending: readonly number[], part: number): number =>
  rounded(ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? 0, 2);

/** @param usage of each node, before and after the load */
export const figuresOf = (
  order: Pick<LoadOrder, "operations">,
  load: LoadResult,
  usage: { readonly before: readonly Usage[]; readonly after: readonly Usage[] },
) => {
  const { committed, failed, seconds, latencies, cpuMicros } = load;
  const used = usage.after.reduce((sum, { cpuSeconds }, index) => sum + cpuSeconds - (usage.before[index]?.cpuSeconds ?? 0), 0);
  const seen = !Number.isNaN(used);
  const operations = committed * Math.max(1, order.operations);
  const perThousand = (cpuSeconds: number): number => rounded((cpuSeconds / Math.max(1, committed)) * 1_000, 3);
  return {
    committed,
    failed,
    throughput: rounded(committed / seconds, 1),
    operationsPerSecond: rounded(operations / seconds, 1),
    latencyMs: {
      p50: percentile(latencies, 0.5),
      p90: percentile(latencies, 0.9),
      p99: percentile(latencies, 0.99),
      max: percentile(latencies, 1),
    },
    cpuSecondsPerThousand: seen ? perThousand(used) : null,
    cpuMicrosPerOperation: seen ? rounded((used * 1e6) / Math.max(1, operations) / usage.after.length, 1) : null,
    rssMiB: usage.after.map(({ rssBytes }) => Math.round(rssBytes / 2 ** 20)),
    generator: { cpuSecondsPerThousand: perThousand(cpuMicros / 1e6) },
  };
};

const loadText = ({ clients, payload, seconds, operations, rate }: BenchFigures): string => {
  const kind = operations === 0 ? "plain writes" : operations === 1 ? "signed requests" : `signed requests of ${operations} operations`;
  return `${kind}, ${clients} clients, ${payload} bytes, ${seconds} s${rate === undefined ? "" : `, ${rate}/s asked for`}`;
};

export const floorText = ({ verificationsPerSecond, durableWritesPerSecond, roundTripsPerSecond }: Floor): string =>
  `${verificationsPerSecond} verifications/s, ${durableWritesPerSecond} durable writes/s, ${roundTripsPerSecond} round trips/s`;

/** One measurement for people. */
export const figuresText = (figures: BenchFigures): string => {
  const { latencyMs, operations, byzantine = [] } = figures;
  const more = operations > 1 ? [["operations", `${figures.operationsPerSecond}/s`] as const] : [];
  return pairs([
    ["nodes", `${figures.nodes}${byzantine.length === 0 ? "" : `, of which ${byzantine.join(", ")}`}`],
    ["load", loadText(figures)],
    ["throughput", `${figures.throughput} requests/s (${figures.committed} committed, ${figures.failed} failed)`],
    ...more,
    ["latency", `p50 ${latencyMs.p50} ms, p90 ${latencyMs.p90} ms, p99 ${latencyMs.p99} ms, max ${latencyMs.max} ms`],
    [
      "CPU",
      `${figures.cpuSecondsPerThousand ?? "?"} s for 1,000 requests on all nodes (${figures.cpuMicrosPerOperation ?? "?"} µs an operation on each), ${figures.generator.cpuSecondsPerThousand} s in the generator`,
    ],
    ["memory", `${figures.rssMiB.join(", ")} MiB`],
    ["floor", floorText(figures.floor)],
  ]);
};
