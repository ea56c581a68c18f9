/** `byz simulate` as people and scripts use it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { runCli } from "../../src/cli/main.ts";

const byz = join(import.meta.dirname, "../../bin/byz.js");

const built = join(import.meta.dirname, "../../dist/simulator/simulate.js");

const outputOf = (node: string, args: readonly string[]): string => spawnSync(node, args, { encoding: "utf8", timeout: 180_000 }).stdout;

/** Other versions of Node on the path. They run what is built, and not by `byz`, which looks for a Node that is recent enough. */
const otherNodes = (): readonly string[] => {
  if (!existsSync(built)) return [];
  const versions = new Map([[process.version, process.execPath]]);
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const node = join(folder, "node");
    const version = existsSync(node) ? outputOf(node, ["--version"]).trim() : "";
    if (/^v(?:2\d|[3-9]\d)\./.test(version) && !versions.has(version)) versions.set(version, node);
  }
  return [...versions.values()].slice(1);
};
const others = otherNodes();

const run = async (...args: string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> => {
  let [out, err] = ["", ""];
  const status = await runCli(["simulate", ...args], {
    stdout: (text) => (out += String(text)),
    stderr: (text) => (err += text),
    environment: {},
    terminal: false,
    colour: false,
    signal: new AbortController().signal,
    stdin: async () => new Uint8Array(),
  });
  return { status, out, err };
};

describe("byz simulate", () => {
  it("prints the same trace hash for the same seed", async () => {
    const args = ["--seed", "42", "--nodes", "4", "--steps", "3000", "--json"];
    const first = await run(...args);
    const second = await run(...args);
    expect(first.status).toBe(0);
    const { traceHash, violations, steps, runs } = JSON.parse(first.out) as Record<string, unknown>;
    expect({ violations, steps, runs }).toEqual({ violations: [], steps: 3000, runs: 1 });
    expect(traceHash).toMatch(/^[0-9a-f]{16}$/);
    expect((JSON.parse(second.out) as Record<string, unknown>)["traceHash"]).toBe(traceHash);
  });

  it("prints it in any other process too, whatever its environment", async () => {
    const args = ["simulate", "--seed", "42", "--scenario", "brief", "--json"];
    const elsewhere = (env: NodeJS.ProcessEnv, cwd: string): unknown => {
      const { stdout } = spawnSync(process.execPath, [byz, ...args], { cwd, encoding: "utf8", env: { ...env, BYZ_SOURCE: "1" } });
      return (JSON.parse(stdout) as Record<string, unknown>)["traceHash"];
    };
    const here = await run(...args.slice(1));
    const { traceHash } = JSON.parse(here.out) as Record<string, unknown>;
    expect(elsewhere({ TZ: "Pacific/Chatham", LANG: "tr_TR.UTF-8" }, tmpdir())).toBe(traceHash);
    expect(elsewhere({ NODE_OPTIONS: "--max-semi-space-size=1" }, "/")).toBe(traceHash);
  });

  it.runIf(others.length > 0)("prints it under every other version of Node at hand", () => {
    const program = `
      const { simulate } = await import(${JSON.stringify(pathToFileURL(built).href)});
      console.log((await simulate({ seed: 42n, runs: 1, scenario: "brief" })).traceHash);`;
    const hashUnder = (node: string): string => outputOf(node, ["--input-type=module", "--eval", program]).trim();
    const here = hashUnder(process.execPath);
    expect(here).toMatch(/^[0-9a-f]{16}$/);
    expect(others.map(hashUnder)).toEqual(others.map(() => here));
  });

  it("ends with 1 and the command that runs a violation again", async () => {
    const { status, out } = await run("--seed", "5", "--scenario", "fork", "--no-shrink");
    expect(status).toBe(1);
    expect(out).toContain("seed 5 breaks ");
    expect(out).toContain("again: byz simulate --seed 5 --scenario fork");
  });

  it("refuses a seed that is none", async () => {
    const { status, err } = await run("--seed", "-1");
    expect(status).toBe(2);
    expect(err).toContain("--seed");
  });
});
