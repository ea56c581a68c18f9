/** Operations and results of the built-in key-value store; their bytes are in `encoding.ts` and in docs/wire.md. */

/** `expect`: the version the key must have; 0 means that it must not exist. */
export type SimpleOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array; readonly expect?: number }
  | { readonly type: "delete"; readonly key: Uint8Array; readonly expect?: number }
  | { readonly type: "get"; readonly key: Uint8Array };

export type Comparison =
  | { readonly type: "version"; readonly key: Uint8Array; readonly version: number }
  | { readonly type: "value"; readonly key: Uint8Array; readonly value: Uint8Array };

export type KvOperation =
  | SimpleOperation
  /** all comparisons hold → all of `success` in order, else all of `failure`; a refused operation inside undoes the whole */
  | {
      readonly type: "txn";
      readonly compare: readonly Comparison[];
      readonly success: readonly SimpleOperation[];
      readonly failure: readonly SimpleOperation[];
    }
  /** changes nothing; the ledger itself answers it, with its time */
  | { readonly type: "time" };

export type SimpleResult =
  /** a key's version counts its writes since it was created: 1, 2, 3… */
  | { readonly type: "put"; readonly version: number }
  | { readonly type: "delete"; readonly deleted: boolean }
  | { readonly type: "get"; readonly entry?: { readonly value: Uint8Array; readonly version: number } }
  /** `expect` did not hold; `version` is the present one, 0 if the key does not exist */
  | { readonly type: "conflict"; readonly version: number }
  | { readonly type: "too-large" };

export type KvResult =
  | SimpleResult
  | { readonly type: "txn"; readonly succeeded: boolean; readonly results: readonly SimpleResult[] }
  /** an operation inside a transaction was refused, nothing was written; `index` within the branch taken */
  | { readonly type: "txn-refused"; readonly index: number; readonly result: SimpleResult }
  /** ledger time, Unix milliseconds: never decreasing, the same for everybody */
  | { readonly type: "time"; readonly timestamp: number }
  | { readonly type: "malformed" };
