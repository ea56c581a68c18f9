/** The command line beside a node that lies: what it prints, and how it exits. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { KvResult } from "../../src/ledger/kv/operations.ts";
import { createPaperNetwork, utf8 } from "../client/world.ts";
import { run, useWorkplace } from "./harness.ts";
import type { Answers, Ran } from "./harness.ts";

const net = createPaperNetwork(4);
const entries = { k: { value: "v", version: 2, sequence: 3 } };
const listed = { "a/1": { value: "one", version: 1, sequence: 3 }, "a/2": { value: "two", version: 2, sequence: 4 } };

const { at, startNode } = useWorkplace();
beforeEach(() => {
  mkdirSync(at("home"));
  writeFileSync(at("genesis.json"), net.genesisText);
  writeFileSync(at("home", "genesis.json"), net.genesisText);
});

const node = (answers: Answers): Promise<string> => {
  const status = { genesisHash: net.genesis.hash, chainId: net.genesis.chainId };
  return startNode({ "GET /v1/status": () => ({ json: status }), ...answers });
};
/** A node that answers signed requests; `spoil` makes it a liar. */
const ledger = (results: readonly KvResult[], spoil: (answer: object) => object = (answer) => answer): Promise<string> =>
  node({ "POST /v1/requests": (body) => ({ json: spoil({ ...net.answer(body, results), result: [{ type: "put", version: 99 }] }) }) });
const certified = (spoil: (answer: object) => object = (answer) => answer): Promise<string> =>
  node({
    "GET /v1/kv/k": () => ({ json: spoil(net.certified(entries, "k")) }),
    "GET /v1/kv/none": () => ({
      status: 404,
      json: { ...net.certified(entries, "none"), code: "not_found", detail: "there is no such key" },
    }),
  });
const byz = (api: string, ...args: string[]): Promise<Ran> => run([...args, "--api", api, "--home", at("home")]);
const errorOf = ({ stdout }: Ran): unknown => (JSON.parse(stdout) as { error: unknown }).error;

const put: KvResult = { type: "put", version: 4 };
const lie = (answer: object): object => ({ ...answer, sequence: 10 });

describe("with a genesis at hand", () => {
  it("a write succeeds with what f+1 validators vouch for, whatever the node says beside it", async () => {
    const ran = await byz(await ledger([put]), "put", "k", "v", "--json");
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(ran.stdout)).toMatchObject({ key: "k", version: 4, sequence: 9, verified: true });
    expect(await byz(await ledger([{ type: "delete", deleted: true }]), "del", "k")).toMatchObject({
      status: 0,
      stdout: "k is deleted, in block 9\n",
      stderr: "",
    });
  });

  it("a read is ordered and proven, or not believed", async () => {
    const found: KvResult = { type: "get", entry: { value: utf8("v"), version: 2 } };
    const ran = await byz(await ledger([found]), "get", "k", "--json");
    expect(JSON.parse(ran.stdout)).toMatchObject({
      key: "k",
      value: "v",
      encoding: "utf8",
      version: 2,
      asOf: 9,
      consistency: "linearizable",
      verified: true,
    });
    expect(await byz(await ledger([found]), "get", "k", "--raw")).toMatchObject({ status: 0, stdout: "v" });
    expect(await byz(await ledger([{ type: "get" }]), "get", "k")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/there is no key k/) as unknown,
    });
    for (const args of [
      ["get", "k"],
      ["get", "k", "--raw"],
    ])
      expect(await byz(await ledger([found], lie), ...args)).toMatchObject({ status: 6, stdout: "" });
  });

  it("a certified list is proven entry by entry, and whole where f+1 nodes say so", async () => {
    const page = (keys: readonly string[], spoil: (item: object) => object = (item) => item): Promise<string> =>
      node({
        "GET /v1/kv": () => {
          const reads = keys.map((key) => net.certified(listed, key));
          const items = reads.map(({ proof: own, asOf: _asOf, consistency: _consistency, ...entry }) =>
            spoil({ ...entry, path: own?.path }),
          );
          const { asOf, consistency, proof } = net.certified(listed, "a/1");
          return { json: { items, asOf, consistency, checkpoint: proof?.checkpoint } };
        },
      });
    const list = (...urls: string[]): Promise<Ran> => byz(urls.join(","), "list", "a/", "--consistency", "certified", "--json");
    const keysOf = ({ stdout }: Ran): string[] => (JSON.parse(stdout) as { items: { key: string }[] }).items.map(({ key }) => key);
    const [whole, other, short] = [await page(["a/1", "a/2"]), await page(["a/1", "a/2"]), await page(["a/2"])];
    const forger = await page(["a/1", "a/2"], (item) => ({ ...item, value: "forged" }));

    const one = await list(short);
    expect([keysOf(one), one.status]).toEqual([["a/2"], 0]);
    expect(JSON.parse(one.stdout)).toMatchObject({ verified: true, complete: false });
    expect(one.stderr).toMatch(/that none is left out is the word of fewer than 2 nodes/);
    const several = await list(short, forger, whole, other);
    expect(JSON.parse(several.stdout)).toMatchObject({ verified: true, complete: true, consistency: "certified" });
    expect(keysOf(several)).toEqual(["a/1", "a/2"]);
    expect(await list(forger)).toMatchObject({ status: 6 });
  });

  it("writes and transactions through a lying node exit with 6", async () => {
    writeFileSync(at("txn.json"), JSON.stringify({ success: [{ type: "put", key: "k", value: "v" }] }));
    const txn: KvResult = { type: "txn", succeeded: true, results: [put] };
    expect(await byz(await ledger([txn]), "txn", at("txn.json"))).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/held, in block 9\nput: version 4/) as unknown,
    });
    for (const [results, args] of [
      [[put], ["put", "k", "v"]],
      [[{ type: "delete", deleted: true }], ["del", "k"]],
      [[txn], ["txn", at("txn.json")]],
    ] as const) {
      const ran = await byz(await ledger(results, lie), ...args, "--json");
      expect(ran.status).toBe(6);
      expect(errorOf(ran)).toMatchObject({ code: "verification_failed" });
    }
  });

  it("another, honest node is enough", async () => {
    const ran = await byz(`${await ledger([put], lie)},${await ledger([put])}`, "put", "k", "v");
    expect(ran).toMatchObject({
      status: 0,
      stdout: "k is at version 4, in block 9\n",
      stderr: expect.stringMatching(/is not believed/) as unknown,
    });
  });

  it("--genesis names another one than the home's", async () => {
    const other = createPaperNetwork(4, "other");
    writeFileSync(at("other.json"), other.genesisText);
    const url = await ledger([put]);
    expect(await byz(url, "put", "k", "v", "--genesis", at("other.json"))).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/another network than other/) as unknown,
    });
    expect(await run(["put", "k", "v", "--api", url, "--home", at("bare"), "--genesis", at("genesis.json")])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(await byz(url, "put", "k", "v", "--genesis", at("none.json"))).toMatchObject({ status: 3 });
  });
});

describe("without a genesis", () => {
  it("what a node says is printed as its word alone", async () => {
    const url = await ledger([put]);
    const ran = await run(["put", "k", "v", "--api", url, "--home", at("bare")]);
    expect(ran).toMatchObject({ status: 0, stderr: expect.stringMatching(/^unverified/) as unknown });
    const quiet = await run(["get", "k", "--consistency", "certified", "--api", await certified(), "--home", at("bare")]);
    expect(quiet).toMatchObject({ status: 0, stdout: "v\n", stderr: expect.stringMatching(/^unverified/) as unknown });
  });
});

describe("certified reads and their proofs", () => {
  it("are verified", async () => {
    expect(await byz(await certified(), "get", "k", "--consistency", "certified")).toMatchObject({ status: 0, stdout: "v\n", stderr: "" });
    const older = (answer: object): object => ({ ...answer, version: 1 });
    const ran = await byz(await certified(older), "get", "k", "--consistency", "certified", "--json");
    expect(ran.status).toBe(6);
    expect(errorOf(ran)).toMatchObject({ code: "verification_failed" });
  });

  it("are written down and checked without a node, for a value and for its absence", async () => {
    const url = await certified();
    expect(await byz(url, "get", "k", "--consistency", "certified", "--prove", at("proof.json"))).toMatchObject({
      status: 0,
      stdout: "v\n",
    });
    expect(await byz(url, "get", "none", "--consistency", "certified", "--prove", at("absence.json"))).toMatchObject({ status: 1 });
    const verify = (...args: string[]) => run(["prove", "verify", ...args, "--genesis", at("genesis.json")]);
    expect(JSON.parse((await verify(at("proof.json"), "--json")).stdout)).toEqual({
      valid: true,
      present: true,
      chainId: "paper",
      key: "k",
      value: "v",
      encoding: "utf8",
      version: 2,
      sequence: 3,
      asOf: 16,
    });
    expect(await verify(at("absence.json"))).toMatchObject({ status: 0, stdout: "proven: as of block 16, paper has no key none\n" });
    expect(await run(["prove", "verify", at("proof.json"), "--home", at("bare")])).toMatchObject({ status: 2 });
    expect(await run(["prove", "verify", at("proof.json"), "--home", at("home")])).toMatchObject({ status: 0 });
  });

  it("of ordered reads need no checkpoint: what f+1 validators signed is the proof", async () => {
    const url = await ledger([{ type: "get", entry: { value: utf8("v"), version: 2 } }]);
    expect(await byz(url, "get", "k", "--prove", at("proof.json"))).toMatchObject({ status: 0, stdout: "v\n" });
    const verify = () => run(["prove", "verify", at("proof.json"), "--genesis", at("genesis.json")]);
    expect(await verify()).toMatchObject({ status: 0, stdout: "proven: as of block 9, paper has k at version 2:\nv\n" });
    writeFileSync(at("proof.json"), readFileSync(at("proof.json"), "utf8").replace('"sequence": 9', '"sequence": 10'));
    expect(await verify()).toMatchObject({ status: 6, stderr: expect.stringMatching(/proves nothing/) as unknown });
    const none = await ledger([{ type: "get" }]);
    expect(await byz(none, "get", "k", "--prove", at("proof.json"))).toMatchObject({ status: 1 });
    expect(await verify()).toMatchObject({ status: 0, stdout: "proven: as of block 9, paper has no key k\n" });
  });

  it("that were tampered with exit with 6 and the reason", async () => {
    await byz(await certified(), "get", "k", "--consistency", "certified", "--prove", at("proof.json"));
    const document = JSON.parse(readFileSync(at("proof.json"), "utf8")) as object;
    const check = async (changed: unknown): Promise<Ran> => {
      writeFileSync(at("changed.json"), typeof changed === "string" ? changed : JSON.stringify(changed));
      return run(["prove", "verify", at("changed.json"), "--genesis", at("genesis.json")]);
    };
    expect(await check({ ...document, value: "w" })).toMatchObject({
      status: 6,
      stderr: expect.stringMatching(/proves nothing: this is not what/) as unknown,
    });
    expect(await check({ ...document, chainId: "other" })).toMatchObject({
      status: 6,
      stderr: expect.stringMatching(/another network/) as unknown,
    });
    expect(await check("{")).toMatchObject({ status: 6, stderr: expect.stringMatching(/not JSON/) as unknown });
    expect(await check("[]")).toMatchObject({ status: 6 });
    expect(await run(["prove", "verify", at("missing.json"), "--genesis", at("genesis.json")])).toMatchObject({ status: 1 });
    expect(existsSync(at("home", "client.key"))).toBe(false);
  });
});

describe("where the network runs another application", () => {
  it("nothing is written that it would execute, when the genesis at hand says so", async () => {
    const asked: string[] = [];
    const url = await node({ "POST /v1/requests": () => (asked.push("a request"), { status: 500, json: {} }) });
    const genesis = JSON.stringify({ ...(JSON.parse(net.genesisText) as object), application: "counter/1" });
    writeFileSync(at("home", "genesis.json"), genesis);
    for (const command of [["put", "k", "v"], ["del", "k"], ["get", "k"], ["list"]]) {
      expect(await byz(url, ...command)).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(
          /runs the application counter\/1, not the key-value store; its operations come as signed requests/,
        ) as unknown,
      });
    }
    expect(asked).toEqual([]);
  });

  it("a key is not called absent, when there is no genesis at hand", async () => {
    const url = await node({
      "GET /v1/kv/k": () => ({ status: 404, json: { code: "not_found", detail: "there is nothing at this address" } }),
    });
    const read = await run(["get", "k", "--api", url, "--home", at("other")]);
    expect(read).toMatchObject({ status: 1, stderr: expect.stringContaining("there is nothing at this address") as unknown });
  });
});
