/** What a refusal inside the node means to the user whose operation it was. */
import type { Digest } from "../../protocol/ids.ts";
import type { RejectionReason } from "../../protocol/rejections.ts";
import type { Failure } from "../service.ts";

/** How the ledger dealt with an ordered request (PROTOCOL §9). */
export type RequestVerdict =
  | "executed"
  /** it was executed before, and this was a repetition */
  | "duplicate"
  /** its number is below the client's window: it may or may not have been executed */
  | "stale"
  /** the client is unknown and its number not above the floor that evicted sessions left */
  | "session-expired"
  /** its number is further ahead of ledger time than the rule allows */
  | "sequence-too-far";

export const queueFullFailure: Failure = {
  code: "overloaded",
  message: "this node's queue is full",
  hint: "send less at once, or through another node",
  retryAfterSeconds: 1,
};

export const tooLongInQueueFailure: Failure = {
  code: "overloaded",
  message: "the operation waited too long for its turn and was not ordered",
  retryAfterSeconds: 1,
};

export const closingFailure: Failure = {
  code: "overloaded",
  message: "this node is stopping",
  hint: "ask another node",
  retryAfterSeconds: 1,
};

/** Handed to the network, and no answer came. */
export const unknownOutcome = (requestId: Digest): Failure => ({
  code: "outcome_unknown",
  message: "no answer in time: the request may yet commit",
  hint: `ask GET /v1/requests/${requestId}`,
  details: { requestId },
});

/** The replica refused to pool a request, or gave it up. Only reasons that stop it before it is relayed are certain. */
export const failureOfRejection = (reason: RejectionReason, requestId: Digest): Failure => {
  switch (reason) {
    case "pool-full":
      return { code: "overloaded", message: "this node's request pool is full", retryAfterSeconds: 1, details: { reason } };
    case "client-pool-full":
      return { code: "overloaded", message: "this client has too many requests outstanding", retryAfterSeconds: 1, details: { reason } };
    case "source-pool-full":
      return {
        code: "overloaded",
        message: "this node's clients have as many requests outstanding as it has room for beside others'",
        hint: "send less at once, or through another node",
        retryAfterSeconds: 1,
        details: { reason },
      };
    case "passive":
      return {
        code: "syncing",
        message: "this validator lost its data and may not take part yet",
        retryAfterSeconds: 1,
        details: { reason },
      };
    case "halted":
      return { code: "internal", message: "this node has halted", hint: "see its log, and ask another node", details: { reason } };
    default:
      return { ...unknownOutcome(requestId), message: `the request was given up (${reason}) and may yet commit` };
  }
};

/**
 * An ordered request that the ledger did not execute.
 *
 * @param lastNumber the highest number that the ledger knows of the client, or that one it forgot may have had: the next one is new
 */
export const failureOfVerdict = (verdict: Exclude<RequestVerdict, "executed">, requestId: Digest, lastNumber?: number): Failure => {
  const known = lastNumber === undefined ? {} : { lastNumber };
  switch (verdict) {
    case "duplicate":
    case "stale":
      return {
        ...unknownOutcome(requestId),
        message: "the request's number lies below the client's window: it was executed long ago, or never will be",
        details: { requestId, reason: verdict, ...known },
      };
    case "session-expired":
      return {
        code: "invalid_request",
        message: "the request's number is below those of clients that the network forgot",
        hint: "number requests by time, Unix milliseconds · 1024, and above lastNumber",
        details: { requestId, reason: verdict, ...known },
      };
    case "sequence-too-far":
      return {
        code: "invalid_request",
        message: "the request's number is more than a day ahead of the network's time",
        hint: "check the clock of the machine that numbered it",
        details: { requestId, reason: verdict },
      };
  }
};

/** The same for a request of the gateway's own: its number is no fault of the user's. */
export const failureOfOwnVerdict = (verdict: Exclude<RequestVerdict, "executed">, requestId: Digest): Failure => {
  switch (verdict) {
    case "duplicate":
    case "stale":
      return failureOfVerdict(verdict, requestId);
    case "session-expired":
      return { code: "overloaded", message: "the network forgot this node's session; nothing was executed", retryAfterSeconds: 1 };
    case "sequence-too-far":
      return { code: "internal", message: "this node's clock is more than a day ahead of the network", hint: "set the clock" };
  }
};
