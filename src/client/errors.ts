/** What a client call may throw, and the exit status each deserves on a command line (0–6, see docs/http.md). */

const exitCodeByCode = {
  invalid_request: 1,
  unauthorized: 1,
  not_found: 1,
  version_conflict: 1,
  too_large: 1,
  rate_limited: 1,
  overloaded: 1,
  syncing: 1,
  internal: 1,
  method_not_allowed: 1,
  request_timeout: 1,
  /** what answered does not speak this protocol */
  bad_answer: 1,
  /** the caller's signal */
  aborted: 130,
  /** none of the URLs led to a node */
  no_node: 4,
  no_quorum: 5,
  outcome_unknown: 5,
  /** an answer was not what its proof says */
  verification_failed: 6,
} as const satisfies Record<string, number>;

export type ClientErrorCode = keyof typeof exitCodeByCode;

export interface ClientErrorInit {
  readonly code: ClientErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  /** HTTP status, when a node answered */
  readonly status?: number;
  /** further members of the problem document, such as `version` or `requestId` */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

export class ClientError extends Error {
  readonly code: ClientErrorCode;
  readonly hint: string | undefined;
  readonly status: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;
  constructor(init: ClientErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "ClientError";
    this.code = init.code;
    this.hint = init.hint;
    this.status = init.status;
    this.details = init.details ?? {};
    this.retryAfterSeconds = init.retryAfterSeconds;
  }
  /** the process exit status for it: 1 failed, 4 no node, 5 no quorum or outcome unknown, 6 not verified, 130 interrupted */
  get exitCode(): number {
    return exitCodeByCode[this.code];
  }
}

export const isClientErrorCode = (code: unknown): code is ClientErrorCode =>
  typeof code === "string" && Object.hasOwn(exitCodeByCode, code);
