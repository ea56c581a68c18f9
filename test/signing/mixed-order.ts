/**
 * What the holder of a key with a torsion part can do: signatures that satisfy the cofactorless equation, and so every library here, whenever the
 * challenge happens to be a multiple of 8. Only the check of the key stands against them.
 */
import { createHash } from "node:crypto";
import type { Signature } from "../../src/protocol/ids.ts";
import { keyFromSeed } from "../../src/signing/keys.ts";

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const order = 2n ** 252n + 27742317777372353535851937790883648493n;
export const toNumber = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
export const toBytes = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
const sha512 = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(createHash("sha512").update(Buffer.concat(parts)).digest());

/** k of RFC 8032 §5.1.7 */
export const challengeOf = (r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint =>
  toNumber(sha512(r, publicKey, message)) % order;

/** The secret scalar of a seed (RFC 8032 §5.1.5). */
export const secretScalar = (seed: Uint8Array): bigint => {
  const bytes = sha512(seed).slice(0, 32);
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return toNumber(bytes);
};

export const groupOrder = order;

const seed = new Uint8Array(32).fill(3);
/** The public key of the seed of 32 threes plus a point of order 8: computed with libsodium's point addition. */
export const mixedKey = hex("46fb8abfcbc7dac11410f606ecea5ebf72c830439f2a6e1a8632c1fb6df2f6ff");

/** A signature of `message` under `mixedKey` that satisfies the equation. */
export const signWithMixedKey = (message: Uint8Array): Signature => {
  for (let attempt = 0; attempt < 256; attempt++) {
    const nonce = new Uint8Array(32).fill(attempt);
    const r = keyFromSeed(nonce).publicKeyBytes;
    const challenge = challengeOf(r, mixedKey, message);
    if (challenge % 8n !== 0n) continue;
    const s = (secretScalar(nonce) + challenge * secretScalar(seed)) % order;
    return Uint8Array.of(...r, ...toBytes(s)) as Signature;
  }
  throw new Error("256 challenges and no multiple of 8");
};
