/**
 * Raw bytes to the HTTP interface over a service in memory: whatever comes, each answer is whole and well-formed, a refusal is a problem document,
 * no fault of this node's shows, and the server goes on. Cases are sent by real sockets: what arrives together may differ from run to run.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { createApi } from "../../../src/api/create-api.ts";
import { decodeOperation, decodeResult } from "../../../src/ledger/kv/encoding.ts";
import { createFakeService } from "../../api/fake-service.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import type { Target } from "../target.ts";
import { mutateJson, mutateText } from "../text.ts";

const end = "\r\n\r\n";
const head = (line: string, ...headers: readonly string[]): string =>
  [`${line} HTTP/1.1`, "Host: localhost", ...headers].join("\r\n") + end;
const withBody = (line: string, body: string, ...headers: readonly string[]): string =>
  head(line, `Content-Length: ${Buffer.byteLength(body, "latin1")}`, ...headers) + body;
const json = "Content-Type: application/json";

const transaction = {
  compare: [
    { key: "a", version: 0 },
    { key: "b", value: "x", encoding: "utf8" },
  ],
  success: [
    { type: "put", key: "a", value: "1", ifVersion: 0 },
    { type: "delete", key: "b" },
    { type: "get", key: "YQ==", keyEncoding: "base64" },
  ],
  failure: [{ type: "get", key: "a" }],
};

/** What a well-behaved client may send. */
const requests = [
  head("GET /v1/status"),
  head("GET /v1/kv/a?consistency=local"),
  head("GET /v1/kv/a%2Fb%00?raw=1&consistency=certified"),
  head("GET /v1/kv?prefix=a&after=b&limit=10"),
  head("GET /v1/kv?prefix=YQ%3D%3D&prefixEncoding=base64"),
  head("DELETE /v1/kv/a", 'If-Match: "1"'),
  withBody("PUT /v1/kv/a", "value"),
  withBody("PUT /v1/kv/b", "value", "If-None-Match: *", "Expect: 100-continue"),
  head("PUT /v1/kv/c", "Transfer-Encoding: chunked") + "5;a=b\r\nhello\r\n3\r\n123\r\n0\r\nTrailer: x\r\n\r\n",
  withBody("POST /v1/txn", JSON.stringify(transaction), json),
  withBody("POST /v1/requests", "\x00\x01\x02\xff", "Content-Type: application/octet-stream"),
  head(`GET /v1/requests/${"e".repeat(64)}`),
  head("GET /v1/blocks?from=1&limit=3"),
  head("GET /v1/blocks/7"),
  head("GET /v1/validators"),
  head("GET /v1/peers"),
  head("GET /v1/partitions"),
  head("GET /v1/evidence?limit=3"),
  head("GET /openapi.json"),
  head("GET /v1/watch?prefix=a&from=1", "Accept: text/event-stream"),
  head("GET /v1/events", "Last-Event-ID: 7"),
  withBody("POST /v1/testnet/cut", '{"peers":[],"direction":"both"}', json),
  head("GET /readyz?verbose"),
  head("HEAD /livez"),
  head("OPTIONS *"),
  head("GET http://localhost/livez"),
  head("CONNECT localhost:80"),
  head("GET /livez", "Upgrade: websocket", "Connection: Upgrade"),
  head("GET /livez", "Expect: 200-ok"),
  head("GET /livez", "Origin: http://evil.example", "Authorization: Bearer x", "Content-Encoding: gzip"),
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET /livez HTTP/1.0\r\n\r\n",
];

const hostile = [
  "Content-Length: 99999999999999999999",
  "Content-Length: -1",
  "Content-Length: 0",
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: gzip",
  "Host: evil.example",
  "Host: [::1",
  "Expect: nonsense",
  "Connection: close",
  "Upgrade: h2c",
  "__proto__: x",
  "constructor: x",
  `X-Long: ${"x".repeat(9_000)}`,
  "Content-Type: application/json; charset=utf-7",
  'If-Match: "9007199254740993"',
  "If-Match: *",
];

const bodies = (random: Random): string =>
  random.pick([
    () => "[".repeat(50_000),
    () => '{"success":'.repeat(10_000),
    () => `{"success":[],"__proto__":{"polluted":true}}`,
    () => `{"success":[${'{"type":"get","key":"a"},'.repeat(2_000)}{"type":"get","key":"a"}]}`,
    () => JSON.stringify(mutateJson(random, transaction)) ?? "",
    () => JSON.stringify(mutateJson(random, transaction)) ?? "",
    () => mutateText(random, JSON.stringify(transaction), ["1e400", "\\ud800"]),
  ])();

const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** One message, or several on one connection, with something wrong in most of them. */
const makeBytes = (random: Random): Buffer => {
  const kind = random.int(6);
  if (kind === 0) return Buffer.from(withBody("POST /v1/txn", latin1(bodies(random)), json), "latin1");
  if (kind === 1) {
    const request = random.pick(requests);
    const at = request.indexOf("\r\n") + 2;
    return Buffer.from(`${request.slice(0, at)}${random.pick(hostile)}\r\n${request.slice(at)}`, "latin1");
  }
  if (kind === 2) return Buffer.from(mutateText(random, random.pick(requests), requests), "latin1");
  if (kind === 3) {
    const others = requests.map((request) => Buffer.from(request, "latin1"));
    return Buffer.from(mutate(random, random.pick(others), others));
  }
  const parts = Array.from({ length: random.pick([2, 3, 20, 100]) }, () => random.pick(requests));
  return Buffer.from(kind === 4 ? parts.join("") : mutateText(random, parts.slice(0, 6).join(""), requests), "latin1");
};

/* ------------------------------------------------------------------ what comes back */

const mayHaveNoBody = (status: number): boolean => status === 100 || status === 204 || status === 304;

/** Checks every answer on a connection. */
const judgeAnswers = (received: string): void => {
  let rest = received;
  while (rest !== "") {
    const match = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    // an answer that was under way when the connection was cut
    if (match === null && !rest.includes(end)) return;
    if (match === null) throw new Error(`no answer of HTTP's: ${JSON.stringify(rest.slice(0, 300))}`);
    const status = Number(match[1]);
    const header = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "im").exec(match[2] ?? "")?.[1]?.trim();
    rest = rest.slice(match[0].length);
    if (mayHaveNoBody(status)) continue;
    // events without an end, in chunks
    if (header("content-type")?.startsWith("text/event-stream") === true) return;
    const length = Number(header("content-length") ?? Number.NaN);
    if (!Number.isSafeInteger(length)) throw new Error(`${status} without a length`);
    const isHead = rest.startsWith("HTTP/1.1 ") || rest === "";
    const body = isHead && length > 0 ? undefined : rest.slice(0, length);
    if (body !== undefined) rest = rest.slice(length);
    judgeAnswer(status, header("content-type"), body, body !== undefined && body.length === length);
  }
};

const judgeAnswer = (status: number, type: string | undefined, body: string | undefined, whole: boolean): void => {
  if (status === 500 || (status >= 300 && status < 400)) throw new Error(`answered ${status}: ${body ?? ""}`);
  if (status < 400) return;
  if (type !== "application/problem+json") throw new Error(`answered ${status} with ${type ?? "nothing"}, not a problem document`);
  if (!whole || body === undefined) return;
  const problem = JSON.parse(Buffer.from(body, "latin1").toString("utf8")) as Record<string, unknown>;
  if (problem["status"] !== status || typeof problem["code"] !== "string" || typeof problem["detail"] !== "string") {
    throw new Error(`answered ${status} with ${body}`);
  }
};

const maxReceived = 64 * 1024 * 1024;
const quietMs = 15;
const limitMs = 20_000;

/** Sends the bytes in the given parts; gives what came back once the server closed, or said nothing for `patienceMs`. */
const exchange = (port: number, parts: readonly Buffer[], patienceMs = quietMs): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    let bytes = 0;
    let quiet: NodeJS.Timeout | undefined;
    const finish = (error?: Error): void => {
      clearTimeout(quiet);
      clearTimeout(limit);
      socket.destroy();
      if (error === undefined) resolve(Buffer.concat(received).toString("latin1"));
      else reject(error);
    };
    const limit = setTimeout(() => finish(new Error(`the server was neither quiet nor done within ${limitMs} ms`)), limitMs);
    const wait = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(finish, patienceMs);
    };
    socket.on("data", (part) => {
      received.push(part);
      bytes += part.length;
      if (bytes > maxReceived) finish(new Error(`more than ${maxReceived} bytes of answers`));
      else wait();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => finish());
    socket.on("connect", () => {
      for (const part of parts) socket.write(part);
      wait();
    });
  });

const isAlive = async (port: number): Promise<void> => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const received = await exchange(port, [Buffer.from(head("GET /livez", "Connection: close"))], limitMs);
    if (received.startsWith("HTTP/1.1 200 ")) return;
  }
  throw new Error("the server does not answer any more");
};

export const http: Target = {
  name: "http",
  about: "the HTTP interface: request lines, headers, bodies in pieces, several requests at once, JSON",
  async open() {
    const service = createFakeService();
    const errors: unknown[] = [];
    const api = createApi({
      service,
      host: "127.0.0.1",
      port: 0,
      keyValue: { decodeOperation, decodeResult },
      limits: { headersTimeoutMs: 1_000, requestTimeoutMs: 2_000, timeoutCheckMs: 100, drainMs: 100 },
      onError: (error) => errors.push(error),
    });
    const port = Number(new URL(await api.listen()).port);
    return {
      next(random) {
        // several connections at once: a case is what the server sees in one moment
        const connections = Array.from({ length: 8 }, () => {
          const bytes = makeBytes(random);
          const cut = random.chance(0.3) ? random.int(bytes.length + 1) : bytes.length;
          return [bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0);
        });
        return {
          input: () => connections.map((parts) => JSON.stringify(Buffer.concat(parts).toString("latin1").slice(0, 2_000))).join("\n"),
          async run() {
            const answers = await Promise.all(connections.map((parts) => exchange(port, parts)));
            answers.forEach(judgeAnswers);
            if (errors.length > 0) throw new Error("a fault of the node's own", { cause: errors[0] });
            if ("polluted" in {}) throw new Error("Object.prototype was changed");
            // the memory of the service is not what is measured
            service.submitted.length = 0;
            service.received.length = 0;
            if (random.chance(0.1)) await isAlive(port);
          },
        };
      },
      finish: () => isAlive(port),
      close: () => api.close(),
    };
  },
};
