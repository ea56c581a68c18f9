/** /openapi.json against two real nodes: every route's answer, and every kind of refusal, is of the form that the description promises. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createRequestSigner } from "../../src/client/request-signer.ts";
import { createConfig, createNode, encodeOperation, exportRecord, homeAt, initHome, parseGenesis, renderGenesis } from "../../src/index.ts";
import type { RunningNode } from "../../src/index.ts";
import { createKey } from "../../src/signing/keys.ts";

type Schema = Parameters<typeof z.fromJSONSchema>[0];
interface Described {
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: { readonly Problem: Schema } };
}
type Call = readonly [target: string, init?: RequestInit];

const folder = mkdtempSync(join(tmpdir(), "byz-openapi-"));
const nodes: RunningNode[] = [];
let url = "";
let document: Document;
let signed: { readonly id: string; readonly bytes: Uint8Array<ArrayBuffer> };
let peer = "";

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const asJson = (method: string, body: unknown): RequestInit => ({
  method,
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});
const asBytes = (bytes: Uint8Array<ArrayBuffer>): RequestInit => ({
  method: "POST",
  body: bytes,
  headers: { "content-type": "application/octet-stream" },
});

/** Waits until a read succeeds. */
const answers = (address: string): Promise<void> =>
  vi.waitUntil(async () => (await fetch(address)).ok, { timeout: 60_000, interval: 50 }).then(() => undefined);

/** The answer once the node can give it: the two lose one another for a moment when cut apart here or on a busy machine, and checkpoints are still on their way. */
const ask = (target: string, init?: RequestInit): Promise<Response> =>
  vi.waitFor(
    async () => {
      const response = await fetch(url + target, init);
      if (response.status === 503) throw new Error(`${target}: still ${await response.text()}`);
      return response;
    },
    { timeout: 60_000, interval: 50 },
  );

beforeAll(async () => {
  const homes = ["a", "b"].map((name) => {
    initHome(join(folder, name), { moniker: name });
    return homeAt(join(folder, name));
  });
  const founding = { chainId: "described", createdAt: Date.now(), testnet: true, parameters: { checkpointInterval: 4 } };
  const genesis = parseGenesis(renderGenesis({ ...founding, validators: homes.map((home) => exportRecord(home)) }), "genesis");
  for (const home of homes) {
    const bootstrap = nodes.flatMap((node) => node.addresses().slice(0, 1));
    const network = { listen: ["/ip4/127.0.0.1/tcp/0"], bootstrap };
    const config = createConfig({ network, api: { listen: "127.0.0.1:0" }, verification: { workers: 0 } });
    nodes.push(await createNode({ home, config, genesis, logger: quiet }));
  }
  url = nodes[0]?.apiUrl ?? "";
  peer = nodes[1]?.peerId ?? "";
  const { id, bytes } = createRequestSigner(createKey(), genesis.hash)(1, [
    encodeOperation({ type: "put", key: Buffer.from("signed"), value: Buffer.from("v") }),
    encodeOperation({ type: "time" }),
  ]);
  signed = { id, bytes: Uint8Array.from(bytes) };
  await answers(`${url}/readyz`);
  for (let write = 0; write < 6; write += 1) await fetch(`${url}/v1/kv/a`, { method: "PUT", body: "1" });
  await answers(`${url}/v1/kv/a?consistency=certified`);
  document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
}, 240_000);

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const contentOf = (operation: string): Readonly<Record<string, { readonly schema: Schema }>> => {
  const [method = "", path = ""] = operation.split(" ");
  return document.paths[path]?.[method.toLowerCase()]?.responses["200"]?.content ?? {};
};

/** Beside what is below: streams, and what is only for whoever brings a disguise or has evidence. */
const elsewhere = ["GET /v1/watch", "GET /v1/events", "POST /v1/testnet/behaviour", "GET /v1/evidence/{id}"];

const good = (): Readonly<Record<string, readonly Call[]>> => ({
  "GET /v1/kv": [["/v1/kv"], ["/v1/kv?consistency=certified&prefix=a&limit=1"]],
  "GET /v1/kv/{key}": [["/v1/kv/a"], ["/v1/kv/a?consistency=certified"], ["/v1/kv/a?consistency=local"]],
  "PUT /v1/kv/{key}": [["/v1/kv/b", { method: "PUT", body: "2" }]],
  "DELETE /v1/kv/{key}": [["/v1/kv/b", { method: "DELETE" }]],
  "POST /v1/txn": [["/v1/txn", asJson("POST", { compare: [{ key: "a", version: 0 }], success: [], failure: [{ type: "get", key: "a" }] })]],
  "POST /v1/requests": [
    ["/v1/requests", asBytes(signed.bytes)],
    ["/v1/requests?proof=1", asBytes(signed.bytes)],
  ],
  "GET /v1/requests/{id}": [[`/v1/requests/${signed.id}?proof=1`], [`/v1/requests/${"0".repeat(64)}`]],
  "GET /v1/blocks": [["/v1/blocks"], ["/v1/blocks?from=1&limit=3"]],
  "GET /v1/blocks/{sequence}": [["/v1/blocks/1"]],
  "GET /v1/log": [["/v1/log"]],
  "PUT /v1/log": [["/v1/log", asJson("PUT", { api: "debug" })]],
  "GET /metrics": [["/metrics"]],
  "GET /v1/status": [["/v1/status"]],
  "GET /v1/validators": [["/v1/validators"]],
  "GET /v1/peers": [["/v1/peers"]],
  "GET /v1/explain": [["/v1/explain"]],
  "GET /livez": [["/livez"]],
  "GET /readyz": [["/readyz"], ["/readyz?verbose"]],
  "GET /v1/partitions": [["/v1/partitions"]],
  "POST /v1/testnet/cut": [
    ["/v1/testnet/cut", asJson("POST", { peers: [peer], direction: "both" })],
    ["/v1/testnet/cut", asJson("POST", { peers: [] })],
  ],
  "GET /v1/evidence": [["/v1/evidence"]],
  "POST /v1/backup": [["/v1/backup", { method: "POST" }]],
  "POST /v1/shared/{name}": [["/v1/shared/plan", asJson("POST", { changes: [{ type: "counter-add", path: ["votes"], amount: 2 }] })]],
  "GET /v1/shared": [["/v1/shared"]],
  "GET /v1/shared/{name}": [["/v1/shared/plan"], ["/v1/shared/plan?proof=1"]],
  "GET /openapi.json": [["/openapi.json"]],
});

const bad: Readonly<Record<string, Call>> = {
  invalid_request: ["/v1/kv/a?consistency=strong"],
  not_found: ["/v1/kv/none?consistency=certified"],
  method_not_allowed: ["/v1/status", { method: "POST" }],
  version_conflict: ["/v1/kv/a", { method: "PUT", body: "x", headers: { "if-none-match": "*" } }],
  too_large: [`/v1/kv/${"k".repeat(1025)}`],
};

describe("GET /openapi.json", () => {
  it("speaks of no route that is not tried here", () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual([...Object.keys(good()), ...elsewhere].toSorted());
  });

  it("has the form of every answer", async () => {
    for (const [operation, calls] of Object.entries(good())) {
      for (const [target, init] of calls) {
        const response = await ask(target, init);
        expect([operation, target, response.status]).toEqual([operation, target, 200]);
        const type = response.headers.get("content-type")?.split(";")[0] ?? "";
        const schema = contentOf(operation)[type]?.schema;
        expect([operation, type, schema === undefined]).toEqual([operation, type, false]);
        if (type !== "application/json") {
          await response.body?.cancel();
          continue;
        }
        const issues = z.fromJSONSchema(schema as Schema).safeParse(await response.json()).error?.issues ?? [];
        expect([operation, target, issues]).toEqual([operation, target, []]);
      }
    }
  });

  it("has the form of every refusal, on every route that can be asked wrongly", async () => {
    const problem = z.fromJSONSchema(document.components.schemas.Problem);
    const refused = async (target: string, init: RequestInit | undefined, code: string | undefined): Promise<void> => {
      const response = await ask(target, init);
      const answer = (await response.json()) as { readonly code?: string; readonly status?: number };
      expect([target, response.headers.get("content-type"), answer.status]).toEqual([target, "application/problem+json", response.status]);
      if (code !== undefined) expect([target, answer.code]).toEqual([target, code]);
      expect([target, problem.safeParse(answer).error?.issues ?? []]).toEqual([target, []]);
    };
    for (const [code, [target, init]] of Object.entries(bad)) await refused(target, init, code);
    for (const operation of [...Object.keys(good()), ...elsewhere]) {
      const [method = "", path = ""] = operation.split(" ");
      if (path === "/v1/kv/{key}" && method !== "GET") continue; // the query is looked at by readers only
      await refused(`${path.replace(/\{\w+\}/, "7")}?surplus=1`, { method }, undefined);
    }
  });
});
