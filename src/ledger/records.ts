/**
 * The store's records as of the last executed batch: what was written, under what is still on its way. Several batches may be executed before
 * the first of them is written.
 */
import type { Store, StoreOperation } from "../storage/port.ts";
import { toLatin1 } from "../wire/bytes.ts";

export interface Records {
  /** @throws StoreError as `Store.get` does */
  get(key: Uint8Array): Uint8Array | undefined;
  /** What the batch `sequence` writes; ascending. */
  add(sequence: number, operations: readonly StoreOperation[]): void;
  /** Everything up to `sequence` is in the store. */
  written(sequence: number): void;
  /** batches executed and not written */
  readonly unwritten: number;
}

interface Waiting {
  readonly sequence: number;
  readonly value: Uint8Array | undefined;
}

/** Memory: what the unwritten batches write; the ledger bounds their number. */
export const createRecords = (store: Store): Records => {
  const overlay = new Map<string, Waiting>();
  const batches: { readonly sequence: number; readonly keys: readonly string[] }[] = [];

  return {
    get: (key) => {
      const waiting = overlay.size === 0 ? undefined : overlay.get(toLatin1(key));
      return waiting === undefined ? store.get(key) : waiting.value;
    },
    add: (sequence, operations) => {
      const keys = operations.map((operation) => {
        const key = toLatin1(operation.key);
        overlay.set(key, { sequence, value: operation.type === "put" ? operation.value : undefined });
        return key;
      });
      batches.push({ sequence, keys });
    },
    written: (sequence) => {
      while (batches[0] !== undefined && batches[0].sequence <= sequence) {
        const batch = batches.shift() as { readonly sequence: number; readonly keys: readonly string[] };
        // a later batch may have put its own value there
        for (const key of batch.keys) if (overlay.get(key)?.sequence === batch.sequence) overlay.delete(key);
      }
    },
    get unwritten() {
      return batches.length;
    },
  };
};
