/** Passphrases of key files: what a person typed becomes a key, at a cost in time and memory that guessing has to pay, too (docs/operators.md "Encrypted keys"). */
import { randomBytes, scryptSync } from "node:crypto";
import { toHex } from "../wire/bytes.ts";

/** The cost of scrypt, RFC 7914: it takes 128·n·r bytes of memory, and time in proportion to n·r·p. */
export interface ScryptCost {
  /** a power of two */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

export interface Kdf extends ScryptCost {
  /** 32 bytes */
  readonly salt: Uint8Array;
}

/** 128 MiB and about 0.4 s. */
export const standardCost: ScryptCost = { n: 2 ** 17, r: 8, p: 1 };

/** What a file may ask of who opens it: whoever can place a file must not take all the memory with it, nor all the time. */
const maxMemoryBytes = 256 * 1024 ** 2;
const maxWork = 8 * standardCost.n * standardCost.r * standardCost.p;

/** Whether this cost is one of scrypt's, and bearable: at most 256 MiB, and eight times the time of the standard cost. */
export const isBearable = ({ n, r, p }: ScryptCost): boolean =>
  [n, r, p].every((value) => Number.isSafeInteger(value) && value >= 1) &&
  n >= 2 &&
  Number.isInteger(Math.log2(n)) &&
  128 * r * Math.max(n, p) <= maxMemoryBytes &&
  n * r * p <= maxWork;

/** 32 bytes out of a passphrase. @throws RangeError for a cost that is not bearable */
const derive = (passphrase: Uint8Array, { n, r, p, salt }: Kdf): Buffer => {
  if (!isBearable({ n, r, p })) throw new RangeError("this cost of scrypt is beyond the bounds");
  return scryptSync(passphrase, salt, 32, { N: n, r, p, maxmem: 128 * r * (n + p + 2) + 1024 ** 2 });
};

/** Remembered until it is forgotten: nothing else keeps it. */
export interface Passphrase {
  /** The key of 32 bytes, derived once for each salt and cost while this is remembered. @throws Error once forgotten */
  keyFor(kdf: Kdf): Uint8Array;
  /** Overwrites the passphrase and all that was derived from it; call it as soon as the key files are read. */
  forget(): void;
}

/** derived keys that are kept at most; the oldest goes. A home has three key files, mostly with one salt */
const maxDerived = 8;

/** One passphrase has several spellings in Unicode, and keyboards differ in which they send. Bytes that are no text stay what they are. */
const normalised = (given: string | Uint8Array): Uint8Array => {
  try {
    const text = typeof given === "string" ? given : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(given);
    return new TextEncoder().encode(text.normalize("NFC"));
  } catch {
    return Uint8Array.from(given as Uint8Array);
  }
};

/**
 * What opens encrypted key files, and encrypts new ones.
 *
 * @param given text, or bytes: those are copied, and stay the caller's to overwrite
 */
export const createPassphrase = (given: string | Uint8Array): Passphrase => {
  const passphrase = normalised(given);
  const derived = new Map<string, Uint8Array>();
  let forgotten = false;
  const drop = (name: string): void => {
    derived.get(name)?.fill(0);
    derived.delete(name);
  };
  return {
    keyFor(kdf) {
      if (forgotten) throw new Error("this passphrase was forgotten");
      const name = [kdf.n, kdf.r, kdf.p, toHex(kdf.salt)].join("/");
      const known = derived.get(name);
      if (known !== undefined) return known;
      const key = derive(passphrase, kdf);
      const [oldest] = derived.keys();
      if (derived.size >= maxDerived && oldest !== undefined) drop(oldest);
      derived.set(name, key);
      return key;
    },
    forget() {
      forgotten = true;
      passphrase.fill(0);
      for (const name of derived.keys()) drop(name);
    },
  };
};

/** How to encrypt key files: those of one sealing share a salt, so that opening all of a home's costs one derivation. */
export interface Sealing {
  readonly passphrase: Passphrase;
  readonly kdf: Kdf;
}

/** With a new salt. */
export const createSealing = (passphrase: Passphrase, cost: ScryptCost = standardCost): Sealing => ({
  passphrase,
  kdf: { ...cost, salt: randomBytes(32) },
});
