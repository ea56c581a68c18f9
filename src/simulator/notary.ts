/**
 * Signatures of a simulated universe. Checking a real one takes a hundred times longer than everything else that a message causes; these are as
 * unforgeable for the players: a token is made from the key's secret and the exact bytes, and only the holder of the `KeyPair` can ask for one.
 */
import { hash } from "node:crypto";
import { checkSignature } from "../signing/check.ts";
import { ed25519 } from "../signing/ed25519.ts";
import { type KeyPair, keyFromSeed } from "../signing/keys.ts";
import type { SignatureCheck } from "../signing/check.ts";
import type { Digest, PublicKey, Signature } from "../protocol/ids.ts";
import { asBuffer, toHex } from "../wire/bytes.ts";

export interface Notary {
  /** the same key for the same name, in any universe of the same seed */
  key(name: string): KeyPair;
  isValid(check: Pick<SignatureCheck, "publicKey" | "message" | "signature">): boolean;
  /** whether some key signed a request of this name */
  wasRequested(id: Digest): boolean;
}

const requestDomain = Buffer.from("byz/1/request\0", "latin1");

const seedOf = (seed: bigint, name: string): Buffer => hash("sha256", `byz simulator ${seed} ${name}`, "buffer");

/** Notes the name of every request that is signed: what is ordered without having been asked for is then seen. */
const noting = (key: KeyPair, requested: Set<Digest>): KeyPair => ({
  ...key,
  sign(message) {
    if (requestDomain.equals(asBuffer(message).subarray(0, requestDomain.length))) requested.add(toHex(message.subarray(-32)) as Digest);
    return key.sign(message);
  },
});

/** Tokens instead of signatures: SHA-256 of secret and message, twice as long by a second hash of the first. */
export const createTokenNotary = (seed: bigint): Notary => {
  const secrets = new Map<string, Buffer>();
  const requested = new Set<Digest>();
  const scratch = Buffer.alloc(32 + 4096);

  const mint = (secret: Buffer, message: Uint8Array): Signature => {
    const size = 32 + message.length;
    const input = size <= scratch.length ? scratch : Buffer.alloc(size);
    secret.copy(input, 0);
    input.set(message, 32);
    const half = hash("sha256", input.subarray(0, size), "buffer");
    const token = new Uint8Array(64);
    token.set(half, 0);
    token.set(secret.subarray(0, 16), 32);
    token.set(half.subarray(0, 16), 48);
    // the secret itself must not be readable from what it signs
    for (let index = 0; index < 16; index += 1)
      token[32 + index] = (token[32 + index] ?? 0) ^ (half[index + 8] ?? 0) ^ (secret[index + 16] ?? 0);
    return token as Signature;
  };

  return {
    key(name) {
      const secret = seedOf(seed, name);
      const publicKeyBytes = Uint8Array.from(hash("sha256", Buffer.concat([Buffer.from("public"), secret]), "buffer"));
      const publicKey = toHex(publicKeyBytes) as PublicKey;
      secrets.set(publicKey, secret);
      const exportSeed = (): Uint8Array => {
        throw new Error("a simulated key has no seed to export");
      };
      return noting({ publicKey, publicKeyBytes, sign: (message) => mint(secret, message), exportSeed }, requested);
    },
    isValid({ publicKey, message, signature }) {
      const secret = secrets.get(toHex(publicKey));
      return secret !== undefined && asBuffer(mint(secret, message)).equals(asBuffer(signature));
    },
    wasRequested: (id) => requested.has(id),
  };
};

/** Real Ed25519, about a hundred times slower. */
export const createRealNotary = (seed: bigint): Notary => {
  const requested = new Set<Digest>();
  return {
    key: (name) => noting(keyFromSeed(Uint8Array.from(seedOf(seed, name))), requested),
    isValid: (check) => checkSignature(ed25519, { ...check, keyIsGood: false }),
    wasRequested: (id) => requested.has(id),
  };
};
