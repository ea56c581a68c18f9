/** The report's drawings. */
import { escaped, label, niceCeiling } from "../svg.ts";
import type { Course } from "./timeline.ts";

const width = 960;
const room = { left: 56, right: 16, top: 28, bottom: 28 };
const plotHeight = 220;
/** points along x, at most */
const buckets = 240;

/** Calls that ended within one step of time. */
interface Bucket {
  readonly seconds: number;
  /** milliseconds, of those with an answer, ascending */
  readonly latencies: readonly number[];
}

const bucketsOf = ({ timeline, calls, seconds }: Course): readonly Bucket[] => {
  const step = Math.max(0.5, seconds / buckets);
  const all = Array.from({ length: Math.ceil(seconds / step) }, (_, at) => ({ seconds: (at + 1) * step, latencies: [] as number[] }));
  for (const { start, end, outcome } of calls)
    if (outcome.type !== "unknown") all[Math.floor((end - timeline.began) / 1_000 / step)]?.latencies.push(end - start);
  for (const { latencies } of all) latencies.sort((a, b) => a - b);
  return all;
};

const at = (values: readonly number[], part: number): number => values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;

/** A line through points; it breaks off where there is none. */
const lines = (name: string, points: readonly (readonly [x: number, y: number] | undefined)[]): string => {
  const pieces: string[][] = [[]];
  for (const point of points) {
    if (point === undefined) pieces.push([]);
    else pieces.at(-1)?.push(point.map((value) => value.toFixed(1)).join(","));
  }
  return pieces
    .filter((piece) => piece.length > 0)
    .map((piece) => `<polyline class="${name}" points="${piece.length === 1 ? `${piece[0]} ${piece[0]}` : piece.join(" ")}"/>`)
    .join("");
};

const svg = (title: string, height: number, parts: readonly string[]): string =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">\n${parts.join("\n")}\n</svg>`;

const plotX =
  (seconds: number): ((value: number) => number) =>
  (value) =>
    room.left + (Math.min(value, seconds) / Math.max(1e-9, seconds)) * (width - room.left - room.right);

/** Faults as shaded spans, and a number for each mark: the page lists them. */
const background = ({ timeline, seconds }: Course): readonly string[] => {
  const x = plotX(seconds);
  const place = (time: number): number => x((time - timeline.began) / 1_000);
  const spans = timeline.faults.map(
    ({ start, end, name }) =>
      `<rect class="fault" x="${place(start).toFixed(1)}" y="${room.top}" width="${Math.max(1, place(end) - place(start)).toFixed(1)}" height="${plotHeight - room.top - room.bottom}"><title>${escaped(name)}</title></rect>`,
  );
  const marks = timeline.marks.map(
    ({ at: time, text }, nth) =>
      `<g class="mark"><title>${escaped(text)}</title><line x1="${place(time).toFixed(1)}" x2="${place(time).toFixed(1)}" y1="${room.top}" y2="${plotHeight - room.bottom}"/>${label(place(time), nth % 2 === 0 ? 12 : 23, "middle", String(nth + 1))}</g>`,
  );
  const step = niceCeiling(seconds / 12);
  const ticks = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, nth) =>
    label(x(nth * step), plotHeight - 10, "middle", `${nth * step} s`),
  );
  return [...spans, ...marks, ...ticks];
};

const gridLine = (y: number, text: string): string =>
  `<line class="grid" x1="${room.left}" x2="${width - room.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>${label(room.left - 6, y + 4, "end", text)}`;

/** Median and worst latency of what was answered, on a logarithmic scale. */
export const latencyPlot = (course: Course): string => {
  const all = bucketsOf(course);
  const most = niceCeiling(Math.max(10, ...all.map(({ latencies }) => latencies.at(-1) ?? 0)));
  const floor = plotHeight - room.bottom;
  const y = (ms: number): number => floor - (Math.log10(Math.max(1, ms)) / Math.log10(most)) * (floor - room.top);
  const x = plotX(course.seconds);
  const grid = [1, 10, 100, 1_000, 10_000].filter((ms) => ms <= most).map((ms) => gridLine(y(ms), `${ms} ms`));
  const through = (part: number) =>
    all.map(({ seconds, latencies }) => (latencies.length === 0 ? undefined : ([x(seconds), y(at(latencies, part))] as const)));
  return svg("latency over time", plotHeight, [...background(course), ...grid, lines("p50", through(0.5)), lines("p99", through(0.99))]);
};

/** Answers a second over time. */
export const answersPlot = (course: Course): string => {
  const all = bucketsOf(course);
  const step = all[0]?.seconds ?? 1;
  const most = niceCeiling(Math.max(1, ...all.map(({ latencies }) => latencies.length / step)));
  const floor = plotHeight - room.bottom;
  const y = (rate: number): number => floor - (rate / most) * (floor - room.top);
  const x = plotX(course.seconds);
  const grid = [0, 0.5, 1].map((part) => gridLine(y(part * most), `${part * most}/s`));
  const points = all.map(({ seconds, latencies }) => [x(seconds), y(latencies.length / step)] as const);
  return svg("answers a second over time", plotHeight, [...background(course), ...grid, lines("p50", points)]);
};

const barHeight = 20;
const barsLeft = 260;

/** The longest time without an answer in each fault, as bars. */
export const gapsPlot = ({ timeline: { faults } }: Course): string => {
  const most = niceCeiling(Math.max(1, ...faults.map(({ gapMs }) => gapMs)));
  const bars = faults.map(({ name, gapMs: ms }, nth) => {
    const top = 8 + nth * barHeight;
    const length = (ms / most) * (width - barsLeft - 90);
    return `${label(barsLeft - 8, top + 13, "end", name)}<rect class="bar" x="${barsLeft}" y="${top}" width="${Math.max(1, length).toFixed(1)}" height="${barHeight - 5}"/>${label(barsLeft + length + 6, top + 13, "start", `${ms} ms`)}`;
  });
  return svg("longest time without an answer in each fault", 16 + faults.length * barHeight, bars);
};
