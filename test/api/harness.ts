/** Starts the HTTP layer over the fake service on a free loopback port, and speaks to it in whole requests or raw bytes. */
import { connect, type Socket } from "node:net";
import { afterEach } from "vitest";
import { type Api, type ApiOptions, createApi } from "../../src/api/create-api.ts";
import { decodeOperation, decodeResult } from "../../src/ledger/kv/encoding.ts";
import { createFakeService, type FakeService } from "./fake-service.ts";

const codec = { decodeOperation, decodeResult };
const running = new Set<Api>();
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all([...running].map((api) => api.close()));
  running.clear();
});

export interface Started {
  readonly api: Api;
  readonly url: string;
  readonly port: number;
  readonly service: FakeService;
  readonly errors: unknown[];
}

export const start = (options: Partial<ApiOptions> = {}): Promise<Started> => startForOtherApplication({ keyValue: codec, ...options });

export const startForOtherApplication = async (options: Partial<ApiOptions> = {}): Promise<Started> => {
  const service = createFakeService();
  const errors: unknown[] = [];
  const api = createApi({ service, host: "127.0.0.1", port: 0, onError: (error) => errors.push(error), ...options });
  running.add(api);
  const url = await api.listen();
  return { api, url, port: Number(new URL(url).port), service, errors };
};

/**
 * @returns a connection, and everything it has received so far
 * @throws Error when nobody listens
 */
export const open = async (port: number): Promise<{ readonly socket: Socket; received(): string; readonly closed: Promise<void> }> => {
  const socket = connect(port, "127.0.0.1");
  sockets.add(socket);
  let received = "";
  socket.on("data", (part) => {
    received += part.toString("latin1");
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => socket.once("connect", () => resolve()).once("error", reject));
  return { socket, received: () => received, closed };
};

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const parseAnswer = (received: string): RawAnswer => {
  const end = received.indexOf("\r\n\r\n");
  const [first = "", ...lines] = received.slice(0, end).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
  return { status: Number(first.split(" ")[1]), headers, body: received.slice(end + 4) };
};

/** Sends exactly these bytes and reads until the server closes: they should ask for that. */
export const raw = async (port: number, text: string): Promise<RawAnswer> => {
  const { socket, received, closed } = await open(port);
  socket.write(Buffer.from(text, "latin1"));
  await closed;
  return parseAnswer(received());
};

/** One request whose target and headers no client library has touched. */
export const request = (
  port: number,
  line: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<RawAnswer> => {
  const body = options.body ?? "";
  const headers: Record<string, string> = { host: `127.0.0.1:${port}`, connection: "close", ...options.headers };
  if (body !== "" && headers["transfer-encoding"] === undefined) headers["content-length"] ??= String(Buffer.byteLength(body, "latin1"));
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return raw(port, `${line} HTTP/1.1\r\n${head.join("")}\r\n${body}`);
};

/** Waits for a condition, at most `limitMs`. */
export const until = async (condition: () => boolean, limitMs = 30_000): Promise<void> => {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not so after ${limitMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
