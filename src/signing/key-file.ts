/**
 * Key files: one secret each, readable by its owner only. The format names its version, use and encryption, so that encrypted ones can follow.
 */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { randomBytes } from "node:crypto";
import { fromHex, toHex } from "../wire/bytes.ts";
import { sha256 } from "../wire/digests.ts";
import { keyFromSeed } from "./keys.ts";
import type { KeyPair } from "./keys.ts";

/** What a key is for; a file of one use is not accepted for another. */
export type KeyUse = "node" | "validator" | "client";

export type KeyFileErrorCode =
  | "missing"
  /** readable or writable by others than its owner */
  | "permissions"
  /** no key file, or one that was damaged */
  | "malformed"
  /** a key for another use */
  | "wrong-use"
  /** a version or encryption that this program does not know */
  | "unsupported"
  /** a file stands there already */
  | "exists"
  | "io";

export class KeyFileError extends Error {
  readonly code: KeyFileErrorCode;
  readonly path: string;
  constructor(code: KeyFileErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = "KeyFileError";
    this.code = code;
    this.path = path;
  }
}

interface KeyFile {
  readonly format: "byz-key";
  readonly version: 1;
  readonly use: KeyUse;
  readonly algorithm: "ed25519";
  readonly encryption: "none";
  readonly publicKey: string;
  readonly secret: string;
  readonly checksum: string;
}

const uses: ReadonlySet<unknown> = new Set<KeyUse>(["node", "validator", "client"]);
/** bytes of a key file at most: ours have about 350 */
const maxKeyFileBytes = 16 * 1024;

/** Over everything else in the file: a flipped digit is found, a wrong use too. */
const checksumOf = (file: Omit<KeyFile, "checksum">): string =>
  sha256(
    new TextEncoder().encode(
      [file.format, file.version, file.use, file.algorithm, file.encryption, file.publicKey, file.secret].join("\n"),
    ),
  ).slice(0, 16);

const isErrno = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && "code" in error && codes.includes(String(error.code));

const asKeyFileError = (path: string, error: unknown): KeyFileError => {
  if (error instanceof KeyFileError) return error;
  if (isErrno(error, "EEXIST")) return new KeyFileError("exists", path, "a key file stands there already", { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new KeyFileError("io", path, `the key file can not be written: ${reason}`, { cause: error });
};

const syncFolder = (path: string): void => {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } catch (error) {
    // some file systems can not sync a folder; the file itself is synced
    if (!isErrno(error, "EINVAL", "EISDIR", "EPERM", "ENOTSUP")) throw error;
  } finally {
    closeSync(folder);
  }
};

const writeSynced = (path: string, text: string): void => {
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};

/** Puts the finished file in place: all of it or nothing, and over an existing key only when asked to. */
const moveInto = (temporary: string, path: string, overwrite: boolean): void => {
  if (overwrite) return renameSync(temporary, path);
  try {
    linkSync(temporary, path); // unlike rename, refuses to replace
  } catch (error) {
    if (!isErrno(error, "EPERM", "ENOTSUP", "ENOSYS", "EMLINK")) throw error;
    if (existsSync(path)) throw new KeyFileError("exists", path, "a key file stands there already", { cause: error });
    renameSync(temporary, path); // a file system without hard links
  }
};

/**
 * Writes a key file that only its owner can read (0600): complete and synced, or not at all.
 *
 * @throws KeyFileError `exists` unless `overwrite`; `io`
 */
export const saveKeyFile = (path: string, use: KeyUse, key: KeyPair, options: { readonly overwrite?: boolean } = {}): void => {
  const content: Omit<KeyFile, "checksum"> = {
    format: "byz-key",
    version: 1,
    use,
    algorithm: "ed25519",
    encryption: "none",
    publicKey: key.publicKey,
    secret: toHex(key.exportSeed()),
  };
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeSynced(temporary, `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`);
    moveInto(temporary, path, options.overwrite === true);
    syncFolder(path);
  } catch (error) {
    throw asKeyFileError(path, error);
  } finally {
    rmSync(temporary, { force: true });
  }
};

const readText = (path: string): string => {
  try {
    const { mode, size } = statSync(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw new KeyFileError("permissions", path, `others can read or change this key (mode ${octal}); run chmod 600 on it`);
    }
    if (size > maxKeyFileBytes) throw new KeyFileError("malformed", path, "this is not a key file");
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    if (isErrno(error, "ENOENT")) throw new KeyFileError("missing", path, "there is no key file", { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    throw new KeyFileError("io", path, `the key file can not be read: ${reason}`, { cause: error });
  }
};

const parse = (path: string, text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "format" in value && value.format === "byz-key")
      return value as Record<string, unknown>;
  } catch {
    // said below; the parser's own message would quote the secret
  }
  throw new KeyFileError("malformed", path, "this is not a key file");
};

const hex32 = /^[0-9a-f]{64}$/;

const checkFields = (path: string, fields: Record<string, unknown>): KeyFile => {
  const { version, use, algorithm, encryption, publicKey, secret, checksum } = fields;
  if (version !== 1 || algorithm !== "ed25519" || encryption !== "none") {
    throw new KeyFileError("unsupported", path, "this key file has a version, algorithm or encryption that this program does not know");
  }
  if (!uses.has(use) || typeof publicKey !== "string" || typeof secret !== "string" || !hex32.test(publicKey) || !hex32.test(secret)) {
    throw new KeyFileError("malformed", path, "a field of this key file is missing or malformed");
  }
  const file = { format: "byz-key", version, use: use as KeyUse, algorithm, encryption, publicKey, secret } as const;
  if (checksum !== checksumOf(file)) throw new KeyFileError("malformed", path, "its checksum does not match: the key file was damaged");
  return { ...file, checksum };
};

/**
 * Reads a key file and checks everything about it. No error quotes the secret.
 *
 * @param use what the key must be for
 * @throws KeyFileError `missing`, `permissions`, `malformed`, `wrong-use`, `unsupported`, `io`
 */
export const loadKeyFile = (path: string, use: KeyUse): KeyPair => {
  const file = checkFields(path, parse(path, readText(path)));
  if (file.use !== use) throw new KeyFileError("wrong-use", path, `this is a ${file.use} key, not a ${use} key`);
  const key = keyFromSeed(fromHex(file.secret));
  if (key.publicKey !== file.publicKey) throw new KeyFileError("malformed", path, "its secret does not belong to its public key");
  return key;
};
