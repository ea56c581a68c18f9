/**
 * Bytes of the key-value store's operations and results (docs/wire.md, "Key-value operations"). Big-endian; one layout per type, so that what
 * decodes encodes to the same bytes. Decoding is total: anything else gives `undefined`.
 *
 * Keys and values are not judged here beyond the room their length fields give: what is too large is refused by the store with a result.
 */
import { limits } from "../../protocol/limits.ts";
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

/** Collects parts and joins them once. */
interface Writer {
  readonly parts: Uint8Array[];
  length: number;
}

const addBytes = (writer: Writer, bytes: Uint8Array): void => {
  writer.parts.push(bytes);
  writer.length += bytes.length;
};
const addU8 = (writer: Writer, value: number): void => addBytes(writer, Uint8Array.of(value));
const addU16 = (writer: Writer, value: number): void => {
  if (value > 0xffff) throw new RangeError(`${value} does not fit in 16 bits`);
  addBytes(writer, Uint8Array.of(value >>> 8, value & 0xff));
};
const addU32 = (writer: Writer, value: number): void => {
  if (value > 0xffff_ffff) throw new RangeError(`${value} does not fit in 32 bits`);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  addBytes(writer, bytes);
};
const addU64 = (writer: Writer, value: number): void => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned safe integer: ${value}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  addBytes(writer, bytes);
};
const addKey = (writer: Writer, key: Uint8Array): void => {
  addU16(writer, key.length);
  addBytes(writer, key);
};
const addValue = (writer: Writer, value: Uint8Array): void => {
  addU32(writer, value.length);
  addBytes(writer, value);
};
const addExpect = (writer: Writer, expect: number | undefined): void => {
  addU8(writer, expect === undefined ? anyVersion : exactVersion);
  if (expect !== undefined) addU64(writer, expect);
};

const join = (writer: Writer): Uint8Array => {
  const bytes = new Uint8Array(writer.length);
  let offset = 0;
  for (const part of writer.parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
};

const addSimple = (writer: Writer, operation: SimpleOperation): void => {
  addU8(writer, tags[operation.type]);
  addKey(writer, operation.key);
  if (operation.type === "put") addValue(writer, operation.value);
  if (operation.type !== "get") addExpect(writer, operation.expect);
};

const addComparison = (writer: Writer, comparison: Comparison): void => {
  addU8(writer, comparisonTags[comparison.type]);
  addKey(writer, comparison.key);
  if (comparison.type === "version") addU64(writer, comparison.version);
  else addValue(writer, comparison.value);
};

/**
 * @throws RangeError if a key is longer than 65,535 bytes, a list than 65,535 items, or a version is not an unsigned safe integer
 */
export const encodeOperation = (operation: KvOperation): Uint8Array => {
  const writer: Writer = { parts: [], length: 0 };
  if (operation.type === "time") return join(writer);
  if (operation.type === "txn") {
    addU8(writer, tags.txn);
    addU16(writer, operation.compare.length);
    for (const comparison of operation.compare) addComparison(writer, comparison);
    for (const branch of [operation.success, operation.failure]) {
      addU16(writer, branch.length);
      for (const simple of branch) addSimple(writer, simple);
    }
  } else addSimple(writer, operation);
  return join(writer);
};

const addSimpleResult = (writer: Writer, result: SimpleResult): void => {
  switch (result.type) {
    case "put":
      addU8(writer, resultTags.put);
      addU64(writer, result.version);
      return;
    case "delete":
      addU8(writer, resultTags.delete);
      addU8(writer, result.deleted ? 1 : 0);
      return;
    case "get":
      addU8(writer, resultTags.get);
      addU8(writer, result.entry === undefined ? 0 : 1);
      if (result.entry === undefined) return;
      addU64(writer, result.entry.version);
      addValue(writer, result.entry.value);
      return;
    case "conflict":
      addU8(writer, resultTags.conflict);
      addU64(writer, result.version);
      return;
    case "too-large":
      addU8(writer, resultTags.tooLarge);
  }
};

/** @throws RangeError as `encodeOperation` does */
export const encodeResult = (result: KvResult): Uint8Array => {
  const writer: Writer = { parts: [], length: 0 };
  switch (result.type) {
    case "txn":
      addU8(writer, resultTags.txn);
      addU8(writer, result.succeeded ? 1 : 0);
      addU16(writer, result.results.length);
      for (const simple of result.results) addSimpleResult(writer, simple);
      break;
    case "txn-refused":
      addU8(writer, resultTags.txnRefused);
      addU16(writer, result.index);
      addSimpleResult(writer, result.result);
      break;
    case "time":
      addU64(writer, result.timestamp);
      break;
    case "malformed":
      addU8(writer, resultTags.malformed);
      break;
    default:
      addSimpleResult(writer, result);
  }
  return join(writer);
};

/* ------------------------------------------------------------------ reading */

/** Thrown inside this file only: bytes that are not an encoding. */
class Malformed extends Error {}

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

const take = (reader: Reader, length: number): number => {
  const at = reader.at;
  if (length > reader.bytes.length - at) throw new Malformed();
  reader.at += length;
  return at;
};
const readU8 = (reader: Reader): number => reader.bytes[take(reader, 1)] as number;
const readU16 = (reader: Reader): number => reader.view.getUint16(take(reader, 2));
const readU64 = (reader: Reader): number => {
  const at = take(reader, 8);
  const value = reader.view.getUint32(at) * 0x1_0000_0000 + reader.view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) throw new Malformed();
  return value;
};
const readFlag = (reader: Reader): boolean => {
  const value = readU8(reader);
  if (value > 1) throw new Malformed();
  return value === 1;
};
const readKey = (reader: Reader): Uint8Array => {
  const length = readU16(reader);
  const at = take(reader, length);
  return reader.bytes.subarray(at, at + length);
};
const readValue = (reader: Reader): Uint8Array => {
  const length = reader.view.getUint32(take(reader, 4));
  const at = take(reader, length);
  return reader.bytes.subarray(at, at + length);
};

const readList = <T>(reader: Reader, readItem: (reader: Reader) => T): T[] => {
  const count = readU16(reader);
  if (count > maxTransactionItems) throw new Malformed();
  const items: T[] = [];
  for (let index = 0; index < count; index++) items.push(readItem(reader));
  return items;
};

const readSimpleAs = (reader: Reader, tag: number): SimpleOperation => {
  if (tag !== tags.put && tag !== tags.delete && tag !== tags.get) throw new Malformed();
  const key = readKey(reader);
  if (tag === tags.get) return { type: "get", key };
  const value = tag === tags.put ? readValue(reader) : undefined;
  const expect = readFlag(reader) ? { expect: readU64(reader) } : {};
  return value === undefined ? { type: "delete", key, ...expect } : { type: "put", key, value, ...expect };
};
const readSimple = (reader: Reader): SimpleOperation => readSimpleAs(reader, readU8(reader));

const readComparison = (reader: Reader): Comparison => {
  const tag = readU8(reader);
  const key = readKey(reader);
  if (tag === comparisonTags.version) return { type: "version", key, version: readU64(reader) };
  if (tag === comparisonTags.value) return { type: "value", key, value: readValue(reader) };
  throw new Malformed();
};

const readOperation = (reader: Reader): KvOperation => {
  if (reader.bytes.length === 0) return { type: "time" };
  const tag = readU8(reader);
  if (tag !== tags.txn) return readSimpleAs(reader, tag);
  const compare = readList(reader, readComparison);
  const success = readList(reader, readSimple);
  return { type: "txn", compare, success, failure: readList(reader, readSimple) };
};

const readSimpleResultAs = (reader: Reader, tag: number): SimpleResult => {
  switch (tag) {
    case resultTags.put:
      return { type: "put", version: readU64(reader) };
    case resultTags.delete:
      return { type: "delete", deleted: readFlag(reader) };
    case resultTags.get: {
      if (!readFlag(reader)) return { type: "get" };
      const version = readU64(reader);
      return { type: "get", entry: { value: readValue(reader), version } };
    }
    case resultTags.conflict:
      return { type: "conflict", version: readU64(reader) };
    case resultTags.tooLarge:
      return { type: "too-large" };
    default:
      throw new Malformed();
  }
};
const readSimpleResult = (reader: Reader): SimpleResult => readSimpleResultAs(reader, readU8(reader));

const readResult = (reader: Reader): KvResult => {
  const tag = readU8(reader);
  switch (tag) {
    case resultTags.txn: {
      const succeeded = readFlag(reader);
      return { type: "txn", succeeded, results: readList(reader, readSimpleResult) };
    }
    case resultTags.txnRefused: {
      const index = readU16(reader);
      return { type: "txn-refused", index, result: readSimpleResult(reader) };
    }
    case resultTags.time:
      reader.at -= 1;
      return { type: "time", timestamp: readU64(reader) };
    case resultTags.malformed:
      return { type: "malformed" };
    default:
      return readSimpleResultAs(reader, tag);
  }
};

const decode = <T>(bytes: Uint8Array, read: (reader: Reader) => T): T | undefined => {
  const reader = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
  try {
    const value = read(reader);
    return reader.at === bytes.length ? value : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
};

/** The operation, or `undefined` if the bytes are not exactly one. Keys and values are views of `bytes`. Never throws. */
export const decodeOperation = (bytes: Uint8Array): KvOperation | undefined => decode(bytes, readOperation);

/** The result, or `undefined` if the bytes are not exactly one. Values are views of `bytes`. Never throws. */
export const decodeResult = (bytes: Uint8Array): KvResult | undefined => decode(bytes, readResult);
