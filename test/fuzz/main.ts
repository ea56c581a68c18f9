/**
 * `npm run fuzz -- [--target NAME]... [--seconds 10] [--count N] [--seed S] [--from N]` (docs/fuzzing.md).
 *
 * Each target runs in a process of its own, which is watched: a case that never ends, and one that takes the whole process down, are named too.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FuzzFailure, fuzz } from "./target.ts";
import type { Budget } from "./target.ts";
import { targets } from "./targets.ts";

/** a case that lasts longer, wall clock, is taken for one that never ends */
const stuckMs = 60_000;

interface Arguments {
  readonly names: readonly string[];
  readonly seed: number;
  readonly budget: Budget;
  /** where the running case's number is left for the watcher; only in a child */
  readonly progress: string | undefined;
}

const usage = (problem: string): never => {
  console.error(`${problem}\nusage: npm run fuzz -- [--target NAME]... [--seconds S] [--count N] [--seed S] [--from N]`);
  for (const { name, about } of targets) console.error(`  ${name.padEnd(9)} ${about}`);
  return process.exit(2);
};

const wholeNumber = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : usage(`--${name} takes a whole number`);
};

const readOptions = () => {
  try {
    const text = { type: "string" } as const;
    const options = { target: { ...text, multiple: true }, seconds: text, count: text, seed: text, from: text, progress: text } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    return usage((error as Error).message);
  }
};

const readArguments = (): Arguments => {
  const values = readOptions();
  const names = values.target ?? targets.map(({ name }) => name);
  for (const name of names) if (!targets.some((target) => target.name === name)) usage(`there is no target ${name}`);
  const [cases, seconds, from] = [
    wholeNumber("count", values.count),
    wholeNumber("seconds", values.seconds),
    wholeNumber("from", values.from),
  ];
  const budget: Budget = {
    ...(cases === undefined ? {} : { cases }),
    ...(seconds === undefined && cases !== undefined ? {} : { seconds: seconds ?? 10 }),
    ...(from === undefined ? {} : { from }),
  };
  // a seed of today when none is given: each run looks elsewhere, and says where
  const seed = wholeNumber("seed", values.seed) ?? Date.now() % 1_000_000_000;
  return { names, seed, budget, progress: values.progress };
};

/* ------------------------------------------------------------------ in the child */

const runHere = async ({ names, seed, budget }: Arguments, progress: string): Promise<void> => {
  const target = targets.find(({ name }) => name === names[0]);
  if (target === undefined) return usage("no target");
  const file = openSync(progress, "w");
  try {
    const { cases, seconds, slowestMs } = await fuzz(target, seed, budget, (number) => writeSync(file, `${number}`.padEnd(12), 0));
    const rate = (cases / Math.max(seconds, 0.001)).toFixed(0);
    console.log(
      `${target.name.padEnd(9)} ${cases} cases in ${seconds.toFixed(1)} s, ${rate}/s, slowest ${slowestMs.toFixed(0)} ms; seed ${seed}`,
    );
  } catch (error) {
    console.error(error instanceof FuzzFailure ? `${error.message}\n  input: ${error.input.slice(0, 20_000)}` : error);
    process.exitCode = 1;
  } finally {
    closeSync(file);
  }
};

/* ------------------------------------------------------------------ in the parent */

const describeEnd = (name: string, seed: number, number: string, what: string): string =>
  `${name}, seed ${seed}, case ${number}: ${what}\n  again: npm run fuzz -- --target ${name} --seed ${seed} --from ${number} --count 1`;

/** @returns whether the target stood */
const runApart = (name: string, { seed, budget }: Arguments, progress: string): Promise<boolean> =>
  new Promise((resolve) => {
    const words = ["--target", name, "--seed", `${seed}`, "--progress", progress];
    if (budget.cases !== undefined) words.push("--count", `${budget.cases}`);
    if (budget.seconds !== undefined) words.push("--seconds", `${budget.seconds}`);
    if (budget.from !== undefined) words.push("--from", `${budget.from}`);
    const child = spawn(process.execPath, ["--expose-gc", import.meta.filename, ...words], { stdio: ["ignore", "inherit", "inherit"] });
    const reached = (): string => {
      try {
        return readFileSync(progress, "utf8").trim();
      } catch {
        return "";
      }
    };
    let last = reached();
    let since = performance.now();
    const watch = setInterval(() => {
      const now = reached();
      if (now !== last) [last, since] = [now, performance.now()];
      if (performance.now() - since < stuckMs) return;
      console.error(describeEnd(name, seed, last, `did not end within ${stuckMs / 1000} s`));
      child.kill("SIGKILL");
    }, 500);
    const stop = (): void => void child.kill("SIGTERM");
    process.once("SIGINT", stop).once("SIGTERM", stop);
    child.once("exit", (code, signal) => {
      clearInterval(watch);
      process.off("SIGINT", stop).off("SIGTERM", stop);
      if (code !== 0 && code !== 1) console.error(describeEnd(name, seed, reached(), `the process ended by ${signal ?? `status ${code}`}`));
      resolve(code === 0);
    });
  });

const runAll = async (given: Arguments): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "byz-fuzz-"));
  try {
    for (const name of given.names) if (!(await runApart(name, given, join(folder, name)))) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const given = readArguments();
await (given.progress === undefined ? runAll(given) : runHere(given, given.progress));
