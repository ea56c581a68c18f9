/** One HTTP exchange with the first of several nodes that answers. */
import type { ProblemAnswer } from "./answers.ts";
import { ClientError, isClientErrorCode } from "./errors.ts";
import { isMultiaddr } from "./libp2p-fetch.ts";

export interface HttpClientOptions {
  /** base URLs such as `http://127.0.0.1:27657` (multiaddrs where `fetch` understands them), tried in order, starting with the one that answered last */
  readonly urls: readonly string[];
  /** bearer token, needed for writes through a node that is not on loopback */
  readonly token?: string;
  /** for one exchange with one node; 20,000 by default, longer than a node waits for its own answer */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
}

export interface Exchange {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** begins with `/`, percent-encoded */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** true when it may reach several nodes without harm: reads, and signed requests (executed once whatever their number) */
  readonly repeatable: boolean;
  /** statuses, beside 2xx, that are answers and not errors */
  readonly accept?: readonly number[];
}

export interface Transport {
  /** @throws ClientError */
  exchange(request: Exchange): Promise<{ readonly status: number; readonly headers: Headers; readonly body: Uint8Array }>;
}

/** largest answer taken: a page of blocks in JSON */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Failures that leave nothing behind: another node may do better. */
const nothingOrdered: ReadonlySet<string> = new Set(["no_quorum", "overloaded", "syncing", "rate_limited"]);
/** The connection was never made, so nothing was asked. */
const neverConnected: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The system's code of what went wrong, wherever `fetch` has put it. */
const causeCode = (error: unknown): string | undefined => {
  let at: unknown = error;
  for (let depth = 0; depth < 4 && at instanceof Error; depth += 1) {
    if ("code" in at && typeof at.code === "string") return at.code;
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return undefined;
};

const readBody = async (response: Response): Promise<Uint8Array> => {
  const declared = Number(response.headers.get("content-length") ?? 0);
  const tooLong = () => new ClientError({ code: "bad_answer", message: `the answer is larger than ${maxAnswerBytes} bytes` });
  if (declared > maxAnswerBytes) throw tooLong();
  if (response.body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > maxAnswerBytes) throw tooLong();
    parts.push(part);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
};

/** @throws ClientError `bad_answer` when it is not one JSON document */
export const parseJson = (body: Uint8Array, url: string): unknown => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new ClientError({
      code: "bad_answer",
      message: `${url} did not answer with JSON`,
      hint: "check that the URL is a node's",
      cause,
    });
  }
};

const problemError = (status: number, retryAfter: string | null, body: Uint8Array, url: string): ClientError => {
  const parsed = parseJson(body, url);
  const problem = typeof parsed === "object" && parsed !== null ? (parsed as Partial<ProblemAnswer>) : {};
  const { type: _type, title: _title, status: _status, code, detail, hint, ...details } = problem;
  if (!isClientErrorCode(code)) {
    return new ClientError({
      code: "bad_answer",
      status,
      message: `${url} answered ${status} without a known code`,
      hint: "check that the URL is a node's",
    });
  }
  return new ClientError({
    code,
    status,
    message: typeof detail === "string" ? detail : code,
    hint: typeof hint === "string" ? hint : undefined,
    details,
    retryAfterSeconds: retryAfter === null || Number.isNaN(Number(retryAfter)) ? undefined : Number(retryAfter),
  });
};

/** @throws ClientError `invalid_request` when `urls` is empty or holds something that is not an http(s) URL */
const baseUrls = (urls: readonly string[], multiaddrs: boolean): readonly string[] => {
  if (urls.length === 0) throw new ClientError({ code: "invalid_request", message: "no API URL was given" });
  return urls.map((text) => {
    if (multiaddrs && isMultiaddr(text)) return text;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new ClientError({ code: "invalid_request", message: `not an http(s) URL: ${text}`, hint: "such as http://127.0.0.1:27657" });
    }
    return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  });
};

/** What it means that an exchange broke off, for those who must decide whether to try again. */
const brokenOff = (cause: unknown, base: string, repeatable: boolean, timedOutAfterMs: number | undefined): ClientError => {
  const reason = causeCode(cause);
  if (reason !== undefined && neverConnected.has(reason)) {
    return new ClientError({ code: "no_node", message: `no node answers at ${base} (${reason})`, hint: "is it running there?", cause });
  }
  const broke = reason === undefined ? "the connection broke" : `the connection broke (${reason})`;
  const message = `${base}: ${timedOutAfterMs === undefined ? broke : `no answer within ${timedOutAfterMs} ms`}`;
  if (repeatable) return new ClientError({ code: "no_node", message, cause, details: { sent: true } });
  return new ClientError({ code: "outcome_unknown", message, hint: "read the key to see whether it was written", cause });
};

/** The failure that tells most: an answered one above a silent one. */
const worthMore = (known: ClientError | undefined, next: ClientError): ClientError =>
  known === undefined || known.code === "no_node" ? next : known;

export const createTransport = (options: HttpClientOptions): Transport => {
  const urls = baseUrls(options.urls, options.fetch !== undefined);
  const send = options.fetch ?? globalThis.fetch;
  const timeoutMs = options.timeoutMs ?? 20_000;
  let preferred = 0;

  const attempt = async (base: string, request: Exchange) => {
    const headers: Record<string, string> = { accept: "application/json", ...request.headers };
    if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    try {
      const response = await send(base + request.path, {
        method: request.method,
        headers,
        signal,
        redirect: "error",
        ...(request.body === undefined ? {} : { body: request.body as Uint8Array<ArrayBuffer> | string }),
      });
      return { status: response.status, headers: response.headers, body: await readBody(response) };
    } catch (cause) {
      if (cause instanceof ClientError) throw cause;
      if (options.signal?.aborted === true) throw new ClientError({ code: "aborted", message: "interrupted", cause });
      throw brokenOff(cause, base, request.repeatable, timeout.aborted ? timeoutMs : undefined);
    }
  };

  return {
    async exchange(request) {
      let failure: ClientError | undefined;
      for (let turn = 0; turn < urls.length; turn += 1) {
        const position = (preferred + turn) % urls.length;
        const base = urls[position] as string;
        let error: ClientError;
        try {
          const answer = await attempt(base, request);
          if ((answer.status >= 200 && answer.status < 300) || request.accept?.includes(answer.status) === true) {
            preferred = position;
            return answer;
          }
          error = problemError(answer.status, answer.headers.get("retry-after"), answer.body, base);
        } catch (caught) {
          if (!(caught instanceof ClientError)) throw caught;
          error = caught;
        }
        const tryNext =
          error.code === "no_node" || nothingOrdered.has(error.code) || (request.repeatable && error.code === "outcome_unknown");
        if (!tryNext) throw error;
        failure = worthMore(failure, error);
      }
      throw failure as ClientError;
    },
  };
};
