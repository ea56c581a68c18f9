/**
 * The authenticated map: entries in the store, a Merkle tree over them, one batch of changes at a time. A batch costs what it changes, whatever
 * the size of the state; what it overwrites is kept for the newest checkpoint (docs/ledger.md, "Checkpoints"). Entries are written with their batch,
 * the tree's pages now and then; in between, the keys that changed are written, from which an interrupted map finds its pages again.
 *
 * Keys here are state keys, namespace included, as strings of one character a byte.
 */
import { StoreError } from "../../storage/port.ts";
import type { StoreOperation } from "../../storage/port.ts";
import type { ValueHead } from "../application.ts";
import type { Records } from "../records.ts";
import { emptyHash, hashBytes, hashKey, leafHash } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";
import {
  changedKeysKey,
  decodeStateRecord,
  encodeKeys,
  encodeStateRecord,
  headBytes,
  maxInlineBytes,
  stateRecordKey,
  undoRecordKey,
  valueRecordKey,
} from "./layout.ts";
import type { StateEntry } from "./layout.ts";
import { createPages } from "./pages.ts";
import { hashPage } from "./page.ts";
import { updateTree, walkLeaves } from "./tree.ts";
import type { LeafChange } from "./tree.ts";

/** reads remembered within a batch, for a write that follows: entries */
const maxRememberedReads = 256;

/** One batch's view of the map: its own changes over what earlier batches left. */
export interface StateChanges {
  get(key: string): Uint8Array | undefined;
  head(key: string): ValueHead | undefined;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** Brings the tree up to date, and gives what must be written of the entries. The changes are over with it. */
  commit(): { readonly root: RawHash; readonly operations: StoreOperation[] };
}

export interface StateMap {
  get(key: string): Uint8Array | undefined;
  /** @param checkpoint the newest checkpoint that is kept: what it needs is saved before it is overwritten */
  begin(sequence: number, checkpoint: number | undefined): StateChanges;
  /**
   * What must be written of the tree, in the same write as what `commit` gave: all pages that changed since they last were, or no more than the keys that did.
   * @param pages all pages: a checkpoint is read from their records. Without it they are written when they take up half the memory for pages
   */
  writeTree(sequence: number, checkpoint: number | undefined, pages: boolean): StoreOperation[];
  /** Brings the tree up to date with the entries in the store under `keys`, which `writeTree` gave for `sequence`. */
  catchUp(sequence: number, keys: readonly string[]): void;
  /** of every leaf of the current tree, whether the entry under its key is the one that it was made of; its page was found right on the way there */
  check(): Generator<boolean>;
  /** root of the current tree; reads its top page */
  root(): RawHash;
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

interface Change {
  readonly value: Uint8Array | undefined;
}
/** What a key has from now on. */
interface NewValue {
  readonly value: Uint8Array;
  readonly hash: RawHash;
}

/** Records of one batch, and those they replace. */
const createBatchWriter = (sequence: number, checkpoint: number | undefined) => {
  const operations: StoreOperation[] = [];
  const put = (key: Uint8Array, value: Uint8Array): void => void operations.push({ type: "put", key, value });
  const del = (key: Uint8Array): void => void operations.push({ type: "del", key });
  /** Keeps a record that is part of the newest checkpoint. After its first overwrite it no longer is. */
  const keep = (modified: number, key: Uint8Array, record: () => Uint8Array): boolean => {
    if (checkpoint === undefined || modified > checkpoint) return false;
    put(undoRecordKey(checkpoint, key), record());
    return true;
  };

  return {
    operations,
    replaceEntry: (key: string, old: Uint8Array | undefined, next: NewValue | undefined): void => {
      const recordKey = stateRecordKey(key);
      const entry = old === undefined ? undefined : decodeStateRecord(old);
      const kept = entry !== undefined && keep(entry.modified, recordKey, () => old as Uint8Array);
      if (!kept && entry?.outside === true) del(valueRecordKey(entry.modified, key));
      if (next === undefined) {
        if (entry !== undefined) del(recordKey);
        return;
      }
      const { value, hash } = next;
      put(recordKey, encodeStateRecord(sequence, value, hash));
      if (value.length > maxInlineBytes) put(valueRecordKey(sequence, key), value);
    },
  };
};

/** @param pageBytes memory for decoded pages */
export const createStateMap = (records: Pick<Records, "get">, pageBytes: number): StateMap => {
  const pages = createPages(records, pageBytes / 2);
  /** changed since `writeTree` last gave them */
  let changedKeys: string[] = [];
  /** batches whose changed keys are written and not yet in the pages' records */
  let behind: number[] = [];

  const readRecord = (key: string): Uint8Array | undefined => records.get(stateRecordKey(key));
  const get = (key: string): Uint8Array | undefined => {
    const record = readRecord(key);
    return record === undefined ? undefined : readEntry(decodeStateRecord(record), key, records);
  };
  const changeOf = (key: string, valueHash: RawHash | undefined): LeafChange => {
    const path = hashKey(key);
    return { path, key, leaf: valueHash && leafHash(path, valueHash) };
  };
  const rootOf = (): RawHash => {
    const top = pages.read("");
    return top === undefined ? emptyHash : hashPage(top);
  };
  const update = (leaves: LeafChange[]): RawHash =>
    leaves.length === 0
      ? rootOf()
      : updateTree(
          leaves.sort((a, b) => (a.path < b.path ? -1 : 1)),
          pages,
        );

  const begin = (sequence: number, checkpoint: number | undefined): StateChanges => {
    const changes = new Map<string, Change>();
    let reads = new Map<string, Uint8Array | undefined>();

    const readOnce = (key: string): Uint8Array | undefined => {
      if (reads.has(key)) return reads.get(key);
      const record = readRecord(key);
      if (reads.size >= maxRememberedReads) reads = new Map();
      reads.set(key, record);
      return record;
    };
    /** records that changes replace; kept from when the change was made */
    const replaced = new Map<string, Uint8Array | undefined>();
    const change = (key: string, value: Uint8Array | undefined): void => {
      if (!replaced.has(key)) replaced.set(key, readOnce(key));
      changes.set(key, { value });
    };

    const commit = (): { readonly root: RawHash; readonly operations: StoreOperation[] } => {
      const writer = createBatchWriter(sequence, checkpoint);
      const leaves: LeafChange[] = [];
      for (const [key, { value }] of changes) {
        const old = replaced.get(key);
        if (old === undefined && value === undefined) continue;
        const hash = value && hashBytes(value);
        leaves.push(changeOf(key, hash));
        changedKeys.push(key);
        writer.replaceEntry(key, old, value && hash && { value, hash });
      }
      return { root: update(leaves), operations: writer.operations };
    };

    return {
      get: (key) => {
        const changed = changes.get(key);
        if (changed !== undefined) return changed.value;
        const record = readOnce(key);
        return record === undefined ? undefined : readEntry(decodeStateRecord(record), key, records);
      },
      head: (key) => {
        const changed = changes.get(key);
        const whole = changed?.value;
        if (changed !== undefined) return whole === undefined ? undefined : { length: whole.length, bytes: whole.subarray(0, headBytes) };
        const record = readOnce(key);
        if (record === undefined) return undefined;
        const entry = decodeStateRecord(record);
        return { length: entry.length, bytes: entry.outside ? entry.head : entry.value.subarray(0, headBytes) };
      },
      put: change,
      delete: (key) => change(key, undefined),
      commit,
    };
  };

  const writeTree = (sequence: number, checkpoint: number | undefined, all: boolean): StoreOperation[] => {
    const keys = changedKeys;
    changedKeys = [];
    if (all || pages.changedBytes > pageBytes / 2) {
      const done = behind.map((earlier): StoreOperation => ({ type: "del", key: changedKeysKey(earlier) }));
      behind = [];
      return [...pages.take(sequence, checkpoint), ...done];
    }
    if (keys.length === 0) return [];
    behind.push(sequence);
    return [{ type: "put", key: changedKeysKey(sequence), value: encodeKeys(keys) }];
  };

  return {
    get,
    begin,
    writeTree,
    catchUp: (sequence, keys) => {
      behind.push(sequence);
      update(
        [...new Set(keys)].map((key) => {
          const value = get(key);
          return changeOf(key, value && hashBytes(value));
        }),
      );
    },
    check: function* () {
      for (const { key, hash } of walkLeaves(pages.read, rootOf())) yield isLeafOf(hash, key, readRecord(key), records);
    },
    root: rootOf,
    reset: pages.reset,
  };
};
