/**
 * The part of the interface that clients may ask over libp2p, where nobody has a token: signed requests, and what proves itself. Everything else is HTTP's.
 */
import { decodeQuestion, encodeClientAnswer, maxClientAnswerBytes } from "../wire/exchanges.ts";
import type { Admission } from "./admission.ts";
import { type Answer, problemAnswer, Refusal } from "./problem.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Match, Operation } from "./route.ts";
import type { Turns } from "./turns.ts";

/** What answers one question, in frames (docs/wire.md "Client protocol"); never rejects. @param from limits are kept by it */
export type ClientExchange = (from: string, question: Uint8Array) => Promise<Uint8Array>;

export interface ClientExchangeOptions {
  readonly find: (path: string) => Match | undefined;
  readonly rateLimit: RateLimit;
  readonly admit: Admission;
  readonly turn: Turns;
  readonly onError: (error: unknown) => void;
}

/** Path of the route → whether this query of it may be asked. */
const offered: Readonly<Record<string, (query: URLSearchParams) => boolean>> = {
  "GET /v1/status": () => true,
  "POST /v1/requests": () => true,
  "GET /v1/requests/{id}": () => true,
  "GET /v1/kv": (query) => query.get("consistency") === "certified",
  "GET /v1/kv/{key*}": (query) => query.get("consistency") === "certified" && !query.has("raw"),
};

const notOffered = (): Refusal =>
  new Refusal({
    code: "not_found",
    message: "this is not answered over libp2p",
    hint: "signed requests, certified reads and the status are; ask the HTTP interface for the rest",
  });

const utf8 = new TextEncoder();

const bytesOf = ({ body }: Answer): Uint8Array => (typeof body === "string" ? utf8.encode(body) : body);

const toFrame = (answer: Answer): Uint8Array => {
  const body = bytesOf(answer);
  const retryAfterSeconds = Number(answer.headers?.["retry-after"] ?? 0);
  if (4 + body.length <= maxClientAnswerBytes) return encodeClientAnswer({ status: answer.status, retryAfterSeconds, body });
  return toFrame(problemAnswer({ code: "too_large", message: "the answer is too large for libp2p", hint: "ask the HTTP interface" }));
};

export const createClientExchange = ({ find, rateLimit, admit, turn, onError }: ClientExchangeOptions): ClientExchange => {
  const answerTo = async (from: string, bytes: Uint8Array): Promise<Answer> => {
    rateLimit(from);
    const question = decodeQuestion(bytes);
    if (!question.ok) throw new Refusal({ code: "invalid_request", message: `the question is malformed: ${question.error.field}` });
    const { method, target, body } = question.value;
    const mark = target.indexOf("?");
    const [path, query] = mark === -1 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
    const match = find(path);
    const may = match === undefined ? undefined : offered[`${method} ${match.route.path}`];
    const operation: Operation | undefined = match?.route.operations[method];
    if (match === undefined || operation === undefined || may?.(new URLSearchParams(query)) !== true) throw notOffered();
    admit(operation);
    return operation.handle({
      method,
      parameter: match.parameter,
      query,
      headers: { "content-type": "application/octet-stream" },
      body: async (maxBytes) => {
        if (body.length > maxBytes)
          throw new Refusal({ code: "too_large", message: `the body is larger than ${maxBytes} bytes`, details: { maxBytes } });
        return body;
      },
      turn,
    });
  };
  return async (from, bytes) => {
    try {
      return toFrame(await answerTo(from, bytes));
    } catch (error) {
      if (error instanceof Refusal) return toFrame(problemAnswer(error.problem, error.headers));
      onError(error);
      return toFrame(problemAnswer({ code: "internal", message: "this node failed to answer", hint: "its log says more" }));
    }
  };
};
