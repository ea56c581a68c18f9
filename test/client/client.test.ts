/** The client among nodes that lie, fail and say too little: nodes on paper, spoken to through `fetch`. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Client, ClientError, createClient, type Distrust, kv, openClientKey, type RequestAnswer } from "../../src/client/index.ts";
import type { KvResult } from "../../src/ledger/kv/operations.ts";
import { decodeRequest } from "../../src/wire/requests.ts";
import { createPaperNetwork, utf8 } from "./world.ts";

const net = createPaperNetwork(4);

type Node = (request: { readonly path: string; readonly body: Uint8Array }) => { readonly status?: number; readonly json: unknown };

const problem = (status: number, code: string) => () => ({
  status,
  json: { type: "about:blank", title: code, status, code, detail: code },
});

/** An honest node that answers a request with these results, and vouches for it together with these validators. */
const answering =
  (results: readonly KvResult[], by?: readonly number[]): Node =>
  ({ body }) => ({ json: net.answer(body, results, by === undefined ? {} : { by }) });

interface Rig {
  readonly client: Client;
  readonly distrusted: Distrust[];
  /** which node was asked for what */
  readonly asked: { readonly node: number; readonly path: string; readonly body: Uint8Array }[];
}

const rig = (nodes: readonly Node[], patienceMs = 200): Rig => {
  const asked: Rig["asked"] = [];
  const distrusted: Distrust[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const node = Number(url.port) - 1000;
    const call = { node, path: url.pathname + url.search, body: (init?.body ?? new Uint8Array()) as Uint8Array };
    asked.push(call);
    const { status = 200, json } = (nodes[node] as Node)(call);
    return new Response(JSON.stringify(json), { status });
  };
  const client = createClient({
    genesis: net.genesis,
    urls: nodes.map((_, index) => `http://127.0.0.1:${1000 + index}`),
    fetch,
    patienceMs,
    distrusted: (distrust) => distrusted.push(distrust),
  });
  return { client, distrusted, asked };
};

const codeOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "none",
    (error: unknown) => (error instanceof ClientError ? error.code : Promise.reject(error)),
  );

const put: KvResult = { type: "put", version: 5 };
const honest = answering([put]);
/** spoils a true answer */
const lying =
  (spoil: (answer: RequestAnswer) => unknown): Node =>
  (call) => ({ json: spoil(net.answer(call.body, [put])) });
const altered = lying((answer) => ({
  ...answer,
  results: net.answer(new Uint8Array(net.request(1, [kv.get("k")])), [{ type: "put", version: 6 }]).results,
}));

describe("the client", () => {
  it("puts, gets, deletes and transacts, and gives what was proven, not what the node decoded", async () => {
    const misleading: Node = (call) => ({ json: { ...net.answer(call.body, [put]), result: [{ type: "put", version: 99 }] } });
    expect(await rig([misleading]).client.put("k", "v")).toMatchObject({ version: 5, sequence: 9 });
    const entry = { value: utf8("v"), version: 5 };
    expect(await rig([answering([{ type: "get", entry }])]).client.get("k")).toMatchObject({ ...entry, sequence: 9 });
    const absent = await rig([answering([{ type: "get" }])]).client.get("k");
    expect(absent.value).toBeUndefined();
    expect(await rig([answering([{ type: "delete", deleted: true }])]).client.delete("k")).toMatchObject({ deleted: true });
    const txn: KvResult = { type: "txn", succeeded: true, results: [put] };
    const transaction = { compare: [kv.hasVersion("k", 4)], success: [kv.put("k", "v")], failure: [] };
    expect(await rig([answering([txn])]).client.txn(transaction)).toMatchObject({ succeeded: true, results: [put] });
    expect(await rig([answering([put, { type: "get" }])]).client.submit([kv.put("a", "1"), kv.get("b")])).toMatchObject({
      results: [put, { type: "get" }],
    });
  });

  it("reports the ledger's refusals as what they are, once they are proven", async () => {
    const conflict: KvResult = { type: "conflict", version: 2 };
    await expect(rig([answering([conflict])]).client.put("k", "v", { ifVersion: 1 })).rejects.toMatchObject({
      code: "version_conflict",
      details: { version: 2 },
    });
    const refused: KvResult = { type: "txn-refused", index: 1, result: conflict };
    const empty = { compare: [], success: [], failure: [] };
    await expect(rig([answering([refused])]).client.txn(empty)).rejects.toMatchObject({
      code: "version_conflict",
      details: { index: 1, version: 2 },
    });
    await expect(rig([answering([{ type: "too-large" }])]).client.get("k")).rejects.toMatchObject({ code: "too_large" });
  });

  it("does not believe a lie, and tells who told it", async () => {
    const { client, distrusted, asked } = rig([altered]);
    const error: unknown = await client.put("k", "v").catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "verification_failed",
      exitCode: 6,
      details: { url: "http://127.0.0.1:1000", problem: "bad-result-proof" },
    });
    expect(distrusted).toMatchObject([{ url: "http://127.0.0.1:1000", problem: "bad-result-proof" }]);
    expect(asked).toHaveLength(1);
  });

  it("turns from liars, refusals and silence to a node that proves the same request", async () => {
    for (const first of [
      altered,
      lying(() => null),
      problem(503, "no_quorum"),
      problem(504, "outcome_unknown"),
      problem(409, "version_conflict"),
      lying(() => ({})),
    ]) {
      const { client, asked } = rig([first, honest]);
      expect(await client.put("k", "v")).toMatchObject({ version: 5 });
      expect(asked.map(({ node }) => node)).toEqual([0, 1]);
      expect(asked[0]?.body).toEqual(asked[1]?.body);
    }
  });

  it("asks again with the same request while the proof is not complete, and does not call that a lie", async () => {
    let calls = 0;
    const slow: Node = (call) => ({ json: net.answer(call.body, [put], { by: (calls += 1) < 3 ? [0] : [0, 2] }) });
    const { client, asked } = rig([slow], 5_000);
    expect(await client.put("k", "v")).toMatchObject({ version: 5 });
    expect(new Set(asked.map(({ body }) => Buffer.from(body).toString("hex"))).size).toBe(1);
    expect(await codeOf(rig([answering([put], [0])]).client.put("k", "v"))).toBe("outcome_unknown");
    expect(await codeOf(rig([lying((answer) => ({ ...answer, proof: undefined }))]).client.put("k", "v"))).toBe("outcome_unknown");
    expect(await codeOf(rig([lying((answer) => ({ ...answer, state: "unknown" }))]).client.put("k", "v"))).toBe("outcome_unknown");
  });

  it("believes f+1 validators that it hears one by one", async () => {
    const { client, asked } = rig([answering([put], [3]), answering([put], [3]), answering([put], [1])]);
    expect(await client.put("k", "v")).toMatchObject({ version: 5 });
    expect(asked.map(({ node }) => node)).toEqual([0, 1, 2]);
  });

  it("says what is certain: nothing was sent, or no quorum", async () => {
    expect(await codeOf(rig([problem(503, "no_quorum"), problem(503, "no_quorum")]).client.put("k", "v"))).toBe("no_quorum");
    // a lie beside a node that may yet answer: the outcome is open
    expect(await codeOf(rig([altered, problem(503, "overloaded")]).client.put("k", "v"))).toBe("outcome_unknown");
    expect(await codeOf(rig([problem(409, "version_conflict")]).client.put("k", "v"))).toBe("verification_failed");
  });

  it("numbers its requests under one key, and keeps the key where it is told to", async () => {
    const { client, asked } = rig([honest]);
    await client.put("k", "1");
    await client.put("k", "2");
    const requests = asked.map(({ body }) => decodeRequest(body)).flatMap((decoded) => (decoded.ok ? [decoded.value] : []));
    expect(new Set(requests.map((request) => request.client))).toEqual(new Set([client.publicKey]));
    expect(requests[1]?.sequence).toBeGreaterThan(requests[0]?.sequence ?? 0);
    expect(client.lastSequence).toBe(requests[1]?.sequence);
  });
});

describe("certified reads", () => {
  const entries = { k: { value: "v", version: 2, sequence: 3 } };
  const certified =
    (spoil: (answer: ReturnType<typeof net.certified>) => unknown = (answer) => answer, sequence = 16): Node =>
    ({ path }) => ({ json: spoil(net.certified(entries, /kv\/([^?]*)/.exec(path)?.[1] ?? "", sequence)) });

  it("give the value or its absence, proven", async () => {
    const { client, asked } = rig([certified()]);
    expect(await client.getCertified("k")).toMatchObject({ entry: { version: 2, sequence: 3 }, asOf: 16 });
    expect((await client.getCertified("none")).entry).toBeUndefined();
    expect(asked[0]?.path).toBe("/v1/kv/k?consistency=certified");
  });

  it("turn from a node that lies, or is behind, to another", async () => {
    const lie = certified((answer) => ({ ...answer, value: "w" }));
    expect(await rig([lie, certified()]).client.getCertified("k")).toMatchObject({ entry: { version: 2 } });
    expect(await codeOf(rig([lie]).client.getCertified("k"))).toBe("verification_failed");
    expect(await codeOf(rig([problem(404, "not_found")]).client.getCertified("k"))).toBe("verification_failed");
    expect(await rig([certified(undefined, 16), certified(undefined, 32)]).client.getCertified("k", { atLeast: 20 })).toMatchObject({
      asOf: 32,
    });
    expect(await codeOf(rig([certified()]).client.getCertified("k", { atLeast: 20 }))).toBe("outcome_unknown");
  });
});

describe("a client's key", () => {
  const folder = mkdtempSync(join(tmpdir(), "byz-client-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is made once, for its owner only", () => {
    const path = join(folder, "client.key");
    const key = openClientKey(path);
    expect(openClientKey(path).publicKey).toBe(key.publicKey);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});
