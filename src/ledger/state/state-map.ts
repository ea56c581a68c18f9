/**
 * The authenticated map: entries in the store, a Merkle tree over them, one batch of changes at a time. A batch costs what it changes, whatever
 * the size of the state; what it overwrites is kept for the newest checkpoint (docs/ledger.md, "Checkpoints"). Entries are written with their batch, the tree is
 * brought up to date now and then, and its pages are written at checkpoints, with the entries that their owner deferred until then; in between, what changed is written,
 * from which an interrupted map finds all of it again.
 *
 * Keys here are state keys, namespace included, as strings of one character a byte.
 */
import { StoreError } from "../../storage/port.ts";
import type { StoreOperation } from "../../storage/port.ts";
import type { ValueHead } from "../application.ts";
import type { Records } from "../records.ts";
import { createDeferred } from "./deferred.ts";
import type { NewValue } from "./deferred.ts";
import { emptyHash, hashBytes, hashKey, leafHash } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";
import {
  changedKeysKey,
  decodeStateRecord,
  encodeChanges,
  encodeStateRecord,
  headBytes,
  maxInlineBytes,
  stateRecordKey,
  undoRecordKey,
  valueRecordKey,
} from "./layout.ts";
import type { BatchChanges, ChangedKey, StateEntry } from "./layout.ts";
import { createPages } from "./pages.ts";
import { hashPage } from "./page.ts";
import { createRecordCache } from "./record-cache.ts";
import { updateTree, walkLeaves } from "./tree.ts";
import type { LeafChange } from "./tree.ts";

/** leaves that wait for the tree to be brought up to date: more of them share more of the pages above, but take longer at once */
const maxStaleLeaves = 1024;
/** records used lately take at least so much memory, bytes */
const minRecordBytes = 64 * 1024;

/** One batch's view of the map: its own changes over what earlier batches left. */
export interface StateChanges {
  get(key: string): Uint8Array | undefined;
  head(key: string): ValueHead | undefined;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** Gives what must be written of the entries. The changes are over with it. */
  commit(): StoreOperation[];
}

export interface StateMap {
  get(key: string): Uint8Array | undefined;
  /** @param checkpoint the newest checkpoint that is kept: what it needs is saved before it is overwritten */
  begin(sequence: number, checkpoint: number | undefined): StateChanges;
  /** Sets an entry that is written with the pages; its owner can find it again by what it notes of each batch. Absent: deleted. */
  defer(key: string, value: Uint8Array | undefined): void;
  /** the pages and what waits for them should be written now, for the memory that they take */
  readonly isFull: boolean;
  /**
   * All pages that changed since they last were written, and the entries that waited for them: to be written with what `commit` gave. A checkpoint is read
   * from their records.
   */
  writeTree(sequence: number, checkpoint: number | undefined): StoreOperation[];
  /** In place of the pages: what changed since the last such note or the last pages. */
  writeChanges(sequence: number, note: Uint8Array): StoreOperation[];
  /**
   * Takes up what `writeChanges` gave for these batches, ascending, and is in the store.
   * @returns whether the entries there are the ones that were written last
   */
  catchUp(batches: Iterable<{ readonly sequence: number; readonly changes: BatchChanges }>): boolean;
  /** of every leaf of the current tree, whether the entry under its key is the one that it was made of; its page was found right on the way there */
  check(): Generator<boolean>;
  /** entries of the current tree less records in the store: what is deferred has none yet, or still has one */
  withoutRecord(): number;
  /** Brings the tree up to date with all entries, and gives its root. */
  root(): RawHash;
  /** Lets go of what can be read again. */
  shrink(): void;
  /** Forgets what is in memory. */
  reset(): void;
}

/** @throws StoreError `corrupt` if the record that the entry points to is missing */
export const readEntry = (entry: StateEntry, key: string, records: Pick<Records, "get">): Uint8Array => {
  if (!entry.outside) return entry.value;
  const value = records.get(valueRecordKey(entry.modified, key));
  if (value === undefined) throw new StoreError("corrupt", `the value that sequence ${entry.modified} wrote is missing`);
  return value;
};

/** Whether this leaf, and what the entry's record says of its value, are what the value is. @throws StoreError `corrupt` */
export const isLeafOf = (leaf: RawHash, key: string, record: Uint8Array | undefined, records: Pick<Records, "get">): boolean => {
  if (record === undefined) return false;
  const entry = decodeStateRecord(record);
  const valueHash = hashBytes(readEntry(entry, key, records));
  return leafHash(hashKey(key), valueHash) === leaf && (!entry.outside || entry.valueHash === valueHash);
};

/** Records of one batch, and those they replace. */
const createBatchWriter = (sequence: number, checkpoint: number | undefined, written: (key: string, record?: Uint8Array) => void) => {
  const operations: StoreOperation[] = [];
  const put = (key: Uint8Array, value: Uint8Array): void => void operations.push({ type: "put", key, value });
  const del = (key: Uint8Array): void => void operations.push({ type: "del", key });
  /** Keeps a record that is part of the newest checkpoint. After its first overwrite it no longer is. */
  const keep = (modified: number, key: Uint8Array, record: Uint8Array): boolean => {
    if (checkpoint === undefined || modified > checkpoint) return false;
    put(undoRecordKey(checkpoint, key), record);
    return true;
  };

  return {
    operations,
    replaceEntry: (key: string, old: Uint8Array | undefined, next: NewValue | undefined): void => {
      const recordKey = stateRecordKey(key);
      const entry = old === undefined ? undefined : decodeStateRecord(old);
      const kept = entry !== undefined && keep(entry.modified, recordKey, old as Uint8Array);
      if (!kept && entry?.outside === true) del(valueRecordKey(entry.modified, key));
      if (next === undefined) {
        if (entry !== undefined) del(recordKey);
        return written(key);
      }
      const { value, hash } = next;
      const record = encodeStateRecord(sequence, value, hash);
      put(recordKey, record);
      if (value.length > maxInlineBytes) put(valueRecordKey(sequence, key), value);
      written(key, record);
    },
  };
};

interface Change {
  value: Uint8Array | undefined;
  /** the record that it replaces */
  readonly old: Uint8Array | undefined;
}

/** @param memory for decoded pages and, beside them, a quarter as much for records used lately, bytes */
export const createStateMap = (records: Pick<Records, "get">, memory: number): StateMap => {
  const pages = createPages(records, memory / 2);
  const recent = createRecordCache(Math.max(memory / 4, minRecordBytes));
  const deferred = createDeferred();
  /** value hashes of entries that the tree does not show yet; absent: deleted */
  const stale = new Map<string, RawHash | undefined>();
  /** changed since they were last noted or their pages written */
  let changedKeys: ChangedKey[] = [];
  /** batches that are noted, and whose pages are not written yet */
  let behind: number[] = [];

  const readRecord = (key: string): Uint8Array | undefined => recent.get(key, () => records.get(stateRecordKey(key)));
  const get = (key: string): Uint8Array | undefined => {
    if (deferred.values.has(key)) return deferred.values.get(key)?.value;
    const record = readRecord(key);
    return record === undefined ? undefined : readEntry(decodeStateRecord(record), key, records);
  };
  const hashed = (value: Uint8Array | undefined): NewValue | undefined => value && { value, hash: hashBytes(value) };
  const isRight = (key: string, leaf: RawHash): boolean => {
    const waiting = deferred.values.get(key);
    return waiting === undefined ? isLeafOf(leaf, key, readRecord(key), records) : leafHash(hashKey(key), waiting.hash) === leaf;
  };
  const update = (): void => {
    if (stale.size === 0) return;
    const leaves: LeafChange[] = [];
    for (const [key, valueHash] of stale) {
      const path = hashKey(key);
      leaves.push({ path, key, leaf: valueHash === undefined ? undefined : leafHash(path, valueHash) });
    }
    stale.clear();
    updateTree(
      leaves.sort((a, b) => (a.path < b.path ? -1 : 1)),
      pages,
    );
  };
  const root = (): RawHash => {
    update();
    const top = pages.read("");
    return top === undefined ? emptyHash : hashPage(top);
  };

  const begin = (sequence: number, checkpoint: number | undefined): StateChanges => {
    const changes = new Map<string, Change>();
    const change = (key: string, value: Uint8Array | undefined): void => {
      const present = changes.get(key);
      if (present === undefined) changes.set(key, { value, old: readRecord(key) });
      else present.value = value;
    };

    return {
      get: (key) => {
        const changed = changes.get(key);
        return changed === undefined ? get(key) : changed.value;
      },
      head: (key) => {
        const changed = changes.get(key);
        const whole = changed?.value;
        if (changed !== undefined) return whole === undefined ? undefined : { length: whole.length, bytes: whole.subarray(0, headBytes) };
        const record = readRecord(key);
        if (record === undefined) return undefined;
        const entry = decodeStateRecord(record);
        return { length: entry.length, bytes: entry.outside ? entry.head : entry.value.subarray(0, headBytes) };
      },
      put: change,
      delete: (key) => change(key, undefined),
      commit: () => {
        const writer = createBatchWriter(sequence, checkpoint, recent.set);
        for (const [key, { value, old }] of changes) {
          if (old === undefined && value === undefined) continue;
          const next = hashed(value);
          stale.set(key, next?.hash);
          changedKeys.push({ key, valueHash: next?.hash });
          writer.replaceEntry(key, old, next);
        }
        if (stale.size >= maxStaleLeaves) update();
        return writer.operations;
      },
    };
  };

  const writeTree = (sequence: number, checkpoint: number | undefined): StoreOperation[] => {
    update();
    const writer = createBatchWriter(sequence, checkpoint, recent.set);
    for (const [key, next] of deferred.values) {
      const old = readRecord(key);
      if (old !== undefined || next !== undefined) writer.replaceEntry(key, old, next);
    }
    deferred.clear();
    const noted = behind.map((earlier): StoreOperation => ({ type: "del", key: changedKeysKey(earlier) }));
    behind = [];
    changedKeys = [];
    return [...writer.operations, ...pages.take(sequence, checkpoint), ...noted];
  };

  return {
    get,
    begin,
    defer: (key, value) => {
      const next = hashed(value);
      deferred.set(key, next);
      stale.set(key, next?.hash);
    },
    get isFull() {
      return deferred.isFull || pages.changedBytes > memory / 2;
    },
    writeTree,
    writeChanges: (sequence, note) => {
      const keys = changedKeys;
      changedKeys = [];
      if (keys.length === 0 && note.length === 0) return [];
      behind.push(sequence);
      return [{ type: "put", key: changedKeysKey(sequence), value: encodeChanges({ keys, note }) }];
    },
    catchUp: (batches) => {
      for (const { sequence, changes } of batches) {
        behind.push(sequence);
        for (const { key, valueHash } of changes.keys) stale.set(key, valueHash);
      }
      for (const [key, valueHash] of stale) if (hashed(get(key))?.hash !== valueHash) return false;
      return true;
    },
    check: function* () {
      const top = root();
      for (const { key, hash } of walkLeaves(pages.read, top)) yield isRight(key, hash);
    },
    withoutRecord: () => {
      let count = 0;
      for (const [key, next] of deferred.values) count += (next === undefined ? 0 : 1) - (readRecord(key) === undefined ? 0 : 1);
      return count;
    },
    root,
    shrink: () => {
      pages.shrink();
      recent.clear();
    },
    reset: () => {
      pages.reset();
      recent.clear();
      deferred.clear();
      stale.clear();
      changedKeys = [];
      behind = [];
    },
  };
};
