/** The description for machines says what the node does: each route is in it, and live answers fit its schemas. */
import { z } from "zod";
import { describe, expect, it } from "vitest";
import { apiRoutes } from "../../src/api/create-api.ts";
import { createFakeService } from "./fake-service.ts";
import { start } from "./harness.ts";

interface Described {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: { readonly "200": { readonly content: Record<string, { readonly schema: Parameters<typeof z.fromJSONSchema>[0] }> } };
}
type Document = { readonly paths: Record<string, Record<string, Described>> };

const codec = { decodeOperation: () => undefined, decodeResult: () => undefined };

const read = async (url: string): Promise<Document> => (await (await fetch(`${url}/openapi.json`)).json()) as Document;

describe("GET /openapi.json", () => {
  it("has each route and method, their parameters and bodies, and nothing else", async () => {
    const { url } = await start();
    const { paths } = await read(url);
    const routes = apiRoutes(createFakeService(), codec);
    const named = routes.flatMap(({ path, operations }) => Object.keys(operations).map((method) => `${method} ${path.replace("*}", "}")}`));
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual(named.toSorted());
    for (const { path, operations } of routes) {
      for (const [method, operation] of Object.entries(operations)) {
        const found = paths[path.replace("*}", "}")]?.[method.toLowerCase()];
        expect(found?.parameters.filter((parameter) => parameter.in === "path").length).toBe(path.includes("{") ? 1 : 0);
        const query = found?.parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
        expect(query).toEqual(Object.keys((operation.query as z.ZodObject).shape));
        expect(Object.keys(found?.requestBody?.content ?? {})).toEqual(Object.keys(operation.body ?? {}));
      }
    }
  });

  it("holds what the node answers, and refuses what it would not", async () => {
    const { url } = await start();
    const { paths } = await read(url);
    await fetch(`${url}/v1/kv/a`, { method: "PUT", body: "1" });
    const live: readonly (readonly [path: string, target: string, init?: RequestInit])[] = [
      ["/v1/kv", "/v1/kv"],
      ["/v1/kv/{key}", "/v1/kv/a"],
      ["/v1/kv/{key}", "/v1/kv/a?consistency=certified"],
      ["/v1/kv/{key}", "/v1/kv/b", { method: "PUT", body: "2" }],
      ["/v1/kv/{key}", "/v1/kv/b", { method: "DELETE" }],
      [
        "/v1/txn",
        "/v1/txn",
        { method: "POST", body: '{"success":[{"type":"get","key":"a"}]}', headers: { "content-type": "application/json" } },
      ],
      ["/v1/requests", "/v1/requests", { method: "POST", body: "x", headers: { "content-type": "application/octet-stream" } }],
      ["/v1/requests/{id}", `/v1/requests/${"e".repeat(64)}`],
      ["/v1/blocks", "/v1/blocks?limit=2"],
      ["/v1/blocks/{sequence}", "/v1/blocks/7"],
      ...["/v1/status", "/v1/validators", "/v1/peers", "/v1/explain", "/v1/log", "/readyz", "/livez", "/openapi.json"].map(
        (path) => [path, path] as const,
      ),
      ["/v1/log", "/v1/log", { method: "PUT", body: '{"api":"debug"}', headers: { "content-type": "application/json" } }],
    ];
    for (const [path, target, init] of live) {
      const response = await fetch(url + target, init);
      expect([target, response.status]).toEqual([target, 200]);
      const schema = paths[path]?.[(init?.method ?? "GET").toLowerCase()]?.responses["200"].content["application/json"]?.schema;
      const judge = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
      const answer: unknown = await response.json();
      expect([target, judge.safeParse(answer).error?.issues ?? []]).toEqual([target, []]);
      if (path !== "/v1/blocks" && path !== "/v1/validators" && path !== "/v1/peers" && path !== "/openapi.json") {
        expect([target, judge.safeParse({ ...(answer as object), surplus: 1 }).success]).toEqual([target, false]);
      }
    }
  });
});

describe("what operators turn and read", () => {
  it("changes the log's levels part by part, and refuses what is no part or level", async () => {
    const { url } = await start();
    const put = (body: string) => fetch(`${url}/v1/log`, { method: "PUT", body, headers: { "content-type": "application/json" } });
    expect(await (await put('{"consensus":"trace"}')).json()).toEqual({
      node: "info",
      consensus: "trace",
      network: "info",
      api: "info",
      libp2p: "error",
    });
    for (const body of ['{"consensus":"loud"}', '{"disk":"info"}', "[]", "info"]) expect((await put(body)).status).toBe(400);
    expect(await (await fetch(`${url}/v1/log`)).json()).toMatchObject({ consensus: "trace" });
  });

  it("gives metrics as text", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toBe("byz_view 3\n");
  });
});
