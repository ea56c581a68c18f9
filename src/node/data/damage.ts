/**
 * Data that turned out to be damaged (PROTOCOL §6): no vote rests on it, and nothing of it is thrown away. It is set aside, and the others have what it was; a
 * validator comes back without its votes, and so passive.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LedgerError } from "../../ledger/errors.ts";
import { StoreError, type Store } from "../../storage/port.ts";
import type { Genesis } from "../home/genesis.ts";
import { genesisCommittee } from "../home/genesis-committee.ts";
import { publicKeyOf } from "../home/home-keys.ts";
import { attempt, type Home, HomeError, syncFolder, writeFileDurably } from "../home/layout.ts";
import { RecordError } from "./records.ts";

/** Whether an error tells of damaged data, and not of another network's, a full disk or a fault of the program. */
export const isDamage = (error: unknown): boolean =>
  (error instanceof StoreError && error.code === "corrupt") ||
  (error instanceof RecordError && !error.foreign) ||
  (error instanceof LedgerError && error.code === "wrong-root");

/** A store that tells of damage wherever it is met while the node runs, whoever reads. */
export const watchDamage = (store: Store, found: (error: StoreError) => void): Store => ({
  ...store,
  get(key) {
    try {
      return store.get(key);
    } catch (error) {
      if (isDamage(error)) found(error as StoreError);
      throw error;
    }
  },
});

const markerOf = (home: Home): string => join(home.data, "damage.json");

/** Notes that the data is damaged: what was found while the node ran may not be found at the next start. @throws HomeError `io` */
export const noteDamage = (home: Home, { message }: Error): void => {
  if (existsSync(home.data))
    attempt(`${markerOf(home)} can not be written`, () => writeFileDurably(markerOf(home), `${JSON.stringify({ message })}\n`));
};

/** What was noted; undefined where nothing is known of damage. */
export const notedDamage = (home: Home): string | undefined => {
  try {
    const noted = JSON.parse(readFileSync(markerOf(home), "utf8")) as { readonly message?: unknown } | null;
    return typeof noted?.message === "string" ? noted.message : "unknown damage";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "unknown damage";
  }
};

/** A validator without its data votes again only after the others went on without it: they have to be a quorum. @throws HomeError, KeyFileError */
const assertOthersCan = (home: Home, genesis: Genesis): void => {
  const committee = genesisCommittee(genesis);
  const key = publicKeyOf(home, "validator");
  const isValidator = committee.validators.some(({ publicKey }) => publicKey === key);
  if (!isValidator || committee.n - 1 >= committee.quorum) return;
  throw new HomeError("invalid", "the data is damaged, and the other validators are no quorum that could give it back", "restore a backup");
};

/**
 * Moves the data to a folder beside it, whole, so that the next start finds none; a validator's key then is one without data. Nobody may have it open.
 *
 * @param at Unix milliseconds, for the folder's name
 * @returns the folder
 * @throws HomeError `invalid` where nobody could give it back; `io`
 */
export const setAside = (home: Home, genesis: Genesis, at: number): string => {
  assertOthersCan(home, genesis);
  const folder = join(home.data, `damaged-${new Date(at).toISOString().replaceAll(":", "-")}`);
  return attempt(`the damaged data of ${home.path} can not be set aside`, () => {
    mkdirSync(folder, { mode: 0o700 });
    // it was not born with what comes next
    rmSync(home.birth, { force: true });
    const store = join(home.data, "store");
    if (existsSync(store)) renameSync(store, join(folder, "store"));
    rmSync(markerOf(home), { force: true });
    syncFolder(home.data);
    return folder;
  });
};
