import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeOperation } from "../../src/ledger/kv/encoding.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import type { Request } from "../../src/protocol/messages.ts";
import { verifySignature } from "../../src/signing/ed25519.ts";
import { fromHex } from "../../src/wire/bytes.ts";
import { decodeRequest } from "../../src/wire/requests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";
import { problem, run, useWorkplace } from "./harness.ts";
import type { Answers, Ran } from "./harness.ts";

const genesisHash = "ab".repeat(32);
const status = { genesisHash, sequence: { executed: 7, stable: 0, committed: 7 } };

const { at, startNode } = useWorkplace();

const node = (answers: Answers): Promise<string> => startNode({ "GET /v1/status": () => ({ json: status }), ...answers });

const byz = (api: string, ...args: string[]): Promise<Ran> => run([...args, "--api", api, "--home", at("home")]);

/** A node that takes requests and answers each with `result`. */
const ledgerNode = async (result: object): Promise<{ readonly url: string; readonly requests: Request[] }> => {
  const requests: Request[] = [];
  const url = await node({
    "POST /v1/requests": (body) => {
      const decoded = decodeRequest(body);
      if (!decoded.ok) return problem(400, "invalid_request");
      requests.push(decoded.value);
      return { json: { id: decoded.value.id, state: "committed", sequence: 8, index: 0, result: [result], results: [""] } };
    },
  });
  return { url, requests };
};

describe("writing", () => {
  it("signs with the home's client key, which it makes, for the network that the node is of", async () => {
    const { url, requests } = await ledgerNode({ type: "put", version: 3 });
    const ran = await byz(url, "put", "greeting", "hello", "--if-version", "2", "--json");
    expect(ran.status).toBe(0);
    const [request] = requests as [Request];
    expect(JSON.parse(ran.stdout)).toEqual({ key: "greeting", version: 3, sequence: 8, requestId: request.id });
    const signed = createSignBytes(toDigest(genesisHash)).ofRequest(request);
    expect(verifySignature(fromHex(request.client), signed, request.signature)).toBe(true);
    const operation = decodeOperation(request.operations[0] as Uint8Array);
    expect(operation).toMatchObject({ type: "put", expect: 2 });
    expect(operation?.type === "put" && [operation.key, operation.value].map((bytes) => Buffer.from(bytes).toString())).toEqual([
      "greeting",
      "hello",
    ]);
    expect(statSync(at("home", "client.key")).mode & 0o777).toBe(0o600);
    expect(existsSync(at("home", "validator.key"))).toBe(false);
  });

  it("never gives a number twice, however many command lines write at once", async () => {
    const { url, requests } = await ledgerNode({ type: "put", version: 1 });
    await byz(url, "put", "first", "0");
    const ran = await Promise.all(Array.from({ length: 16 }, (_, index) => byz(url, "put", `key-${index}`, "value")));
    expect(ran.map((each) => each.status)).toEqual(Array.from({ length: 16 }, () => 0));
    expect(new Set(requests.map((request) => request.sequence)).size).toBe(17);
    expect(new Set(requests.map((request) => request.client)).size).toBe(1);
    expect(existsSync(at("home", "client.seq.lock"))).toBe(false);
  });

  it("numbers from the clock, whatever client.seq says, but never below it", async () => {
    const { url, requests } = await ledgerNode({ type: "put", version: 1 });
    await byz(url, "put", "a", "1");
    for (const content of ["1024\n", "", "garbage", "-5"]) {
      writeFileSync(at("home", "client.seq"), content);
      await byz(url, "put", "a", "1");
    }
    for (const { sequence } of requests) expect(Math.abs(sequence / 1024 - Date.now())).toBeLessThan(60_000);
    const future = (Date.now() + 3_600_000) * 1024;
    writeFileSync(at("home", "client.seq"), `${future}\n`);
    await byz(url, "put", "a", "1");
    expect(requests.at(-1)?.sequence).toBe(future + 1);
    expect(readFileSync(at("home", "client.seq"), "utf8")).toBe(`${future + 1}\n`);
  });

  it("takes the value from a file or from standard input", async () => {
    const { url, requests } = await ledgerNode({ type: "put", version: 1 });
    const bytes = Buffer.from([0, 255, 10, 13]);
    writeFileSync(at("value"), bytes);
    expect(await byz(url, "put", "k", "--file", at("value"))).toMatchObject({ status: 0 });
    const piped = await run(["put", "k", "--file", "-", "--api", url, "--home", at("home")], { stdin: bytes });
    expect(piped.status).toBe(0);
    for (const request of requests) {
      const operation = decodeOperation(request.operations[0] as Uint8Array);
      expect(operation?.type === "put" && Buffer.from(operation.value).equals(bytes)).toBe(true);
    }
    expect(await byz(url, "put", "k", "--file", at("none"))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/no such file/) as unknown,
    });
  });

  it("refuses what is too large before it asks anybody", async () => {
    writeFileSync(at("large"), Buffer.alloc(1024 * 1024 + 1));
    expect(await byz("http://127.0.0.1:9", "put", "k", "--file", at("large"))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/at most 1048576/) as unknown,
    });
    expect(await byz("http://127.0.0.1:9", "put", "k".repeat(1025), "v")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/at most 1024/) as unknown,
    });
    expect(await byz("http://127.0.0.1:9", "del", "é".repeat(513))).toMatchObject({ status: 1 });
  });

  it("reports conflicts as failures", async () => {
    const { url } = await ledgerNode({ type: "conflict", version: 5 });
    const ran = await byz(url, "put", "k", "v", "--if-version", "4", "--json");
    expect(ran.status).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "version_conflict", message: "the key has version 5" } });
  });

  it("deletes, and says whether there was something", async () => {
    const { url } = await ledgerNode({ type: "delete", deleted: false });
    expect(await byz(url, "del", "k")).toMatchObject({ status: 0, stdout: "there was no key k\n" });
  });

  it("does not sign for another network than the home's", async () => {
    await run(["init", "--home", at("home"), "--moniker", "a"]);
    await run(["keys", "export", "--home", at("home"), "-o", at("a.json")]);
    await run(["genesis", "create", "--home", at("home"), "--chain-id", "mine", "--validator", at("a.json")]);
    const { url, requests } = await ledgerNode({ type: "put", version: 1 });
    expect(await byz(url, "put", "k", "v")).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/belongs to another network than mine/) as unknown,
    });
    expect(requests).toEqual([]);
  });
});

describe("reading", () => {
  const entry = { key: "k", value: "v", encoding: "utf8", version: 1, sequence: 3, consistency: "linearizable", asOf: 4 };

  it("prints the value, its bytes, or the answer", async () => {
    const url = await node({
      "GET /v1/kv/k": (_body, request) => ((request.url ?? "").includes("raw=1") ? { bytes: Buffer.from([104, 0, 255]) } : { json: entry }),
    });
    expect(await byz(url, "get", "k")).toMatchObject({ status: 0, stdout: "v\n" });
    expect(JSON.parse((await byz(url, "get", "k", "--json")).stdout)).toEqual(entry);
    const raw = await byz(url, "get", "k", "--raw");
    expect(raw.stdout).toBe(Buffer.from([104, 0, 255]).toString());
  });

  it("asks for the consistency that was chosen; --prove means certified", async () => {
    const asked: string[] = [];
    const url = await node({
      "GET /v1/kv/k": (_body, request) => {
        asked.push(new URL(request.url ?? "", "http://x").searchParams.get("consistency") ?? "");
        return { json: entry };
      },
    });
    await byz(url, "get", "k");
    await byz(url, "get", "k", "--consistency", "local");
    await byz(url, "get", "k", "--prove");
    expect(asked).toEqual(["linearizable", "local", "certified"]);
  });

  it("lists, and says when there is more", async () => {
    const url = await node({ "GET /v1/kv": () => ({ json: { items: [entry], next: "k", consistency: "linearizable", asOf: 4 } }) });
    const ran = await byz(url, "list", "k", "--limit", "1");
    expect(ran.stdout).toMatch(/^KEY {2}VERSION {2}VALUE\nk {4}1 {8}v\n$/);
    expect(ran.stderr).toMatch(/--after k/);
  });

  it("shows the last blocks, or one", async () => {
    const block = {
      sequence: 7,
      epoch: 0,
      view: 0,
      digest: "d",
      logHash: "l",
      timestamp: 0,
      requests: [],
      certificate: { signatures: [{ replica: 1 }] },
    };
    const url = await node({
      "GET /v1/blocks": (_body, request) => ({ json: [{ ...block, digest: request.url }] }),
      "GET /v1/blocks/7": () => ({ json: block }),
    });
    const some = JSON.parse((await byz(url, "blocks", "--limit", "3", "--json")).stdout) as { digest: string }[];
    expect(some[0]?.digest).toBe("/v1/blocks?from=5&limit=3");
    expect((await byz(url, "blocks", "7")).stdout).toMatch(/log hash {6}l/);
    expect(await byz(url, "blocks", "99")).toMatchObject({ status: 1, stderr: expect.stringMatching(/block 99 is not there/) as unknown });
  });
});

describe("what went wrong has its exit status", () => {
  it.each([
    ["not_found", 404, 1],
    ["version_conflict", 409, 1],
    ["unauthorized", 401, 1],
    ["no_quorum", 503, 5],
    ["outcome_unknown", 504, 5],
  ] as const)("%s", async (code, http, expected) => {
    const url = await node({ "GET /v1/kv/k": () => problem(http, code, { hint: "wait" }) });
    const ran = await byz(url, "get", "k", "--json");
    expect(ran.status).toBe(expected);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code } });
    expect(ran.stderr).toMatch(/^byz: [^\n]+\n$/);
  });

  it("no node: 4, for reads and writes", async () => {
    expect(await byz("http://127.0.0.1:9", "status")).toMatchObject({ status: 4 });
    expect(await byz("http://127.0.0.1:9,127.0.0.1:10", "put", "k", "v")).toMatchObject({ status: 4 });
  });

  it("no quorum on a write: 5, at once", async () => {
    const url = await node({ "POST /v1/requests": () => problem(503, "no_quorum") });
    expect(await byz(url, "put", "k", "v")).toMatchObject({ status: 5 });
  });

  it("an interruption: 130", async () => {
    const url = await node({ "GET /v1/kv/k": () => problem(503, "no_quorum") });
    const interrupted = AbortSignal.abort();
    expect(await run(["get", "k", "--api", url, "--home", at("home")], { signal: interrupted })).toMatchObject({ status: 130 });
  });

  it("asks the next node when one does not answer", async () => {
    const url = await node({});
    expect(await byz(`http://127.0.0.1:9,${url}`, "put", "k", "v")).not.toMatchObject({ status: 4 });
    expect(JSON.parse((await byz(`127.0.0.1:9,${url}`, "status", "--json")).stdout)).toEqual(status);
  });

  it("an answer that is no node's: 1", async () => {
    const url = await node({ "GET /v1/status": () => ({ bytes: Buffer.from("<html>") }) });
    expect(await byz(url, "status")).toMatchObject({ status: 1, stderr: expect.stringMatching(/did not answer with JSON/) as unknown });
  });
});
