/** Key files on disk: one secret each, readable by its owner only, plain or encrypted. */
import { readFileSync, statSync } from "node:fs";
import { errnoOf, placeFile } from "./place-file.ts";
import type { PublicKey } from "../protocol/ids.ts";
import { type KeyFile, KeyFileError, type KeyUse, parseKeyFile, renderKeyFile, secretOf } from "./key-format.ts";
import { type KeyPair, keyFromSeed } from "./keys.ts";
import type { Passphrase, Sealing } from "./passphrase.ts";

/** bytes of a key file at most: ours have up to 700 */
const maxKeyFileBytes = 16 * 1024;

export interface SaveOptions {
  /** replace the key that is there */
  readonly overwrite?: boolean;
  /** encrypt it */
  readonly sealing?: Sealing | undefined;
}

/**
 * Writes a key file that only its owner can read (0600): complete and synced, or not at all. An encrypted one is opened again before it takes a place.
 *
 * @throws KeyFileError `exists` unless `overwrite`; `io`
 */
export const saveKeyFile = (path: string, use: KeyUse, key: KeyPair, { overwrite = false, sealing }: SaveOptions = {}): void => {
  const text = renderKeyFile(use, key, sealing);
  openKey(path, parseKeyFile(path, text), sealing?.passphrase);
  try {
    placeFile(path, text, overwrite);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw new KeyFileError("exists", path, "a key file stands there already", { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    throw new KeyFileError("io", path, `the key file can not be written: ${reason}`, { cause: error });
  }
};

/** A key file's text. @throws KeyFileError `missing`, `permissions`, `malformed` for what is far too large, `io` */
export const readKeyText = (path: string): string => {
  try {
    const { mode, size } = statSync(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw new KeyFileError("permissions", path, `others can read or change this key (mode ${octal})`);
    }
    if (size > maxKeyFileBytes) throw new KeyFileError("malformed", path, "this is not a key file");
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    if (errnoOf(error) === "ENOENT") throw new KeyFileError("missing", path, "there is no key file", { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    throw new KeyFileError("io", path, `the key file can not be read: ${reason}`, { cause: error });
  }
};

const readFor = (path: string, use: KeyUse): KeyFile => {
  const file = parseKeyFile(path, readKeyText(path));
  if (file.use !== use) throw new KeyFileError("wrong-use", path, `this is a ${file.use} key, not a ${use} key`);
  return file;
};

const openKey = (path: string, file: KeyFile, passphrase: Passphrase | undefined): KeyPair => {
  const seed = secretOf(path, file, passphrase);
  const key = keyFromSeed(seed);
  seed.fill(0);
  if (key.publicKey !== file.publicKey) throw new KeyFileError("malformed", path, "its secret does not belong to its public key");
  return key;
};

/**
 * Reads a key file and checks everything about it. No error quotes the secret.
 *
 * @param use what the key must be for
 * @param passphrase for an encrypted one; opening it takes about 0.4 s and 128 MiB
 * @throws KeyFileError `missing`, `permissions`, `malformed`, `wrong-use`, `unsupported`, `encrypted`, `wrong-passphrase`, `io`
 */
export const loadKeyFile = (path: string, use: KeyUse, passphrase?: Passphrase): KeyPair => openKey(path, readFor(path, use), passphrase);

/** What a key file tells without its passphrase. */
export interface KeyFacts {
  readonly publicKey: PublicKey;
  readonly encrypted: boolean;
}

/**
 * Looks at a key file. Of an encrypted one the public key is taken as it stands there, with no more than its checksum: enough to show it.
 *
 * @throws KeyFileError as `loadKeyFile`, but for the passphrase
 */
export const inspectKeyFile = (path: string, use: KeyUse): KeyFacts => {
  const file = readFor(path, use);
  const encrypted = file.encryption !== "none";
  return { publicKey: encrypted ? (file.publicKey as PublicKey) : openKey(path, file, undefined).publicKey, encrypted };
};
