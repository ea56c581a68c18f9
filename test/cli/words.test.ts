/** Keys and values are anybody's words: what people are shown of them neither commands their terminal nor forges a line. */
import { describe, expect, it } from "vitest";
import { problem, run, useWorkplace } from "./harness.ts";
import type { Answers, Ran, RunOptions } from "./harness.ts";

const key = "ev\u001b[31mil\n9  put  forged\u202e";
const shown = "ev\\u{1b}[31mil\\u{a}9  put  forged\\u{202e}";
const value = "two\nlines\u009b2J";
const entry = { key, value, encoding: "utf8", version: 1, sequence: 3 };
const binary = { key: "/wD+", keyEncoding: "base64", value: "gA==", encoding: "base64", version: 1, sequence: 4 };

const { at, startNode } = useWorkplace();

const ask = async (answers: Answers, args: readonly string[], options?: RunOptions): Promise<Ran> =>
  run([...args, "--api", await startNode(answers), "--home", at("home")], options);

describe("what a terminal would obey", () => {
  const page = { items: [entry, binary], consistency: "linearizable", asOf: 4 };

  it("is shown in a list, where an entry is a line; programs get it as it is", async () => {
    const { stdout } = await ask({ "GET /v1/kv": () => ({ json: page }) }, ["list"]);
    expect(stdout.split("\n")).toHaveLength(4);
    expect(stdout).toContain(shown);
    expect(JSON.parse((await ask({ "GET /v1/kv": () => ({ json: page }) }, ["list", "--json"])).stdout)).toEqual(page);
  });

  it("is shown in changes and blocks", async () => {
    const sent = Buffer.from(`id: 3.0\ndata: ${JSON.stringify({ type: "put", ...entry })}\n\n`);
    const { stdout } = await ask({ "GET /v1/watch": () => ({ bytes: sent }) }, ["watch", "--count", "1"]);
    expect(stdout).toBe(`3  put     ${shown}  v1  two\\u{a}lines\\u{9b}2J\n`);
    const operations = [
      { type: "put", ...entry },
      { type: "put", ...binary },
    ];
    const head = { sequence: 3, epoch: 0, view: 0, digest: "d", logHash: "l", timestamp: 0, certificate: { signatures: [] } };
    const block = { ...head, requests: [{ id: "i", client: "c", operations }] };
    const { stdout: blocks } = await ask({ "GET /v1/blocks/3": () => ({ json: block }) }, ["blocks", "3"]);
    expect(blocks).toContain(`put        ${shown}\n`);
    expect(blocks).toContain("base64:/wD+");
  });

  it("is shown of a value where it meets a terminal, and kept where it goes into a file", async () => {
    const answers: Answers = {
      [`GET /v1/kv/${encodeURIComponent("k")}`]: () => ({ json: { ...entry, key: "k", consistency: "local", asOf: 3 } }),
    };
    const get = ["get", "k", "--consistency", "local"];
    expect((await ask(answers, get, { terminal: true })).stdout).toBe("two\nlines\\u{9b}2J\n");
    expect((await ask(answers, get)).stdout).toBe(`${value}\n`);
  });

  it("is shown in the one line that a refusal has", async () => {
    const refusal = problem(400, "invalid_request", { detail: "no\u001b[2J\u202e" });
    const { stderr } = await ask({ "GET /v1/status": () => refusal }, ["status"]);
    expect(stderr).toMatch(/^byz: no\\u\{1b\}\[2J\\u\{202e\}; [^\n]+\n$/);
  });
});

it("a binary key is marked in a list, and not offered as what to go on with", async () => {
  const page = { items: [binary], next: "/wD+", nextEncoding: "base64", consistency: "linearizable", asOf: 4 };
  const { stdout, stderr } = await ask({ "GET /v1/kv": () => ({ json: page }) }, ["list"]);
  expect(stdout).toContain("base64:/wD+  1        base64:gA==");
  expect(stderr).not.toContain("--after");
});

it("a key that is very long does not move the columns of the others", async () => {
  const items = [entry, { ...entry, key: "k".repeat(1024) }];
  const { stdout } = await ask({ "GET /v1/kv": () => ({ json: { items, consistency: "linearizable", asOf: 4 } }) }, ["list"]);
  expect(stdout.split("\n")[1]?.length).toBeLessThan(120);
});

it.each([
  ["put", ["put", "\ufffd", "x"]],
  ["put", ["put", "k", "\ufffdx"]],
  ["del", ["del", "\ufffd"]],
])("%s %j: what was no UTF-8 when it was typed is not written as something else", async (_command, args) => {
  const { status, stderr } = await ask({}, args);
  expect(status).toBe(2);
  expect(stderr).toMatch(/is not UTF-8; /);
});
