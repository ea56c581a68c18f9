/** Where a command gets passphrases from: a file, the environment, or a person at the terminal; in this order. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { loadOrCreateClientKey } from "../node/home/home-keys.ts";
import { homeAt, keyPath } from "../node/home/layout.ts";
import { inspectKeyFile } from "../signing/key-file.ts";
import type { KeyUse } from "../signing/key-format.ts";
import type { KeyPair } from "../signing/keys.ts";
import { createPassphrase, type Passphrase } from "../signing/passphrase.ts";
import { CliError, exitCodes } from "./errors.ts";
import { maxAnswerBytes } from "./hidden-question.ts";
import type { Session } from "./session.ts";

/** a new one has so many bytes at least */
export const minPassphraseBytes = 8;

const invalid = (message: string, hint: string): CliError =>
  new CliError({ code: "invalid_passphrase", message, hint, exitCode: exitCodes.invalid });

/** To its end or the bound: it may be a pipe, whose size nobody knows. */
const readBounded = (file: number): Buffer => {
  const bytes = Buffer.alloc(maxAnswerBytes + 3);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read)
    read = readSync(file, bytes, length, bytes.length - length, null);
  return bytes.subarray(0, length);
};

const withoutLineBreak = (bytes: Buffer): Buffer => {
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : bytes.length;
  return bytes.subarray(0, end);
};

/** The file's content without a line break at its end. @throws CliError `invalid_passphrase` */
const fromFile = (session: Session, path: string): Uint8Array => {
  let bytes: Buffer;
  try {
    const file = openSync(path, "r");
    try {
      const facts = fstatSync(file);
      if (process.platform !== "win32" && facts.isFile() && (facts.mode & 0o007) !== 0)
        session.note(`byz: everybody on this machine can read ${path}; chmod 600 it`);
      bytes = withoutLineBreak(readBounded(file));
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw invalid(`the passphrase can not be read: ${(cause as Error).message}`, "check --passphrase-file");
  }
  if (bytes.length === 0) throw invalid(`${path} is empty: there is no passphrase in it`, "check --passphrase-file");
  if (bytes.length > maxAnswerBytes)
    throw invalid(`${path} has more than ${maxAnswerBytes} bytes: that is no passphrase`, "check --passphrase-file");
  return bytes;
};

/** Bytes that become a passphrase, and are overwritten then. */
const passphraseOf = (bytes: Uint8Array): Passphrase => {
  const passphrase = createPassphrase(bytes);
  bytes.fill(0);
  return passphrase;
};

const given = (session: Session, file: string | undefined): Uint8Array | undefined => {
  if (file !== undefined) return fromFile(session, file);
  const text = session.io.environment["BYZ_PASSPHRASE"];
  return text === undefined || text === "" ? undefined : new TextEncoder().encode(text);
};

/** Nothing to encrypt with. */
export const noNewPassphrase = (): CliError =>
  new CliError({
    code: "passphrase_needed",
    message: "there is no passphrase to encrypt with",
    hint: "name a file with --passphrase-file or BYZ_PASSPHRASE_FILE, or run this in a terminal",
    exitCode: exitCodes.invalid,
  });

/** The home's passphrase; undefined where nothing has it and there is no terminal to ask at. @throws CliError */
export const currentPassphrase = async (session: Session): Promise<Passphrase | undefined> => {
  const bytes = given(session, session.passphraseFile) ?? (await session.io.askHidden?.(`Passphrase of ${session.home}: `));
  return bytes && passphraseOf(bytes);
};

const isEncrypted = (session: Session, use: KeyUse): boolean => {
  const path = keyPath(homeAt(session.home), use);
  return existsSync(path) && inspectKeyFile(path, use).encrypted;
};

/**
 * Does something with what opens these keys of the home, and forgets it then. When none of them is encrypted there is nothing to open, and nobody is asked.
 *
 * @throws CliError; KeyFileError when a key can not be used; whatever `work` throws
 */
export const withPassphrase = async <T>(
  session: Session,
  uses: readonly KeyUse[],
  work: (passphrase: Passphrase | undefined) => T | Promise<T>,
): Promise<T> => {
  const passphrase = uses.some((use) => isEncrypted(session, use)) ? await currentPassphrase(session) : undefined;
  try {
    return await work(passphrase);
  } finally {
    passphrase?.forget();
  }
};

/** The home's client key, made on the fly. @throws CliError; KeyFileError; HomeError */
export const clientKeyOf = (session: Session): Promise<KeyPair> =>
  withPassphrase(session, ["client"], (passphrase) => loadOrCreateClientKey(homeAt(session.home), passphrase));

const askTwice = async (ask: (question: string) => Promise<Uint8Array>): Promise<Uint8Array> => {
  const first = await ask("New passphrase: ");
  const second = await ask("The same again: ");
  const same = Buffer.compare(first, second) === 0;
  second.fill(0);
  if (same) return first;
  first.fill(0);
  throw invalid("the two are not the same", "nothing was changed; try again");
};

/**
 * A passphrase to encrypt with: of this file, of the session's own sources if they are meant, or asked for twice; undefined where there is none.
 *
 * @throws CliError also for one that is too short
 */
export const newPassphrase = async (session: Session, file: string | undefined, orCurrent: boolean): Promise<Passphrase | undefined> => {
  const { askHidden } = session.io;
  const own = file !== undefined ? fromFile(session, file) : orCurrent ? given(session, session.passphraseFile) : undefined;
  const bytes = own ?? (askHidden && (await askTwice(askHidden)));
  if (bytes === undefined) return undefined;
  if (bytes.length >= minPassphraseBytes) return passphraseOf(bytes);
  bytes.fill(0);
  throw invalid(`a passphrase has ${minPassphraseBytes} bytes at least`, "`openssl rand -base64 32` makes a good one; nothing was changed");
};
