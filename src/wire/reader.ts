/**
 * A cursor over received bytes. Nothing here throws: the first failure is kept, moves the cursor to the end, and every later read returns a
 * placeholder that `decodeWhole` never lets out. Loops over a count stop as soon as `error` is set.
 */
import type { Buffer } from "node:buffer";
import type { Digest, PublicKey, Signature } from "../protocol/ids.ts";
import { asBuffer } from "./bytes.ts";

export type DecodeReason =
  /** the bytes end inside the field */
  | "truncated"
  /** bytes are left over after the last field */
  | "trailing-bytes"
  /** longer than its limit in protocol/limits */
  | "too-large"
  /** a count above its limit in protocol/limits */
  | "too-many"
  /** a count below its minimum */
  | "too-few"
  /** a u64 above 2^53 − 1 */
  | "unsafe-integer"
  /** a value that the field can not have */
  | "out-of-range"
  /** entries that must ascend without repetition (or without gaps) do not */
  | "not-ascending"
  /** a frame whose first byte names no message of its channel */
  | "unknown-tag";

/** Why bytes are malformed, and at which field. */
export interface DecodeError {
  readonly reason: DecodeReason;
  readonly field: string;
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: DecodeError };

export interface Reader {
  readonly buffer: Buffer;
  readonly end: number;
  offset: number;
  error: DecodeError | undefined;
}

const noBytes = new Uint8Array(0);
const twoTo32 = 0x1_0000_0000;
/** above it, high · 2^32 is no safe integer any more */
const maxHigh = 0x1f_ffff;

/** Keeps the first failure; later reads find the end. */
export const fail = (reader: Reader, reason: DecodeReason, field: string): void => {
  reader.error ??= { reason, field };
  reader.offset = reader.end;
};

const has = (reader: Reader, bytes: number, field: string): boolean => {
  if (reader.end - reader.offset >= bytes && reader.error === undefined) return true;
  fail(reader, "truncated", field);
  return false;
};

export const readU8 = (reader: Reader, field: string): number => {
  if (!has(reader, 1, field)) return 0;
  const value = reader.buffer.readUInt8(reader.offset);
  reader.offset += 1;
  return value;
};

export const readU16 = (reader: Reader, field: string): number => {
  if (!has(reader, 2, field)) return 0;
  const value = reader.buffer.readUInt16BE(reader.offset);
  reader.offset += 2;
  return value;
};

const readU32 = (reader: Reader, field: string): number => {
  if (!has(reader, 4, field)) return 0;
  const value = reader.buffer.readUInt32BE(reader.offset);
  reader.offset += 4;
  return value;
};

/** Big-endian, at most 2^53 − 1. */
export const readU64 = (reader: Reader, field: string): number => {
  if (!has(reader, 8, field)) return 0;
  const high = reader.buffer.readUInt32BE(reader.offset);
  const low = reader.buffer.readUInt32BE(reader.offset + 4);
  if (high > maxHigh) {
    fail(reader, "unsafe-integer", field);
    return 0;
  }
  reader.offset += 8;
  return high * twoTo32 + low;
};

/** A length in bytes, checked against its limit and against what is left before anything is allocated. */
export const readLength = (reader: Reader, maxBytes: number, field: string): number => {
  const length = readU32(reader, field);
  if (length > maxBytes) {
    fail(reader, "too-large", field);
    return 0;
  }
  return has(reader, length, field) ? length : 0;
};

/** How often something repeats: bounded by a limit and by what is left, given the least an entry takes. */
export interface CountRule {
  readonly width: 1 | 2;
  readonly min: number;
  readonly max: number;
  /** bytes of the smallest entry */
  readonly entryBytes: number;
}

export const readCount = (reader: Reader, rule: CountRule, field: string): number => {
  const count = rule.width === 1 ? readU8(reader, field) : readU16(reader, field);
  if (reader.error !== undefined) return 0;
  if (count > rule.max) fail(reader, "too-many", field);
  else if (count < rule.min) fail(reader, "too-few", field);
  else if (has(reader, count * rule.entryBytes, field)) return count;
  return 0;
};

/** A view of the frame, not a copy. */
export const readView = (reader: Reader, bytes: number, field: string): Uint8Array => {
  if (!has(reader, bytes, field)) return noBytes;
  const view = new Uint8Array(reader.buffer.buffer, reader.buffer.byteOffset + reader.offset, bytes);
  reader.offset += bytes;
  return view;
};

const readHex32 = (reader: Reader, field: string): string => {
  if (!has(reader, 32, field)) return "";
  const hex = reader.buffer.toString("hex", reader.offset, reader.offset + 32);
  reader.offset += 32;
  return hex;
};

export const readDigest = (reader: Reader, field: string): Digest => readHex32(reader, field) as Digest;
export const readPublicKey = (reader: Reader, field: string): PublicKey => readHex32(reader, field) as PublicKey;

/** 64 bytes in memory of their own: votes and certificates outlive the frame that brought them. */
export const readSignature = (reader: Reader, field: string): Signature => readView(reader, 64, field).slice() as Signature;

/**
 * Decodes exactly one value: all of `bytes`, no more than `maxBytes`.
 *
 * Total: whatever the bytes, it returns.
 */
export const decodeWhole = <T>(bytes: Uint8Array, maxBytes: number, field: string, read: (reader: Reader) => T): Decoded<T> => {
  if (bytes.length > maxBytes) return { ok: false, error: { reason: "too-large", field } };
  const reader: Reader = { buffer: asBuffer(bytes), end: bytes.length, offset: 0, error: undefined };
  const value = read(reader);
  if (reader.error === undefined && reader.offset !== reader.end) fail(reader, "trailing-bytes", field);
  return reader.error === undefined ? { ok: true, value } : { ok: false, error: reader.error };
};
