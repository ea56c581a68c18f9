/** A copy of the sources in a temporary folder, in which one mutant at a time is planted and judged. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plant, type Killer, type Mutant } from "./mutant.ts";

export type Verdict =
  /** `by`: the seed and the invariant it broke, or the title of the test */
  | { readonly status: "killed"; readonly by: string }
  | { readonly status: "survived" }
  /** nothing was judged: it did not load, or did not end */
  | { readonly status: "broken"; readonly detail: string };

export interface Workshop {
  /** @throws PatternError */
  judge(mutant: Mutant, killer?: Killer): Verdict;
  /** What a command of byz prints with this mutant. @throws PatternError */
  run(mutant: Mutant, words: readonly string[]): string;
  /** the sources as they are */
  judgeUnchanged(killer: Killer): Verdict;
  close(): void;
}

const top = fileURLToPath(new URL("../..", import.meta.url));
/** what no killer needs, or may not see: processes and their networks */
const left = new Set(["end-to-end", "end-to-end.setup.ts", "bench", "simulation"]);
/** a killer that takes longer is broken, milliseconds */
const maxMs = 180_000;

/** A runner inside a runner must not take the outer one's settings for its own. */
const cleanEnvironment = (): NodeJS.ProcessEnv => {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|DEV$|PROD$|MODE$|BASE_URL$|SSR$|NODE_OPTIONS$)/.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
};

interface Ran {
  readonly stdout: string;
  /** why it did not end as it should */
  readonly problem: string | undefined;
}

const runNode = (folder: string, words: readonly string[]): Ran => {
  const { stdout, stderr, error, signal, status } = spawnSync(process.execPath, words, {
    cwd: folder,
    encoding: "utf8",
    env: cleanEnvironment(),
    timeout: maxMs,
    killSignal: "SIGKILL",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) return { stdout, problem: `the process did not end: ${error.message}` };
  // Ctrl-C reaches the child, too; whoever waits for it must not go on with the next one
  if (signal === "SIGINT" || status === 130) throw new Error("interrupted");
  return { stdout, problem: stdout.trim() === "" ? stderr.slice(-500) : undefined };
};

const runSeeds = (folder: string, seeds: number): Verdict => {
  const { stdout, problem } = runNode(folder, ["test/mutants/seeds-process.ts", String(seeds)]);
  if (problem !== undefined) return { status: "broken", detail: problem };
  const found = JSON.parse(stdout) as { readonly seed?: number; readonly what: string };
  return found.seed === undefined ? { status: "survived" } : { status: "killed", by: `seed ${found.seed}: ${found.what}` };
};

interface TestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[];
  }[];
}

const runTests = (folder: string, tests: string): Verdict => {
  const output = join(folder, "report.json");
  rmSync(output, { force: true });
  const vitest = join(top, "node_modules/vitest/vitest.mjs");
  const options = ["--root", folder, "--project", "unit", "--bail=1", "--reporter=json", `--outputFile=${output}`];
  // in a thread: a process of its own would go on for ever when a mutant does, and only its parent be ended
  const { stdout, problem } = runNode(folder, [vitest, "run", tests, "--pool=threads", ...options]);
  let report: TestReport;
  try {
    report = JSON.parse(readFileSync(output, "utf8")) as TestReport;
  } catch {
    return { status: "broken", detail: problem ?? stdout.slice(-500) };
  }
  const failed = report.testResults.flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === "failed"));
  if (failed[0] !== undefined) return { status: "killed", by: `${tests.replace(/^test\//, "")}: “${failed[0].title}”` };
  if (report.success && report.numPassedTests > 0) return { status: "survived" };
  return { status: "broken", detail: report.testResults.map(({ message }) => message).join("\n") || "no test ran" };
};

/** Takes about a second and as much disk as the sources; `close` removes it. */
export const createWorkshop = (): Workshop => {
  const folder = mkdtempSync(join(tmpdir(), "byz-mutants-"));
  for (const name of ["src", "bin", "docs", "vitest.config.ts", "package.json"])
    cpSync(join(top, name), join(folder, name), { recursive: true });
  cpSync(join(top, "test"), join(folder, "test"), {
    recursive: true,
    filter: (source) => !left.has(source.slice(join(top, "test").length + 1)),
  });
  symlinkSync(join(top, "node_modules"), join(folder, "node_modules"));
  const judgeUnchanged = (killer: Killer): Verdict => ("seeds" in killer ? runSeeds(folder, killer.seeds) : runTests(folder, killer.tests));
  const withPlanted = <T>(mutant: Mutant, then: () => T): T => {
    const path = join(folder, "src", mutant.file);
    const source = readFileSync(path, "utf8");
    writeFileSync(path, plant(mutant, source));
    try {
      return then();
    } finally {
      writeFileSync(path, source);
    }
  };
  return {
    judgeUnchanged,
    judge: (mutant, killer = mutant.killer) => withPlanted(mutant, () => judgeUnchanged(killer)),
    run: (mutant, words) => withPlanted(mutant, () => runNode(folder, ["bin/byz.js", ...words]).stdout),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
};
