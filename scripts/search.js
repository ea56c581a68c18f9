// A long search for faults: `npm run search -- --log FILE [--runs COUNT] [--workers COUNT]`. Chunks of seeds of several kinds, one line of JSON each; a
// search that was broken off goes on where its log ends. Ends with 1 at the first violation, which the log keeps.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const byz = fileURLToPath(new URL("../bin/byz.js", import.meta.url));
const options = { log: { type: "string" }, runs: { type: "string", default: "100000" }, workers: { type: "string", default: "1" } };
const { log, runs, workers } = parseArgs({ options }).values;
if (log === undefined) throw new Error("--log FILE says where to write, and from where to go on");

const chunk = 250;
/** one round; those that cost a hundred times as much, a few at a time */
const plan = [
  { kind: "brief", count: chunk },
  { kind: "twins", count: 2 * chunk },
  { kind: "brief", count: chunk },
  { kind: "twins", count: 2 * chunk },
  { kind: "brief", count: chunk / 5, twice: true },
  { kind: "swarm", count: 2 },
  { kind: "liars", count: 2 },
  { kind: "real-signatures", count: 1 },
];

const lines = existsSync(log)
  ? readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  : [];
const next = {};
let done = 0;
const note = ({ kind, seed, runs: count }) => {
  next[kind] = Math.max(next[kind] ?? 1, Number(seed) + count);
  done += count;
};
lines.forEach(note);

for (let round = lines.length; done < Number(runs); round += 1) {
  const { kind, count, twice } = plan[round % plan.length];
  const seed = next[kind] ?? 1;
  const args = [
    "simulate",
    "--seed",
    seed,
    "--runs",
    count,
    "--scenario",
    kind,
    "--workers",
    workers,
    "--json",
    ...(twice ? ["--twice"] : []),
  ];
  const startedAt = performance.now();
  const { stdout, status } = spawnSync(process.execPath, [byz, ...args.map(String)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (stdout === "") process.exit(status ?? 1);
  const found = JSON.parse(stdout);
  const line = { kind, seed, seconds: Math.round((performance.now() - startedAt) / 1000), ...found };
  appendFileSync(log, `${JSON.stringify(line)}\n`);
  note(line);
  console.log(`${done} seeds; ${kind} from ${seed}: ${found.deliveries} deliveries, ${found.violations.length} violations`);
  if (found.violations.length > 0 || status !== 0) process.exit(1);
}
