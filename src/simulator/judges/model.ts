/** What the key-value store should do: a model in a map, written from its description. It also keeps every value that a key ever had. */
import type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "../../ledger/kv/operations.ts";

interface Entry {
  readonly value: Uint8Array;
  readonly version: number;
}

export interface KeyValueModel {
  /**
   * @param sequence of the batch, never lower than the last one
   * @param timestamp ledger time at it
   */
  apply(operation: KvOperation, sequence: number, timestamp: number): KvResult;
  /** the value under a key once all of `sequence` was executed */
  valueAt(key: Uint8Array, sequence: number): Uint8Array | undefined;
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1");

/** One operation against a map; what it changes is written to it. */
const applySimple = (entries: Map<string, Entry | undefined>, operation: SimpleOperation): SimpleResult => {
  const key = textOf(operation.key);
  const entry = entries.get(key);
  const version = entry?.version ?? 0;
  if (operation.type === "get") return entry === undefined ? { type: "get" } : { type: "get", entry: { value: entry.value, version } };
  if (operation.expect !== undefined && operation.expect !== version) return { type: "conflict", version };
  if (operation.type === "put") {
    entries.set(key, { value: operation.value, version: version + 1 });
    return { type: "put", version: version + 1 };
  }
  entries.set(key, undefined);
  return { type: "delete", deleted: entry !== undefined };
};

const holds = (entries: ReadonlyMap<string, Entry | undefined>, comparison: Comparison): boolean => {
  const entry = entries.get(textOf(comparison.key));
  if (comparison.type === "version") return (entry?.version ?? 0) === comparison.version;
  return entry !== undefined && Buffer.from(entry.value).equals(comparison.value);
};

export const createKeyValueModel = (): KeyValueModel => {
  let entries = new Map<string, Entry | undefined>();
  const past = new Map<string, { readonly sequence: number; readonly value: Uint8Array | undefined }[]>();

  const note = (sequence: number, keys: readonly Uint8Array[]): void => {
    for (const bytes of keys) {
      const key = textOf(bytes);
      const values = past.get(key) ?? [];
      values.push({ sequence, value: entries.get(key)?.value });
      past.set(key, values);
    }
  };

  return {
    apply(operation, sequence, timestamp) {
      if (operation.type === "time") return { type: "time", timestamp };
      if (operation.type !== "txn") {
        const result = applySimple(entries, operation);
        note(sequence, [operation.key]);
        return result;
      }
      const succeeded = operation.compare.every((comparison) => holds(entries, comparison));
      const branch = succeeded ? operation.success : operation.failure;
      const draft = new Map(entries);
      const results: SimpleResult[] = [];
      for (const [index, each] of branch.entries()) {
        const result = applySimple(draft, each);
        if (result.type === "conflict") return { type: "txn-refused", index, result };
        results.push(result);
      }
      entries = draft;
      note(
        sequence,
        branch.map(({ key }) => key),
      );
      return { type: "txn", succeeded, results };
    },
    valueAt: (key, sequence) => past.get(textOf(key))?.findLast((each) => each.sequence <= sequence)?.value,
  };
};
