import { describe, expect, it } from "vitest";
import { open, parseAnswer, raw, request, start, until } from "./harness.ts";

const big = "x".repeat(2 * 1024 * 1024 + 1);
const txn = { "content-type": "application/json" };

describe("malformed input", () => {
  it.each([
    // [what, request line, status, code, headers, body]
    ["an unknown address", "GET /nothing", 404, "not_found"],
    ["an unknown address below /v1", "GET /v1/nothing", 404, "not_found"],
    ["a longer path than a route's", "GET /v1/status/x", 404, "not_found"],
    ["an empty sequence", "GET /v1/blocks/", 404, "not_found"],
    ["a target that is no path", "GET *", 404, "not_found"],
    ["a method of another route", "POST /v1/status", 405, "method_not_allowed"],
    ["a method that nobody has", "PATCH /v1/kv/k", 405, "method_not_allowed"],
    ["OPTIONS", "OPTIONS /v1/kv/k", 405, "method_not_allowed"],
    ["writing the list", "PUT /v1/kv", 405, "method_not_allowed"],
    ["an empty key", "GET /v1/kv/", 400, "invalid_request"],
    ["a lone percent sign", "GET /v1/kv/%", 400, "invalid_request"],
    ["a cut percent-encoding", "GET /v1/kv/a%4", 400, "invalid_request"],
    ["a percent-encoding that is not hexadecimal", "GET /v1/kv/%zz", 400, "invalid_request"],
    ["a percent-encoding with a sign", "GET /v1/kv/%+1", 400, "invalid_request"],
    ["a key that is too long", `GET /v1/kv/${"%41".repeat(1025)}`, 413, "too_large"],
    ["a request line that is too long", `GET /v1/kv/${"k".repeat(20_000)}`, 413, "too_large"],
    ["too many headers", "GET /v1/status", 413, "too_large", { "x-long": "h".repeat(20_000) }],
    ["an unknown consistency", "GET /v1/kv/k?consistency=strong", 400, "invalid_request"],
    ["an empty consistency", "GET /v1/kv/k?consistency=", 400, "invalid_request"],
    ["a misspelt parameter", "GET /v1/kv/k?consistancy=local", 400, "invalid_request"],
    ["a parameter given twice", "GET /v1/kv/k?raw=1&raw=1", 400, "invalid_request"],
    ["a parameter named __proto__", "GET /v1/kv/k?__proto__=1", 400, "invalid_request"],
    ["a parameter where there are none", "GET /v1/status?x=1", 400, "invalid_request"],
    ["a parameter on a write", "PUT /v1/kv/k?consistency=local", 400, "invalid_request"],
    ["bad percent-encoding in the query", "GET /v1/kv?prefix=%G1", 400, "invalid_request"],
    ["a limit of nothing", "GET /v1/kv?limit=0", 400, "invalid_request"],
    ["a limit beyond the bound", "GET /v1/kv?limit=1001", 400, "invalid_request"],
    ["a negative limit", "GET /v1/kv?limit=-1", 400, "invalid_request"],
    ["a limit in another notation", "GET /v1/kv?limit=1e2", 400, "invalid_request"],
    ["a hexadecimal limit", "GET /v1/kv?limit=0x10", 400, "invalid_request"],
    ["a fractional limit", "GET /v1/kv?limit=1.5", 400, "invalid_request"],
    ["NaN for a limit", "GET /v1/kv?limit=NaN", 400, "invalid_request"],
    ["a prefix longer than any key", `GET /v1/kv?prefix=${"k".repeat(1025)}`, 400, "invalid_request"],
    ["a bound that is not base64", "GET /v1/kv?after=%25&afterEncoding=base64", 400, "invalid_request"],
    ["block 0, the genesis", "GET /v1/blocks/0", 400, "invalid_request"],
    ["a block that is no number", "GET /v1/blocks/latest", 400, "invalid_request"],
    ["a block beyond the safe integers", "GET /v1/blocks/9007199254740993", 400, "invalid_request"],
    ["too many blocks", "GET /v1/blocks?limit=257", 400, "invalid_request"],
    ["a short request id", "GET /v1/requests/abc", 400, "invalid_request"],
    ["an upper-case request id", `GET /v1/requests/${"A".repeat(64)}`, 400, "invalid_request"],
    ["a body that is no JSON", "POST /v1/txn", 400, "invalid_request", txn, "{"],
    ["an empty body for JSON", "POST /v1/txn", 400, "invalid_request", txn],
    ["a body that is not UTF-8", "POST /v1/txn", 400, "invalid_request", txn, '{"success":[],"x":"\xff"}'],
    ["deep JSON", "POST /v1/txn", 400, "invalid_request", txn, "[".repeat(500_000)],
    ["deep and closed JSON", "POST /v1/txn", 400, "invalid_request", txn, `{"success":${"[".repeat(200_000)}${"]".repeat(200_000)}}`],
    ["JSON under another name", "POST /v1/txn", 400, "invalid_request", { "content-type": "text/plain" }, '{"success":[]}'],
    ["JSON without a name", "POST /v1/txn", 400, "invalid_request", {}, '{"success":[]}'],
    ["too large a transaction", "POST /v1/txn", 413, "too_large", txn, big],
    [
      "too large a transaction in chunks",
      "POST /v1/txn",
      413,
      "too_large",
      { ...txn, "transfer-encoding": "chunked" },
      `200001\r\n${big}\r\n0\r\n\r\n`,
    ],
    ["a compressed body", "PUT /v1/kv/k", 400, "invalid_request", { "content-encoding": "gzip" }, "v"],
    ["another host's name", "GET /v1/status", 400, "invalid_request", { host: "evil.example" }],
    ["a name that only begins like ours", "GET /v1/status", 400, "invalid_request", { host: "127.0.0.1.evil.example" }],
    ["a name that only ends like ours", "GET /v1/status", 400, "invalid_request", { host: "evil-localhost" }],
    ["a broken Host header", "GET /v1/status", 400, "invalid_request", { host: "[::1" }],
    ["a write from another site's page", "PUT /v1/kv/k", 400, "invalid_request", { origin: "https://evil.example" }, "v"],
    ["a write from a page without a site", "PUT /v1/kv/k", 400, "invalid_request", { origin: "null" }, "v"],
  ] as const)("%s gets its clear refusal", async (...[, line, status, code, headers, body]) => {
    const { port, errors, service } = await start();
    const answer = await request(port, line, { ...(headers === undefined ? {} : { headers }), ...(body === undefined ? {} : { body }) });
    const problem = JSON.parse(answer.body) as Record<string, unknown>;
    expect([answer.status, answer.headers["content-type"], problem["code"]]).toEqual([status, "application/problem+json", code]);
    expect(problem["detail"]).toEqual(expect.stringMatching(/\S/));
    if (status === 405) expect(answer.headers["allow"]).toMatch(/GET/);
    expect([errors, service.submitted, service.received]).toEqual([[], [], []]);
    expect((await request(port, "GET /livez")).status).toBe(200);
  });

  it.each([
    ["no HTTP at all", "hello\r\n\r\n"],
    ["no Host header", "GET /v1/status HTTP/1.1\r\nconnection: close\r\n\r\n"],
    ["two lengths", "PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nv"],
    [
      "a length and chunks, as in request smuggling",
      "PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a negative length", "PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n"],
  ])("%s is a bad request", async (_, text) => {
    const { port, service } = await start();
    const answer = await raw(port, text);
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { code: "invalid_request" }]);
    expect(service.submitted).toEqual([]);
  });

  it("lets a page from elsewhere read, as it lets everybody on this machine", async () => {
    const { port } = await start();
    expect((await request(port, "GET /livez", { headers: { origin: "https://example.org" } })).status).toBe(200);
  });

  it("accepts loopback's names", async () => {
    const { port } = await start();
    for (const host of ["localhost", `localhost:${port}`, "127.0.0.1:1", "127.8.9.1", "[::1]:5", "node.localhost"]) {
      expect([host, (await request(port, "GET /livez", { headers: { host } })).status]).toEqual([host, 200]);
    }
    expect((await request(port, "PUT /v1/kv/k", { headers: { origin: `http://localhost:${port}` }, body: "v" })).status).toBe(200);
  });

  it("refuses a huge body by its announced length, before it comes", async () => {
    const { port } = await start();
    const { socket, received } = await open(port);
    socket.write("PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1073741824\r\n\r\n");
    await until(() => received().includes("\r\n\r\n"));
    expect(parseAnswer(received()).status).toBe(413);
  });

  it("cuts a sender off who goes on and on after the refusal", async () => {
    const { port } = await start();
    const { socket, received, closed } = await open(port);
    socket.write("PUT /v1/kv/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    const chunk = Buffer.from(`10000\r\n${"x".repeat(65_536)}\r\n`);
    let sent = 0;
    const pump = () => {
      while (!socket.destroyed && sent < 64 * 1024 * 1024) {
        sent += chunk.length;
        if (!socket.write(chunk)) return void socket.once("drain", pump);
      }
    };
    pump();
    await closed;
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(parseAnswer(received()).status).toBe(413);
  });

  it("bounds the bodies of all connections together", async () => {
    const { port } = await start({ limits: { maxBodiesBytes: 100_000 } });
    const first = await open(port);
    first.socket.write(`PUT /v1/kv/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000\r\n\r\n${"x".repeat(80_000)}`);
    let answer = parseAnswer("");
    // until the first body's bytes have arrived, the second one may still find room
    await expect
      .poll(
        async () => {
          answer = await request(port, "PUT /v1/kv/b", { body: "y".repeat(30_000) });
          return answer.status;
        },
        { timeout: 30_000 },
      )
      .toBe(503);
    expect([JSON.parse(answer.body), answer.headers["retry-after"]]).toMatchObject([{ code: "overloaded" }, "1"]);
    first.socket.write("x".repeat(10_000));
    await until(() => first.received().includes("200 OK"));
    expect((await request(port, "PUT /v1/kv/b", { body: "y".repeat(90_000) })).status).toBe(200);
  });
});
