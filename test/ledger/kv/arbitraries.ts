/** Random operations and results of the key-value store. */
import fc from "fast-check";
import type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "../../../src/ledger/kv/operations.ts";

const version = fc.oneof(fc.nat(3), fc.maxSafeNat());
const value = fc.uint8Array({ maxLength: 12 });

/** Operations on keys drawn from `key`. */
export const operationsOn = (key: fc.Arbitrary<Uint8Array>): { simple: fc.Arbitrary<SimpleOperation>; any: fc.Arbitrary<KvOperation> } => {
  const expect = fc.option(fc.nat(4), { nil: undefined }).map((number) => (number === undefined ? {} : { expect: number }));
  const simple: fc.Arbitrary<SimpleOperation> = fc.oneof(
    fc.tuple(key, value, expect).map(([k, v, e]): SimpleOperation => ({ type: "put", key: k, value: v, ...e })),
    fc.tuple(key, expect).map(([k, e]): SimpleOperation => ({ type: "delete", key: k, ...e })),
    key.map((k): SimpleOperation => ({ type: "get", key: k })),
  );
  const comparison: fc.Arbitrary<Comparison> = fc.oneof(
    fc.tuple(key, fc.nat(4)).map(([k, v]): Comparison => ({ type: "version", key: k, version: v })),
    fc.tuple(key, value).map(([k, v]): Comparison => ({ type: "value", key: k, value: v })),
  );
  const transaction = fc
    .tuple(fc.array(comparison, { maxLength: 3 }), fc.array(simple, { maxLength: 5 }), fc.array(simple, { maxLength: 5 }))
    .map(([compare, success, failure]): KvOperation => ({ type: "txn", compare, success, failure }));
  return {
    simple,
    any: fc.oneof({ weight: 4, arbitrary: simple }, { weight: 2, arbitrary: transaction }, fc.constant<KvOperation>({ type: "time" })),
  };
};

export const anyOperation = operationsOn(fc.uint8Array({ maxLength: 8 })).any;

const simpleResult: fc.Arbitrary<SimpleResult> = fc.oneof(
  version.map((v): SimpleResult => ({ type: "put", version: v })),
  fc.boolean().map((deleted): SimpleResult => ({ type: "delete", deleted })),
  fc.constant<SimpleResult>({ type: "get" }),
  fc.tuple(value, version).map(([v, n]): SimpleResult => ({ type: "get", entry: { value: v, version: n } })),
  version.map((v): SimpleResult => ({ type: "conflict", version: v })),
  fc.constant<SimpleResult>({ type: "too-large" }),
);
export const anyResult: fc.Arbitrary<KvResult> = fc.oneof(
  simpleResult,
  fc
    .tuple(fc.boolean(), fc.array(simpleResult, { maxLength: 5 }))
    .map(([succeeded, results]): KvResult => ({ type: "txn", succeeded, results })),
  fc.tuple(fc.nat(9), simpleResult).map(([index, result]): KvResult => ({ type: "txn-refused", index, result })),
  fc.nat().map((timestamp): KvResult => ({ type: "time", timestamp })),
  fc.constant<KvResult>({ type: "malformed" }),
);
