/** A node's data as one file (PROTOCOL §6; docs/operators.md, "Backup and restore"). */
import { tables } from "../../storage/keys.ts";
import type { Store, StoreEntry } from "../../storage/port.ts";
import { type BackupHeader, encodeBackup } from "./backup-format.ts";
import { type Genesis, renderGenesis } from "../home/genesis.ts";
import { keys } from "./records.ts";
import { done, type Failure, failed, type Outcome } from "../service.ts";
import { packageVersion } from "../home/version.ts";

/** What a validator promised to others, and what the node notes about itself: neither may come back from the past. */
const ownTables: ReadonlySet<number | undefined> = new Set([tables.accepted, tables.prepared, tables.view, tables.meta]);
const prunedKey = Buffer.from(keys.meta("pruned"));

/** Whether a backup has records under this key. */
export const isBackedUp = (key: Uint8Array): boolean => !ownTables.has(key[0]) || prunedKey.equals(key);

const kept = async function* (entries: AsyncIterable<StoreEntry>): AsyncGenerator<StoreEntry> {
  for await (const entry of entries) if (isBackedUp(entry.key)) yield entry;
};

/**
 * The file's bytes: the store as it is at the first of them, however long the rest takes and whatever is written meanwhile. Memory: one chunk.
 * @param now Unix milliseconds
 * @throws StoreError, while it is read
 */
export const backupOf = async function* (store: Pick<Store, "range">, genesis: Genesis, now: number): AsyncGenerator<Uint8Array> {
  const header: BackupHeader = { genesis: renderGenesis(genesis), createdAt: now, version: packageVersion() };
  yield* encodeBackup(header, kept(store.range({})));
};

/** Backups of a running node, one at a time: each holds a view of the store, and with it what is deleted meanwhile. */
export const createBackups = (
  store: Pick<Store, "range">,
  genesis: Genesis,
  wall: () => number,
): (() => Outcome<AsyncIterable<Uint8Array>>) => {
  let underWay = false;
  const busy: Failure = { code: "overloaded", message: "a backup is under way already", retryAfterSeconds: 10 };
  const one = async function* (): AsyncGenerator<Uint8Array> {
    if (underWay) throw new Error(busy.message);
    underWay = true;
    try {
      yield* backupOf(store, genesis, wall());
    } finally {
      underWay = false;
    }
  };
  return () => (underWay ? failed(busy) : done(one()));
};
