/** What clients may ask over libp2p: the same answers as over HTTP, and nothing for which HTTP would want a token. */
import { describe, expect, it } from "vitest";
import { decodeClientAnswer, encodeQuestion } from "../../src/wire/exchanges.ts";
import { start, type Started } from "./harness.ts";

const ask = async ({ api }: Started, method: "GET" | "POST", target: string, body: Uint8Array = new Uint8Array()) => {
  const decoded = decodeClientAnswer(await api.exchange("12D3KooWclient", encodeQuestion({ method, target, body })));
  if (!decoded.ok) throw new Error(decoded.error.field);
  const { status, body: bytes, retryAfterSeconds } = decoded.value;
  return { status, retryAfterSeconds, json: JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown> };
};

describe("a client's questions over libp2p", () => {
  it("are answered as over HTTP: the status, certified reads and lists, requests", async () => {
    const started = await start();
    for (const path of [
      "/v1/status",
      "/v1/kv/none?consistency=certified",
      "/v1/kv?consistency=certified&prefix=a",
      `/v1/requests/${"a".repeat(64)}`,
    ]) {
      const http = await fetch(started.url + path);
      expect(await ask(started, "GET", path)).toMatchObject({ status: http.status, json: await http.json() });
    }
    const ordered = await ask(started, "POST", "/v1/requests?proof=1", new Uint8Array([1, 2, 3]));
    expect(ordered).toMatchObject({ status: 200, json: { state: "committed", proof: expect.any(Object) as unknown } });
    expect(started.service.received).toEqual([new Uint8Array([1, 2, 3])]);
  });

  it("are refused where a node would only give its word, write for others, or be changed", async () => {
    const started = await start();
    const others = [
      "/v1/kv/key",
      "/v1/kv/key?consistency=local",
      "/v1/kv/key?consistency=certified&raw=1",
      "/v1/kv",
      "/metrics",
      "/v1/events",
      "/v1/log",
      "/v1/watch",
      "/",
    ];
    for (const target of others)
      expect(await ask(started, "GET", target), target).toMatchObject({ status: 404, json: { code: "not_found" } });
    for (const target of ["/v1/txn", "/v1/shared/plan", "/v1/kv/key?consistency=certified"])
      expect(await ask(started, "POST", target, Buffer.from("{}")), target).toMatchObject({ status: 404 });
    expect(started.service.submitted).toHaveLength(0);
  });

  it("are limited in number, and malformed ones are answered as such", async () => {
    const started = await start({ rateLimit: { requestsPerSecond: 2, now: () => 0 } });
    const statuses: number[] = [];
    for (let turn = 0; turn < 6; turn += 1) statuses.push((await ask(started, "GET", "/v1/status")).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
    expect((await ask(started, "GET", "/v1/status")).retryAfterSeconds).toBeGreaterThan(0);
    const { api } = await start();
    expect(decodeClientAnswer(await api.exchange("x", new Uint8Array([9])))).toMatchObject({ ok: true, value: { status: 400 } });
  });
});
