/** A node's home directory: its keys, configuration, genesis and data (docs/operators.md "Home directory"). */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { peerNameFromPublicKey } from "../../network/peer-name.ts";
import type { PeerName, PublicKey } from "../../protocol/ids.ts";
import { inspectKeyFile, loadKeyFile, saveKeyFile } from "../../signing/key-file.ts";
import type { KeyUse } from "../../signing/key-format.ts";
import { createKey } from "../../signing/keys.ts";
import type { KeyPair } from "../../signing/keys.ts";
import { createSealing, type Passphrase, type ScryptCost, type Sealing } from "../../signing/passphrase.ts";
import { sha256 } from "../../wire/digests.ts";
import { loadConfig } from "./config.ts";
import { renderConfig } from "./config-file.ts";
import type { PartialConfig } from "./config-file.ts";
import { signRecord } from "./record.ts";
import type { PublicRecord } from "./record.ts";
import { monikerRule } from "./settings.ts";

/** Absolute paths of everything in a home. */
export interface Home {
  readonly path: string;
  /** libp2p identity: authenticates channels */
  readonly nodeKey: string;
  /** signs consensus messages */
  readonly validatorKey: string;
  /** the command line's and the gateway's own */
  readonly clientKey: string;
  /** the last number that the command line gave to a request under `clientKey` */
  readonly clientSequence: string;
  readonly config: string;
  readonly genesis: string;
  /** bearer token of an API that is not on loopback */
  readonly apiToken: string;
  readonly data: string;
  /** the birth marker, see `readBirth` */
  readonly birth: string;
}

export type HomeErrorCode = "exists" | "missing" | "foreign-data" | "invalid" | "io";

export class HomeError extends Error {
  readonly code: HomeErrorCode;
  readonly hint: string | undefined;
  constructor(code: HomeErrorCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HomeError";
    this.code = code;
    this.hint = hint;
  }
}

/** The layout under `path`; touches nothing. */
export const homeAt = (path: string): Home => {
  const top = resolve(path);
  const data = join(top, "data");
  return {
    path: top,
    nodeKey: join(top, "node.key"),
    validatorKey: join(top, "validator.key"),
    clientKey: join(top, "client.key"),
    clientSequence: join(top, "client.seq"),
    config: join(top, "config.toml"),
    genesis: join(top, "genesis.json"),
    apiToken: join(top, "api.token"),
    data,
    birth: join(data, "birth.json"),
  };
};

/** Where the home keeps this key. */
export const keyPath = (home: Home, use: KeyUse): string =>
  ({ node: home.nodeKey, validator: home.validatorKey, client: home.clientKey })[use];

/** Work on files, with what it is for in its error. @throws HomeError `io` */
export const attempt = <T>(what: string, work: () => T): T => {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "Error") throw error;
    throw new HomeError("io", `${what}: ${error.message}`, undefined, { cause: error });
  }
};

/** What was renamed or removed in it stays so. */
export const syncFolder = (path: string): void => {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } catch {
    // some file systems can not sync a folder; the file itself is synced
  } finally {
    closeSync(folder);
  }
};

/** Replaces a file: all of it or nothing, durable when it returns. @throws Error of the file system */
export const writeFileDurably = (path: string, text: string, mode = 0o644): void => {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w", mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
};

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
  mkdirSync(home.data, { recursive: true, mode: 0o700 });
  writeFileDurably(home.birth, `${JSON.stringify({ validatorKey: fingerprint(key) })}\n`);
};

/* ------------------------------------------------------------------ init */

export interface InitOptions {
  /** the host's name when absent */
  readonly moniker?: string;
  /** further keys to set in `config.toml` */
  readonly config?: PartialConfig;
  /** the keys are encrypted with it from the start: no disk ever has them plain */
  readonly passphrase?: Passphrase;
  /** of encrypting them; the standard cost when absent */
  readonly cost?: ScryptCost;
}

export interface HomeKeys {
  readonly node: KeyPair;
  readonly validator: KeyPair;
  readonly client: KeyPair;
}

/** The host's name as far as it is a moniker. */
const hostMoniker = (): string => {
  const name = (hostname().split(".")[0] ?? "").slice(0, 64);
  return monikerRule(name) === undefined ? name : "node";
};

const keyOf = (home: Home, use: KeyUse, passphrase?: Passphrase, sealing?: Sealing): KeyPair => {
  if (existsSync(keyPath(home, use))) return loadKeyFile(keyPath(home, use), use, passphrase);
  const key = createKey();
  // The marker first: a validator key that a crash left without one would be taken for an amnesiac.
  if (use === "validator") writeBirth(home, key.publicKey);
  saveKeyFile(keyPath(home, use), use, key, { sealing });
  return key;
};

/**
 * Makes a home, or completes one that a crash left unfinished; what is there already is kept.
 *
 * @throws HomeError `exists` when nothing was missing, `invalid` for a bad moniker, `foreign-data`, `io`; KeyFileError
 */
export const initHome = (path: string, options: InitOptions = {}): HomeKeys => {
  const problem = options.moniker === undefined ? undefined : monikerRule(options.moniker);
  if (problem !== undefined) throw new HomeError("invalid", `the moniker ${problem}`, "choose another with --moniker");
  const home = homeAt(path);
  if ([home.nodeKey, home.validatorKey, home.clientKey, home.config].every((file) => existsSync(file))) {
    throw new HomeError("exists", `${home.path} is a home already`, "choose another with --home");
  }
  return attempt(`the home ${home.path} can not be made`, () => {
    mkdirSync(home.path, { recursive: true, mode: 0o700 });
    const { passphrase, cost } = options;
    const sealing = passphrase && createSealing(passphrase, cost);
    const made = (use: KeyUse): KeyPair => keyOf(home, use, passphrase, sealing);
    const keys = { node: made("node"), validator: made("validator"), client: made("client") };
    if (!existsSync(home.config)) {
      const node = { ...options.config?.node, moniker: options.moniker ?? hostMoniker() };
      writeFileDurably(home.config, renderConfig({ ...options.config, node }));
    }
    return keys;
  });
};

/* ------------------------------------------------------------------ reading */

/** What to say of a folder that is none. */
export const uninitialised = (home: Home): HomeError =>
  new HomeError("missing", `${home.path} is not a node's home`, "make one with `byz init`");

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
    mkdirSync(home.path, { recursive: true, mode: 0o700 });
    return keyOf(home, "client", passphrase);
  });

export const peerIdOf = (nodeKey: Pick<KeyPair, "publicKey">): PeerName => peerNameFromPublicKey(nodeKey.publicKey);

/**
 * The public record of this home's validator (`byz keys export`), signed by both of its keys.
 *
 * @param passphrase opens those that are encrypted
 * @throws HomeError `missing`; KeyFileError; ConfigError
 */
export const exportRecord = (
  home: Home,
  environment: Readonly<Record<string, string | undefined>> = {},
  passphrase?: Passphrase,
): PublicRecord => {
  const node = loadNodeKey(home, passphrase);
  const validator = loadValidatorKey(home, passphrase);
  if (validator === undefined) throw new HomeError("missing", `${home.path} has no validator.key`, "an observer has no public record");
  const { config } = loadConfig({ file: home.config, environment });
  return signRecord(config.node.moniker, { validator, node });
};
