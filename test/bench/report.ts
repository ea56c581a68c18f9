/**
 * Runs `byz bench` over the loads that the documentation speaks of, and writes what it measured into README.md, docs/performance.md and
 * docs/performance.svg, between their markers. Some five minutes on two cores, which should have nothing else to do.
 *
 *     npm run build && npm run bench -- report [--seconds 10]
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { BenchFigures } from "../../src/cli/bench/figures.ts";

const root = new URL("../../", import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, root));
const { values } = parseArgs({ options: { seconds: { type: "string", default: "10" } } });

const bench = (...args: readonly string[]): readonly BenchFigures[] => {
  const command = [path("bin/byz.js"), "bench", "--json", "--seconds", values.seconds, ...args];
  const { status, stdout } = spawnSync(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
  if (status !== 0) throw new Error(`byz bench ${args.join(" ")} ended with ${status}`);
  return (JSON.parse(stdout) as { points: readonly BenchFigures[] }).points;
};

const both = ["--sweep", "nodes=4,7"];
const clients = bench(...both, "--sweep", "clients=1,4,16,64,256", "--plot", path("docs/performance.svg"));
const several = bench(...both, "--operations", "64", "--clients", "64");
const plain = bench(...both, "--plain", "--clients", "256");
const payloads = bench("--sweep", "payload=16,1024,16384");

/* ------------------------------------------------------------------ tables */

const whole = (value: number): string => Math.round(value).toLocaleString("en");
const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  [headings, headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const at = (all: readonly BenchFigures[], nodes: number, count?: number): BenchFigures => {
  const found = all.find((figures) => figures.nodes === nodes && (count === undefined || figures.clients === count));
  if (found === undefined) throw new Error(`no figures for ${nodes} nodes`);
  return found;
};
/** `name` at n=4 and n=7, each beside what is wanted */
const mark = (name: string, of: (nodes: number) => string, wanted: readonly [string, string]): readonly string[] => [
  name,
  of(4),
  wanted[0],
  of(7),
  wanted[1],
];

const { floor } = at(clients, 4);
const context = `Measured on ${availableParallelism()} cores that all replicas and the load generator shared, ${values.seconds} s for each figure, 128-byte values, every vote durable before it is
spoken. The floor of that machine in the same run: ${whole(floor.verificationsPerSecond)} signature verifications/s on one thread, ${whole(floor.durableWritesPerSecond)} durable writes/s, ${whole(floor.roundTripsPerSecond)} round trips/s.`;

const marks = table(
  ["", "n = 4", "wanted", "n = 7", "wanted"],
  [
    mark("individually signed requests/s, 64 clients", (n) => whole(at(clients, n, 64).throughput), ["2,600", "1,700"]),
    mark("operations/s in signed requests of 64, 64 clients", (n) => whole(at(several, n).operationsPerSecond), ["20,000", "10,000"]),
    mark("plain HTTP writes/s, coalesced by the gateways, 256 clients", (n) => whole(at(plain, n).operationsPerSecond), ["", ""]),
    mark("p50 of one client, ms", (n) => String(at(clients, n, 1).latencyMs.p50), ["below 10", ""]),
    mark("p99 of one client, ms", (n) => String(at(clients, n, 1).latencyMs.p99), ["", ""]),
    mark("CPU of a replica for an operation in requests of 64, µs", (n) => String(at(several, n).cpuMicrosPerOperation), [
      "below 25",
      "below 25",
    ]),
    mark("CPU of a replica for a plain HTTP write, µs", (n) => String(at(plain, n).cpuMicrosPerOperation), ["", ""]),
    mark("CPU of a replica for a signed request, µs", (n) => String(at(clients, n, 64).cpuMicrosPerOperation), ["", ""]),
    mark("CPU of the load generator for a signed request, µs", (n) => whole(at(clients, n, 64).generator.cpuSecondsPerThousand * 1_000), [
      "",
      "",
    ]),
    mark("RSS of a node afterwards, MiB", (n) => `${Math.min(...at(clients, n, 256).rssMiB)}–${Math.max(...at(clients, n, 256).rssMiB)}`, [
      "",
      "",
    ]),
  ],
);

const sweep = table(
  ["n", "clients", "payload, bytes", "requests/s", "p50 ms", "p99 ms", "CPU of a replica, µs a request", "failed"],
  [...clients, ...payloads].map(({ nodes, clients: count, payload, throughput, latencyMs, cpuMicrosPerOperation, failed }) =>
    [nodes, count, payload, whole(throughput), latencyMs.p50, latencyMs.p99, cpuMicrosPerOperation ?? "?", failed].map(String),
  ),
);

const write = (file: string, name: string, text: string): void => {
  const before = readFileSync(path(file), "utf8");
  const between = new RegExp(`(<!-- ${name} -->).*(<!-- /${name} -->)`, "s");
  if (!between.test(before)) throw new Error(`${file} has no markers called ${name}`);
  writeFileSync(
    path(file),
    before.replace(between, (_all, first: string, last: string) => `${first}\n\n${text}\n\n${last}`),
  );
};

write("README.md", "marks", `${context}\n\n${marks}`);
write("docs/performance.md", "marks", `${context}\n\n${marks}`);
const picture = "![Throughput, latency and CPU over the number of clients, for 4 and 7 nodes](performance.svg)";
write("docs/performance.md", "sweep", `${picture}\n\n${sweep}`);
console.log(`${context}\n\n${marks}\n\n${sweep}`);
