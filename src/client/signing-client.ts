/** Submits a client's own signed requests: executed exactly once, however often they are sent (PROTOCOL §9). */
import { createClientSequence, highestNumberAt } from "../protocol/client-sequence.ts";
import type { RequestAnswer } from "./answers.ts";
import { ClientError } from "./errors.ts";
import type { HttpClient } from "./http-client.ts";

/** Signs one request; see `createRequestSigner`. */
export type RequestSigner = (sequence: number, operations: readonly Uint8Array[]) => { readonly id: string; readonly bytes: Uint8Array };

export interface SigningClientOptions {
  readonly http: Pick<HttpClient, "submitRequest">;
  readonly sign: RequestSigner;
  /** the last client sequence number used, where it is remembered; otherwise the clock keeps numbers ascending */
  readonly lastSequence?: number;
  /** the network's `Parameters.sessionWindow`, 64 by default: how many requests may be outstanding at once */
  readonly window?: number;
  /** how long a request whose outcome is not known is sent again; 15,000 by default */
  readonly patienceMs?: number;
  /** Unix milliseconds */
  readonly wall?: () => number;
  readonly signal?: AbortSignal;
}

export interface SigningClient {
  /**
   * Signs one request and sends the same bytes until its outcome is known.
   * @returns the answer with state `committed`
   * @throws ClientError `no_quorum` and `verification_failed` at once; `outcome_unknown`, with `details.requestId`, when patience ends; `overloaded` when a window of
   * requests is outstanding already
   */
  submit(operations: readonly Uint8Array[]): Promise<RequestAnswer>;
  /** the last sequence number used: keep it to be independent of the clock */
  readonly lastSequence: number;
}

/** Failures that may pass: the same request is worth sending again. */
export const worthRepeating: ReadonlySet<string> = new Set(["outcome_unknown", "no_node", "overloaded", "syncing", "rate_limited"]);
const firstPauseMs = 50;
const longestPauseMs = 1_000;

const pause = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new ClientError({ code: "aborted", message: "interrupted" }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });

/**
 * The number above which the ledger takes this client's requests for new, where it refused one as old: strangers with numbers that are far ahead may have made it
 * forget the client (docs/ledger.md, "Sessions"). Who lies about it gains nothing: what is more than a day ahead is not believed.
 */
const numberTold = (error: unknown): number | undefined => {
  if (!(error instanceof ClientError)) return undefined;
  const { reason, lastNumber } = error.details;
  const isOld = reason === "session-expired" || reason === "stale";
  return isOld && typeof lastNumber === "number" && lastNumber <= highestNumberAt(Date.now()) ? lastNumber : undefined;
};

export const createSigningClient = (options: SigningClientOptions): SigningClient => {
  const numbers = createClientSequence({
    window: options.window ?? 64,
    ...(options.lastSequence === undefined ? {} : { last: options.lastSequence }),
  });
  const patienceMs = options.patienceMs ?? 15_000;

  const sendUntilKnown = async (id: string, bytes: Uint8Array): Promise<RequestAnswer> => {
    const deadline = performance.now() + patienceMs;
    /** once a node may have taken it, a later refusal no longer means that nothing happened */
    let mayHaveArrived = false;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      let failure: ClientError;
      try {
        const answer = await options.http.submitRequest(bytes);
        if (answer.state === "committed") return answer;
        mayHaveArrived = true;
        failure = new ClientError({ code: "outcome_unknown", message: `the request is ${answer.state}` });
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        failure = error;
      }
      // under this number it never ran, and never will
      if (!mayHaveArrived && numberTold(failure) !== undefined) throw failure;
      mayHaveArrived ||= failure.code === "outcome_unknown" || failure.details["sent"] === true;
      const wait = Math.max(pauseMs, (failure.retryAfterSeconds ?? 0) * 1000);
      if (!worthRepeating.has(failure.code) || performance.now() + wait > deadline) {
        if (!mayHaveArrived || failure.code === "verification_failed") throw failure;
        throw new ClientError({
          code: "outcome_unknown",
          message: `the outcome is not known: ${failure.message}`,
          hint: `it may yet commit: ask for request ${id}`,
          details: { requestId: id },
          cause: failure,
        });
      }
      await pause(wait, options.signal);
    }
  };

  const submitAbove = async (operations: readonly Uint8Array[], above: number): Promise<RequestAnswer> => {
    const sequence = numbers.next((options.wall ?? Date.now)(), above);
    if (sequence === undefined) {
      throw new ClientError({
        code: "overloaded",
        message: "too many requests of this client are outstanding",
        hint: "wait for some of them",
      });
    }
    try {
      const { id, bytes } = options.sign(sequence, operations);
      return await sendUntilKnown(id, bytes);
    } finally {
      numbers.settle(sequence);
    }
  };

  return {
    async submit(operations) {
      try {
        return await submitAbove(operations, 0);
      } catch (error) {
        const told = numberTold(error);
        if (told === undefined) throw error;
        return submitAbove(operations, told);
      }
    },
    get lastSequence() {
      return numbers.last;
    },
  };
};
