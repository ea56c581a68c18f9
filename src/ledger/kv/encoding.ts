/**
 * Bytes of the key-value store's operations and results (docs/wire.md, "Key-value operations"). Big-endian; one layout per type, so that what
 * decodes encodes to the same bytes. Decoding is total: anything else gives `undefined`.
 *
 * Keys and values are not judged here beyond the room their length fields give: what is too large is refused by the store with a result.
 */
import { limits } from "../../protocol/limits.ts";
import { decodeWhole, fail, readCount, readLength, readU16, readU64, readU8, readView } from "../../wire/reader.ts";
import type { CountRule, Reader } from "../../wire/reader.ts";
import { encodeSized, writeBytes, writeU16, writeU32, writeU64, writeU8 } from "../../wire/writer.ts";
import type { Writer } from "../../wire/writer.ts";
import type { Comparison, KvOperation, KvResult, SimpleOperation, SimpleResult } from "./operations.ts";

/** `time` has no tag: it has no bytes at all */
const tags = { put: 1, delete: 2, get: 3, txn: 4 } as const;
const comparisonTags = { version: 1, value: 2 } as const;
/** the first byte of a `time` result is that of a number below 2^53 */
const resultTags = { time: 0, put: 1, delete: 2, get: 3, txn: 4, conflict: 6, tooLarge: 7, txnRefused: 8, malformed: 9 } as const;

/** Comparisons, and operations of one branch, in a transaction; a request could not hold many more. */
export const maxTransactionItems = limits.maxOperationsPerRequest;
/** `expect` absent */
const anyVersion = 0;
const exactVersion = 1;

/* ------------------------------------------------------------------ writing */

const keyBytes = (key: Uint8Array): number => 2 + key.length;
const valueBytes = (value: Uint8Array): number => 4 + value.length;
const sum = <T>(items: readonly T[], bytesOf: (item: T) => number): number => items.reduce((total, item) => total + bytesOf(item), 0);

const putKey = (writer: Writer, key: Uint8Array): void => {
  writeU16(writer, key.length);
  writeBytes(writer, key);
};
const putValue = (writer: Writer, value: Uint8Array): void => {
  writeU32(writer, value.length);
  writeBytes(writer, value);
};
const putNumber = (writer: Writer, value: number): void => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned safe integer: ${value}`);
  writeU64(writer, value);
};
const putList = <T>(writer: Writer, items: readonly T[], putItem: (writer: Writer, item: T) => void): void => {
  writeU16(writer, items.length);
  for (const item of items) putItem(writer, item);
};

const simpleBytes = (operation: SimpleOperation): number => {
  const bytes = 1 + keyBytes(operation.key);
  if (operation.type === "get") return bytes;
  return bytes + (operation.type === "put" ? valueBytes(operation.value) : 0) + (operation.expect === undefined ? 1 : 9);
};

const putSimple = (writer: Writer, operation: SimpleOperation): void => {
  writeU8(writer, tags[operation.type]);
  putKey(writer, operation.key);
  if (operation.type === "get") return;
  if (operation.type === "put") putValue(writer, operation.value);
  writeU8(writer, operation.expect === undefined ? anyVersion : exactVersion);
  if (operation.expect !== undefined) putNumber(writer, operation.expect);
};

const comparisonBytes = (comparison: Comparison): number =>
  1 + keyBytes(comparison.key) + (comparison.type === "version" ? 8 : valueBytes(comparison.value));

const putComparison = (writer: Writer, comparison: Comparison): void => {
  writeU8(writer, comparisonTags[comparison.type]);
  putKey(writer, comparison.key);
  if (comparison.type === "version") putNumber(writer, comparison.version);
  else putValue(writer, comparison.value);
};

/**
 * @throws RangeError if a key is longer than 65,535 bytes, a list than 65,535 items, or a version is not an unsigned safe integer
 */
export const encodeOperation = (operation: KvOperation): Uint8Array => {
  if (operation.type === "time") return new Uint8Array(0);
  if (operation.type !== "txn") return encodeSized(simpleBytes(operation), (writer) => putSimple(writer, operation));
  const { compare, success, failure } = operation;
  return encodeSized(7 + sum(compare, comparisonBytes) + sum(success, simpleBytes) + sum(failure, simpleBytes), (writer) => {
    writeU8(writer, tags.txn);
    putList(writer, compare, putComparison);
    putList(writer, success, putSimple);
    putList(writer, failure, putSimple);
  });
};

const simpleResultBytes = (result: SimpleResult): number => {
  switch (result.type) {
    case "put":
    case "conflict":
      return 9;
    case "get":
      return result.entry === undefined ? 2 : 10 + valueBytes(result.entry.value);
    case "delete":
      return 2;
    case "too-large":
      return 1;
  }
};

const putSimpleResult = (writer: Writer, result: SimpleResult): void => {
  writeU8(writer, result.type === "too-large" ? resultTags.tooLarge : resultTags[result.type]);
  switch (result.type) {
    case "put":
    case "conflict":
      return putNumber(writer, result.version);
    case "delete":
      return writeU8(writer, result.deleted ? 1 : 0);
    case "get":
      writeU8(writer, result.entry === undefined ? 0 : 1);
      if (result.entry === undefined) return;
      putNumber(writer, result.entry.version);
      return putValue(writer, result.entry.value);
    case "too-large":
  }
};

/** @throws RangeError as `encodeOperation` does */
export const encodeResult = (result: KvResult): Uint8Array => {
  switch (result.type) {
    case "txn":
      return encodeSized(4 + sum(result.results, simpleResultBytes), (writer) => {
        writeU8(writer, resultTags.txn);
        writeU8(writer, result.succeeded ? 1 : 0);
        putList(writer, result.results, putSimpleResult);
      });
    case "txn-refused":
      return encodeSized(3 + simpleResultBytes(result.result), (writer) => {
        writeU8(writer, resultTags.txnRefused);
        writeU16(writer, result.index);
        putSimpleResult(writer, result.result);
      });
    case "time":
      return encodeSized(8, (writer) => putNumber(writer, result.timestamp));
    case "malformed":
      return encodeSized(1, (writer) => writeU8(writer, resultTags.malformed));
    default:
      return encodeSized(simpleResultBytes(result), (writer) => putSimpleResult(writer, result));
  }
};

/* ------------------------------------------------------------------ reading */

const listRule = (entryBytes: number): CountRule => ({ width: 2, min: 0, max: maxTransactionItems, entryBytes });
/** by the bytes of the smallest of each */
const comparisons = listRule(7);
const operations = listRule(3);
const results = listRule(1);
const anyKey: CountRule = { width: 2, min: 0, max: 0xffff, entryBytes: 1 };

const readKey = (reader: Reader): Uint8Array => readView(reader, readCount(reader, anyKey, "key"), "key");
const readValue = (reader: Reader): Uint8Array => readView(reader, readLength(reader, 0xffff_ffff, "value"), "value");
const readFlag = (reader: Reader): boolean => {
  const value = readU8(reader, "flag");
  if (value > 1) fail(reader, "out-of-range", "flag");
  return value === 1;
};
const readList = <T>(reader: Reader, rule: CountRule, readItem: (reader: Reader) => T): T[] => {
  const items: T[] = [];
  for (let left = readCount(reader, rule, "list"); left > 0 && reader.error === undefined; left -= 1) items.push(readItem(reader));
  return items;
};

const readSimpleAs = (reader: Reader, tag: number): SimpleOperation => {
  const key = readKey(reader);
  if (tag === tags.get) return { type: "get", key };
  if (tag !== tags.put && tag !== tags.delete) fail(reader, "unknown-tag", "operation");
  const value = tag === tags.put ? readValue(reader) : undefined;
  const expect = readFlag(reader) ? { expect: readU64(reader, "expect") } : {};
  return value === undefined ? { type: "delete", key, ...expect } : { type: "put", key, value, ...expect };
};
const readSimple = (reader: Reader): SimpleOperation => readSimpleAs(reader, readU8(reader, "operation"));

const readComparison = (reader: Reader): Comparison => {
  const tag = readU8(reader, "comparison");
  const key = readKey(reader);
  if (tag === comparisonTags.version) return { type: "version", key, version: readU64(reader, "version") };
  if (tag !== comparisonTags.value) fail(reader, "unknown-tag", "comparison");
  return { type: "value", key, value: readValue(reader) };
};

const readOperation = (reader: Reader): KvOperation => {
  if (reader.end === 0) return { type: "time" };
  const tag = readU8(reader, "operation");
  if (tag !== tags.txn) return readSimpleAs(reader, tag);
  const compare = readList(reader, comparisons, readComparison);
  const success = readList(reader, operations, readSimple);
  return { type: "txn", compare, success, failure: readList(reader, operations, readSimple) };
};

const readSimpleResultAs = (reader: Reader, tag: number): SimpleResult => {
  switch (tag) {
    case resultTags.put:
      return { type: "put", version: readU64(reader, "version") };
    case resultTags.delete:
      return { type: "delete", deleted: readFlag(reader) };
    case resultTags.get: {
      if (!readFlag(reader)) return { type: "get" };
      const version = readU64(reader, "version");
      return { type: "get", entry: { value: readValue(reader), version } };
    }
    case resultTags.conflict:
      return { type: "conflict", version: readU64(reader, "version") };
    default:
      if (tag !== resultTags.tooLarge) fail(reader, "unknown-tag", "result");
      return { type: "too-large" };
  }
};
const readSimpleResult = (reader: Reader): SimpleResult => readSimpleResultAs(reader, readU8(reader, "result"));

const readResult = (reader: Reader): KvResult => {
  const tag = readU8(reader, "result");
  switch (tag) {
    case resultTags.txn: {
      const succeeded = readFlag(reader);
      return { type: "txn", succeeded, results: readList(reader, results, readSimpleResult) };
    }
    case resultTags.txnRefused: {
      const index = readU16(reader, "index");
      return { type: "txn-refused", index, result: readSimpleResult(reader) };
    }
    case resultTags.time:
      // no tag, but the first byte of the number
      reader.offset = 0;
      return { type: "time", timestamp: readU64(reader, "time") };
    case resultTags.malformed:
      return { type: "malformed" };
    default:
      return readSimpleResultAs(reader, tag);
  }
};

const decode = <T>(bytes: Uint8Array, read: (reader: Reader) => T): T | undefined => {
  const decoded = decodeWhole(bytes, bytes.length, "bytes", read);
  return decoded.ok ? decoded.value : undefined;
};

/** The operation, or `undefined` if the bytes are not exactly one. Keys and values are views of `bytes`. Never throws. */
export const decodeOperation = (bytes: Uint8Array): KvOperation | undefined => decode(bytes, readOperation);

/** The result, or `undefined` if the bytes are not exactly one. Values are views of `bytes`. Never throws. */
export const decodeResult = (bytes: Uint8Array): KvResult | undefined => decode(bytes, readResult);
