// A long search for faults: `npm run search -- --log FILE [--runs COUNT] [--workers COUNT]`. Rounds of seeds of several kinds, one line of JSON each; a
// search that was broken off goes on where its log ends. Ends with 1 at the first violation, which the log keeps.
// All of it runs on the same threads: compiled anew for each round, the code of a universe would cost as much as half of its seeds.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runCrew } from "../src/simulator/crew.ts";
import { createTally } from "../src/simulator/simulate.ts";

const options = { log: { type: "string" }, runs: { type: "string", default: "100000" }, workers: { type: "string", default: "1" } };
const { log, runs, workers } = parseArgs({ options }).values;
if (log === undefined) throw new Error("--log FILE says where to write, and from where to go on");

const some = 250;
/** one after the other, and again; of those that cost a hundred times as much a few at a time */
const plan = [
  { kind: "brief", count: some },
  { kind: "twins", count: 2 * some },
  { kind: "brief", count: some },
  { kind: "twins", count: 2 * some },
  { kind: "brief", count: some / 5, twice: true },
  { kind: "rogues", count: some / 5 },
  { kind: "clocks", count: some / 5 },
  { kind: "uneven", count: some / 5 },
  { kind: "power-cuts", count: some / 5 },
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

/** Rounds that are handed out and not finished, oldest first: seeds run ahead of the round whose results are awaited. */
const rounds = [];
const requestsOf = function* () {
  const from = { ...next };
  let handedOut = done;
  for (let number = lines.length; handedOut < Number(runs); number += 1) {
    const { kind, count, twice = false } = plan[number % plan.length];
    const seed = from[kind] ?? 1;
    from[kind] = seed + count;
    handedOut += count;
    rounds.push({ kind, seed, count });
    for (let run = 0; run < count; run += 1) yield { scenario: kind, seed: BigInt(seed + run), twice };
  }
};

/** The same seed alone, shrunk to the smallest case that still breaks. */
const smallestOf = ({ kind, violations: [{ seed }] }) => {
  const byz = fileURLToPath(new URL("../bin/byz.js", import.meta.url));
  const args = [byz, "simulate", "--seed", seed, "--scenario", kind, "--json"];
  const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return stdout === "" ? undefined : JSON.parse(stdout).smallest;
};

let tally = createTally();
let startedAt = performance.now();
const finish = ({ kind, seed }) => {
  const found = tally.result();
  const line = { kind, seed, seconds: Math.round((performance.now() - startedAt) / 1000), ...found };
  if (found.violations.length > 0) line.smallest = smallestOf(line);
  appendFileSync(log, `${JSON.stringify(line)}\n`);
  note(line);
  console.log(`${done} seeds; ${kind} from ${seed}: ${found.deliveries} deliveries, ${found.violations.length} violations`);
  tally = createTally();
  startedAt = performance.now();
};

await runCrew({
  workers: Number(workers),
  requests: requestsOf(),
  result(found) {
    const [round] = rounds;
    tally.add(found);
    const { runs: counted, violations } = tally.result();
    const isOver = violations.length > 0;
    if (isOver || counted === round.count) {
      rounds.shift();
      finish(round);
    }
    if (isOver) process.exitCode = 1;
    return !isOver;
  },
});
