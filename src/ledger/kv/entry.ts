/** A key-value entry as the state holds it: version u64 ‖ sequence u64 of its last write ‖ value. */
import { readNumber, writeNumber } from "../../storage/keys.ts";

const metaBytes = 16;

/** What is known of an entry without its value. */
export interface EntryMeta {
  /** writes since the key was created: 1, 2, 3… */
  readonly version: number;
  /** ledger sequence of its last write */
  readonly sequence: number;
}
export interface Entry extends EntryMeta {
  readonly value: Uint8Array;
}

/** Bytes of the value of a stored entry that is `length` bytes long. */
export const valueBytesOf = (length: number): number => length - metaBytes;

export const encodeEntry = (version: number, sequence: number, value: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(metaBytes + value.length);
  writeNumber(bytes, version, 0);
  writeNumber(bytes, sequence, 8);
  bytes.set(value, metaBytes);
  return bytes;
};

/** @throws RangeError if the bytes are too short to be an entry's beginning */
export const decodeEntryMeta = (bytes: Uint8Array): EntryMeta => {
  if (bytes.length < metaBytes) throw new RangeError("not a key-value entry");
  return { version: readNumber(bytes, 0), sequence: readNumber(bytes, 8) };
};

/** @throws RangeError as `decodeEntryMeta` does */
export const decodeEntry = (bytes: Uint8Array): Entry => ({ ...decodeEntryMeta(bytes), value: bytes.subarray(metaBytes) });
