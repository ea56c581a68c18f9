/** Follows `/v1/watch` from node to node: what was seen is neither missed nor shown again, whoever answers next. */
import { ClientError } from "./errors.ts";
import { percentEncode, type Bytes } from "./http-client.ts";
import type { WatchEvent } from "./operate-answers.ts";

export interface WatchOptions {
  /** base URLs; the next one goes on where one breaks off */
  readonly urls: readonly string[];
  readonly prefix?: Bytes;
  /** the first sequence to show; what is executed from now on when absent */
  readonly from?: number;
  /** ends the watch */
  readonly signal: AbortSignal;
  /** told when a node broke off or did not answer, before the next one is asked */
  readonly onBreak?: (url: string, reason: string) => void;
  readonly fetch?: typeof globalThis.fetch;
}

/** a stream that says nothing for so long is broken: heartbeats come every 10 s */
const silenceMs = 35_000;
const pauseMs = 500;

interface Frame {
  readonly name: string;
  readonly data: string;
}

/** The lines of a stream as events; `told` hears every id that is complete, also those without an event. */
const createParser = (told: (id: string) => void): ((text: string) => Frame[]) => {
  let pending = "";
  let name = "message";
  let id: string | undefined;
  let data: string[] = [];
  return (text) => {
    const lines = (pending + text).split("\n");
    pending = lines.pop() ?? "";
    const frames: Frame[] = [];
    for (const line of lines) {
      const [, field, value = ""] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
      if (field === "id") id = value;
      else if (field === "event") name = value;
      else if (field === "data") data.push(value);
      else if (line === "") {
        // only now: a stream that breaks between an id and its event has not told the event
        if (id !== undefined) told(id);
        id = undefined;
        if (data.length > 0) frames.push({ name, data: data.join("\n") });
        name = "message";
        data = [];
      }
    }
    return frames;
  };
};

/** What the node refused: it will refuse it again. */
const refusal = async (response: Response, url: string): Promise<ClientError> => {
  const problem = (await response.json().catch(() => ({}))) as {
    readonly code?: unknown;
    readonly detail?: unknown;
    readonly hint?: unknown;
  };
  return new ClientError({
    code: problem.code === "not_found" ? "not_found" : "invalid_request",
    status: response.status,
    message: typeof problem.detail === "string" ? problem.detail : `${url} answered ${response.status}`,
    hint: typeof problem.hint === "string" ? problem.hint : undefined,
  });
};

const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, pauseMs);
    signal.addEventListener("abort", done, { once: true });
  });

/** One connection, until it breaks; throws only what will not get better. */
async function* connect(
  url: string,
  lastId: string | undefined,
  options: WatchOptions,
  told: (id: string) => void,
): AsyncGenerator<WatchEvent> {
  const parts = [`prefix=${percentEncode(options.prefix ?? "")}`, ...(options.from === undefined ? [] : [`from=${options.from}`])];
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const response = await (options.fetch ?? globalThis.fetch)(`${url}/v1/watch?${parts.join("&")}`, {
      headers: lastId === undefined ? {} : { "last-event-id": lastId },
      signal: AbortSignal.any([options.signal, silence.signal]),
      redirect: "error",
    });
    if (response.status === 400 || response.status === 404) throw await refusal(response, url);
    if (response.status !== 200 || response.body === null) throw new Error(`answered ${response.status}`);
    const decoder = new TextDecoder();
    const parse = createParser(told);
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      for (const { name, data } of parse(decoder.decode(part, { stream: true }))) {
        if (name === "message") yield JSON.parse(data) as WatchEvent;
        else if (name === "end") throw new Error((JSON.parse(data) as { message: string }).message);
      }
    }
    throw new Error("the connection broke");
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/**
 * The changes, until `signal` ends it. A node that breaks off is left for the next one.
 *
 * @throws ClientError `not_found` when what comes next is no longer kept, `invalid_request`; `no_node` when none answers at the start
 */
export async function* watchEvents(options: WatchOptions): AsyncGenerator<WatchEvent> {
  let lastId: string | undefined;
  let seen: string | undefined;
  for (let turn = 0; !options.signal.aborted; turn += 1) {
    const url = (options.urls[turn % options.urls.length] ?? "").replace(/\/+$/, "");
    try {
      // an id counts once what came with it was taken
      for await (const event of connect(url, lastId, options, (id) => (seen = id))) {
        yield event;
        lastId = seen;
      }
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof ClientError) throw error;
      lastId = seen ?? lastId;
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (lastId === undefined && turn + 1 >= options.urls.length) {
        throw new ClientError({
          code: "no_node",
          message: `no node answers at ${options.urls.join(", ")} (${reason})`,
          hint: "is it running there?",
          cause: error,
        });
      }
      options.onBreak?.(url, reason);
      if ((turn + 1) % options.urls.length === 0) await pause(options.signal);
    }
  }
}
