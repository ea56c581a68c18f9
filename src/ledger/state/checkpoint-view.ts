/**
 * The state as it was at a checkpoint, while batches go on (docs/ledger.md, "Checkpoints").
 *
 * A record of the checkpoint C is, of what is found under C's undo, the undo of each later checkpoint in turn, and at last in the state itself,
 * the first; if a batch after C wrote even that one, C had none.
 */
import { StoreError } from "../../storage/port.ts";
import type { Records } from "../records.ts";
import { hashBytes, hashKey } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";
import { decodeStateRecord, modifiedBy, pageRecordKey, readPage, stateRecordKey, undoRecordKey } from "./layout.ts";
import type { Page } from "./page.ts";
import type { StateProof } from "./proof.ts";
import { isLeafOf, readEntry } from "./state-map.ts";
import { walkLeaves, walkTree } from "./tree.ts";
import type { PagePath } from "./tree.ts";

/** An entry of the map, with its whole state key. */
export interface StateItem {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface CheckpointView {
  get(key: string): Uint8Array | undefined;
  /** SHA-256 of the value under a key; reads no large value. @throws StoreError `corrupt` if there is none */
  valueHash(key: string): RawHash;
  page(path: PagePath): Page | undefined;
  /** @throws StoreError `corrupt` */
  prove(key: string): StateProof;
  /** every entry, in the order of SHA-256(key): neighbours in the tree follow one another */
  items(root: RawHash): Generator<StateItem>;
  /** of every leaf, whether the entry under its key is the one that it was made of; its page was found right on the way there */
  check(root: RawHash): Generator<boolean>;
}

/**
 * @param checkpoint the one to read as of
 * @param kept the checkpoints from it on, ascending, as of now: asked at each read
 */
export const createCheckpointView = (records: Pick<Records, "get">, checkpoint: number, kept: () => readonly number[]): CheckpointView => {
  const read = (key: Uint8Array): Uint8Array | undefined => {
    const live = records.get(key);
    if (live !== undefined && modifiedBy(live) <= checkpoint) return live;
    for (const later of kept()) {
      const saved = records.get(undoRecordKey(later, key));
      if (saved !== undefined) return modifiedBy(saved) <= checkpoint ? saved : undefined;
    }
    return undefined;
  };
  const recordOf = (key: string): Uint8Array | undefined => read(stateRecordKey(key));
  const get = (key: string): Uint8Array | undefined => {
    const record = recordOf(key);
    return record === undefined ? undefined : readEntry(decodeStateRecord(record), key, records);
  };
  const page = (path: PagePath): Page | undefined => {
    const record = read(pageRecordKey(path));
    return record === undefined ? undefined : readPage(record);
  };
  const valueAt = (key: string): Uint8Array => {
    const value = get(key);
    if (value === undefined) throw new StoreError("corrupt", "the state's tree has a leaf without an entry");
    return value;
  };

  const valueHash = (key: string): RawHash => {
    const record = recordOf(key);
    if (record === undefined) throw new StoreError("corrupt", "the state's tree has a leaf without an entry");
    const entry = decodeStateRecord(record);
    return entry.outside ? entry.valueHash : hashBytes(entry.value);
  };

  return {
    get,
    valueHash,
    page,
    prove: (key) => {
      const { siblings, end } = walkTree(hashKey(key), page);
      if (end === undefined) return { siblings, present: false };
      if (end.key === key) return { siblings, present: true };
      return { siblings, present: false, other: { keyHash: hashKey(end.key), valueHash: valueHash(end.key) } };
    },
    items: function* (root) {
      for (const { key } of walkLeaves(page, root)) yield { key, value: valueAt(key) };
    },
    check: function* (root) {
      for (const { key, hash } of walkLeaves(page, root)) yield isLeafOf(hash, key, recordOf(key), records);
    },
  };
};
