/** What operations changed in the key-value store, told from their results alone: the stuff of `/v1/watch`. Pure. */
import type { KvOperation, KvResult, SimpleOperation, SimpleResult } from "./operations.ts";

/** One write. `version` is the key's afterwards: 1, 2, 3… since it was created, 0 once it is deleted. */
export type KvChange =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array; readonly version: number }
  | { readonly type: "delete"; readonly key: Uint8Array; readonly version: 0 };

const simpleChange = (operation: SimpleOperation, result: SimpleResult | undefined): KvChange[] => {
  if (operation.type === "put" && result?.type === "put") {
    return [{ type: "put", key: operation.key, value: operation.value, version: result.version }];
  }
  // what was not there was not deleted
  if (operation.type === "delete" && result?.type === "delete" && result.deleted)
    return [{ type: "delete", key: operation.key, version: 0 }];
  return [];
};

/**
 * The writes of one operation in their order, several of one key included: whoever applies them one after the other has the store's entries.
 * Refused operations, and transactions refused inside, changed nothing.
 */
export const changesOf = (operation: KvOperation | undefined, result: KvResult | undefined): KvChange[] => {
  if (operation === undefined || result === undefined || operation.type === "time") return [];
  if (operation.type !== "txn") return simpleChange(operation, result as SimpleResult);
  if (result.type !== "txn") return [];
  const branch = result.succeeded ? operation.success : operation.failure;
  return branch.flatMap((simple, index) => simpleChange(simple, result.results[index]));
};
