/** Builds a ledger in an empty store out of another node's snapshot (PROTOCOL §7). */
import type { Digest } from "../protocol/ids.ts";
import type { Store, StoreOperation } from "../storage/port.ts";
import { prefixRange, storeKey, tables } from "../storage/keys.ts";
import type { Table } from "../storage/keys.ts";
import { LedgerError } from "./errors.ts";
import { encodeHead, readClock } from "./head.ts";
import type { CheckpointRoots } from "./head.ts";
import type { SnapshotChunk } from "./reader.ts";
import { rawToDigest } from "./state/hashing.ts";
import { toLatin1 } from "../wire/bytes.ts";
import { createStateMap } from "./state/state-map.ts";

const cacheBytes = 8 * 1024 * 1024;
const clearChunk = 512;

export interface RestoreOptions {
  readonly store: Store;
  readonly genesisLogHash: Digest;
  /** what the state must turn out to be: certified by a quorum */
  readonly checkpoint: CheckpointRoots;
}

const write = (store: Store, operations: readonly StoreOperation[], durable: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable }, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** Removes the state and its tree, and nothing else. */
export const clearState = (store: Store): Promise<void> => clearTables(store, [tables.state, tables.pages, tables.values]);

/** Removes every record of the ledger from the store, its head first: from then on it is the genesis, or a restoration that did not end. */
export const clearLedger = async (store: Store): Promise<void> => {
  await write(store, [{ type: "del", key: storeKey(tables.ledgerHead) }], true);
  await clearTables(store, [tables.state, tables.pages, tables.values, tables.undo, tables.released, tables.changedKeys, tables.transfer]);
};

const clearTables = async (store: Store, cleared: readonly Table[]): Promise<void> => {
  for (const table of cleared) {
    let operations: StoreOperation[] = [];
    for await (const { key } of store.range(prefixRange(storeKey(table)))) {
      operations.push({ type: "del", key });
      if (operations.length < clearChunk) continue;
      await write(store, operations, false);
      operations = [];
    }
    await write(store, operations, false);
  }
};

/**
 * Writes the snapshot's entries and checks the whole against the checkpoint's root; only then the ledger exists, and `openLedger` opens it at
 * `checkpoint.sequence`. What the ledger's tables held before is removed, so that an interrupted restoration can be started again.
 * Memory: one chunk and the page cache.
 * @throws LedgerError `wrong-root` if the state is not the certified one; StoreError; whatever `chunks` throws
 */
export const restoreLedger = async (options: RestoreOptions, chunks: AsyncIterable<SnapshotChunk>): Promise<void> => {
  const { store, genesisLogHash, checkpoint } = options;
  await clearLedger(store);
  const state = createStateMap(store, cacheBytes);
  for await (const chunk of chunks) {
    const changes = state.begin(checkpoint.sequence, undefined);
    for (const { key, value } of chunk) changes.put(toLatin1(key), value);
    const operations = changes.commit();
    await write(store, [...operations, ...state.writeTree(checkpoint.sequence, undefined)], false);
  }
  const root = rawToDigest(state.root());
  if (root !== checkpoint.stateRoot) {
    await clearLedger(store);
    throw new LedgerError("wrong-root", `the restored state has the root ${root}, not ${checkpoint.stateRoot}`);
  }
  const clock = readClock(state);
  const head = encodeHead({ genesisLogHash, ...checkpoint, clock, tree: { root, floor: clock.floor }, checkpoints: [checkpoint] });
  await write(store, [{ type: "put", key: storeKey(tables.ledgerHead), value: head }], true);
};
