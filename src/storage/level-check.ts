/**
 * Verifies the files of a LevelDB folder before it is opened (PROTOCOL §6: a torn or corrupted record is detected, never guessed on).
 *
 * LevelDB verifies its manifest only. It drops damaged parts of a write-ahead log without a word, and reads tables without looking at their
 * checksums, so that a flipped bit in a key hides the record. Here every log and the manifest are verified in full, and tables, newest first,
 * up to a number of bytes; values carry a checksum of their own beside (`level.ts`).
 */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "./port.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import { checkBatch } from "./level-batch.ts";
import { readLog } from "./level-log.ts";
import { readManifest, readVarint } from "./level-manifest.ts";
import type { LiveFiles } from "./level-manifest.ts";

const footerBytes = 48;
const trailerBytes = 5;
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

const corrupt = (file: string, detail: string): StoreError =>
  new StoreError(
    "corrupt",
    `${file} is damaged: ${detail}; restore the data folder from a backup, or remove it and let the node fetch the state from its peers`,
  );

/** A disk that gives its file no more, a folder in its place, a lack of permission: whatever it is, it is told of the file. */
const readStoreFile = async (path: string, name: string): Promise<Buffer> => {
  try {
    return await readFile(join(path, name));
  } catch (error) {
    throw new StoreError("io", `can not read ${join(path, name)}: ${(error as Error).message}`, { cause: error });
  }
};

interface Handle {
  readonly offset: number;
  readonly size: number;
}

const readHandle = (bytes: Uint8Array, at: number): { readonly handle: Handle; readonly next: number } => {
  const cursor = { bytes, at };
  const offset = readVarint(cursor);
  const size = readVarint(cursor);
  return { handle: { offset, size }, next: cursor.at };
};

/** A block's content, once its checksum is found right. @throws RangeError if it is not */
const readBlock = (file: Uint8Array, { offset, size }: Handle): Uint8Array => {
  const end = offset + size;
  if (!(end + trailerBytes <= file.length - footerBytes)) throw new RangeError("a block outside the file");
  const stored = new DataView(file.buffer, file.byteOffset + end + 1, 4).getUint32(0, true);
  if (maskCrc(crc32c(file, offset, end + 1)) !== stored) throw new RangeError(`the checksum of the block at ${offset} does not match`);
  if (file[end] !== 0) throw new RangeError("a compressed block, which this store never writes");
  return file.subarray(offset, end);
};

/** The handles that a block of an index maps its keys to. @throws RangeError if it is malformed */
const readHandles = (block: Uint8Array): Handle[] => {
  const handles: Handle[] = [];
  const restarts = new DataView(block.buffer, block.byteOffset + block.length - 4, 4).getUint32(0, true);
  const end = block.length - 4 - restarts * 4;
  if (end < 0) throw new RangeError("an index without entries");
  const cursor = { bytes: block, at: 0 };
  while (cursor.at < end) {
    readVarint(cursor);
    const unshared = readVarint(cursor);
    const length = readVarint(cursor);
    cursor.at += unshared;
    handles.push(readHandle(block, cursor.at).handle);
    cursor.at += length;
  }
  return handles;
};

/** Verifies every block of one table file. @throws RangeError when one is damaged */
const checkTable = (file: Uint8Array): void => {
  if (file.length < footerBytes) throw new RangeError("too short");
  const footer = file.length - footerBytes;
  if (magic.some((byte, index) => file[file.length - 8 + index] !== byte)) throw new RangeError("not a table");
  const meta = readHandle(file, footer);
  const index = readHandle(file, meta.next);
  for (const handle of readHandles(readBlock(file, meta.handle))) readBlock(file, handle);
  for (const handle of readHandles(readBlock(file, index.handle))) readBlock(file, handle);
};

const checkTables = async (path: string, live: LiveFiles, names: ReadonlySet<string>, maxBytes: number): Promise<void> => {
  let bytes = 0;
  for (const [number, size] of [...live.tables].sort(([a], [b]) => b - a)) {
    const digits = String(number).padStart(6, "0");
    const name = [`${digits}.ldb`, `${digits}.sst`].find((candidate) => names.has(candidate));
    if (name === undefined) throw corrupt(`${digits}.ldb`, "it is missing");
    bytes += size;
    if (bytes > maxBytes) continue;
    const file = await readStoreFile(path, name);
    try {
      if (file.length !== size) throw new RangeError(`${file.length} bytes where ${size} were written`);
      checkTable(file);
    } catch (error) {
      throw corrupt(name, (error as Error).message);
    }
  }
};

/** Logs that LevelDB replays, oldest first: two when the node ended before a full one had become a table. */
const liveLogs = (live: LiveFiles, names: ReadonlySet<string>): string[] => {
  const isLive = (number: number) => number >= live.logNumber || number === live.previousLogNumber;
  return [...names].filter((name) => name.endsWith(".log") && isLive(Number.parseInt(name, 10))).sort();
};

/**
 * Verifies each live log, and that they are one history. LevelDB replays all that it can read of each: an older log that lost its end, and a newer one
 * that did not, would be a state with a hole in it, which never was.
 */
const checkLogs = async (path: string, live: LiveFiles, names: ReadonlySet<string>): Promise<boolean> => {
  let torn = false;
  /** the sequence that the next write has to have; unknown before the first */
  let next: number | undefined;
  let emptied: string | undefined;
  const follow = (name: string, record: Uint8Array): void => {
    if (emptied !== undefined) throw corrupt(emptied, `it is empty, and ${name} goes on`);
    const place = checkBatch(record);
    if (next !== undefined && place.sequence !== next) throw new RangeError(`it goes on with write ${place.sequence} instead of ${next}`);
    next = place.next;
  };
  for (const name of liveLogs(live, names)) {
    const verdict = readLog(await readStoreFile(path, name));
    if (!verdict.ok) throw corrupt(name, `${verdict.reason} at byte ${verdict.offset}`);
    try {
      for (const record of verdict.records) follow(name, record);
    } catch (error) {
      throw error instanceof StoreError ? error : corrupt(name, (error as Error).message);
    }
    if (verdict.records.length === 0) emptied ??= name;
    torn ||= verdict.torn;
  }
  const wanted = `${String(live.logNumber).padStart(6, "0")}.log`;
  if (live.logNumber > 0 && !names.has(wanted)) throw corrupt(wanted, "it is missing");
  return torn;
};

const readLiveFiles = async (path: string, names: ReadonlySet<string>): Promise<LiveFiles> => {
  const current = (await readStoreFile(path, "CURRENT")).toString("latin1");
  const manifest = /^(MANIFEST-\d+)\n$/.exec(current)?.[1];
  if (manifest === undefined || !names.has(manifest)) throw corrupt("CURRENT", "it does not name a manifest");
  const verdict = readLog(await readStoreFile(path, manifest));
  if (!verdict.ok) throw corrupt(manifest, `${verdict.reason} at byte ${verdict.offset}`);
  try {
    return readManifest(verdict.records);
  } catch (error) {
    throw corrupt(manifest, (error as Error).message);
  }
};

export interface CheckReport {
  /** no store is there yet */
  readonly empty: boolean;
  /** the last write was cut short by a crash, before it was acknowledged; opening drops it */
  readonly torn: boolean;
}

/**
 * Verifies the LevelDB folder `path`, which nobody may have open.
 * @param maxTableBytes of tables to read, newest first; logs and manifest are always read whole
 * @throws StoreError `corrupt`, or `io` when a file can not be read, naming the file
 */
export const checkLevelFiles = async (path: string, maxTableBytes: number): Promise<CheckReport> => {
  const names = new Set(
    await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw new StoreError("io", `can not read ${path}: ${error.message}`, { cause: error });
    }),
  );
  if (!names.has("CURRENT")) {
    const remains = [...names].find((name) => /\.(ldb|sst|log)$/.test(name));
    // CURRENT is the last file that the making of a store writes before its first log
    if (remains !== undefined) throw corrupt("CURRENT", `it is missing, yet there is ${remains}`);
    return { empty: true, torn: false };
  }
  const live = await readLiveFiles(path, names);
  const torn = await checkLogs(path, live, names);
  await checkTables(path, live, names, maxTableBytes);
  return { empty: false, torn };
};
