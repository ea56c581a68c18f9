/** A sweep as a picture: bars in a terminal, lines in an SVG file. */
import { label, niceCeiling } from "../svg.ts";
import type { BenchFigures } from "./figures.ts";
import type { Axis, AxisName } from "./sweep.ts";

interface Line {
  /** what it holds fixed, such as `nodes 4`; empty when there is one line */
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly figures: BenchFigures }[];
}

/** What is shown of each measurement. */
interface Quantity {
  readonly title: string;
  of(figures: BenchFigures): number | null;
}

const quantities: readonly Quantity[] = [
  { title: "operations a second", of: ({ operationsPerSecond }) => operationsPerSecond },
  { title: "p50 latency, ms", of: ({ latencyMs }) => latencyMs.p50 },
  { title: "p99 latency, ms", of: ({ latencyMs }) => latencyMs.p99 },
  { title: "CPU of a node for an operation, µs", of: ({ cpuMicrosPerOperation }) => cpuMicrosPerOperation },
];

/** The axis with most values goes along x; each combination of the others is a line. */
const linesOf = (axes: readonly Axis[], all: readonly BenchFigures[]): { readonly along: AxisName; readonly lines: readonly Line[] } => {
  const [main, ...others] = axes.toSorted((a, b) => b.values.length - a.values.length);
  const along = main?.name ?? "clients";
  const nameOf = (figures: BenchFigures): string =>
    others.map(({ name }) => (name === "operations" && figures[name] === 0 ? "plain" : `${name} ${figures[name]}`)).join(", ");
  const byName = Map.groupBy(all, nameOf);
  const lines = [...byName].map(([name, group]) => ({
    name,
    points: group.map((figures) => ({ x: figures[along], figures })).toSorted((a, b) => a.x - b.x),
  }));
  return { along, lines };
};

const barColumns = 48;

/** Throughput as bars, for a terminal. */
export const barsText = (axes: readonly Axis[], all: readonly BenchFigures[]): string => {
  const { along, lines } = linesOf(axes, all);
  const most = Math.max(1, ...all.map(({ operationsPerSecond }) => operationsPerSecond));
  const width = Math.max(along.length, ...all.map((figures) => String(figures[along]).length));
  const bar = (value: number): string => {
    const eighths = Math.round((value / most) * barColumns * 8);
    return "█".repeat(Math.floor(eighths / 8)) + (eighths % 8 === 0 ? "" : String.fromCodePoint(0x2590 - (eighths % 8)));
  };
  return lines
    .map(({ name, points }) =>
      [
        `${along.padEnd(width)}  operations a second${name === "" ? "" : `, ${name}`}`,
        ...points.map(
          ({ x, figures }) => `${String(x).padStart(width)}  ${bar(figures.operationsPerSecond)} ${figures.operationsPerSecond}`,
        ),
      ].join("\n"),
    )
    .join("\n\n");
};

/* ------------------------------------------------------------------ SVG */

/** one chart, pixels */
const chart = { width: 420, height: 260, left: 64, right: 16, top: 32, bottom: 40 };
/** told apart without colours too: by dashes */
const colours = ["#2563eb", "#dc2626", "#16a34a", "#9333ea", "#d97706", "#0891b2", "#be185d", "#4d7c0f"];
const dashes = ["", "6 3", "2 3", "8 3 2 3"];

/** Positions along x: by logarithm where the values span more than a decade, evenly spread round one value. */
const scaleX = (values: readonly number[]): ((value: number) => number) => {
  const wide = Math.max(...values) / Math.max(1, Math.min(...values)) > 10;
  const at = (value: number): number => (wide ? Math.log(value + 1) : value);
  const [least, most] = [at(Math.min(...values)), at(Math.max(...values))];
  const room = chart.width - chart.left - chart.right;
  return (value) => chart.left + (most === least ? room / 2 : ((at(value) - least) / (most - least)) * room);
};

const chartOf = (quantity: Quantity, along: AxisName, lines: readonly Line[]): string => {
  const values = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].toSorted((a, b) => a - b);
  const x = scaleX(values);
  const top = niceCeiling(Math.max(...lines.flatMap(({ points }) => points.map(({ figures }) => quantity.of(figures) ?? 0))));
  const floor = chart.height - chart.bottom;
  const y = (value: number): number => floor - (value / top) * (floor - chart.top);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const level = y(part * top).toFixed(1);
    return `<line class="grid" x1="${chart.left}" x2="${chart.width - chart.right}" y1="${level}" y2="${level}"/>${label(chart.left - 6, y(part * top) + 4, "end", String(Number((part * top).toPrecision(3))))}`;
  });
  const drawn = lines.map(({ points }, nth) => {
    const places = points.map((point) => [x(point.x).toFixed(1), y(quantity.of(point.figures) ?? 0).toFixed(1)] as const);
    const colour = colours[nth % colours.length] ?? "#000";
    const dots = places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`).join("");
    const path = places.map((place) => place.join(",")).join(" ");
    return `<polyline points="${path}" stroke="${colour}" stroke-dasharray="${dashes[nth % dashes.length] ?? ""}"/>${dots}`;
  });
  return [
    label(chart.left, 18, "start", quantity.title),
    ...grid,
    ...values.map((value) => label(x(value), floor + 16, "middle", String(value))),
    label((chart.left + chart.width - chart.right) / 2, floor + 32, "middle", along),
    ...drawn,
  ].join("\n");
};

/** A whole SVG document: throughput, latencies and CPU, one line for each combination of what is not along x. */
export const plotSvg = (axes: readonly Axis[], all: readonly BenchFigures[]): string => {
  const { along, lines } = linesOf(axes, all);
  const named = lines.filter(({ name }) => name !== "");
  const legendTop = chart.height * 2 + 16;
  const [width, height] = [chart.width * 2, legendTop + named.length * 18 + 8];
  const known = quantities.filter((quantity) => all.every((figures) => quantity.of(figures) !== null));
  const charts = known.map((quantity, nth) => {
    const place = `${(nth % 2) * chart.width} ${Math.floor(nth / 2) * chart.height}`;
    return `<g transform="translate(${place})">\n${chartOf(quantity, along, lines)}\n</g>`;
  });
  const legend = named.map(({ name }, nth) => {
    const at = legendTop + nth * 18;
    const stroke = `stroke="${colours[nth % colours.length] ?? "#000"}" stroke-dasharray="${dashes[nth % dashes.length] ?? ""}"`;
    return `<line x1="${chart.left}" x2="${chart.left + 32}" y1="${at}" y2="${at}" stroke-width="2" ${stroke}/>${label(chart.left + 40, at + 4, "start", name)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<style>polyline{fill:none;stroke-width:2}.grid{stroke:#ddd}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${[...charts, ...legend].join("\n")}
</svg>
`;
};
