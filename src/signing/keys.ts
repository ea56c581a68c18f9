/** Ed25519 key pairs: a node's, a validator's, a client's (PROTOCOL §1). */
import { randomBytes } from "node:crypto";
import type { PublicKey, Signature } from "../protocol/ids.ts";
import { toHex } from "../wire/bytes.ts";
import { ed25519 } from "./ed25519.ts";

export interface KeyPair {
  readonly publicKey: PublicKey;
  /** 32 bytes */
  readonly publicKeyBytes: Uint8Array;
  /** Deterministic; 0.02 ms with libsodium. */
  sign(message: Uint8Array): Signature;
  /** The secret, 32 bytes, a copy: for key files and for libp2p. Keep it out of logs and errors. */
  exportSeed(): Uint8Array;
}

/**
 * @param seed 32 bytes, copied
 * @throws RangeError if it has another length
 */
export const keyFromSeed = (seed: Uint8Array): KeyPair => {
  if (seed.length !== 32) throw new RangeError("an Ed25519 seed has 32 bytes");
  const secret = Uint8Array.from(seed);
  const publicKeyBytes = ed25519.publicKeyOf(secret);
  return {
    publicKey: toHex(publicKeyBytes) as PublicKey,
    publicKeyBytes,
    sign: (message) => ed25519.sign(secret, message) as Signature,
    exportSeed: () => secret.slice(),
  };
};

/** A new key from the system's random source. */
export const createKey = (): KeyPair => keyFromSeed(randomBytes(32));
