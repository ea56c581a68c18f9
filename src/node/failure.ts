/** Why the node did not do what it was asked: stable codes of the HTTP interface (docs/http.md), also used by the command line. */

export const failureCodes = [
  /** malformed, or can never be accepted as it stands */
  "invalid_request",
  "unauthorized",
  "not_found",
  /** the key's version is not the expected one; `details.version` is the present one, 0 when the key does not exist */
  "version_conflict",
  "too_large",
  "rate_limited",
  /** fewer validators than a quorum can talk to each other: nothing was ordered */
  "no_quorum",
  /** a bounded queue is full: nothing was ordered; try again later */
  "overloaded",
  /** this node is still catching up and can not answer yet: nothing was ordered */
  "syncing",
  /** handed to the network, no answer in time: it may yet commit; `details.requestId` names it */
  "outcome_unknown",
  /** a fault of this node */
  "internal",
] as const;

export type FailureCode = (typeof failureCodes)[number];

export interface Failure {
  readonly code: FailureCode;
  /** what happened: one sentence for a person, without a final full stop */
  readonly message: string;
  /** what to do about it */
  readonly hint?: string;
  readonly retryAfterSeconds?: number;
  /** further members of the HTTP answer, such as `version` or `requestId` */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** A refusal is a value: what was asked for, or why not. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export const done = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const failed = (failure: Failure): { readonly ok: false; readonly failure: Failure } => ({ ok: false, failure });
