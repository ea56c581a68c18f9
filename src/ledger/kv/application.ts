/** The built-in key-value store as a replicated application; operations and results in `operations.ts`. */
import { toLatin1 } from "../../wire/bytes.ts";
import { limits } from "../../protocol/limits.ts";
import type { Application, State, ValueHead } from "../application.ts";
import { decodeOperation, encodeResult } from "./encoding.ts";
import { decodeEntry, decodeEntryMeta, encodeEntry, valueBytesOf } from "./entry.ts";
import type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "./operations.ts";

/** `Application.name` of the built-in store, as it stands in a genesis. */
export const keyValueStoreName = "kv";

/** `KvOperation` of a transaction */
type Transaction = Extract<KvOperation, { type: "txn" }>;

/** tag, flag, version, length of a `get` result around its value */
const getResultBytes = 14;
/** tag, flag, count around a transaction's results */
const transactionBytes = 4;
/** an upper bound for every result but `get`'s */
const smallResultBytes = 9;

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index]);

const isKey = (key: Uint8Array): boolean => key.length > 0 && key.length <= limits.maxKeyBytes;

/** What a transaction's operations see and leave, until it is known that none of them is refused. */
interface Draft {
  readonly state: State;
  readonly sequence: number;
  /** by key, one character a byte; `undefined`: deleted */
  readonly written: Map<string, Uint8Array | undefined>;
}

const headOf = (draft: Draft, key: Uint8Array): ValueHead | undefined => {
  if (draft.written.size > 0) {
    const text = toLatin1(key);
    const entry = draft.written.get(text);
    if (entry !== undefined) return { length: entry.length, bytes: entry };
    if (draft.written.has(text)) return undefined;
  }
  return draft.state.head(key);
};

const entryOf = (draft: Draft, key: Uint8Array): Uint8Array | undefined => {
  const text = toLatin1(key);
  return draft.written.has(text) ? draft.written.get(text) : draft.state.get(key);
};

const versionOf = (draft: Draft, key: Uint8Array): number => {
  const head = headOf(draft, key);
  return head === undefined ? 0 : decodeEntryMeta(head.bytes).version;
};

const applyGet = (draft: Draft, key: Uint8Array, bytesLeft: number): SimpleResult => {
  const head = headOf(draft, key);
  if (head === undefined) return { type: "get" };
  if (getResultBytes + valueBytesOf(head.length) > bytesLeft) return { type: "too-large" };
  const { version, value } = decodeEntry(entryOf(draft, key) as Uint8Array);
  return { type: "get", entry: { value, version } };
};

const applySimple = (draft: Draft, operation: SimpleOperation, bytesLeft: number): SimpleResult => {
  const { key } = operation;
  if (!isKey(key)) return { type: "too-large" };
  if (operation.type === "get") return applyGet(draft, key, bytesLeft);
  if (operation.type === "put" && operation.value.length > limits.maxValueBytes) return { type: "too-large" };
  const version = versionOf(draft, key);
  if (operation.expect !== undefined && operation.expect !== version) return { type: "conflict", version };
  if (operation.type === "put") {
    draft.written.set(toLatin1(key), encodeEntry(version + 1, draft.sequence, operation.value));
    return { type: "put", version: version + 1 };
  }
  if (version > 0) draft.written.set(toLatin1(key), undefined);
  return { type: "delete", deleted: version > 0 };
};

/** A value that is compared is as long as the one in the operation, or it is not read. */
const holds = (draft: Draft, comparison: Comparison): boolean => {
  if (comparison.type === "version") return versionOf(draft, comparison.key) === comparison.version;
  const head = headOf(draft, comparison.key);
  if (head === undefined || valueBytesOf(head.length) !== comparison.value.length) return false;
  return equal(decodeEntry(entryOf(draft, comparison.key) as Uint8Array).value, comparison.value);
};

const applyTransaction = (draft: Draft, transaction: Transaction, resultBytes: number): KvResult => {
  const succeeded = transaction.compare.every((comparison) => holds(draft, comparison));
  const branch = succeeded ? transaction.success : transaction.failure;
  const results: SimpleResult[] = [];
  // what the small results of the whole branch take is set aside first
  let left = resultBytes - transactionBytes - branch.length * smallResultBytes;
  if (left < 0) return { type: "txn-refused", index: 0, result: { type: "too-large" } };
  for (const [index, operation] of branch.entries()) {
    const result = applySimple(draft, operation, left);
    if (result.type === "conflict" || result.type === "too-large") {
      draft.written.clear();
      return { type: "txn-refused", index, result };
    }
    if (result.type === "get" && result.entry !== undefined) left -= getResultBytes + result.entry.value.length;
    results.push(result);
  }
  return { type: "txn", succeeded, results };
};

const commit = (draft: Draft): void => {
  for (const [text, entry] of draft.written) {
    const key = Buffer.from(text, "latin1");
    if (entry === undefined) draft.state.delete(key);
    else draft.state.put(key, entry);
  }
};

/**
 * Keys of 1–1,024 bytes, values of up to 1 MiB; anything else is `too-large`, bytes that are no operation `malformed`. A `get` whose result would
 * not fit into what is left for its request's results is `too-large` as well, and so is a transaction with too many operations for it.
 */
export const createKeyValueStore = (): Application => ({
  name: keyValueStoreName,
  apply: (bytes, state, context) => {
    const operation = decodeOperation(bytes);
    // the ledger answers `time` before it comes here
    if (operation === undefined || operation.type === "time") return encodeResult({ type: "malformed" });
    const draft: Draft = { state, sequence: context.sequence, written: new Map() };
    const result =
      operation.type === "txn"
        ? applyTransaction(draft, operation, context.resultBytesLeft)
        : applySimple(draft, operation, context.resultBytesLeft);
    commit(draft);
    return encodeResult(result);
  },
});
