/** What LevelDB's manifest says of the files that make up the store. */

export interface LiveFiles {
  /** write-ahead logs with a lower number are done with */
  readonly logNumber: number;
  /** an older log that is still needed; 0: none */
  readonly previousLogNumber: number;
  /** size in bytes by number of each table file in use */
  readonly tables: ReadonlyMap<number, number>;
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Little-endian base 128. @throws RangeError past the end, or beyond the safe integers */
export const readVarint = (cursor: Cursor): number => {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < 10; count++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new RangeError("a number runs past the end");
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw new RangeError("a number is too long");
};

/** Bytes behind their length. @throws RangeError past the end */
export const skipBytes = (cursor: Cursor): void => {
  const length = readVarint(cursor);
  cursor.at += length;
  if (cursor.at > cursor.bytes.length) throw new RangeError("bytes run past the end");
};

/**
 * Folds the manifest's records (version edits) into the files that are live.
 * @throws RangeError if a record is not a version edit
 */
export const readManifest = (records: readonly Uint8Array[]): LiveFiles => {
  let logNumber = 0;
  let previousLogNumber = 0;
  const tables = new Map<number, number>();
  for (const bytes of records) {
    const cursor = { bytes, at: 0 };
    const added: [number, number][] = [];
    while (cursor.at < bytes.length) {
      const tag = readVarint(cursor);
      if (tag === 1) skipBytes(cursor);
      else if (tag === 2) logNumber = readVarint(cursor);
      else if (tag === 9) previousLogNumber = readVarint(cursor);
      else if (tag === 3 || tag === 4) readVarint(cursor);
      else if (tag === 5) {
        readVarint(cursor);
        skipBytes(cursor);
      } else if (tag === 6) {
        readVarint(cursor);
        tables.delete(readVarint(cursor));
      } else if (tag === 7) {
        readVarint(cursor);
        added.push([readVarint(cursor), readVarint(cursor)]);
        skipBytes(cursor);
        skipBytes(cursor);
      } else throw new RangeError(`unknown tag ${tag}`);
    }
    // a file may move to another level within one edit: deleted there, added here
    for (const [number, size] of added) tables.set(number, size);
  }
  return { logNumber, previousLogNumber, tables };
};
