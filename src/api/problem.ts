/** Refusals on their way out: RFC 9457 problem documents with stable codes (docs/http.md). */
import type { Failure, FailureCode, Outcome } from "../node/service.ts";
import type { EventFeed } from "./event-stream.ts";

/** Codes that only HTTP has, beside the service's. */
export type ProblemCode = FailureCode | "method_not_allowed" | "request_timeout";

export interface Problem extends Omit<Failure, "code" | "details"> {
  readonly code: ProblemCode;
  readonly details?: Readonly<Record<string, unknown>>;
}

export const statusByCode: Readonly<Record<ProblemCode, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  version_conflict: 409,
  too_large: 413,
  rate_limited: 429,
  internal: 500,
  no_quorum: 503,
  overloaded: 503,
  syncing: 503,
  outcome_unknown: 504,
};

const titleByCode: Readonly<Record<ProblemCode, string>> = {
  invalid_request: "The request is not valid",
  unauthorized: "A token is needed",
  not_found: "There is no such thing",
  method_not_allowed: "The method is not allowed here",
  request_timeout: "The request came too slowly",
  version_conflict: "The version is another one",
  too_large: "Too large",
  rate_limited: "Too many requests",
  internal: "This node failed",
  no_quorum: "There is no quorum",
  overloaded: "Overloaded",
  syncing: "This node is catching up",
  outcome_unknown: "The outcome is not known",
};

/** Thrown by handlers, answered by the server. */
export class Refusal extends Error {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.message);
    this.name = "Refusal";
    this.problem = problem;
    this.headers = headers;
  }
}

/** @throws Refusal `invalid_request`, always */
export const refuseInvalid = (message: string, hint?: string): never => {
  throw new Refusal({ code: "invalid_request", message, ...(hint === undefined ? {} : { hint }) });
};

/** @throws Refusal when the outcome is a failure */
export const valueOf = <T>(outcome: Outcome<T>): T => {
  if (!outcome.ok) throw new Refusal(outcome.failure);
  return outcome.value;
};

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** a stream of server-sent events that follows the body */
  readonly feed?: EventFeed;
  /** bytes that follow the body, as fast as the client takes them */
  readonly parts?: AsyncIterable<Uint8Array>;
}

export const jsonAnswer = (body: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

/** The standard members win over details of the same name. */
export const problemAnswer = (problem: Problem, headers: Readonly<Record<string, string>> = {}): Answer => {
  const status = statusByCode[problem.code];
  const standard = {
    type: "about:blank",
    title: titleByCode[problem.code],
    status,
    code: problem.code,
    detail: problem.message,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  };
  // twice: they stand first, and they win
  const document = { ...standard, ...problem.details, ...standard };
  const retryAfterSeconds = problem.retryAfterSeconds ?? (problem.code === "overloaded" || problem.code === "rate_limited" ? 1 : undefined);
  return {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) }),
      ...headers,
    },
    body: JSON.stringify(document),
  };
};
