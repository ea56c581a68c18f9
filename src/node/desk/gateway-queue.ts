/** What waits for the gateway's next request: first in, first out, bounded in operations and in bytes. */
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Outcome } from "../service.ts";

/** An operation's length field (docs/wire.md "Requests and batches"). */
const operationOverheadBytes = 4;

/** What the gateway's request came to. */
export interface Ordered {
  readonly requestId: Digest;
  readonly sequence: Sequence;
  /** one per operation of the submission */
  readonly results: readonly Uint8Array[];
}

/** Operations that travel together, in order. */
export interface Submission {
  readonly operations: readonly Uint8Array[];
  /** as they weigh in a request */
  readonly bytes: number;
  /** when it came, monotonic milliseconds */
  readonly since: number;
  readonly answer: (outcome: Outcome<Ordered>) => void;
}

export interface QueueBounds {
  readonly maxOperationsPerRequest: number;
  readonly maxBytesPerRequest: number;
  readonly maxQueuedOperations: number;
  readonly maxQueuedBytes: number;
}

export interface GatewayQueue {
  /** @returns false, and keeps nothing, when it would pass a bound */
  add(submission: Submission): boolean;
  /** As many of the oldest as one request takes, at least one when there is one. */
  take(): readonly Submission[];
  /** Removes and gives back those that came before `time`. */
  takeOlderThan(time: number): readonly Submission[];
  readonly length: number;
  readonly operations: number;
  readonly bytes: number;
}

/** What these operations weigh in a request, in bytes. */
export const sizeOf = (operations: readonly Uint8Array[]): number =>
  operations.reduce((bytes, operation) => bytes + operation.length + operationOverheadBytes, 0);

export const createGatewayQueue = (bounds: QueueBounds): GatewayQueue => {
  const waiting: Submission[] = [];
  let operations = 0;
  let bytes = 0;
  const remove = (count: number): readonly Submission[] => {
    const removed = waiting.splice(0, count);
    for (const submission of removed) {
      operations -= submission.operations.length;
      bytes -= submission.bytes;
    }
    return removed;
  };
  return {
    add(submission) {
      const fits =
        operations + submission.operations.length <= bounds.maxQueuedOperations && bytes + submission.bytes <= bounds.maxQueuedBytes;
      if (!fits) return false;
      waiting.push(submission);
      operations += submission.operations.length;
      bytes += submission.bytes;
      return true;
    },
    take() {
      let count = 0;
      let takenOperations = 0;
      let takenBytes = 0;
      for (const next of waiting) {
        takenOperations += next.operations.length;
        takenBytes += next.bytes;
        if (count > 0 && (takenOperations > bounds.maxOperationsPerRequest || takenBytes > bounds.maxBytesPerRequest)) break;
        count += 1;
      }
      return remove(count);
    },
    takeOlderThan(time) {
      let count = 0;
      while (count < waiting.length && (waiting[count] as Submission).since < time) count += 1;
      return remove(count);
    },
    get length() {
      return waiting.length;
    },
    get operations() {
      return operations;
    },
    get bytes() {
      return bytes;
    },
  };
};
