/** Why an address could not be listened on, by peers or by the HTTP interface, in one line that a person can act on. */

export type ListenErrorCode = "in_use" | "not_available" | "not_allowed" | "failed";

export class ListenError extends Error {
  readonly code: ListenErrorCode;
  constructor(code: ListenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ListenError";
    this.code = code;
  }
}

const reasons: readonly (readonly [pattern: string, code: ListenErrorCode, text: string])[] = [
  ["EADDRINUSE", "in_use", "the port is in use"],
  ["EADDRNOTAVAIL", "not_available", "this machine does not have the address"],
  ["ENOTFOUND", "not_available", "there is no such host"],
  ["EACCES", "not_allowed", "the port needs more rights"],
];

/** The error of a start that failed on one of `listen`, from whatever the transport or server threw. */
export const toListenError = (listen: readonly string[], cause: unknown): ListenError => {
  const text = cause instanceof Error ? cause.message : String(cause);
  const address = listen.find((each) => text.includes(`${each}:`)) ?? listen.join(", ");
  const [, code, reason] = reasons.find(([pattern]) => text.includes(pattern)) ?? (["", "failed", text.split("\n", 1)[0] ?? ""] as const);
  return new ListenError(code, `can not listen on ${address}: ${reason}`, { cause });
};
