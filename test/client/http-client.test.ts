import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ClientError, createHttpClient, percentEncode } from "../../src/client/index.ts";
import { start } from "../api/harness.ts";

const servers = new Set<Server>();
afterEach(async () => {
  await Promise.all(
    [...servers].map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    ),
  );
  servers.clear();
});

/** Something on a port that is no node: it answers as told, or never. */
const impostor = async (behave: (answer: ServerResponse) => void): Promise<string> => {
  const server = createServer((_, answer) => behave(answer));
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** A URL where nobody listens any more. */
const deadUrl = async (): Promise<string> => {
  const url = await impostor(() => undefined);
  const [server] = [...servers].slice(-1);
  await new Promise((resolve) => server?.close(resolve));
  servers.delete(server as Server);
  return url;
};

const errorOf = async (call: Promise<unknown>): Promise<ClientError> => {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ClientError)) throw new Error(`not a ClientError: ${String(error)}`);
  return error;
};

describe("calls", () => {
  it("write, read, list and delete any keys and values", async () => {
    const { url } = await start();
    const client = createHttpClient({ urls: [url] });
    const keys = ["a", "a/../b", "%", "é ?#&+", Uint8Array.from([255, 0])];
    for (const [index, key] of keys.entries()) {
      expect(await client.put(key, Uint8Array.from([index, 255]))).toMatchObject({ version: 1 });
      expect(await client.getRaw(key)).toEqual(Uint8Array.from([index, 255]));
    }
    expect(await client.get("a", { consistency: "local" })).toMatchObject({
      key: "a",
      encoding: "base64",
      version: 1,
      consistency: "local",
    });
    expect((await client.list({ prefix: "a", limit: 1 })).items.map(({ key }) => key)).toEqual(["a"]);
    const all: string[] = [];
    for await (const { key } of client.listAll({ limit: 2 })) all.push(key);
    expect(all.toSorted()).toEqual(["%", "/wA=", "a", "a/../b", "é ?#&+"]);
    expect(await client.delete("a", { ifVersion: 1 })).toMatchObject({ deleted: true });
    expect(await client.get("a")).toBeUndefined();
    expect(await client.getRaw("a")).toBeUndefined();
    expect(await client.txn({ compare: [{ key: "%", version: 1 }], success: [{ type: "get", key: "%" }], failure: [] })).toMatchObject({
      succeeded: true,
    });
  });

  it("tell what the node knows", async () => {
    const { url, service } = await start();
    const client = createHttpClient({ urls: [`${url}/`] });
    expect((await client.status()).moniker).toBe("alpha");
    expect(await client.validators()).toHaveLength(1);
    expect(await client.peers()).toHaveLength(1);
    expect((await client.block(5))?.sequence).toBe(5);
    expect(await client.block(41)).toBeUndefined();
    expect((await client.blocks({ from: 2, limit: 2 })).map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect((await client.request("0".repeat(64))).state).toBe("unknown");
    service.ready_ = false;
    expect(await client.ready()).toMatchObject({ ready: false });
  });

  it("carry preconditions and the token", async () => {
    const { url } = await start({ requireToken: true, token: "correct-horse-battery" });
    expect(await errorOf(createHttpClient({ urls: [url] }).put("k", "v"))).toMatchObject({
      code: "unauthorized",
      status: 401,
      exitCode: 1,
    });
    const client = createHttpClient({ urls: [url], token: "correct-horse-battery" });
    await client.put("k", "v", { ifAbsent: true });
    const conflict = await errorOf(client.put("k", "v", { ifVersion: 0 }));
    expect(conflict).toMatchObject({ code: "version_conflict", details: { version: 1 }, exitCode: 1 });
    await client.put("k", "v", { ifVersion: 1 });
    expect((await errorOf(client.delete("k", { ifVersion: 1 }))).code).toBe("version_conflict");
  });

  it("refuse what they can not say", async () => {
    const client = createHttpClient({ urls: ["http://127.0.0.1:1"] });
    expect((await errorOf(client.get(".."))).code).toBe("invalid_request");
    for (const urls of [[], ["127.0.0.1:1"], ["ftp://x"], [""]]) expect(() => createHttpClient({ urls })).toThrow(ClientError);
    expect(percentEncode("a/b%é.~")).toBe("a%2Fb%25%C3%A9.~");
  });
});

describe("with several nodes", () => {
  it("goes on to the next when one is dead, and stays with the one that answers", async () => {
    const { url, service } = await start();
    const client = createHttpClient({ urls: [await deadUrl(), url] });
    expect(await client.put("k", "v")).toMatchObject({ version: 1 });
    expect(await client.put("k", "v")).toMatchObject({ version: 2 });
    expect(service.submitted).toHaveLength(2);
  });

  it.each(["no_quorum", "overloaded", "syncing"] as const)("asks the next when one says %s: nothing was ordered there", async (code) => {
    const first = await start();
    first.service.refuseWith = { code, message: "not here" };
    const second = await start();
    const client = createHttpClient({ urls: [first.url, second.url] });
    expect(await client.put("k", "v")).toMatchObject({ version: 1 });
    second.service.refuseWith = { code: "version_conflict", message: "no", details: { version: 7 } };
    expect((await errorOf(client.put("k", "v"))).details).toMatchObject({ version: 7 });
  });

  it("never sends a plain write twice when its outcome is not known", async () => {
    const first = await start();
    first.service.refuseWith = { code: "outcome_unknown", message: "no answer in time", details: { requestId: "f".repeat(64) } };
    const second = await start();
    const error = await errorOf(createHttpClient({ urls: [first.url, second.url] }).put("k", "v"));
    expect(error).toMatchObject({ code: "outcome_unknown", exitCode: 5, details: { requestId: "f".repeat(64) } });
    const broken = await impostor((answer) => answer.destroy());
    expect(await errorOf(createHttpClient({ urls: [broken, second.url] }).put("k", "v"))).toMatchObject({ code: "outcome_unknown" });
    const silent = await impostor(() => undefined);
    expect(await errorOf(createHttpClient({ urls: [silent, second.url], timeoutMs: 100 }).delete("k"))).toMatchObject({
      code: "outcome_unknown",
    });
    expect(second.service.submitted).toEqual([]);
  });

  it("repeats reads and signed requests wherever they broke off", async () => {
    const { url, service } = await start();
    const client = createHttpClient({
      urls: [await impostor((answer) => answer.destroy()), await impostor(() => undefined), url],
      // the last one has to answer within it
      timeoutMs: 1_500,
    });
    expect((await client.submitRequest(Uint8Array.from([1]))).state).toBe("committed");
    expect(service.received).toHaveLength(1);
    expect((await createHttpClient({ urls: [await impostor((answer) => answer.destroy()), url] }).status()).moniker).toBe("alpha");
  });

  it("reports what tells most, with the exit status of the command line", async () => {
    const { url, service } = await start();
    service.refuseWith = { code: "no_quorum", message: "2 of 3 validators are reachable", hint: "wait" };
    const dead = await deadUrl();
    expect(await errorOf(createHttpClient({ urls: [dead] }).status())).toMatchObject({ code: "no_node", exitCode: 4 });
    for (const urls of [
      [dead, url],
      [url, dead],
    ]) {
      expect(await errorOf(createHttpClient({ urls }).put("k", "v"))).toMatchObject({ code: "no_quorum", exitCode: 5, hint: "wait" });
    }
    const page = await impostor((answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<html>"));
    expect(await errorOf(createHttpClient({ urls: [page] }).status())).toMatchObject({ code: "bad_answer", exitCode: 1 });
    const other = await impostor((answer) => answer.writeHead(418).end('{"code":"teapot"}'));
    expect(await errorOf(createHttpClient({ urls: [other] }).status())).toMatchObject({ code: "bad_answer", status: 418 });
    const endless = await impostor((answer) => answer.writeHead(200, { "content-length": String(2 ** 40) }).write("x"));
    expect(await errorOf(createHttpClient({ urls: [endless] }).status())).toMatchObject({ code: "bad_answer" });
  });

  it("stops when told to", async () => {
    const silent = await impostor(() => undefined);
    const stop = new AbortController();
    const call = errorOf(createHttpClient({ urls: [silent, silent], signal: stop.signal }).status());
    stop.abort();
    expect(await call).toMatchObject({ code: "aborted", exitCode: 130 });
  });
});
