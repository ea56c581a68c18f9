/**
 * What a record of LevelDB's write-ahead log must be: a batch of puts and deletes.
 *
 * sequence u64 ‖ count u32 (little-endian) ‖ for each operation: 0 (delete) or 1 (put) ‖ key ‖ of a put its value; keys and values are a varint
 * length and their bytes.
 */
import { readVarint, skipBytes } from "./level-manifest.ts";

const headerBytes = 12;
const put = 1;

/** LevelDB counts the operations of a store: a batch's first one has its sequence, the batch behind it begins where this one ends. */
export interface BatchPlace {
  readonly sequence: number;
  readonly next: number;
}

/**
 * Verifies one record of a write-ahead log. Its checksum only says that it was written so, not that it was meant for this file: a manifest in
 * the place of a log has good checksums too.
 * @throws RangeError if it is no batch, or its sequence beyond the safe integers (LevelDB aborts the whole process beyond 56 bits)
 */
export const checkBatch = (record: Uint8Array): BatchPlace => {
  if (record.length < headerBytes) throw new RangeError("a batch without its header");
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const sequence = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const count = view.getUint32(8, true);
  if (sequence + count > Number.MAX_SAFE_INTEGER) throw new RangeError("a batch with an impossible sequence");
  const cursor = { bytes: record, at: headerBytes };
  let operations = 0;
  for (; cursor.at < record.length; operations++) {
    const kind = readVarint(cursor);
    if (kind > put) throw new RangeError(`an operation of kind ${kind}`);
    skipBytes(cursor);
    if (kind === put) skipBytes(cursor);
  }
  if (operations !== count) throw new RangeError(`${operations} operations where a batch has ${count}`);
  return { sequence, next: sequence + count };
};
