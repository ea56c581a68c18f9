/** Signatures that were found valid: each is verified once, however many certificates and relays bring it again. */
import { hash, randomBytes } from "node:crypto";
import type { SignatureCheck } from "./check.ts";
import { maxSignBytes } from "../wire/sign-bytes.ts";

export interface SeenSignatures {
  /** 16 characters that stand for (key, signature, sign-bytes) in this process. */
  keyOf(check: SignatureCheck): string;
  has(key: string): boolean;
  add(key: string): void;
  /** memory, fixed */
  readonly bytes: number;
}

/** places in one set: the newest four of those that fall together are kept */
const ways = 4;
const wordsPerEntry = 4;
/** entries unless told otherwise: 2 MiB; a window of 256 sequences with 500 requests each has 128,000 signatures */
export const defaultSeenEntries = 131_072;

/**
 * A fixed table of 128-bit names, 16 bytes an entry, four to a set, the oldest of a set overwritten: forgetting costs a second verification, never
 * more. Names are hashes with a secret salt of this process, so that nobody can look for two that share one.
 *
 * @param entries a power of two, at least 4
 * @param salt 16 bytes that nobody else knows; random when absent
 */
export const createSeenSignatures = (entries = defaultSeenEntries, salt: Uint8Array = randomBytes(16)): SeenSignatures => {
  const sets = entries / ways;
  if (!Number.isInteger(Math.log2(sets))) throw new RangeError("the number of entries is a power of two, at least 4");
  const table = new Uint32Array(entries * wordsPerEntry);
  const next = new Uint8Array(sets);
  const scratch = new Uint8Array(16 + 32 + 64 + maxSignBytes);
  scratch.set(salt, 0);

  const word = (key: string, index: number): number => {
    const at = index * 4;
    const high = key.charCodeAt(at) * 256 + key.charCodeAt(at + 1);
    return (high * 65_536 + key.charCodeAt(at + 2) * 256 + key.charCodeAt(at + 3)) >>> 0;
  };
  const setOf = (key: string): number => word(key, 0) & (sets - 1);
  const holds = (place: number, key: string): boolean => {
    for (let index = 0; index < wordsPerEntry; index++) if (table[place + index] !== word(key, index)) return false;
    return true;
  };

  return {
    keyOf: ({ publicKey, signature, message }) => {
      scratch.set(publicKey, 16);
      scratch.set(signature, 48);
      scratch.set(message, 112);
      return hash("sha256", scratch.subarray(0, 112 + message.length), "binary").slice(0, 16);
    },
    has: (key) => {
      const first = setOf(key) * ways;
      for (let way = 0; way < ways; way++) if (holds((first + way) * wordsPerEntry, key)) return true;
      return false;
    },
    add: (key) => {
      const set = setOf(key);
      const way = next[set] ?? 0;
      next[set] = (way + 1) % ways;
      const place = (set * ways + way) * wordsPerEntry;
      for (let index = 0; index < wordsPerEntry; index++) table[place + index] = word(key, index);
    },
    bytes: table.byteLength + next.byteLength,
  };
};
