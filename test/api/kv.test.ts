import { describe, expect, it } from "vitest";
import * as schemas from "../../src/api/schemas/common.ts";
import { hex } from "./fake-service.ts";
import { request, start } from "./harness.ts";

const put = (url: string, key: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/kv/${key}`, { method: "PUT", body, headers });

describe("a key", () => {
  it("is written, read, overwritten and deleted", async () => {
    const { url } = await start();
    const written = await put(url, "colour", "blue");
    expect(written.status).toBe(200);
    expect(written.headers.get("etag")).toBe('"1"');
    expect(schemas.putAnswer.parse(await written.json())).toEqual({ key: "colour", version: 1, sequence: 101, requestId: hex("f") });
    await put(url, "colour", "green");
    const read = await fetch(`${url}/v1/kv/colour`);
    expect(read.headers.get("etag")).toBe('"2"');
    expect(schemas.getAnswer.parse(await read.json())).toMatchObject({
      key: "colour",
      value: "green",
      encoding: "utf8",
      version: 2,
      consistency: "linearizable",
    });
    const remove = async () => schemas.deleteAnswer.parse(await (await fetch(`${url}/v1/kv/colour`, { method: "DELETE" })).json());
    expect(await remove()).toMatchObject({ key: "colour", deleted: true });
    expect(await remove()).toMatchObject({ deleted: false });
    const gone = await fetch(`${url}/v1/kv/colour`);
    expect(gone.status).toBe(404);
    expect(await gone.json()).toMatchObject({ code: "not_found", key: "colour" });
  });

  it.each([
    ["plain", "a", "a"],
    ["with slashes", "a/b//c", "a/b//c"],
    ["with dot segments", "a/../b", "a/../b"],
    ["that is a dot segment", "..", ".."],
    ["percent-encoded", "%41%2f%C3%A9%20", "A/é "],
    ["with a plus, which is no space", "a+b", "a+b"],
    ["with reserved characters", "a:b@c;d=e&f$g", "a:b@c;d=e&f$g"],
    ["of one byte that is not UTF-8", "%FF", "\xff"],
    ["with a zero byte", "%00", "\0"],
    ["named like a member of every object", "__proto__", "__proto__"],
  ])("%s stands for its own bytes", async (_, path, key) => {
    const { port, service } = await start();
    const answer = await request(port, `PUT /v1/kv/${path}`, { body: "v" });
    expect(answer.status).toBe(200);
    const bytes = Buffer.from(key, key === "\xff" ? "latin1" : "utf8");
    expect(service.submitted).toEqual([{ type: "put", key: bytes, value: Buffer.from("v") }]);
    const json = schemas.putAnswer.parse(JSON.parse(Buffer.from(answer.body, "latin1").toString("utf8")));
    expect(json).toMatchObject(key === "\xff" ? { key: "/w==", keyEncoding: "base64" } : { key });
    expect((await request(port, `GET /v1/kv/${path}?raw=1`)).body).toBe("v");
  });

  it("keeps any bytes as its value, says how they are encoded, and gives them back as they were", async () => {
    const { url } = await start();
    const binary = Uint8Array.from([0, 255, 128, 10]);
    await put(url, "b", binary);
    expect(await (await fetch(`${url}/v1/kv/b`)).json()).toMatchObject({ value: "AP+ACg==", encoding: "base64" });
    const plain = await fetch(`${url}/v1/kv/b?raw=1`);
    expect(plain.headers.get("content-type")).toBe("application/octet-stream");
    expect(new Uint8Array(await plain.arrayBuffer())).toEqual(binary);
    await put(url, "empty", "");
    expect(await (await fetch(`${url}/v1/kv/empty`)).json()).toMatchObject({ value: "", encoding: "utf8" });
  });

  it("takes a largest key and a largest value, and refuses one byte more", async () => {
    const { url, service } = await start();
    const key = "k".repeat(1024);
    const value = new Uint8Array(1024 * 1024).fill(97);
    expect((await put(url, key, value)).status).toBe(200);
    const longKey = await put(url, `${key}k`, "v");
    expect([longKey.status, await longKey.json()]).toMatchObject([413, { code: "too_large", maxBytes: 1024 }]);
    const longValue = await put(url, "k", new Uint8Array(1024 * 1024 + 1));
    expect([longValue.status, await longValue.json()]).toMatchObject([413, { code: "too_large", maxBytes: 1024 * 1024 }]);
    expect(service.submitted.length).toBe(1);
  });
});

describe("a precondition", () => {
  it("lets a write through only at the expected version", async () => {
    const { url } = await start();
    expect((await put(url, "k", "1", { "if-none-match": "*" })).status).toBe(200);
    const again = await put(url, "k", "1", { "if-none-match": "*" });
    expect([again.status, await again.json()]).toMatchObject([409, { code: "version_conflict", version: 1, requestId: hex("f") }]);
    expect((await put(url, "k", "2", { "if-match": '"1"' })).status).toBe(200);
    const late = await put(url, "k", "3", { "if-match": '"1"' });
    expect([late.status, await late.json()]).toMatchObject([409, { code: "version_conflict", version: 2 }]);
    const remove = await fetch(`${url}/v1/kv/k`, { method: "DELETE", headers: { "if-match": '"1"' } });
    expect(remove.status).toBe(409);
    expect((await fetch(`${url}/v1/kv/k`, { method: "DELETE", headers: { "if-match": '"2"' } })).status).toBe(200);
    const absent = await put(url, "k", "3", { "if-match": '"2"' });
    expect(await absent.json()).toMatchObject({ code: "version_conflict", version: 0, detail: "the key does not exist" });
  });

  it.each([
    { "if-match": "1" },
    { "if-match": "*" },
    { "if-match": 'W/"1"' },
    { "if-match": '"1", "2"' },
    { "if-match": '"01"' },
    { "if-match": '"-1"' },
    { "if-match": '"9007199254740993"' },
    { "if-match": "" },
    { "if-none-match": '"1"' },
    { "if-none-match": "" },
    { "if-match": '"1"', "if-none-match": "*" },
  ])("that is not understood is refused, never ignored: %j", async (headers) => {
    const { port, service } = await start();
    const answer = await request(port, "PUT /v1/kv/k", { body: "v", headers: headers as Record<string, string> });
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { code: "invalid_request" }]);
    expect(service.submitted).toEqual([]);
  });
});

describe("consistency", () => {
  it("linearizable, the default, waits for a barrier; the others do not", async () => {
    const { url, service } = await start();
    await fetch(`${url}/v1/kv/k`);
    await fetch(`${url}/v1/kv`);
    expect(service.barriers).toBe(2);
    await fetch(`${url}/v1/kv/k?consistency=local`);
    await fetch(`${url}/v1/kv?consistency=certified`);
    expect(service.barriers).toBe(2);
  });

  it("local and certified reads go on without a quorum", async () => {
    const { url, service } = await start();
    await put(url, "k", "v");
    service.refuseWith = { code: "no_quorum", message: "2 of 3 validators are reachable" };
    expect((await fetch(`${url}/v1/kv/k`)).status).toBe(503);
    expect((await fetch(`${url}/v1/kv`)).status).toBe(503);
    expect((await fetch(`${url}/v1/kv/k?consistency=local`)).status).toBe(200);
    expect((await fetch(`${url}/v1/kv/k?consistency=certified`)).status).toBe(200);
  });

  it("certified brings the proof, of absence too", async () => {
    const { url } = await start();
    await put(url, "k", "v");
    const present = schemas.getAnswer.parse(await (await fetch(`${url}/v1/kv/k?consistency=certified`)).json());
    expect(present).toMatchObject({ value: "v", proof: { path: "AQID", checkpoint: { sequence: 128, stateRoot: hex("1") } } });
    expect(present.proof?.checkpoint.signatures).toHaveLength(3);
    const absent = await fetch(`${url}/v1/kv/none?consistency=certified`);
    expect([absent.status, await absent.json()]).toMatchObject([404, { code: "not_found", proof: { path: "AQID" } }]);
  });
});

describe("a list", () => {
  it("comes in pages in byte order, within a prefix", async () => {
    const { url } = await start();
    for (const key of ["b/2", "a", "b/1", "b/3", "c"]) await put(url, encodeURIComponent(key), key);
    const list = async (query: string) => schemas.listAnswer.parse(await (await fetch(`${url}/v1/kv?${query}`)).json());
    const first = await list("prefix=b%2F&limit=2");
    expect(first.items.map(({ key }) => key)).toEqual(["b/1", "b/2"]);
    expect(first.next).toBe("b/2");
    const second = await list(`prefix=b/&limit=2&after=${encodeURIComponent(first.next ?? "")}`);
    expect(second.items.map(({ key }) => key)).toEqual(["b/3"]);
    expect(second).not.toHaveProperty("next");
    expect((await list("")).items).toHaveLength(5);
    expect((await list("consistency=certified")).items[0]).toMatchObject({ key: "a", path: "Bw==" });
  });

  it("goes on after a key that is not UTF-8", async () => {
    const { url } = await start();
    for (const key of ["%FE", "%FF"]) await put(url, key, "v");
    const first = (await (await fetch(`${url}/v1/kv?limit=1`)).json()) as { next: string; nextEncoding: string };
    expect(first).toMatchObject({ next: "/g==", nextEncoding: "base64" });
    const second = await fetch(`${url}/v1/kv?limit=1&afterEncoding=base64&after=${encodeURIComponent(first.next)}`);
    expect(await second.json()).toMatchObject({ items: [{ key: "/w==", keyEncoding: "base64" }] });
  });
});

describe("a transaction", () => {
  const txn = async (url: string, body: unknown) => {
    const answer = await fetch(`${url}/v1/txn`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };

  it("does one branch or the other", async () => {
    const { url } = await start();
    const body = {
      compare: [{ key: "a", version: 0 }],
      success: [
        { type: "put", key: "a", value: "AP8=", encoding: "base64" },
        { type: "put", key: "/w==", keyEncoding: "base64", value: "x" },
      ],
      failure: [
        { type: "get", key: "a" },
        { type: "get", key: "none" },
        { type: "delete", key: "a", ifVersion: 1 },
      ],
    };
    const first = await txn(url, body);
    expect(schemas.txnAnswer.parse(first.json)).toMatchObject({
      succeeded: true,
      results: [
        { type: "put", version: 1 },
        { type: "put", version: 1 },
      ],
    });
    const second = await txn(url, body);
    expect(schemas.txnAnswer.parse(second.json)).toMatchObject({
      succeeded: false,
      results: [
        { type: "get", found: true, value: "AP8=", encoding: "base64", version: 1 },
        { type: "get", found: false },
        { type: "delete", deleted: true },
      ],
    });
    expect((await txn(url, { compare: [{ key: "/w==", keyEncoding: "base64", value: "x" }], success: [] })).json).toMatchObject({
      succeeded: true,
    });
  });

  it("answers a refused operation as a conflict and says which", async () => {
    const { url } = await start();
    const answer = await txn(url, {
      success: [
        { type: "put", key: "a", value: "1" },
        { type: "put", key: "b", value: "1", ifVersion: 3 },
      ],
    });
    expect(answer).toMatchObject({ status: 409, json: { code: "version_conflict", index: 1, version: 0 } });
  });

  it.each([
    ["no branch", {}],
    ["an unknown member", { success: [], surprise: 1 }],
    ["an unknown operation", { success: [{ type: "increment", key: "a" }] }],
    ["an empty key", { success: [{ type: "get", key: "" }] }],
    ["a number for a value", { success: [{ type: "put", key: "a", value: 1 }] }],
    ["a negative version", { compare: [{ key: "a", version: -1 }], success: [] }],
    ["a fractional version", { compare: [{ key: "a", version: 1.5 }], success: [] }],
    ["a version beyond the safe integers", { compare: [{ key: "a", version: 2 ** 60 }], success: [] }],
    ["version and value", { compare: [{ key: "a", version: 1, value: "x" }], success: [] }],
    ["bad base64", { success: [{ type: "put", key: "a", value: "a", encoding: "base64" }] }],
    ["loose base64", { success: [{ type: "put", key: "a", value: "AP9=", encoding: "base64" }] }],
    ["a list", []],
    ["null", null],
  ])("with %s is refused", async (_, body) => {
    const { url, service } = await start();
    expect(await txn(url, body)).toMatchObject({ status: 400, json: { code: "invalid_request" } });
    expect(service.submitted).toEqual([]);
  });

  it.each([
    [{}, "body: success: is missing"],
    [[], "body: must be an object"],
    [{ success: [{ type: "increment", key: "a" }] }, "body: success.0.type: must be one of put, delete, get"],
    [{ success: [], surprise: 1 }, "body: has unknown keys: surprise"],
    [{ compare: [{ key: "a", version: -1 }], success: [] }, "body: compare.0.version: must be at least 0"],
  ])("says in plain words what is wrong with %j", async (body, detail) => {
    const { url } = await start();
    expect(await txn(url, body)).toMatchObject({ status: 400, json: { detail } });
  });

  it("says of a comparison what it lacks", async () => {
    const { url } = await start();
    const { json } = await txn(url, { compare: [{ key: "a" }], success: [] });
    expect(json).toMatchObject({ detail: expect.stringMatching(/compare\.0: .*a version .*or a value/) as unknown });
  });

  it("refuses what reaches for prototypes, and pollutes none", async () => {
    const { url } = await start();
    for (const text of [
      '{"__proto__":{"polluted":1},"success":[]}',
      '{"success":[{"type":"get","key":"a","__proto__":{"polluted":1}}]}',
      '{"constructor":{"prototype":{"polluted":1}},"success":[]}',
    ]) {
      const answer = await fetch(`${url}/v1/txn`, { method: "POST", headers: { "content-type": "application/json" }, body: text });
      expect([text, answer.status]).toEqual([text, 400]);
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
