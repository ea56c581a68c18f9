/** The text of a key file, plain or encrypted: one secret, for one use (docs/operators.md "Encrypted keys"). Nothing here touches a disk. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { fromHex, toHex } from "../wire/bytes.ts";
import { sha256 } from "../wire/digests.ts";
import type { KeyPair } from "./keys.ts";
import { isBearable, type Kdf, type Passphrase, type Sealing } from "./passphrase.ts";

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
  /** it is encrypted, and there is no passphrase */
  | "encrypted"
  /** another passphrase than the file's, or somebody changed the file */
  | "wrong-passphrase"
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

interface Header {
  readonly format: "byz-key";
  readonly version: 1;
  readonly use: KeyUse;
  readonly algorithm: "ed25519";
  readonly publicKey: string;
}

interface PlainFile extends Header {
  readonly encryption: "none";
  /** the seed, 32 bytes in hex */
  readonly secret: string;
}

/** The seed under AES-256-GCM, whose key scrypt makes of the passphrase; all else in the file is associated data. */
interface SealedFile extends Header {
  readonly encryption: "scrypt-aes-256-gcm";
  readonly kdf: { readonly n: number; readonly r: number; readonly p: number; readonly salt: string };
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export type KeyFile = PlainFile | SealedFile;

const header = (use: KeyUse, { publicKey }: KeyPair) => ({ format: "byz-key", version: 1, use, algorithm: "ed25519", publicKey }) as const;

const linesOf = (
  { format, version, use, algorithm, publicKey }: Header,
  encryption: KeyFile["encryption"],
): readonly (string | number)[] => [format, version, use, algorithm, encryption, publicKey];

/** What the encryption vouches for beside the secret: no file can be passed off as that of another use or key, nor its cost be changed. */
const associatedData = (file: Omit<SealedFile, "nonce" | "ciphertext" | "tag">): Uint8Array =>
  new TextEncoder().encode([...linesOf(file, "scrypt-aes-256-gcm"), file.kdf.n, file.kdf.r, file.kdf.p, file.kdf.salt].join("\n"));

/** Over everything in the file: a flipped digit is told from a wrong passphrase. */
const checksumOf = (file: KeyFile): string => {
  const body =
    file.encryption === "none" ? [file.secret] : [file.kdf.n, file.kdf.r, file.kdf.p, file.kdf.salt, file.nonce, file.ciphertext, file.tag];
  return sha256(new TextEncoder().encode([...linesOf(file, file.encryption), ...body].join("\n"))).slice(0, 16);
};

const render = (file: KeyFile): string => `${JSON.stringify({ ...file, checksum: checksumOf(file) }, null, 2)}\n`;

const cipher = "aes-256-gcm";
const tagBytes = 16;

const seal = (use: KeyUse, key: KeyPair, { passphrase, kdf }: Sealing): SealedFile => {
  const { n, r, p, salt } = kdf;
  const open = { ...header(use, key), encryption: "scrypt-aes-256-gcm", kdf: { n, r, p, salt: toHex(salt) } } as const;
  const nonce = randomBytes(12);
  const seed = key.exportSeed();
  const sealing = createCipheriv(cipher, passphrase.keyFor(kdf), nonce, { authTagLength: tagBytes }).setAAD(associatedData(open));
  const ciphertext = Buffer.concat([sealing.update(seed), sealing.final()]);
  seed.fill(0);
  return { ...open, nonce: toHex(nonce), ciphertext: toHex(ciphertext), tag: toHex(sealing.getAuthTag()) };
};

/** A key file's text; encrypted if there is a sealing. */
export const renderKeyFile = (use: KeyUse, key: KeyPair, sealing?: Sealing): string =>
  render(sealing === undefined ? { ...header(use, key), encryption: "none", secret: toHex(key.exportSeed()) } : seal(use, key, sealing));

/* ------------------------------------------------------------------ reading */

const parseJson = (path: string, text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "format" in value && value.format === "byz-key")
      return value as Record<string, unknown>;
  } catch {
    // said below; the parser's own message would quote the secret
  }
  throw new KeyFileError("malformed", path, "this is not a key file");
};

const uses: ReadonlySet<unknown> = new Set<KeyUse>(["node", "validator", "client"]);
const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === "string" && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);

const malformed = (path: string): KeyFileError => new KeyFileError("malformed", path, "a field of this key file is missing or malformed");

const headerFrom = (path: string, fields: Record<string, unknown>): Header => {
  const { version, use, algorithm, encryption, publicKey } = fields;
  if (version !== 1 || algorithm !== "ed25519" || (encryption !== "none" && encryption !== "scrypt-aes-256-gcm")) {
    throw new KeyFileError("unsupported", path, "this key file has a version, algorithm or encryption that this program does not know");
  }
  if (!uses.has(use) || !isHex(publicKey, 32)) throw malformed(path);
  return { format: "byz-key", version, use: use as KeyUse, algorithm, publicKey };
};

const kdfFrom = (path: string, kdf: unknown): SealedFile["kdf"] => {
  if (typeof kdf !== "object" || kdf === null) throw malformed(path);
  const { n, r, p, salt } = kdf as Record<string, unknown>;
  if (typeof n !== "number" || typeof r !== "number" || typeof p !== "number" || !isHex(salt, 32)) throw malformed(path);
  if (!isBearable({ n, r, p }))
    throw new KeyFileError("malformed", path, "opening this key file would take more memory or time than any does");
  return { n, r, p, salt };
};

const bodyFrom = (path: string, head: Header, { secret, kdf, nonce, ciphertext, tag, encryption }: Record<string, unknown>): KeyFile => {
  if (encryption === "none") {
    if (!isHex(secret, 32)) throw malformed(path);
    return { ...head, encryption, secret };
  }
  if (!isHex(nonce, 12) || !isHex(ciphertext, 32) || !isHex(tag, tagBytes)) throw malformed(path);
  return { ...head, encryption: "scrypt-aes-256-gcm", kdf: kdfFrom(path, kdf), nonce, ciphertext, tag };
};

/**
 * Reads a key file's text and checks all of it that can be checked without a passphrase. No error quotes the secret.
 *
 * @param path for errors
 * @throws KeyFileError `malformed`, `unsupported`
 */
export const parseKeyFile = (path: string, text: string): KeyFile => {
  const fields = parseJson(path, text);
  const file = bodyFrom(path, headerFrom(path, fields), fields);
  if (fields["checksum"] !== checksumOf(file)) {
    throw new KeyFileError("malformed", path, "its checksum does not match: the key file was damaged");
  }
  return file;
};

const unseal = (path: string, file: SealedFile, passphrase: Passphrase): Uint8Array => {
  const kdf: Kdf = { ...file.kdf, salt: fromHex(file.kdf.salt) };
  const opening = createDecipheriv(cipher, passphrase.keyFor(kdf), fromHex(file.nonce), { authTagLength: tagBytes })
    .setAAD(associatedData(file))
    .setAuthTag(fromHex(file.tag));
  const seed = opening.update(fromHex(file.ciphertext));
  try {
    opening.final();
  } catch {
    seed.fill(0);
    throw new KeyFileError("wrong-passphrase", path, "the passphrase does not open it: it is another one, or somebody changed the file");
  }
  return seed;
};

/** The seed in it, 32 bytes. @throws KeyFileError `encrypted` without a passphrase, `wrong-passphrase` */
export const secretOf = (path: string, file: KeyFile, passphrase: Passphrase | undefined): Uint8Array => {
  if (file.encryption === "none") return fromHex(file.secret);
  if (passphrase === undefined) throw new KeyFileError("encrypted", path, "this key is encrypted, and there is no passphrase");
  return unseal(path, file, passphrase);
};
