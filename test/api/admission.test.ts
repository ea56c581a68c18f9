/** What a node that takes no new work still answers: what operators ask, and what became of earlier work. */
import { describe, expect, it } from "vitest";
import { apiRoutes } from "../../src/api/create-api.ts";
import { decodeOperation, decodeResult } from "../../src/ledger/kv/encoding.ts";
import type { Failure } from "../../src/node/service.ts";
import { decodeClientAnswer, encodeQuestion } from "../../src/wire/exchanges.ts";
import { createFakeService } from "./fake-service.ts";
import { start } from "./harness.ts";

const failure: Failure = { code: "overloaded", message: "short of memory", retryAfterSeconds: 3, details: { reason: "memory" } };

/** A node whose memory is short, or not. */
const startShort = async () => {
  const now: { failure: Failure | undefined } = { failure };
  return { ...(await start({ admit: () => now.failure })), now };
};

describe("a node that takes no new work", () => {
  it("refuses reads, writes and watches before it reads a body, says why and when to come back, and takes them again", async () => {
    const { url, now, service } = await startShort();
    const asked: readonly (readonly [string, string])[] = [
      ["PUT", "/v1/kv/key"],
      ["DELETE", "/v1/kv/key"],
      ["GET", "/v1/kv/key?consistency=local"],
      ["GET", "/v1/kv?prefix=k"],
      ["POST", "/v1/txn"],
      ["POST", "/v1/requests"],
      ["GET", "/v1/watch"],
      ["GET", "/v1/blocks"],
      ["GET", "/v1/shared"],
      ["POST", "/v1/backup"],
    ];
    for (const [method, path] of asked) {
      const answer = await fetch(url + path, { method, ...(method === "GET" ? {} : { body: Buffer.alloc(200_000) }) });
      expect([path, answer.status, answer.headers.get("retry-after")]).toEqual([path, 503, "3"]);
      expect(await answer.json()).toMatchObject({ code: "overloaded", detail: "short of memory", reason: "memory" });
    }
    expect(service.submitted).toEqual([]);
    now.failure = undefined;
    expect((await fetch(`${url}/v1/kv/key`, { method: "PUT", body: "value" })).status).toBe(200);
  });

  it("refuses the same over libp2p, and answers the same", async () => {
    const { api } = await startShort();
    const ask = async (method: "GET" | "POST", target: string) => {
      const decoded = decodeClientAnswer(await api.exchange("12D3KooWclient", encodeQuestion({ method, target, body: new Uint8Array(1) })));
      if (!decoded.ok) throw new Error(decoded.error.field);
      return decoded.value;
    };
    expect(await ask("POST", "/v1/requests")).toMatchObject({ status: 503, retryAfterSeconds: 3 });
    expect(await ask("GET", "/v1/kv/key?consistency=certified")).toMatchObject({ status: 503 });
    expect(await ask("GET", "/v1/status")).toMatchObject({ status: 200 });
    expect((await ask("GET", `/v1/requests/${"a".repeat(64)}`)).status).toBe(200);
  });

  it("answers its operators, and those who ask what became of a request", async () => {
    const { url } = await startShort();
    for (const path of [
      "/v1/status",
      "/livez",
      "/readyz",
      "/metrics",
      "/v1/explain",
      "/v1/validators",
      "/v1/peers",
      "/v1/partitions",
      "/v1/log",
    ])
      expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
    expect((await fetch(`${url}/v1/requests/${"a".repeat(64)}`)).status).toBe(200);
    const events = await fetch(`${url}/v1/events`);
    expect(events.status).toBe(200);
    await events.body?.cancel();
    // whatever is added to the interface is refused unless it says otherwise
    const always = apiRoutes(createFakeService(), { decodeOperation, decodeResult }).flatMap(({ path, operations }) =>
      Object.entries(operations).flatMap(([method, operation]) => (operation.always === true ? [`${method} ${path}`] : [])),
    );
    expect(always.toSorted()).toEqual([
      "GET /livez",
      "GET /metrics",
      "GET /readyz",
      "GET /v1/events",
      "GET /v1/explain",
      "GET /v1/log",
      "GET /v1/partitions",
      "GET /v1/peers",
      "GET /v1/requests/{id}",
      "GET /v1/status",
      "GET /v1/validators",
      "POST /v1/testnet/behaviour",
      "POST /v1/testnet/cut",
      "PUT /v1/log",
    ]);
  });
});
