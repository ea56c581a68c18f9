import type { IncomingHttpHeaders } from "node:http";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createApi } from "../../src/api/create-api.ts";
import { createGuard } from "../../src/api/guard.ts";
import { loadOrCreateToken } from "../../src/api/token.ts";
import { createFakeService } from "./fake-service.ts";
import { open, parseAnswer, request, start, until } from "./harness.ts";

const gate = () => {
  let open_ = () => {};
  const closed = new Promise<void>((resolve) => {
    open_ = resolve;
  });
  return { closed, open: () => open_() };
};

describe("slow senders", () => {
  const limits = { headersTimeoutMs: 150, requestTimeoutMs: 300, timeoutCheckMs: 25 };

  it("of headers are told and cut off", async () => {
    const { port } = await start({ limits });
    const { socket, received, closed } = await open(port);
    socket.write("GET /v1/status HTTP/1.1\r\nhost: lo");
    await closed;
    expect(parseAnswer(received()).status).toBe(408);
  });

  it("of a body are told and cut off, and nothing is ordered", async () => {
    const { port, service } = await start({ limits });
    const { socket, received, closed } = await open(port);
    socket.write("PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n");
    const drip = setInterval(() => socket.write("x"), 20);
    await closed.finally(() => clearInterval(drip));
    expect([parseAnswer(received()).status, JSON.parse(parseAnswer(received()).body)]).toMatchObject([408, { code: "request_timeout" }]);
    expect(service.submitted).toEqual([]);
  });

  it("are not those who wait for their answer", async () => {
    // so long that a busy machine is not taken for a slow sender
    const patient = { headersTimeoutMs: 1_000, requestTimeoutMs: 1_000, timeoutCheckMs: 25 };
    const { port, service } = await start({ limits: patient });
    const held = gate();
    service.gate = held.closed;
    const answer = request(port, "PUT /v1/kv/k", { body: "v" });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    held.open();
    expect((await answer).status).toBe(200);
  });
});

describe("close", () => {
  /** waited for only by who should not wait; and what the others take at most, on a busy machine too */
  const [drainMs, atOnceMs] = [40_000, 20_000];

  it("lets answers under way finish, and takes nothing new", async () => {
    const { api, port, service } = await start({ limits: { drainMs } });
    const held = gate();
    service.gate = held.closed;
    const idle = await open(port);
    let waiting = 0;
    service.submitOperations = ((original) => (operations) => {
      waiting += 1;
      return original(operations);
    })(service.submitOperations);
    const answers = Array.from({ length: 40 }, (_, index) =>
      request(port, `PUT /v1/kv/k${index}`, { headers: { connection: "keep-alive" }, body: "v" }),
    );
    await until(() => waiting === 40);
    const closed = api.close();
    await idle.closed;
    await expect(open(port)).rejects.toThrow("ECONNREFUSED");
    const released = performance.now();
    held.open();
    for (const answer of await Promise.all(answers)) expect([answer.status, answer.headers["connection"]]).toEqual([200, "close"]);
    await closed;
    expect(performance.now() - released).toBeLessThan(atOnceMs);
  });

  it("delivers a large answer whole", async () => {
    const { api, port, url, service } = await start({ limits: { flushMs: atOnceMs } });
    const value = "v".repeat(1024 * 1024);
    await fetch(`${url}/v1/kv/k`, { method: "PUT", body: value });
    const held = gate();
    service.gate = held.closed;
    const before = service.barriers;
    const answer = request(port, "GET /v1/kv/k?raw=1", { headers: { connection: "keep-alive" } });
    await until(() => service.barriers > before);
    const closed = api.close();
    held.open();
    expect((await answer).body.length).toBe(value.length);
    await closed;
  });

  it("does not wait for those who still send, nor for those who never read", async () => {
    const { api, port } = await start({ limits: { drainMs } });
    const sender = await open(port);
    sender.socket.write("PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nx");
    const half = await open(port);
    half.socket.write("GET /v1/st");
    expect((await request(port, "GET /livez")).status).toBe(200);
    const began = performance.now();
    await api.close();
    expect(performance.now() - began).toBeLessThan(atOnceMs);
    await Promise.all([sender.closed, half.closed]);
    expect(parseAnswer(sender.received()).status).toBe(503);
  });

  it("gives up on answers that do not come, within its bound", async () => {
    const { api, port, service } = await start({ limits: { drainMs: 100 } });
    service.gate = new Promise(() => {});
    const { socket, received, closed } = await open(port);
    socket.write("PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx");
    const other = await request(port, "GET /livez");
    expect(other.status).toBe(200);
    await api.close();
    await closed;
    expect(received()).toBe("");
    await api.close();
  });
});

describe("a connection", () => {
  it("is kept for the next request, and pipelined ones are answered in order", async () => {
    const { port } = await start();
    const { socket, received } = await open(port);
    const one = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    socket.write(one("/livez") + one("/v1/nothing") + one("/v1/validators"));
    await until(() => received().includes('"standing"'));
    expect([...received().matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(["200", "404", "200"]);
  });

  it("that sends far ahead of its answers is cut, before it costs more than its share", async () => {
    const { port, service } = await start({ limits: { drainMs: 50 } });
    service.gate = new Promise(() => {});
    const { socket, received, closed } = await open(port);
    const before = service.barriers;
    socket.write("GET /v1/kv/k HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000));
    await closed;
    expect(received()).toBe("");
    expect(service.barriers - before).toBe(1);
    expect((await request(port, "GET /livez")).status).toBe(200);
  });

  it("may have a hundred requests under way", async () => {
    const { port } = await start();
    const { socket, received } = await open(port);
    socket.write("GET /v1/kv/k HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100));
    await until(() => [...received().matchAll(/HTTP\/1\.1 404/g)].length === 100);
  });

  it("has signed requests that are sent ahead worked on together, sixteen at a time, and what else is asked one after the other", async () => {
    const { port, service } = await start();
    const held = gate();
    service.gate = held.closed;
    let submitted = 0;
    const { submitRequest } = service;
    service.submitRequest = (bytes) => {
      submitted += 1;
      return submitRequest(bytes);
    };
    const before = service.barriers;
    const { socket, received } = await open(port);
    const signed =
      "POST /v1/requests HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: 3\r\n\r\n\u0001\u0002\u0003";
    const read = "GET /v1/kv/k HTTP/1.1\r\nhost: localhost\r\n\r\n";
    socket.write(signed.repeat(20) + read + signed + read);
    await until(() => submitted === 16);
    // what came with them has been read, and waits
    expect((await request(port, "GET /livez")).status).toBe(200);
    expect([submitted, service.barriers - before]).toEqual([16, 0]);
    held.open();
    await until(() => received().split("HTTP/1.1 ").length === 24);
    expect([...received().matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual([
      ...Array.from({ length: 20 }, () => "200"),
      "404",
      "200",
      "404",
    ]);
    expect([submitted, service.barriers - before]).toEqual([21, 2]);
  });

  it("may expect what nobody knows: the request is answered all the same", async () => {
    const { port } = await start();
    expect((await request(port, "GET /livez", { headers: { expect: "200-ok" } })).status).toBe(200);
    const refused = await request(port, "GET /v1/nothing", { headers: { expect: "x" } });
    expect([refused.status, refused.headers["content-type"]]).toEqual([404, "application/problem+json"]);
  });

  it("with rubbish behind a request that waits is cut, not answered in its place", async () => {
    const { port, service } = await start({ limits: { drainMs: 50 } });
    service.gate = new Promise(() => {});
    const { socket, received, closed } = await open(port);
    socket.write("PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx\0\0rubbish\r\n\r\n");
    await closed;
    expect(received()).toBe("");
  });

  it("beyond the bound takes the place of the one that asked for nothing for longest, and of none that waits for its answer", async () => {
    const { port, service } = await start({ limits: { maxConnections: 2, drainMs: 50 } });
    const held = gate();
    service.gate = held.closed;
    const before = service.barriers;
    const first = await open(port);
    first.socket.write("GET /v1/kv/k HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await until(() => service.barriers > before);
    const idle = await open(port);
    const third = await open(port);
    await idle.closed;
    third.socket.write("GET /v1/kv/k HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await until(() => service.barriers === before + 2);
    await (
      await open(port)
    ).closed;
    held.open();
    await until(() => [first, third].every(({ received }) => received().includes("404 Not Found")));
    expect((await request(port, "GET /livez")).status).toBe(200);
  });

  it("that takes no answers has one more made for it, and is cut for those of others", async () => {
    const bytes = 1024 * 1024;
    const { port, url, service } = await start({ limits: { maxAnswersBytes: 1.5 * bytes, drainMs: 50 } });
    await fetch(`${url}/v1/kv/k`, { method: "PUT", body: "v".repeat(bytes) });
    const asked = 60;
    /** Asks far ahead without reading, until the system holds no more. */
    const askOnly = async () => {
      const before = service.barriers;
      const connection = await open(port);
      connection.socket.pause();
      connection.socket.write("GET /v1/kv/k?raw=1 HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(asked));
      let [last, unchanged] = [before, 0];
      await until(() => {
        unchanged = service.barriers === last ? unchanged + 1 : 0;
        last = service.barriers;
        return last > before && unchanged > 60;
      });
      expect(last - before).toBeLessThan(asked);
      return connection;
    };
    const deaf = await askOnly();
    const slow = await askOnly();
    deaf.socket.resume();
    slow.socket.resume();
    await deaf.closed;
    await until(() => slow.received().length > asked * bytes);
    expect(deaf.received().length).toBeLessThan(asked * bytes);
  });

  it("on which nothing moves is cut", async () => {
    const { port } = await start({ limits: { stuckMs: 100 } });
    await (
      await open(port)
    ).closed;
  });
});

describe("an address that is not loopback", () => {
  it("is not served without a token", () => {
    expect(() => createApi({ service: createFakeService(), host: "0.0.0.0", port: 0 })).toThrow(/token/);
  });

  it("needs the token to write, and nothing to read, under any name", () => {
    const guard = createGuard({ host: "0.0.0.0", token: "correct-horse-battery" });
    const write = (headers: IncomingHttpHeaders) => () => guard({ host: "far.example", ...headers }, true);
    for (const authorization of [
      undefined,
      "Bearer wrong-horse-battery",
      "Basic correct-horse-battery",
      "Bearer",
      "Bearer correct-horse-batter",
    ]) {
      expect(write(authorization === undefined ? {} : { authorization })).toThrow(/token/);
    }
    expect(write({ authorization: "bearer correct-horse-battery" })).not.toThrow();
    expect(() => guard({ host: "far.example" }, false)).not.toThrow();
  });

  it("says with 401 what it wants", async () => {
    const { port } = await start({ requireToken: true, token: "correct-horse-battery" });
    const put = (headers: Record<string, string>) => request(port, "PUT /v1/kv/k", { headers, body: "v" });
    const refused = await put({ authorization: "Bearer wrong" });
    expect([refused.status, refused.headers["www-authenticate"], JSON.parse(refused.body)]).toMatchObject([
      401,
      "Bearer",
      { code: "unauthorized" },
    ]);
    expect((await put({ authorization: "Bearer correct-horse-battery" })).status).toBe(200);
    expect((await request(port, "GET /v1/kv/k")).status).toBe(200);
  });

  it("takes its token from a file that only its owner reads", async () => {
    const folder = await mkdtemp(join(tmpdir(), "byz-token-"));
    try {
      const path = join(folder, "api.token");
      const [token, same] = await Promise.all([loadOrCreateToken(path), loadOrCreateToken(path)]);
      expect(token).toMatch(/^[\w-]{43}$/);
      expect(same).toBe(token);
      expect(await loadOrCreateToken(path)).toBe(token);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await writeFile(path, "short\n");
      await expect(loadOrCreateToken(path)).rejects.toThrow(/does not hold a token/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
