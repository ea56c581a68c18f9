/** Where everything in a home directory is, and how its files are written (docs/operators.md "Home directory"). */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { KeyUse } from "../../signing/key-format.ts";

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

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * Makes a folder, and those above it that are missing. Node.js' own recursive form never ends where the system says of a folder's parent, which is
 * there, that it is missing, as below /proc.
 *
 * @throws Error of the file system
 */
export const makeFolder = (path: string, mode = 0o777): void => {
  const folder = resolve(path);
  if (isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent, mode);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    // somebody else may have made it just now
    if (!isFolder(folder)) throw error;
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

/** What to say of a folder that is none. */
export const uninitialised = (home: Home): HomeError =>
  new HomeError("missing", `${home.path} is not a node's home`, "make one with `byz init`");
