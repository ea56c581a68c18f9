/** The key-value store's single calls, over whatever orders operations. */
import type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "../ledger/kv/operations.ts";
import type { Sequence } from "../protocol/ids.ts";
import { ClientError } from "./errors.ts";
import type { Bytes, PutOptions } from "./http-client.ts";

interface Placed {
  readonly sequence: Sequence;
  readonly requestId: string;
}

/** A transaction as the client takes it: `kv.put` and its like make the parts. */
export interface Transaction {
  readonly compare: readonly Comparison[];
  readonly success: readonly SimpleOperation[];
  readonly failure: readonly SimpleOperation[];
}

export interface KeyValueCalls {
  /** @throws ClientError `version_conflict` when `ifVersion` or `ifAbsent` did not hold: nothing was written */
  put(key: Bytes, value: Bytes, options?: PutOptions): Promise<Placed & { readonly version: number }>;
  /** Linearizable: an ordered read, as proven as a write. The value is undefined when there is no such key. */
  get(key: Bytes): Promise<Placed & { readonly value?: Uint8Array; readonly version: number }>;
  /** @throws ClientError `version_conflict` */
  delete(key: Bytes, options?: { readonly ifVersion?: number }): Promise<Placed & { readonly deleted: boolean }>;
  /** Ledger time, Unix milliseconds, at the place where this call was ordered: the same for everybody, and never decreasing. */
  time(): Promise<Placed & { readonly timestamp: number }>;
  /** @throws ClientError `version_conflict`, with `details.index` in the branch taken: nothing was written */
  txn(transaction: Transaction): Promise<Placed & { readonly succeeded: boolean; readonly results: readonly SimpleResult[] }>;
}

type Submit = (operations: readonly KvOperation[]) => Promise<Placed & { readonly results: readonly KvResult[] }>;

const utf8 = new TextEncoder();
const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === "string" ? utf8.encode(bytes) : bytes);

/** Operations from text or bytes. */
export const kv = {
  put: (key: Bytes, value: Bytes, options: PutOptions = {}): SimpleOperation => {
    const expect = options.ifAbsent === true ? 0 : options.ifVersion;
    return { type: "put", key: toBytes(key), value: toBytes(value), ...(expect === undefined ? {} : { expect }) };
  },
  get: (key: Bytes): SimpleOperation => ({ type: "get", key: toBytes(key) }),
  delete: (key: Bytes, options: { readonly ifVersion?: number } = {}): SimpleOperation => ({
    type: "delete",
    key: toBytes(key),
    ...(options.ifVersion === undefined ? {} : { expect: options.ifVersion }),
  }),
  /** what time the ledger has where this is executed */
  time: (): KvOperation => ({ type: "time" }),
  hasVersion: (key: Bytes, version: number): Comparison => ({ type: "version", key: toBytes(key), version }),
  hasValue: (key: Bytes, value: Bytes): Comparison => ({ type: "value", key: toBytes(key), value: toBytes(value) }),
} as const;

/** What the ledger did not do, as an error. */
const refuse = (result: KvResult, details: Readonly<Record<string, unknown>>): never => {
  if (result.type === "txn-refused") return refuse(result.result, { ...details, index: result.index });
  if (result.type === "conflict") {
    throw new ClientError({
      code: "version_conflict",
      message: result.version === 0 ? "the key does not exist" : `the key has version ${result.version}`,
      hint: "read it again and decide anew",
      details: { ...details, version: result.version },
    });
  }
  if (result.type === "too-large") throw new ClientError({ code: "too_large", message: "a key, value or result is too large", details });
  throw new ClientError({ code: "bad_answer", message: `the ledger answered ${result.type} to another operation`, details });
};

/** @param submit orders one request and proves its results */
export const createKeyValueCalls = (submit: Submit): KeyValueCalls => {
  const one = async <Type extends KvResult["type"]>(
    operation: KvOperation,
    type: Type,
  ): Promise<{ readonly place: Placed; readonly result: Extract<KvResult, { type: Type }> }> => {
    const { results, ...place } = await submit([operation]);
    const [result] = results;
    if (result === undefined || result.type !== type) return refuse(result ?? { type: "malformed" }, { requestId: place.requestId });
    return { place, result: result as Extract<KvResult, { type: Type }> };
  };
  return {
    async put(key, value, options) {
      const { place, result } = await one(kv.put(key, value, options), "put");
      return { ...place, version: result.version };
    },
    async get(key) {
      const { place, result } = await one(kv.get(key), "get");
      return { ...place, version: result.entry?.version ?? 0, ...(result.entry === undefined ? {} : { value: result.entry.value }) };
    },
    async delete(key, options) {
      const { place, result } = await one(kv.delete(key, options), "delete");
      return { ...place, deleted: result.deleted };
    },
    async time() {
      const { place, result } = await one(kv.time(), "time");
      return { ...place, timestamp: result.timestamp };
    },
    async txn(transaction) {
      const { place, result } = await one({ type: "txn", ...transaction }, "txn");
      return { ...place, succeeded: result.succeeded, results: result.results };
    },
  };
};
