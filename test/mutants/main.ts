/**
 * `npm run mutants -- [--only NAME]... [--list]`: plants each mutant in a copy of the sources and lets its killer look for it (docs/mutants.md).
 *
 * Ends with 1 if one survives, is broken, or no longer finds its place, or if the unchanged sources do not survive the same killers. A whole run that
 * ends well writes the table of docs/mutants.md.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mutants } from "./catalogue.ts";
import { PatternError, type Killer, type Mutant } from "./mutant.ts";
import { withTable, type Row } from "./table.ts";
import { createWorkshop, type Verdict, type Workshop } from "./workshop.ts";

const page = fileURLToPath(new URL("../../docs/mutants.md", import.meta.url));

const usage = (problem: string): never => {
  console.error(`${problem}\nusage: npm run mutants -- [--only NAME]... [--list]`);
  return process.exit(2);
};

const readOptions = () => {
  try {
    return parseArgs({ options: { only: { type: "string", multiple: true }, list: { type: "boolean" } } }).values;
  } catch (error) {
    return usage((error as Error).message);
  }
};

const say = (name: string, verdict: Verdict, since: number): void => {
  const seconds = ((performance.now() - since) / 1000).toFixed(1).padStart(5);
  const what = verdict.status === "killed" ? verdict.by : verdict.status === "survived" ? "SURVIVED" : `BROKEN ${verdict.detail}`;
  console.log(`${seconds} s  ${name.padEnd(40)} ${what}`);
};

const judge = (workshop: Workshop, mutant: Mutant): Verdict => {
  try {
    return workshop.judge(mutant);
  } catch (error) {
    if (error instanceof PatternError) return { status: "broken", detail: error.message };
    throw error;
  }
};

/** Each killer once, with the seeds of the most patient one: what kills the unchanged sources proves nothing about a mutant. */
const killersOf = (wanted: readonly Mutant[]): Killer[] => {
  const seeds = Math.max(0, ...wanted.map(({ killer }) => ("seeds" in killer ? killer.seeds : 0)));
  const tests = new Set(wanted.flatMap(({ killer }) => ("tests" in killer ? [killer.tests] : [])));
  return [...(seeds > 0 ? [{ seeds }] : []), ...[...tests].map((each) => ({ tests: each }))];
};

const run = (wanted: readonly Mutant[]): boolean => {
  // the child that is interrupted ends the run, so that the copy is removed
  process.on("SIGINT", () => undefined);
  const workshop = createWorkshop();
  const rows: Row[] = [];
  try {
    for (const killer of killersOf(wanted)) {
      const since = performance.now();
      const verdict = workshop.judgeUnchanged(killer);
      console.log(
        `${((performance.now() - since) / 1000).toFixed(1).padStart(5)} s  unchanged: ${Object.values(killer).join()} ${verdict.status}`,
      );
      if (verdict.status === "survived") continue;
      say("unchanged", verdict, since);
      return false;
    }
    for (const mutant of wanted) {
      const since = performance.now();
      const verdict = judge(workshop, mutant);
      say(mutant.name, verdict, since);
      if (verdict.status === "killed") rows.push({ mutant, by: verdict.by });
    }
  } finally {
    workshop.close();
  }
  const well = rows.length === wanted.length;
  console.log(`${rows.length} of ${wanted.length} killed`);
  if (well && wanted.length === mutants.length) writeFileSync(page, withTable(readFileSync(page, "utf8"), rows));
  return well;
};

const { only, list } = readOptions();
if (list === true) {
  for (const { name, fault } of mutants) console.log(`${name.padEnd(40)} ${fault}`);
} else {
  for (const name of only ?? []) if (!mutants.some((mutant) => mutant.name === name)) usage(`there is no mutant ${name}`);
  const well = run(mutants.filter(({ name }) => only === undefined || only.includes(name)));
  process.exitCode = well ? 0 : 1;
}
