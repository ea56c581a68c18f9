/**
 * The one rule for Ed25519 in this project (PROTOCOL §2), the STRICT RULE v1 of docs/wire.md "Signatures":
 * 1. a signature has exactly 64 bytes, a key exactly 32;
 * 2. the key is canonical, not of small order, and in the prime-order subgroup (checked once a key);
 * 3. R is not the identity's encoding;
 * 4. the cofactorless equation holds, with S below the group order and R compared as bytes.
 *
 * Under it every conforming verifier gives the same verdict on the same bytes. Two forms implement it; one is chosen at load.
 */

/** A form of the rule. Nothing here throws, whatever the bytes. */
export interface Ed25519 {
  readonly name: "sodium" | "node";
  /** Step 2 (and the length): 0.08 ms with libsodium, 4 ms without. */
  isPublicKey(publicKey: Uint8Array): boolean;
  /** Steps 1, 3 and 4, for a key that passed step 2: 0.06 ms with libsodium, 0.13 ms without. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Deterministic (RFC 8032). `seed` has 32 bytes. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  publicKeyOf(seed: Uint8Array): Uint8Array;
}

/** Step 3 of the rule. */
const isIdentity = (encoded: Uint8Array): boolean => {
  if (encoded[0] !== 1) return false;
  for (let index = 1; index < 32; index++) if (encoded[index] !== 0) return false;
  return true;
};

/** Steps 1 and 3: what must hold before bytes reach a library. Libsodium aborts the process on a short signature. */
export const isPlausible = (publicKey: Uint8Array, signature: Uint8Array): boolean =>
  publicKey.length === 32 && signature.length === 64 && !isIdentity(signature);
