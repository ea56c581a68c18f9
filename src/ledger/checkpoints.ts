/** Which checkpoints can be read, and the removal of what was kept for the others. */
import type { Store, StoreOperation } from "../storage/port.ts";
import { readNumber, storeKey, tables, writeNumber } from "../storage/keys.ts";
import { LedgerError } from "./errors.ts";
import { maxCheckpoints } from "./head.ts";
import type { CheckpointRoots } from "./head.ts";
import { toLatin1 } from "../wire/bytes.ts";
import { decodeStateRecord, undoPrefixBytes, valueRecordKey } from "./state/layout.ts";

/** undo records removed in one write */
const purgeChunk = 512;
const releasedKey = storeKey(tables.released);

export interface Checkpoints {
  /** ascending, at most `maxCheckpoints` */
  list(): readonly CheckpointRoots[];
  newest(): CheckpointRoots | undefined;
  /** @throws LedgerError `unknown-checkpoint` if it is not kept */
  find(sequence: number): CheckpointRoots;
  /** Sequences of `sequence` and the later ones. @throws LedgerError `unknown-checkpoint` if it is not kept */
  from(sequence: number): readonly number[];
  /** The oldest makes room when there would be too many. */
  add(checkpoint: CheckpointRoots): void;
  /** `sequence` and those before it can not be read any more; what was kept for them is removed in the background. */
  release(sequence: number): Promise<void>;
  /** Until nothing is left to remove. @throws StoreError if that failed */
  settled(): Promise<void>;
  /** None is kept any more; resolves when what was kept for them is removed. */
  clear(): Promise<void>;
  /** after `clear`: this is the only one */
  begin(checkpoint: CheckpointRoots): void;
}

/** The highest checkpoint that was released, −1 if none was: the head in the store may still name it. */
export const readReleased = (store: Store): number => {
  const record = store.get(releasedKey);
  return record === undefined ? -1 : readNumber(record, 0);
};

const write = (store: Store, operations: readonly StoreOperation[]): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable: false }, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** What goes with an undo record: the large value that only it still points to. */
const withValue = (key: Uint8Array, record: Uint8Array): StoreOperation[] => {
  const operations: StoreOperation[] = [{ type: "del", key }];
  if (key[undoPrefixBytes] !== tables.state) return operations;
  const entry = decodeStateRecord(record);
  if (entry.outside) operations.push({ type: "del", key: valueRecordKey(entry.modified, toLatin1(key.subarray(undoPrefixBytes + 1))) });
  return operations;
};

/** Removes what was kept for checkpoints up to `released`. Memory: one chunk. */
const purge = async (store: Store, released: number): Promise<void> => {
  let operations: StoreOperation[] = [];
  for await (const { key, value } of store.range({ gte: storeKey(tables.undo), lt: storeKey(tables.undo, released + 1) })) {
    operations.push(...withValue(key, value));
    if (operations.length < purgeChunk) continue;
    await write(store, operations);
    operations = [];
  }
  if (operations.length > 0) await write(store, operations);
};

export const createCheckpoints = (store: Store, initial: readonly CheckpointRoots[], released: number): Checkpoints => {
  let kept = initial.filter(({ sequence }) => sequence > released);
  let purging: Promise<void> = Promise.resolve();

  const settleBehind = (task: () => Promise<void>): Promise<void> => {
    purging = purging.then(task);
    // whoever waits for it sees the failure; the store itself refuses further writes
    purging.catch(() => undefined);
    return purging;
  };
  const indexOf = (sequence: number): number => {
    const index = kept.findIndex((checkpoint) => checkpoint.sequence === sequence);
    if (index < 0) throw new LedgerError("unknown-checkpoint", `checkpoint ${sequence} is not kept`);
    return index;
  };
  const release = (sequence: number): Promise<void> => {
    const rest = kept.filter((checkpoint) => checkpoint.sequence > sequence);
    if (rest.length === kept.length) return purging;
    const highest = kept[kept.length - rest.length - 1] as CheckpointRoots;
    kept = rest;
    const record = new Uint8Array(8);
    writeNumber(record, highest.sequence, 0);
    // first it is said that they are gone, then they go: a crash in between leaves nothing half readable
    const said = write(store, [{ type: "put", key: releasedKey, value: record }]);
    said.catch(() => undefined);
    return settleBehind(() => said.then(() => purge(store, highest.sequence)));
  };

  // what an earlier run did not get to
  if (released >= 0) void settleBehind(() => purge(store, released));

  return {
    list: () => kept,
    newest: () => kept.at(-1),
    find: (sequence) => kept[indexOf(sequence)] as CheckpointRoots,
    from: (sequence) => kept.slice(indexOf(sequence)).map((checkpoint) => checkpoint.sequence),
    add: (checkpoint) => {
      const oldest = kept[0];
      kept = [...kept, checkpoint];
      if (oldest !== undefined && kept.length > maxCheckpoints) void release(oldest.sequence);
    },
    release,
    settled: () => purging,
    clear: async () => {
      await release(Number.MAX_SAFE_INTEGER);
      await write(store, [{ type: "del", key: releasedKey }]);
    },
    begin: (checkpoint) => {
      kept = [checkpoint];
    },
  };
};
