import { describe, expect, it } from "vitest";
import * as schemas from "../../src/api/schemas/common.ts";
import { partitionReport } from "./fake-service.ts";
import { start } from "./harness.ts";

type Headers = Readonly<Record<string, string>>;

const post = (url: string, body: string, headers: Headers = { "content-type": "application/json" }, what = "cut") =>
  fetch(`${url}/v1/testnet/${what}`, { method: "POST", headers, body });

describe("partitions", () => {
  it("are given in the documented shape", async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/v1/partitions`);
    expect(schemas.partitionsAnswer.parse(await answer.json())).toEqual([partitionReport]);
    expect((await fetch(`${url}/v1/partitions?since=1`)).status).toBe(400);
  });
});

describe("a cut", () => {
  it("is handed on, in both directions unless told otherwise", async () => {
    const { url, service } = await start();
    const peers = [`12D3KooW${"B".repeat(44)}`];
    expect(await (await post(url, JSON.stringify({ peers }))).json()).toEqual({ peers, direction: "both" });
    expect((await post(url, '{"peers":[],"direction":"inbound"}')).status).toBe(200);
    expect(service.cuts).toEqual([
      { peers, direction: "both" },
      { peers: [], direction: "inbound" },
    ]);
  });

  it("is refused with the node's reason, or when it is not one", async () => {
    const { url, service } = await start();
    const bodies = [
      '{"peers":"12D3KooWB"}',
      '{"peers":["node-1"]}',
      '{"peers":[],"direction":"outbound"}',
      '{"peers":[],"more":1}',
      `{"peers":${JSON.stringify(Array.from({ length: 257 }, () => `12D3KooW${"B".repeat(44)}`))}}`,
    ];
    for (const body of bodies) expect([body, (await post(url, body)).status]).toEqual([body, 400]);
    expect((await post(url, '{"peers":[]}', { "content-type": "text/plain" })).status).toBe(400);
    expect((await post(url, '{"peers":[]}', { "content-type": "application/json", origin: "https://example.org" })).status).toBe(400);
    service.refuseWith = { code: "invalid_request", message: "links can be cut only in test networks" };
    const refused = await post(url, '{"peers":[]}');
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { code: "invalid_request", detail: "links can be cut only in test networks" },
    ]);
    expect(service.cuts).toEqual([]);
  });
});

describe("a behaviour", () => {
  const behave = (url: string, body: string) => post(url, body, undefined, "behaviour");

  it("is handed on", async () => {
    const { url, service } = await start();
    expect(await (await behave(url, '{"behaviour":"silent"}')).json()).toEqual({ behaviour: "silent" });
    expect(service.behaviours).toEqual(["silent"]);
  });

  it("is refused with the node's reason, or when it is not one", async () => {
    const { url, service } = await start();
    for (const body of ['{"behaviour":1}', "{}", '{"behaviour":""}', `{"behaviour":"${"x".repeat(129)}"}`])
      expect([body, (await behave(url, body)).status]).toEqual([body, 400]);
    service.refuseWith = { code: "invalid_request", message: "only in test networks" };
    expect((await behave(url, '{"behaviour":"silent"}')).status).toBe(400);
    expect(service.behaviours).toEqual([]);
  });
});
