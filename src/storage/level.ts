/**
 * The node's store: LevelDB through classic-level, in one folder that one process may have open.
 *
 * - Reads are synchronous. Each value carries a CRC-32 of its key and itself, so that a flipped bit or a value under the wrong key is an error.
 * - Writes are queued and merged: while one is on its way to the disk, all that arrive become the next one (group commit). Their order is kept.
 * - The first failed write closes the store to all later ones: after a failed fsync nobody knows what is on the medium.
 */
import { resolve } from "node:path";
import { crc32 } from "node:zlib";
import { ClassicLevel } from "classic-level";
import { StoreError } from "./port.ts";
import { checkLevelFiles } from "./level-check.ts";
import type { RangeOptions, Store, StoreEntry, StoreErrorCode, StoreOperation } from "./port.ts";

const MiB = 1024 * 1024;
const checksumBytes = 4;
/** one merged write; a single larger write goes alone */
const maxMergedBytes = 8 * MiB;
const rangeChunkEntries = 256;
const rangeChunkBytes = 256 * 1024;

export interface LevelOptions {
  /** block cache, bytes; 4 MiB when absent */
  readonly cacheBytes?: number;
  /** memory that collects writes before they become a table, bytes; LevelDB may hold two of them; 16 MiB when absent */
  readonly writeBufferBytes?: number;
  /** table files held open, each mapped with up to 2 MiB; 64 when absent */
  readonly maxOpenFiles?: number;
  /** tables verified at open, newest first, bytes; 256 MiB (about a second) when absent. Logs and manifest are always verified. */
  readonly verifyBytes?: number;
  /** writes waiting for the disk, bytes; at the bound the store fails with `io`; 256 MiB when absent */
  readonly maxQueuedBytes?: number;
}

interface Pending {
  readonly operations: readonly StoreOperation[];
  readonly durable: boolean;
  readonly bytes: number;
  readonly done: (error?: StoreError) => void;
}

type Database = ClassicLevel<Uint8Array, Uint8Array>;

const codeOf = (error: unknown): string => {
  const { code, cause } = error as { code?: string; cause?: unknown };
  const inner = cause instanceof Error ? codeOf(cause) : "";
  return inner === "" ? (code ?? "") : inner;
};

const messageOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${messageOf(cause)}` : message;
};

/** Tells LevelDB's errors apart by code, and a full disk by the system's words for it. */
export const toStoreError = (error: unknown): StoreError => {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  const kinds: Record<string, StoreErrorCode> = {
    LEVEL_LOCKED: "locked",
    LEVEL_CORRUPTION: "corrupt",
    LEVEL_DATABASE_NOT_OPEN: "closed",
    LEVEL_ITERATOR_NOT_OPEN: "closed",
  };
  const full = /no space left|disc? quota|disk quota|ENOSPC|EDQUOT/i.test(message);
  return new StoreError(kinds[code] ?? (full ? "full" : "io"), message, { cause: error });
};

/** The value with its checksum behind it. */
const seal = (key: Uint8Array, value: Uint8Array): Uint8Array => {
  const sealed = Buffer.allocUnsafe(value.length + checksumBytes);
  sealed.set(value);
  sealed.writeUInt32BE(crc32(value, crc32(key)), value.length);
  return sealed;
};

const unseal = (key: Uint8Array, sealed: Uint8Array): Uint8Array => {
  const length = sealed.length - checksumBytes;
  if (length >= 0) {
    const value = sealed.subarray(0, length);
    const stored =
      (((sealed[length] as number) << 24) |
        ((sealed[length + 1] as number) << 16) |
        ((sealed[length + 2] as number) << 8) |
        (sealed[length + 3] as number)) >>>
      0;
    if (stored === crc32(value, crc32(key))) return value;
  }
  throw new StoreError("corrupt", `the record under ${Buffer.from(key).toString("hex").slice(0, 80)} does not match its checksum`);
};

/** Fails with `locked` if another holds the folder; changes nothing in it: LevelDB takes its lock before it sees that the store exists. */
const probeLock = async (path: string): Promise<void> => {
  const probe = new ClassicLevel(path, { createIfMissing: false, errorIfExists: true });
  try {
    await probe.open();
  } catch (error) {
    if (codeOf(error) === "LEVEL_LOCKED") throw new StoreError("locked", `another process has ${path} open`, { cause: error });
  }
};

const openDatabase = async (path: string, options: LevelOptions): Promise<Database> => {
  const db: Database = new ClassicLevel<Uint8Array, Uint8Array>(path, {
    keyEncoding: "view",
    valueEncoding: "view",
    // hashes and signatures do not compress; plain blocks are what `level-check` reads
    compression: false,
    cacheSize: options.cacheBytes ?? 4 * MiB,
    writeBufferSize: options.writeBufferBytes ?? 16 * MiB,
    maxOpenFiles: options.maxOpenFiles ?? 64,
  });
  try {
    await db.open();
  } catch (error) {
    const known = toStoreError(error);
    throw known.code === "locked" ? new StoreError("locked", `another process has ${path} open`, { cause: error }) : known;
  }
  return db;
};

const openFolder = async (path: string, options: LevelOptions): Promise<Database> => {
  try {
    const { empty } = await checkLevelFiles(path, options.verifyBytes ?? 256 * MiB);
    if (!empty) await probeLock(path);
  } catch (error) {
    // files that change under the check look damaged: it is the lock that tells
    await probeLock(path);
    throw error;
  }
  return openDatabase(path, options);
};

/**
 * Folders open in this process. The system's lock is no help here, and worse: to open and close its file once more in the same process, even in
 * vain, gives the lock up.
 */
const openFolders = new Set<string>();

/**
 * Opens the store in the folder `path`, and makes it if there is none. Verifies what is there first. While it is open, nothing else in this process
 * may open the file `LOCK` in that folder, to copy it for example: closing it would give up the lock.
 * @throws StoreError `locked` if it is open already, here or in another process; `corrupt` if a file is damaged, naming it; `full`; `io`
 */
export const openLevelStore = async (path: string, options: LevelOptions = {}): Promise<Store> => {
  const folder = resolve(path);
  if (openFolders.has(folder)) throw new StoreError("locked", `this process has ${path} open already`);
  openFolders.add(folder);
  try {
    const db = await openFolder(folder, options);
    return createLevelStore(db, options.maxQueuedBytes ?? 256 * MiB, () => openFolders.delete(folder));
  } catch (error) {
    openFolders.delete(folder);
    throw error;
  }
};

const createLevelStore = (db: Database, maxQueuedBytes: number, onClosed: () => void): Store => {
  const queue: Pending[] = [];
  let queuedBytes = 0;
  let writing = false;
  let closed = false;
  let closing: Promise<void> | undefined;
  let failure: StoreError | undefined;
  const idle: (() => void)[] = [];

  const takeGroup = (): Pending[] => {
    let bytes = 0;
    let count = 0;
    while (count < queue.length && (count === 0 || bytes + (queue[count] as Pending).bytes <= maxMergedBytes)) {
      bytes += (queue[count] as Pending).bytes;
      count++;
    }
    queuedBytes -= bytes;
    return queue.splice(0, count);
  };

  const commit = async (group: readonly Pending[]): Promise<void> => {
    if (failure !== undefined) throw failure;
    const batch = db.batch();
    for (const { operations } of group) {
      for (const operation of operations) {
        if (operation.type === "put") batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
    }
    await batch.write({ sync: group.some(({ durable }) => durable) });
  };

  const finish = (group: readonly Pending[], error?: StoreError): void => {
    for (const { done } of group) {
      try {
        done(error);
      } catch (thrown) {
        // a caller's fault must not stop the writes of others, nor stay unseen
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const group = takeGroup();
      try {
        await commit(group);
        finish(group);
      } catch (error) {
        failure ??= toStoreError(error);
        finish(group, failure);
      }
    }
    writing = false;
    for (const resume of idle.splice(0)) resume();
  };

  const enqueue = (operations: readonly StoreOperation[], durable: boolean, done: (error?: StoreError) => void): void => {
    let bytes = 0;
    const sealed = operations.map((operation): StoreOperation => {
      const value = operation.type === "put" ? seal(operation.key, operation.value) : undefined;
      bytes += operation.key.length + (value?.length ?? 0);
      return value === undefined ? operation : { type: "put", key: operation.key, value };
    });
    if (queuedBytes + bytes > maxQueuedBytes && queue.length > 0)
      failure ??= new StoreError("io", `more than ${maxQueuedBytes} bytes wait for the disk`);
    queue.push({ operations: failure === undefined ? sealed : [], durable, bytes, done });
    queuedBytes += bytes;
    if (writing) return;
    writing = true;
    // in a later turn, so that all writes of this one share a trip to the disk, and `done` never comes early
    queueMicrotask(() => void drain());
  };

  const shut = async (): Promise<void> => {
    closed = true;
    if (writing) await new Promise<void>((resume) => idle.push(resume));
    try {
      await db.close();
    } catch (error) {
      throw toStoreError(error);
    }
    onClosed();
  };

  return {
    get: (key) => {
      if (closed) throw new StoreError("closed", "the store is closed");
      let sealed: Uint8Array | undefined;
      try {
        sealed = db.getSync(key);
      } catch (error) {
        throw toStoreError(error);
      }
      return sealed === undefined ? undefined : unseal(key, sealed);
    },
    write: (operations, { durable }, done) => {
      if (closed) queueMicrotask(() => done(new StoreError("closed", "the store is closed")));
      else enqueue(operations, durable, done);
    },
    range: (options) => {
      if (closed) throw new StoreError("closed", "the store is closed");
      return readRange(db, options);
    },
    close: () => {
      closing ??= shut();
      return closing;
    },
  };
};

/** LevelDB's iterator takes its view when it is made: here, not at the first read. */
const readRange = (db: Database, options: RangeOptions): AsyncIterable<StoreEntry> => {
  const iterator = db.iterator({ ...options, fillCache: false, highWaterMarkBytes: rangeChunkBytes });
  const read = async function* (): AsyncGenerator<StoreEntry> {
    try {
      for (;;) {
        const chunk = await iterator.nextv(rangeChunkEntries);
        if (chunk.length === 0) return;
        for (const [key, value] of chunk) yield { key, value: unseal(key, value) };
      }
    } catch (error) {
      throw toStoreError(error);
    } finally {
      await iterator.close();
    }
  };
  return read();
};
