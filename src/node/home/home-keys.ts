/** The keys in a home, and whether its validator key is as new as its data (PROTOCOL §6). */
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import type { PublicKey } from "../../protocol/ids.ts";
import { inspectKeyFile, loadKeyFile, saveKeyFile } from "../../signing/key-file.ts";
import type { KeyUse } from "../../signing/key-format.ts";
import { createKey } from "../../signing/keys.ts";
import type { KeyPair } from "../../signing/keys.ts";
import type { Passphrase, Sealing } from "../../signing/passphrase.ts";
import { sha256 } from "../../wire/digests.ts";
import { attempt, type Home, HomeError, keyPath, makeFolder, syncFolder, uninitialised, writeFileDurably } from "./layout.ts";

/* ------------------------------------------------------------------ birth marker (PROTOCOL §6, amnesia) */

/** What a validator key is called in the birth marker: the first 16 hex characters of its hash. */
const fingerprint = (key: PublicKey): string => sha256(Buffer.from(key, "hex")).slice(0, 16);

/**
 * True when `byz init` made this validator key for this very data folder and no node ever started with it: such a validator has said nothing
 * yet and may vote at once. A validator key that finds neither this marker nor data is amnesiac and must start passive.
 */
export const readBirth = (home: Home, key: PublicKey): boolean => {
  try {
    const marker = JSON.parse(readFileSync(home.birth, "utf8")) as { readonly validatorKey?: unknown } | null;
    return marker !== null && marker.validatorKey === fingerprint(key);
  } catch {
    return false;
  }
};

/** Removes the marker, durably. Call it once the data it stood for is durable, before the first vote. @throws HomeError `io` */
export const consumeBirth = (home: Home): void =>
  attempt(`${home.birth} can not be removed`, () => {
    rmSync(home.birth, { force: true });
    syncFolder(home.data);
  });

const writeBirth = (home: Home, key: PublicKey): void => {
  const others = existsSync(home.data) ? readdirSync(home.data).filter((name) => name !== "birth.json") : [];
  if (others.length > 0) {
    throw new HomeError(
      "foreign-data",
      `${home.data} holds the data of another validator key`,
      "bring that validator.key back, or move data/ away",
    );
  }
  makeFolder(home.data, 0o700);
  writeFileDurably(home.birth, `${JSON.stringify({ validatorKey: fingerprint(key) })}\n`);
};

/* ------------------------------------------------------------------ keys */

/** The key of this use: the one that is there, or a new one. @throws KeyFileError, HomeError `foreign-data` */
export const keyOf = (home: Home, use: KeyUse, passphrase?: Passphrase, sealing?: Sealing): KeyPair => {
  if (existsSync(keyPath(home, use))) return loadKeyFile(keyPath(home, use), use, passphrase);
  const key = createKey();
  // The marker first: a validator key that a crash left without one would be taken for an amnesiac.
  if (use === "validator") writeBirth(home, key.publicKey);
  saveKeyFile(keyPath(home, use), use, key, { sealing });
  return key;
};

/** The public half of a key, which needs no passphrase; undefined where the home has no such key. @throws KeyFileError when it can not be used */
export const publicKeyOf = (home: Home, use: KeyUse): PublicKey | undefined =>
  existsSync(keyPath(home, use)) ? inspectKeyFile(keyPath(home, use), use).publicKey : undefined;

/** @throws HomeError `missing`; KeyFileError */
export const loadNodeKey = (home: Home, passphrase?: Passphrase): KeyPair => {
  if (!existsSync(home.nodeKey)) throw uninitialised(home);
  return loadKeyFile(home.nodeKey, "node", passphrase);
};

/** A node without a validator key is an observer. @throws KeyFileError when there is one that can not be used */
export const loadValidatorKey = (home: Home, passphrase?: Passphrase): KeyPair | undefined =>
  existsSync(home.validatorKey) ? loadKeyFile(home.validatorKey, "validator", passphrase) : undefined;

/** The client key, made on the fly (with the home's folder, where that is missing). @throws KeyFileError; HomeError `io` */
export const loadOrCreateClientKey = (home: Home, passphrase?: Passphrase): KeyPair =>
  attempt(`${home.clientKey} can not be made`, () => {
    makeFolder(home.path, 0o700);
    return keyOf(home, "client", passphrase);
  });
