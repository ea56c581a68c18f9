/** Opens the replicated state as it was last written (docs/ledger.md, "Records"): the tree's pages, and what batches noted since. */
import type { Sequence } from "../protocol/ids.ts";
import { prefixRange, storeKey, tables } from "../storage/keys.ts";
import type { Store } from "../storage/port.ts";
import { LedgerError } from "./errors.ts";
import type { Head } from "./head.ts";
import type { Records } from "./records.ts";
import { decodeUses } from "./session-table.ts";
import type { SessionTable } from "./session-table.ts";
import { rawToDigest } from "./state/hashing.ts";
import { changedKeysSequence, decodeChanges } from "./state/layout.ts";
import type { BatchChanges } from "./state/layout.ts";
import { createStateMap } from "./state/state-map.ts";
import type { StateMap } from "./state/state-map.ts";

/** What one batch changed that the pages do not show. */
interface BatchNote {
  readonly sequence: number;
  readonly changes: BatchChanges;
}

interface OpenedState {
  readonly state: StateMap;
  /** ascending */
  readonly notes: readonly BatchNote[];
}

/** What batches noted since the tree's pages were written, ascending. */
const readNotes = async (store: Store): Promise<BatchNote[]> => {
  const batches: BatchNote[] = [];
  for await (const { key, value } of store.range(prefixRange(storeKey(tables.changedKeys))))
    batches.push({ sequence: changedKeysSequence(key), changes: decodeChanges(value) });
  return batches;
};

/**
 * Opens the map, and brings it up to what was executed last, but for the entries that the notes speak of.
 * @param head absent where the state is on its way to another one
 * @throws LedgerError `wrong-root`; StoreError
 */
export const openState = async (store: Store, records: Records, cacheBytes: number, head: Head | undefined): Promise<OpenedState> => {
  const state = createStateMap(records, cacheBytes);
  const notes = await readNotes(store);
  const isRight = head === undefined || (rawToDigest(state.root()) === head.tree.root && state.catchUp(notes));
  if (!isRight) throw new LedgerError("wrong-root", "the state in the store is not the one that was written last");
  return { state, notes };
};

/** Brings the sessions of a tree that was written with `floor` to where the notes of later batches end. */
export const replaySessions = (sessions: SessionTable, notes: readonly BatchNote[], floor: number): void => {
  let present = floor;
  for (const { sequence, changes } of notes) {
    const batch = sessions.begin(sequence as Sequence, present);
    for (const use of decodeUses(changes.note)) batch.record(use);
    present = Math.max(present, batch.commit().floor);
  }
};
