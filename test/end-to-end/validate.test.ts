/** `byz validate` on real processes: a few of its claims, a network that is worse than claimed, and an end before the end. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exitOf } from "../../src/cli/commands/validate.ts";
import { validate, type Validation } from "../../src/cli/validate/run.ts";
import type { TestnetState } from "../../src/testnet/index.ts";
import { stateOf } from "../../src/testnet/process-identity.ts";
import { identityOf } from "../../src/testnet/state.ts";
import { byz, killWhatRuns, start } from "./support/command.ts";
import { temporaryFolder } from "./support/network.ts";
import { eventually, until } from "./support/wait.ts";

killWhatRuns();
const folder = temporaryFolder();

describe("byz validate", () => {
  it("verifies claims with the counts behind them, writes a report, and leaves nothing behind", async () => {
    const [temporary, report] = [join(folder, "temporary"), join(folder, "report")];
    mkdirSync(temporary);
    const args = ["--nodes", "4", "--only", "exactly-once,proofs,crash-f,agreement,linearizable", "--report", report, "--json"];
    const { status, stdout, stderr } = await byz(["validate", ...args], { TMPDIR: temporary });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const { claims, figures, nodes } = JSON.parse(stdout) as Validation;
    expect(nodes).toBe(4);
    expect(claims.map(({ id, verified }) => [id, verified])).toEqual(
      ["agreement", "linearizable", "exactly-once", "proofs", "crash-f"].map((id) => [id, true]),
    );
    for (const { passed, total, evidence, confidence } of claims) {
      expect(passed).toBe(total);
      expect(total).toBeGreaterThanOrEqual(40);
      expect(evidence).not.toBe("");
      expect(confidence).toMatch(/failure rate below [\d.]+ % with 95 % confidence/);
    }
    expect(figures.crashGapMs).toEqual([expect.any(Number)]);
    expect(JSON.parse(readFileSync(join(report, "result.json"), "utf8"))).toEqual(JSON.parse(stdout));
    expect(readFileSync(join(report, "index.html"), "utf8")).toContain("✓ 5 of 5 claims verified");
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("says so where a claim does not hold: with a liar among those who are counted as honest", async () => {
    const { validation } = await validate({
      nodes: 4,
      only: ["exactly-once"],
      byzantine: { 3: "lie-to-clients" },
      signal: new AbortController().signal,
      note: () => {},
    });
    expect(exitOf(validation)).toBe(1);
    expect(validation.claims).toMatchObject([
      { id: "exactly-once", verified: false, evidence: expect.stringMatching(/\d+ answers, \d+ different ones/) as unknown },
    ]);
    expect(validation.claims[0]?.passed).toBeLessThan(validation.claims[0]?.total ?? 0);
  });

  it("stops and removes everything when it is interrupted", async () => {
    const temporary = join(folder, "interrupted");
    mkdirSync(temporary);
    const command = start(["validate", "--nodes", "4", "--only", "durable", "--json"], { TMPDIR: temporary });
    await until("nodes are killed", 60_000, () => command.stderr().includes("killed"));
    const state = await eventually("the network's description", 5_000, () => {
      const path = readdirSync(temporary).map((name) => join(temporary, name, "net", "testnet.json"));
      return path[0] !== undefined && existsSync(path[0]) ? (JSON.parse(readFileSync(path[0], "utf8")) as TestnetState) : undefined;
    });
    command.child.kill("SIGINT");
    const { status, stdout } = await command.ended;
    expect(status).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "aborted" } });
    expect(readdirSync(temporary)).toEqual([]);
    // those that nobody has looked after yet, where the system's first process does not, have ended all the same
    await until("no node runs", 5_000, () => state.nodes.map(identityOf).every((node) => node === undefined || stateOf(node) === "gone"));
  });
});
