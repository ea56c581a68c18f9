/** What is done to a home's keys as a whole: encrypted, decrypted, replaced (docs/operators.md "Encrypted keys"). A home has one passphrase. */
import { existsSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { PublicKey } from "../../protocol/ids.ts";
import { inspectKeyFile, loadKeyFile, readKeyText, saveKeyFile } from "../../signing/key-file.ts";
import { KeyFileError, type KeyUse, parseKeyFile } from "../../signing/key-format.ts";
import { createKey, type KeyPair } from "../../signing/keys.ts";
import { createSealing, type Passphrase, type ScryptCost, type Sealing } from "../../signing/passphrase.ts";
import { errnoOf, isLeftOver, placeFile } from "../../signing/place-file.ts";
import { withFileLock } from "./file-lock.ts";
import { type Home, HomeError, keyPath, uninitialised } from "./layout.ts";

/** A key file of a home. */
export interface HeldKey {
  readonly use: KeyUse;
  /** absolute */
  readonly path: string;
  readonly publicKey: PublicKey;
  readonly encrypted: boolean;
}

/** What became of it. */
export interface KeptKey extends HeldKey {
  readonly changed: boolean;
}

export const keyUses: readonly KeyUse[] = ["node", "validator", "client"];

/** client keys that `rotateClientKey` put away */
const retiredName = /^client\.key\.[0-9a-f]{16}\.old$/;

/**
 * Every key file of the home, client keys that were put away at the end. A home that only writes has no other key than its client's.
 *
 * @throws HomeError `missing`; KeyFileError when one can not be used
 */
export const heldKeys = (home: Home): HeldKey[] => {
  const current = keyUses.map((use) => ({ use, path: keyPath(home, use) })).filter(({ path }) => existsSync(path));
  if (current.length === 0) throw uninitialised(home);
  const retired = readdirSync(home.path)
    .filter((name) => retiredName.test(name))
    .toSorted()
    .map((name) => ({ use: "client" as const, path: join(home.path, name) }));
  return [...current, ...retired].map(({ use, path }) => ({ use, path, ...inspectKeyFile(path, use) }));
};

/** Those that are meant. @throws KeyFileError `missing` for a use that the home has no key of */
export const namedKeys = (home: Home, held: readonly HeldKey[], uses: readonly KeyUse[]): HeldKey[] => {
  const absent = uses.find((use) => !held.some((key) => key.use === use));
  if (absent !== undefined) throw new KeyFileError("missing", keyPath(home, absent), "there is no key file");
  return held.filter(({ use }) => uses.length === 0 || uses.includes(use));
};

/** Half-written files that a crash left beside a key: they may hold it. */
const removeLeftOvers = (held: readonly HeldKey[]): void => {
  for (const path of held.map((key) => realpathSync(key.path)))
    for (const name of readdirSync(dirname(path))) if (isLeftOver(name, path)) rmSync(join(dirname(path), name), { force: true });
};

/**
 * Changes key files while no other command does. What takes long, the derivation of keys, comes before: `prepare` is called twice, and remembers what it
 * derived.
 */
const changing = async <Opened, Result>(home: Home, prepare: () => Opened, change: (opened: Opened) => Result): Promise<Result> => {
  prepare();
  try {
    return await withFileLock(join(home.path, "keys"), () => change(prepare()));
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    throw new HomeError("io", `another command changes the keys of ${home.path}`, "wait for it, or remove keys.lock");
  }
};

interface Opened extends HeldKey {
  readonly key: KeyPair;
  /** it has the new passphrase already: an earlier change was cut short */
  readonly done: boolean;
}

/** With the current passphrase or, where a change was cut short, the new one. */
const openEither = (held: HeldKey, current: Passphrase | undefined, next: Passphrase | undefined): Opened => {
  try {
    return { ...held, key: loadKeyFile(held.path, held.use, current), done: false };
  } catch (error) {
    if (next === undefined || !(error instanceof KeyFileError) || error.code !== "wrong-passphrase") throw error;
    try {
      return { ...held, key: loadKeyFile(held.path, held.use, next), done: true };
    } catch {
      throw error;
    }
  }
};

const save = ({ path, use, key }: Opened, sealing: Sealing | undefined): void => saveKeyFile(path, use, key, { overwrite: true, sealing });

interface Considered {
  readonly key: Opened;
  readonly isNamed: boolean;
  readonly changed: boolean;
}

export interface EncryptOptions {
  /** all of them when empty */
  readonly uses?: readonly KeyUse[];
  /** opens the keys that are encrypted already */
  readonly current?: Passphrase | undefined;
  /** The home's new passphrase: whatever is encrypted already changes to it, named or not. Absent: it stays the current one. */
  readonly next?: Passphrase | undefined;
  /** the standard cost when absent */
  readonly cost?: ScryptCost;
}

/**
 * Encrypts keys of a home, one file after the other, each replaced as a whole; a crash leaves every file as it was or as it is to be, and the same call
 * again does the rest. Nothing is changed unless all that is encrypted opens.
 *
 * @throws HomeError; KeyFileError `encrypted`, `wrong-passphrase`, `missing`, `io`
 */
export const encryptKeys = async (home: Home, { uses = [], current, next, cost }: EncryptOptions): Promise<KeptKey[]> => {
  const passphrase = next ?? current;
  if (passphrase === undefined) throw new KeyFileError("encrypted", home.path, "there is no passphrase to encrypt its keys with");
  const sealing = createSealing(passphrase, cost);
  const prepare = (): Considered[] => {
    const held = heldKeys(home);
    const named = new Set(namedKeys(home, held, uses));
    const all = held.map((each): Considered => {
      const key = openEither(each, current, next);
      const isNamed = named.has(each);
      return { key, isNamed, changed: key.encrypted ? next !== undefined && !key.done : isNamed };
    });
    if (all.some(({ changed }) => changed)) passphrase.keyFor(sealing.kdf);
    return all;
  };
  return changing(home, prepare, (all) => {
    removeLeftOvers(all.map(({ key }) => key));
    return all.flatMap(({ key, isNamed, changed }) => {
      if (changed) save(key, sealing);
      const { use, path, publicKey } = key;
      return changed || isNamed ? [{ use, path, publicKey, encrypted: true, changed }] : [];
    });
  });
};

/**
 * Makes encrypted keys plain again.
 *
 * @param uses all of them when empty
 * @throws HomeError; KeyFileError `encrypted`, `wrong-passphrase`, `missing`, `io`
 */
export const decryptKeys = async (home: Home, uses: readonly KeyUse[], passphrase: Passphrase | undefined): Promise<KeptKey[]> => {
  const prepare = (): Opened[] => namedKeys(home, heldKeys(home), uses).map((key) => openEither(key, passphrase, undefined));
  return changing(home, prepare, (named) =>
    named.map((key) => {
      if (key.encrypted) save(key, undefined);
      return { use: key.use, path: key.path, publicKey: key.publicKey, encrypted: false, changed: key.encrypted };
    }),
  );
};

export interface Rotated {
  readonly publicKey: PublicKey;
  readonly oldPublicKey: PublicKey;
  /** where the old key is now */
  readonly oldPath: string;
}

/** A copy beside it, before the original is replaced; one that an interrupted rotation left is as good. @throws KeyFileError `io` */
const putAway = (path: string, oldPath: string): void => {
  const text = readKeyText(path);
  if (existsSync(oldPath) && readKeyText(oldPath) === text) return;
  try {
    parseKeyFile(path, text);
    placeFile(oldPath, text, false);
  } catch (error) {
    throw new KeyFileError("io", oldPath, `the old key can not be kept: ${(error as Error).message}`, { cause: error });
  }
};

/**
 * Gives the home another client key. The old one stays beside it, as `client.key.<16 hex digits of its public key>.old`; the new one is encrypted if the old
 * one is, with the same passphrase.
 *
 * @param cost of encrypting it; the standard cost when absent
 * @throws HomeError; KeyFileError `missing`, `encrypted`, `wrong-passphrase`, `io`
 */
export const rotateClientKey = async (home: Home, passphrase: Passphrase | undefined, cost?: ScryptCost): Promise<Rotated> => {
  const path = home.clientKey;
  const sealing = passphrase && createSealing(passphrase, cost);
  const prepare = (): HeldKey => {
    const facts = inspectKeyFile(path, "client");
    loadKeyFile(path, "client", passphrase);
    if (facts.encrypted) sealing?.passphrase.keyFor(sealing.kdf);
    return { use: "client", path, ...facts };
  };
  return changing(home, prepare, ({ publicKey: oldPublicKey, encrypted }) => {
    const oldPath = `${path}.${oldPublicKey.slice(0, 16)}.old`;
    putAway(path, oldPath);
    const key = createKey();
    saveKeyFile(path, "client", key, { overwrite: true, sealing: encrypted ? sealing : undefined });
    return { publicKey: key.publicKey, oldPublicKey, oldPath };
  });
};
