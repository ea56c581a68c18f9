/** Runs the requests of one batch against the state: session check, operations in order, answers (PROTOCOL §3.5, §9). */
import { highestNumberAt } from "../protocol/client-sequence.ts";
import type { Committee } from "../protocol/committee.ts";
import { limits } from "../protocol/limits.ts";
import type { Request } from "../protocol/messages.ts";
import type { Sequence } from "../protocol/ids.ts";
import { StoreError } from "../storage/port.ts";
import { applyClaims, isLedgerOperation } from "./anchors.ts";
import { maxResultBytesPerBatch, maxResultBytesPerRequest, minResultBytes } from "./answers.ts";
import type { Answer } from "./answers.ts";
import type { Application, State } from "./application.ts";
import { LedgerError } from "./errors.ts";
import { stateKeys } from "./head.ts";
import { judgeNumber } from "./sessions.ts";
import type { SessionChanges } from "./session-table.ts";
import type { StateChanges } from "./state/state-map.ts";

/** What of a request is executed; its signature was checked before it came here. */
export type OrderedRequest = Pick<Request, "id" | "client" | "sequence" | "operations">;

export interface ExecutionContext {
  readonly sequence: Sequence;
  /** ledger time of this batch, Unix milliseconds */
  readonly timeMs: number;
  /** as it was before this batch */
  readonly floor: number;
  readonly application: Application;
  readonly committee: Committee;
}

const noResult = new Uint8Array(0);

/** What the ledger itself answers to an operation without bytes: ledger time u64, Unix milliseconds. */
const timeResult = (timeMs: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(timeMs));
  return bytes;
};

/** The application's part of the map. */
const createApplicationState = (changes: StateChanges): State => ({
  get: (key) => changes.get(stateKeys.application(key)),
  head: (key) => changes.head(stateKeys.application(key)),
  put: (key, value) => {
    // larger ones break an application's contract
    if (key.length > limits.maxStateKeyBytes) throw new RangeError(`a key of ${key.length} bytes`);
    if (value.length > limits.maxStateValueBytes) throw new RangeError(`a value of ${value.length} bytes`);
    changes.put(stateKeys.application(key), value);
  },
  delete: (key) => changes.delete(stateKeys.application(key)),
});

/**
 * Runs `requests` in order. Refused requests and repeats change nothing. An operation without bytes is answered with ledger time, whatever the
 * application: it changes nothing, and what is read after it is linearizable (PROTOCOL §9).
 * @throws LedgerError `application-failed` if the application throws
 */
export const executeRequests = (
  requests: readonly OrderedRequest[],
  context: ExecutionContext,
  changes: StateChanges,
  sessions: SessionChanges,
): Answer[] => {
  const { application, committee, sequence, timeMs, floor } = context;
  const highest = highestNumberAt(timeMs);
  const state = createApplicationState(changes);
  const time = timeResult(timeMs);
  let batchBytesLeft = maxResultBytesPerBatch;

  const apply = (request: OrderedRequest, index: number): Uint8Array[] => {
    let bytesLeft = Math.min(maxResultBytesPerRequest, batchBytesLeft);
    return request.operations.map((operation, position) => {
      const resultBytesLeft = Math.max(bytesLeft, minResultBytes);
      const { client } = request;
      const execute = (): Uint8Array => {
        if (operation.length === 0) return time;
        if (isLedgerOperation(operation)) return applyClaims(operation, changes, { committee, client, sequence, timeMs });
        return application.apply(operation, state, {
          sequence,
          timestamp: timeMs,
          client,
          request: index,
          operation: position,
          resultBytesLeft,
        });
      };
      const result = execute();
      const kept = result.length <= resultBytesLeft ? result : noResult;
      bytesLeft -= kept.length;
      batchBytesLeft -= kept.length;
      return kept;
    });
  };

  return requests.map((request, index): Answer => {
    const { client, sequence: number } = request;
    const judgement = judgeNumber(sessions.get(client), number, floor, highest);
    if (judgement !== undefined) return { id: request.id, outcome: judgement, results: [] };
    let results: Uint8Array[];
    try {
      results = apply(request, index);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new LedgerError("application-failed", `the application ${application.name} threw: ${(error as Error).message}`, {
        cause: error,
      });
    }
    sessions.record({ client, number, index });
    return { id: request.id, outcome: { status: "executed" }, results };
  });
};
