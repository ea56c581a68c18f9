import { describe, expect, it } from "vitest";
import * as schemas from "../../src/api/schemas/common.ts";
import { apiRoutes } from "../../src/api/create-api.ts";
import type { FailureCode } from "../../src/node/service.ts";
import { failureCodes } from "../../src/node/service.ts";
import { createFakeService, hex, statusReport } from "./fake-service.ts";
import { request, start } from "./harness.ts";

const json = async (url: string): Promise<unknown> => (await fetch(url)).json();

describe("what a node knows", () => {
  it("is given in the documented shapes", async () => {
    const { url } = await start();
    expect(schemas.statusAnswer.parse(await json(`${url}/v1/status`))).toEqual(statusReport);
    expect(schemas.validatorsAnswer.parse(await json(`${url}/v1/validators`))).toMatchObject([{ peerId: "12D3KooWA", standing: "good" }]);
    expect(schemas.peersAnswer.parse(await json(`${url}/v1/peers`))).toMatchObject([{ rttMs: null }]);
    expect(schemas.liveAnswer.parse(await json(`${url}/livez`))).toEqual({ alive: true });
  });

  it("is ready or says by name why not", async () => {
    const { url, service } = await start();
    const ready = await fetch(`${url}/readyz?verbose`);
    expect([ready.status, schemas.readyAnswer.parse(await ready.json()).checks.map(({ name }) => name)]).toEqual([
      200,
      ["storage", "quorum"],
    ]);
    service.ready_ = false;
    const not = await fetch(`${url}/readyz`);
    expect([not.status, schemas.readyAnswer.parse(await not.json())]).toEqual([
      503,
      { ready: false, checks: [{ name: "quorum", ok: false, reason: "2 of 3 validators are reachable" }] },
    ]);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it("answers HEAD like GET, without the body", async () => {
    const { port } = await start();
    const answer = await request(port, "HEAD /v1/status");
    expect([answer.status, answer.body]).toEqual([200, ""]);
    expect(Number(answer.headers["content-length"])).toBe(JSON.stringify(statusReport).length);
  });

  it("understands a target in absolute form, and a query without values", async () => {
    const { port } = await start();
    expect((await request(port, `GET http://127.0.0.1:${port}/readyz?verbose`)).status).toBe(200);
    expect((await request(port, "GET /v1/status?")).status).toBe(200);
  });
});

describe("blocks", () => {
  it("shows operations decoded where they can be, and the certificate", async () => {
    const { url } = await start();
    const block = schemas.blockAnswer.parse(await json(`${url}/v1/blocks/12`));
    expect(block).toMatchObject({ sequence: 12, view: 3, logHash: hex("4"), timestamp: 1_700_000_000_000 });
    expect(block.requests[0]?.operations).toEqual([
      { type: "put", key: "k", value: "v", encoding: "utf8" },
      { type: "unknown", bytes: "//8=" },
    ]);
    expect(block.certificate.signatures).toHaveLength(3);
  });

  it("are given ascending: from a start, or the latest", async () => {
    const { url } = await start();
    const sequences = async (query: string) =>
      schemas.blocksAnswer.parse(await json(`${url}/v1/blocks${query}`)).map(({ sequence }) => sequence);
    expect(await sequences("?from=3&limit=2")).toEqual([3, 4]);
    expect(await sequences("?limit=3")).toEqual([38, 39, 40]);
    expect(await sequences("?from=41")).toEqual([]);
    expect(await sequences("")).toHaveLength(20);
  });

  it("that are not there are not found", async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/v1/blocks/41`);
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: "not_found" }]);
  });
});

describe("a signed request", () => {
  it("is handed on in its exact bytes, binary or base64", async () => {
    const { url, service } = await start();
    const bytes = Uint8Array.from([1, 2, 250, 0]);
    const post = (body: Uint8Array<ArrayBuffer> | string, type: string) =>
      fetch(`${url}/v1/requests`, { method: "POST", body, headers: { "content-type": type } });
    const answer = await post(bytes, "application/octet-stream");
    expect(schemas.requestAnswer.parse(await answer.json())).toEqual({
      id: hex("e"),
      state: "committed",
      sequence: 9,
      index: 2,
      result: [
        { type: "put", version: 4 },
        { type: "conflict", version: 1 },
      ],
      results: expect.any(Array),
    });
    expect((await post(JSON.stringify({ request: Buffer.from(bytes).toString("base64") }), "application/json; charset=utf-8")).status).toBe(
      200,
    );
    expect(service.received.map((received) => [...received])).toEqual([[...bytes], [...bytes]]);
    expect((await post(JSON.stringify({ request: "!" }), "application/json")).status).toBe(400);
    // what a web page may send without asking first
    expect((await post(bytes, "text/plain")).status).toBe(400);
    expect(service.received).toHaveLength(2);
  });

  it("can be asked for; bytes that are no key-value result come as they are", async () => {
    const { url } = await start();
    const known = schemas.requestAnswer.parse(await json(`${url}/v1/requests/${hex("e")}`));
    expect(known).toMatchObject({ state: "committed", results: ["+vs="], certificate: { sequence: 9 } });
    expect(known).not.toHaveProperty("result");
    expect(await json(`${url}/v1/requests/${hex("0")}`)).toEqual({ id: hex("0"), state: "unknown" });
  });
});

describe("a refusal", () => {
  const statuses: Record<FailureCode, number> = {
    invalid_request: 400,
    unauthorized: 401,
    not_found: 404,
    version_conflict: 409,
    too_large: 413,
    rate_limited: 429,
    internal: 500,
    no_quorum: 503,
    overloaded: 503,
    syncing: 503,
    outcome_unknown: 504,
  };

  it.each(failureCodes)("%s of the node reaches the user as a problem document", async (code) => {
    const { url, service, errors } = await start();
    service.refuseWith = { code, message: "because", hint: "do this", details: { requestId: hex("f"), status: 1 } };
    for (const [path, method] of [
      ["/v1/kv/k", "PUT"],
      ["/v1/requests", "POST"],
      ["/v1/kv/k", "GET"],
    ] as const) {
      const answer = await fetch(url + path, {
        method,
        ...(method === "GET" ? {} : { body: "x", headers: { "content-type": "application/octet-stream" } }),
      });
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect([answer.status, schemas.problemAnswer.parse(await answer.json())]).toEqual([
        statuses[code],
        {
          type: "about:blank",
          title: expect.any(String),
          status: statuses[code],
          code,
          detail: "because",
          hint: "do this",
          requestId: hex("f"),
        },
      ]);
      expect(answer.headers.has("retry-after")).toBe(code === "overloaded" || code === "rate_limited");
    }
    expect(errors).toHaveLength(code === "internal" ? 3 : 0);
  });

  it("keeps a fault of this node to itself and its log", async () => {
    const { url, service, errors } = await start();
    service.submitOperations = () => Promise.reject(new Error("secret path /x"));
    const answer = await fetch(`${url}/v1/kv/k`, { method: "PUT", body: "v" });
    const text = await answer.text();
    expect([answer.status, JSON.parse(text)]).toMatchObject([500, { code: "internal" }]);
    expect(text).not.toContain("secret");
    expect(errors).toHaveLength(1);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });
});

describe("another application than the key-value store", () => {
  it("has requests and blocks, but no keys", async () => {
    const service = createFakeService();
    expect(apiRoutes(service, undefined).map(({ path }) => path)).not.toContain("/v1/txn");
    expect(apiRoutes(service, undefined).map(({ path }) => path)).toContain("/v1/blocks");
  });
});
