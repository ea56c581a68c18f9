/**
 * The HTTP interface of a node (docs/http.md), straight on node:http.
 *
 * Why no framework: keys are arbitrary bytes of the raw request target (`a/../b` and `a%2Fb` are keys), bodies must be refused before they are
 * buffered, and what is refused before any handler runs must be a problem document too.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Duplex, pipeline, Readable } from "node:stream";
import type { Failure, NodeService } from "../node/service.ts";
import { type Admission, createAdmission } from "./admission.ts";
import { type BodyReader, createBodyReader, discardRest } from "./body.ts";
import { trackConnections } from "./connections.ts";
import { createStreams, type Streams } from "./event-stream.ts";
import { createGuard, type Guard, type GuardOptions } from "./guard.ts";
import type { KeyValueCodec } from "./json.ts";
import { type ApiLimits, defaultApiLimits } from "./limits.ts";
import { withOpenApi } from "./openapi.ts";
import { type Answer, problemAnswer, Refusal, refuseInvalid } from "./problem.ts";
import { type ClientExchange, createClientExchange } from "./exchange.ts";
import { createRateLimit, type RateLimit, type RateLimitOptions } from "./rate-limit.ts";
import { createRouter, type Match, type Method, type Operation, type Route } from "./route.ts";
import { eventRoutes, eventStreamType, watchRoutes } from "./routes/events.ts";
import { keyValueRoutes } from "./routes/kv.ts";
import { ledgerRoutes } from "./routes/ledger.ts";
import { nodeRoutes } from "./routes/node.ts";
import { backupRoutes } from "./routes/backup.ts";
import { evidenceRoutes } from "./routes/evidence.ts";
import { partitionRoutes } from "./routes/partitions.ts";
import { sharedRoutes } from "./routes/shared.ts";
import { stateRoutes } from "./routes/state.ts";
import { createTurns, type Turns } from "./turns.ts";

export interface ApiOptions extends GuardOptions {
  readonly service: NodeService;
  /** 0 picks a free one */
  readonly port: number;
  /** reads the key-value store's bytes; absent when another application runs: then there is `/v1/state` in place of `/v1/kv`, `/v1/txn` and `/v1/watch` */
  readonly keyValue?: KeyValueCodec;
  readonly limits?: Partial<ApiLimits>;
  /** none when absent */
  readonly rateLimit?: RateLimitOptions;
  /** why no new work is taken now, if so; asked for each request that is not `always` answered */
  readonly admit?: () => Failure | undefined;
  /** told about faults of this node, never about those of a user */
  readonly onError?: (error: unknown) => void;
}

export interface Api {
  /** the part of the interface that clients may ask over libp2p */
  readonly exchange: ClientExchange;
  /**
   * @returns the base URL, such as `http://127.0.0.1:27657`
   * @throws Error with Node's code, such as EADDRINUSE
   */
  listen(): Promise<string>;
  /** Takes no more; lets answers under way finish within `drainMs`; then, at most `flushMs` later, every socket is gone. */
  close(): Promise<void>;
}

const ignore = (): void => undefined;

/** Every route of the interface; the documentation and its test read it too. */
export const apiRoutes = (service: NodeService, keyValue: KeyValueCodec | undefined): readonly Route[] =>
  withOpenApi(ownRoutes(service, keyValue), () => service.status().version);

const ownRoutes = (service: NodeService, keyValue: KeyValueCodec | undefined): readonly Route[] => [
  ...(keyValue === undefined ? stateRoutes(service) : [...keyValueRoutes(service), ...watchRoutes(service)]),
  ...ledgerRoutes(service, keyValue),
  ...nodeRoutes(service),
  ...partitionRoutes(service),
  ...evidenceRoutes(service),
  ...backupRoutes(service),
  ...sharedRoutes(service),
  ...eventRoutes(service),
];

/** Path and query of a request target, as they came; a target in absolute form names us already. */
const splitTarget = (target: string): { readonly path: string; readonly query: string } => {
  const origin = target.startsWith("/") ? "" : (/^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? "");
  const rest = target.slice(origin.length);
  const mark = rest.indexOf("?");
  return mark === -1 ? { path: rest, query: "" } : { path: rest.slice(0, mark), query: rest.slice(mark + 1) };
};

const findOperation = (match: Match | undefined, method: string): Operation => {
  if (match === undefined) throw new Refusal({ code: "not_found", message: "there is nothing at this address", hint: "see docs/http.md" });
  const operations = match.route.operations;
  const asked = method === "HEAD" ? "GET" : method;
  const operation = Object.hasOwn(operations, asked) ? operations[asked as Method] : undefined;
  if (operation !== undefined) return operation;
  const allowed = Object.keys(operations).flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name]));
  throw new Refusal(
    { code: "method_not_allowed", message: `${method} is not possible here`, hint: `use ${allowed.join(" or ")}` },
    { allow: allowed.join(", ") },
  );
};

/** What a connection is told whose request never became one. */
const brokenRequestText = (code: string | undefined): string => {
  const answer =
    code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? problemAnswer({ code: "request_timeout", message: "the request did not arrive in time" })
      : problemAnswer(
          code === "HPE_HEADER_OVERFLOW"
            ? { code: "too_large", message: "the request line and headers are too long" }
            : { code: "invalid_request", message: "this is not an HTTP request" },
        );
  const head = Object.entries({ ...answer.headers, "content-length": String(answer.body.length), connection: "close" });
  return `HTTP/1.1 ${answer.status} Refused\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${answer.body as string}`;
};

interface Sending {
  readonly closing: boolean;
  /** false for HEAD */
  readonly withBody: boolean;
  readonly streams: Streams;
  /** told how much was handed over */
  readonly owes: (bytes: number) => void;
}

/** As fast as they are taken. What goes wrong on the way breaks the connection off, so that nobody takes a part for the whole. */
const sendParts = (outgoing: ServerResponse, parts: AsyncIterable<Uint8Array>): void => {
  pipeline(Readable.from(parts, { objectMode: false }), outgoing, () => undefined);
};

const send = (outgoing: ServerResponse, answer: Answer, { closing, withBody, streams, owes }: Sending): void => {
  const { body, feed, parts } = answer;
  const open = feed !== undefined || parts !== undefined;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  outgoing.writeHead(answer.status, {
    ...answer.headers,
    ...(!open ? { "content-length": length } : {}),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(closing || open ? { connection: "close" } : {}),
  });
  if (!withBody) outgoing.end();
  else if (feed !== undefined) streams.serve(outgoing, feed);
  else if (parts !== undefined) sendParts(outgoing, parts);
  else {
    outgoing.end(body);
    owes(length);
  }
};

interface Handling {
  readonly rateLimit: RateLimit;
  readonly guard: Guard;
  readonly admit: Admission;
  readonly bodies: BodyReader;
  readonly find: (path: string) => Match | undefined;
  readonly streams: Streams;
  readonly turn: Turns;
  readonly onError: (error: unknown) => void;
}

const tooManyStreams = (): Refusal =>
  new Refusal({ code: "overloaded", message: "this node has as many watchers as it takes", hint: "ask another node" });

interface Target {
  readonly query: string;
  readonly match: Match | undefined;
}

/** From a request to its answer; never throws. */
const answerTo = async (incoming: IncomingMessage, { query, match }: Target, handling: Handling): Promise<Answer> => {
  const { guard, rateLimit, bodies, onError } = handling;
  let held = 0;
  try {
    const method = incoming.method ?? "";
    rateLimit(incoming.socket.remoteAddress);
    guard(incoming.headers, method !== "GET" && method !== "HEAD");
    const operation = findOperation(match, method);
    handling.admit(operation);
    const coding = incoming.headers["content-encoding"];
    if (coding !== undefined && coding !== "identity") refuseInvalid(`content-encoding "${coding}" is not supported`);
    if (operation.answerType === eventStreamType && handling.streams.full) throw tooManyStreams();
    return await operation.handle({
      method: method as Method,
      parameter: match?.parameter ?? "",
      query,
      headers: incoming.headers,
      async body(maxBytes) {
        const body = await bodies.read(incoming, maxBytes);
        held += body.length;
        return body;
      },
      turn: handling.turn,
    });
  } catch (error) {
    if (error instanceof Refusal) {
      if (error.problem.code === "internal") onError(error);
      return problemAnswer(error.problem, error.headers);
    }
    onError(error);
    return problemAnswer({ code: "internal", message: "this node failed to answer", hint: "its log says more" });
  } finally {
    bodies.release(held);
  }
};

const listenOn = (server: Server, host: string, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const { address, family, port: bound } = server.address() as AddressInfo;
      resolve(`http://${family === "IPv6" ? `[${address}]` : address}:${bound}`);
    });
  });

/** @throws Error when `host` is not loopback and there is no token */
export const createApi = (options: ApiOptions): Api => {
  const limits: ApiLimits = { ...defaultApiLimits, ...options.limits };
  const turn = createTurns();
  const handling: Handling = {
    guard: createGuard(options),
    rateLimit: createRateLimit(options.rateLimit ?? { requestsPerSecond: 0 }),
    bodies: createBodyReader(limits.maxBodiesBytes),
    find: createRouter(apiRoutes(options.service, options.keyValue)),
    streams: createStreams(limits, turn),
    turn,
    admit: createAdmission(options.admit),
    onError: options.onError ?? (() => undefined),
  };
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    keepAliveTimeout: limits.keepAliveMs,
    requireHostHeader: false,
    noDelay: true,
  });
  server.setTimeout(limits.stuckMs);

  let closed: Promise<void> | undefined;
  const connections = trackConnections(server, limits);

  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.on("error", ignore);
    const { path, query } = splitTarget(incoming.url ?? "");
    const match = handling.find(path);
    const abreast = incoming.method === "POST" && match?.route.operations.POST?.abreast === true;
    connections.take(outgoing, abreast, async (owes) => {
      const answer = await answerTo(incoming, { query, match }, handling);
      if (outgoing.destroyed) return;
      send(outgoing, answer, { closing: connections.closing, withBody: incoming.method !== "HEAD", streams: handling.streams, owes });
      discardRest(incoming);
    });
  });
  // an expectation that nobody knows is ignored (RFC 9110 §10.1.1); Node would answer 417 without a word
  server.on("checkExpectation", (incoming, outgoing) => server.emit("request", incoming, outgoing));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable || !connections.mayInterrupt(socket)) {
      socket.destroy();
      return;
    }
    socket.end(brokenRequestText(error.code), () => socket.destroy());
  });

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    handling.bodies.stop();
    handling.streams.stop();
    await connections.close(limits.drainMs, limits.flushMs);
  };

  return {
    exchange: createClientExchange(handling),
    listen: () => listenOn(server, options.host, options.port),
    close: () => (closed ??= close()),
  };
};
