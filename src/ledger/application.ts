/**
 * The Application port: what the ledger replicates. The built-in key-value store is one; library users write others.
 * Everything here must be deterministic: same operations in the same order, same results, same root, on every node (PROTOCOL §4).
 */
import type { PublicKey, Sequence } from "../protocol/ids.ts";

export interface OperationContext {
  readonly sequence: Sequence;
  /** ledger time: the batch's timestamp, Unix milliseconds, never decreasing; the only clock an application may read */
  readonly timestamp: number;
  readonly client: PublicKey;
  /** position of the request in its batch, and of the operation in its request */
  readonly request: number;
  readonly operation: number;
  /**
   * bytes that this operation's result may have; at least 64. A longer result is replaced by an empty one: many small reads of large values must
   * not add up to more than a batch can carry.
   */
  readonly resultBytesLeft: number;
}

/** The beginning of a value, read without the rest of it. */
export interface ValueHead {
  /** of the whole value, bytes */
  readonly length: number;
  /** the first 32 bytes, or all if there are fewer */
  readonly bytes: Uint8Array;
}

/** An authenticated map in the node's store; the root covers every entry. Reads see all earlier writes, durable or not. */
export interface State {
  get(key: Uint8Array): Uint8Array | undefined;
  /** what decides about a value is best kept in its first bytes: reading them costs the same for a value of any size */
  head(key: Uint8Array): ValueHead | undefined;
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

export interface Application {
  /** stands in the genesis, so that a node with another application does not join */
  readonly name: string;
  /**
   * Executes one operation; the result's bytes are part of what clients are proved. Must not throw for any operation bytes: a malformed one
   * has a result that says so. What it wrote before returning a failure stays written unless it undoes it. Operations without bytes, and those whose first
   * byte is 0, are the ledger's own and never come here.
   */
  apply(operation: Uint8Array, state: State, context: OperationContext): Uint8Array;
}
