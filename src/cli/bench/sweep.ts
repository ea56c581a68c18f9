/** A sweep: the same measurement over several loads. */
import { InvalidArgumentError } from "commander";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { type BenchFigures, floorText, type Point } from "./figures.ts";

/** What may be varied, and the least and most of it. */
export const ranges = {
  nodes: [1, 64],
  clients: [1, 10_000],
  payload: [0, 1024 * 1024],
  operations: [0, 1024],
} as const satisfies Record<keyof Point, readonly [number, number]>;

export type AxisName = keyof Point;

/** One thing that is varied, and its values. */
export interface Axis {
  readonly name: AxisName;
  readonly values: readonly number[];
}

/** measurements in one sweep */
const maxPoints = 256;

const isAxisName = (name: string): name is AxisName => Object.hasOwn(ranges, name);

/** Reads `clients=1,16,64`; for an option that may be given several times. @throws InvalidArgumentError */
export const parseAxis = (text: string, previous: readonly Axis[] | undefined): readonly Axis[] => {
  const [, name = "", list = ""] = /^(\w+)=([\d,]+)$/.exec(text) ?? [];
  if (!isAxisName(name))
    throw new InvalidArgumentError(`It must be one of ${Object.keys(ranges).join(", ")}, and values: clients=1,16,64.`);
  const [least, most] = ranges[name];
  const values = list.split(",").map((word) => (/^\d{1,7}$/.test(word) ? Number(word) : Number.NaN));
  if (!values.every((value) => value >= least && value <= most)) throw new InvalidArgumentError(`${name} are from ${least} to ${most}.`);
  const axes = [...(previous ?? []).filter((axis) => axis.name !== name), { name, values: [...new Set(values)] }];
  if (axes.reduce((count, axis) => count * axis.values.length, 1) > maxPoints)
    throw new InvalidArgumentError(`That is more than ${maxPoints} measurements.`);
  return axes;
};

/** Every combination, the last axis varying fastest. */
export const pointsOf = (fixed: Point, axes: readonly Axis[]): readonly Point[] =>
  axes.reduce<readonly Point[]>(
    (points, { name, values }) => points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    [fixed],
  );

/** A sweep for people: one line each. */
export const sweepText = (session: Session, all: readonly BenchFigures[]): string => {
  const headings = [
    "NODES",
    "CLIENTS",
    "PAYLOAD",
    "OPERATIONS",
    "REQUESTS/S",
    "OPERATIONS/S",
    "P50 MS",
    "P99 MS",
    "FAILED",
    "CPU µS/OP/NODE",
  ];
  const rows = all.map((figures) => [
    ...[figures.nodes, figures.clients, figures.payload].map(String),
    figures.operations === 0 ? "plain" : String(figures.operations),
    ...[figures.throughput, figures.operationsPerSecond, figures.latencyMs.p50, figures.latencyMs.p99, figures.failed].map(String),
    String(figures.cpuMicrosPerOperation ?? "?"),
  ]);
  const floors = [...new Set(all.map(({ floor }) => `floor  ${floorText(floor)}`))];
  return `${table(session, headings, rows)}\n\n${floors.join("\n")}`;
};
