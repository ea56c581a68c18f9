/** A node's data out of a backup (PROTOCOL §6; docs/operators.md, "Backup and restore"). */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openLevelStore } from "../../storage/level.ts";
import type { Store, StoreEntry, StoreOperation } from "../../storage/port.ts";
import { isBackedUp } from "./backup.ts";
import { BackupError, type BackupHeader, readBackup } from "./backup-format.ts";
import { type Genesis, parseGenesis } from "../home/genesis.ts";
import { consumeBirth } from "../home/home-keys.ts";
import { type Home, HomeError, makeFolder, writeFileDurably } from "../home/layout.ts";
import { found } from "./recovery.ts";
import { type DataReport, verifyData } from "./verify-data.ts";

/** One write into the new store, bytes. */
const writeBytes = 1024 * 1024;

const write = (store: Store, operations: readonly StoreOperation[]): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable: false }, (error) => (error === undefined ? resolve() : reject(error)));
  });

const fill = async (store: Store, entries: AsyncIterable<StoreEntry>): Promise<void> => {
  let operations: StoreOperation[] = [];
  let bytes = 0;
  for await (const { key, value } of entries) {
    // a file from elsewhere must not bring promises along
    if (!isBackedUp(key)) throw new BackupError("damaged", "the backup holds records that no backup holds");
    operations.push({ type: "put", key, value });
    bytes += key.length + value.length;
    if (bytes < writeBytes) continue;
    await write(store, operations);
    operations = [];
    bytes = 0;
  }
  await write(store, operations);
};

/** The data does not hold what it says. */
export class VerificationError extends Error {
  readonly report: DataReport;
  constructor(report: DataReport) {
    const bad = report.checks.filter(({ problems }) => problems.length > 0);
    super(`the data does not verify: ${bad.map(({ name, problems }) => `${name}: ${problems[0]}`).join("; ")}`);
    this.name = "VerificationError";
    this.report = report;
  }
}

export interface RestoreOptions {
  readonly home: Home;
  /** the file's bytes */
  readonly parts: AsyncIterable<Uint8Array>;
  readonly cacheBytes: number;
  readonly note?: (text: string) => void;
}

export interface Restored {
  readonly genesis: Genesis;
  readonly header: BackupHeader;
  /** what was found in it; never a bad one */
  readonly report: DataReport;
}

/** The home's own genesis, or the backup's where it has none. @throws GenesisError; BackupError `wrong-network` */
const agreeOnGenesis = (home: Home, header: BackupHeader, own: Genesis | undefined): Genesis => {
  const genesis = parseGenesis(header.genesis, "the backup's genesis");
  if (own === undefined || own.hash === genesis.hash) return genesis;
  throw new BackupError(
    "wrong-network",
    `the backup is of ${genesis.chainId} (genesis ${genesis.hash}), and ${home.genesis} is of ${own.chainId}`,
    "choose another --home, or another backup",
  );
};

const openFresh = async (path: string, cacheBytes: number): Promise<Store> => {
  // who holds it is told from what an interrupted restoration left
  const left = await openLevelStore(path, { cacheBytes });
  await left.close();
  rmSync(path, { recursive: true });
  return openLevelStore(path, { cacheBytes });
};

/**
 * Makes the home's data out of a backup, and verifies all of it before it counts: whatever goes wrong, the home is as it was. A validator comes back without
 * what it promised, as one that lost its data: it votes again only once nothing it may have promised matters any more (PROTOCOL §6).
 *
 * @param own the home's genesis, if it has one
 * @throws HomeError `exists` when there is data; BackupError; GenesisError; StoreError `locked`, `full`, `io`; VerificationError
 */
export const restoreBackup = async (options: RestoreOptions, own: Genesis | undefined): Promise<Restored> => {
  const { home, cacheBytes, note } = options;
  const target = join(home.data, "store");
  if (existsSync(target)) throw new HomeError("exists", `${home.data} has data already`, "move it away, or choose another --home");
  const { header, entries } = await readBackup(options.parts);
  const genesis = agreeOnGenesis(home, header, own);
  makeFolder(home.data, 0o700);
  const path = join(home.data, "store.restoring");
  const store = await openFresh(path, cacheBytes);
  let report: DataReport;
  try {
    await fill(store, entries);
    await found(store, genesis.hash, false);
    report = await verifyData({ store, genesis, ...(note === undefined ? {} : { note }) });
    if (!report.ok) throw new VerificationError(report);
  } catch (error) {
    await store.close();
    rmSync(path, { recursive: true, force: true });
    throw error;
  }
  await store.close();
  // the key may not vote at once, as one that was just made may
  consumeBirth(home);
  if (own === undefined) writeFileDurably(home.genesis, header.genesis);
  renameSync(path, target);
  return { genesis, header, report };
};
