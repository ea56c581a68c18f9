/**
 * The state's records in the store (docs/ledger.md, "Records").
 *
 * Every record of the tables `S` and `T` begins with the sequence that wrote it. That is what makes checkpoints cheap: a record written after a
 * checkpoint was saved under it when it was first overwritten, or was not there.
 */
import { Buffer } from "node:buffer";
import { readNumber, storeKey, tables, writeNumber } from "../../storage/keys.ts";
import { StoreError } from "../../storage/port.ts";
import { toLatin1 } from "../../wire/bytes.ts";
import { emptyHash, hashBytes, keyToBytes } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";
import { decodePage, encodePage, pageBytes } from "./page.ts";
import type { Page } from "./page.ts";
import type { PagePath } from "./tree.ts";

const sequenceBytes = 8;
const inline = 0;
const outside = 1;
/** values up to this size stand in their record, larger ones in a record of their own: bounds what an overwrite has to copy, bytes */
export const maxInlineBytes = 2560;
/** the beginning of a large value that stands in its `S` record, bytes */
export const headBytes = 32;
/** length, head and hash of a large value */
const outsideBytes = 4 + headBytes + 32;

export const stateRecordKey = (key: string): Uint8Array => {
  const bytes = Buffer.allocUnsafe(1 + key.length);
  bytes[0] = tables.state;
  bytes.write(key, 1, "latin1");
  return bytes;
};

/** Where the large value is that `sequence` wrote under `key`. */
export const valueRecordKey = (sequence: number, key: string): Uint8Array =>
  storeKey(tables.values, sequence, keyToBytes(hashBytes(keyToBytes(key))));

/** Two slots a byte; the depth before them tells an odd path from an even one. */
export const pageRecordKey = (path: PagePath): Uint8Array => {
  const key = Buffer.alloc(2 + Math.ceil(path.length / 2));
  key[0] = tables.pages;
  key[1] = path.length;
  for (let index = 0; index < path.length; index++) {
    const at = 2 + (index >>> 1);
    key[at] = (key[at] as number) | (path.charCodeAt(index) << (index & 1 ? 0 : 4));
  }
  return key;
};

/** Where the record under `key` is kept as it was at `checkpoint`. */
export const undoRecordKey = (checkpoint: number, key: Uint8Array): Uint8Array => storeKey(tables.undo, checkpoint, key);
/** bytes of an undo record's key before the key it is about */
export const undoPrefixBytes = 1 + sequenceBytes;

/** The sequence that wrote a record of the tables `S` or `T`. */
export const modifiedBy = (record: Uint8Array): number => readNumber(record, 0);

/** @param valueHash SHA-256(value): a large value's stands in its record, so that nobody has to read the value for it */
export const encodeStateRecord = (sequence: number, value: Uint8Array, valueHash: RawHash): Uint8Array => {
  const small = value.length <= maxInlineBytes;
  const record = Buffer.allocUnsafe(sequenceBytes + 1 + (small ? value.length : outsideBytes));
  writeNumber(record, sequence, 0);
  record[sequenceBytes] = small ? inline : outside;
  if (small) record.set(value, sequenceBytes + 1);
  else {
    record.writeUInt32BE(value.length, sequenceBytes + 1);
    record.set(value.subarray(0, headBytes), sequenceBytes + 5);
    record.write(valueHash, sequenceBytes + 5 + headBytes, "latin1");
  }
  return record;
};

/** A state record's value: here, or of this length under `valueRecordKey(modified, key)`. */
export type StateEntry =
  | { readonly outside: false; readonly modified: number; readonly length: number; readonly value: Uint8Array }
  | { readonly outside: true; readonly modified: number; readonly length: number; readonly head: Uint8Array; readonly valueHash: RawHash };

const malformed = (): StoreError => new StoreError("corrupt", "a record of the state is malformed");

/** @throws StoreError `corrupt` if the record is none of the state */
export const decodeStateRecord = (record: Uint8Array): StateEntry => {
  const modified = modifiedBy(record);
  const kind = record[sequenceBytes];
  const rest = record.subarray(sequenceBytes + 1);
  if (!Number.isSafeInteger(modified)) throw malformed();
  if (kind === inline) return { outside: false, modified, length: rest.length, value: rest };
  if (kind !== outside || rest.length !== outsideBytes) throw malformed();
  const length = new DataView(rest.buffer, rest.byteOffset, 4).getUint32(0);
  const hashAt = 4 + headBytes;
  return { outside: true, modified, length, head: rest.subarray(4, hashAt), valueHash: toLatin1(rest.subarray(hashAt)) as RawHash };
};

/** Of the page as it is now, under its `recorded` sequence. */
export const encodePageRecord = (page: Page): Uint8Array => {
  const record = Buffer.allocUnsafe(sequenceBytes + pageBytes(page));
  writeNumber(record, page.recorded, 0);
  encodePage(page, record, sequenceBytes);
  return record;
};

/** @throws StoreError `corrupt` if the record is no page */
export const readPage = (record: Uint8Array): Page => {
  const buffer = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const page = decodePage(buffer, sequenceBytes, modifiedBy(record));
  if (page === undefined) throw new StoreError("corrupt", "a record of the state's tree is not a page");
  return page;
};

/* ------------------------------------------------------------------ what a batch changed */

/** Where it is kept what the batch `sequence` changed, while pages above it are not written. */
export const changedKeysKey = (sequence: number): Uint8Array => storeKey(tables.changedKeys, sequence);
/** The batch of such a record. */
export const changedKeysSequence = (key: Uint8Array): number => readNumber(key, 1);

/** An entry that changed; without a hash it was deleted. */
export interface ChangedKey {
  readonly key: string;
  /** SHA-256 of its value */
  readonly valueHash: RawHash | undefined;
}

/** What one batch changed. */
export interface BatchChanges {
  readonly keys: readonly ChangedKey[];
  /** of entries that are written with the pages: what it takes to find them again, in the words of who owns them */
  readonly note: Uint8Array;
}

/** bytes of the keys u32 ‖ for each: length u16 ‖ state key ‖ SHA-256(value)[32], zero when deleted ‖ the note */
export const encodeChanges = ({ keys, note }: BatchChanges): Uint8Array => {
  let text = "";
  for (const { key, valueHash } of keys) text += String.fromCharCode(key.length >>> 8, key.length & 0xff) + key + (valueHash ?? emptyHash);
  const record = Buffer.allocUnsafe(4 + text.length + note.length);
  record.writeUInt32BE(text.length, 0);
  record.write(text, 4, "latin1");
  record.set(note, 4 + text.length);
  return record;
};

const malformedChanges = (): StoreError => new StoreError("corrupt", "a record of what a batch changed is malformed");

/** @throws StoreError `corrupt` if the record is none */
export const decodeChanges = (record: Uint8Array): BatchChanges => {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const end = bytes.length < 4 ? Number.POSITIVE_INFINITY : 4 + bytes.readUInt32BE(0);
  if (end > bytes.length) throw malformedChanges();
  const text = bytes.toString("latin1", 0, end);
  const keys: ChangedKey[] = [];
  let at = 4;
  while (at < end) {
    const hashAt = at + 2 + ((text.charCodeAt(at) << 8) | text.charCodeAt(at + 1));
    const key = text.slice(at + 2, hashAt);
    at = hashAt + 32;
    const valueHash = text.slice(hashAt, at) as RawHash;
    keys.push({ key, valueHash: valueHash === emptyHash ? undefined : valueHash });
  }
  if (at !== end) throw malformedChanges();
  return { keys, note: record.subarray(end) };
};
