/** The strict rule on libsodium: the fast form. */
import { createRequire } from "node:module";
import { isPlausible } from "./rule.ts";
import type { Ed25519 } from "./rule.ts";

/** The part of sodium-native that is used here; the package brings no types. */
interface Sodium {
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
}

const keyPairOf = (sodium: Sodium, seed: Uint8Array): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array } => {
  const publicKey = new Uint8Array(32);
  const secretKey = new Uint8Array(64);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
  return { publicKey, secretKey };
};

const createForm = (sodium: Sodium): Ed25519 => {
  /** A key is signed with again and again, and expanding its seed costs as much as signing. They are kept for as long as their seeds are. */
  const secretKeys = new WeakMap<Uint8Array, Uint8Array>();
  const secretKeyOf = (seed: Uint8Array): Uint8Array => {
    const known = secretKeys.get(seed);
    if (known !== undefined) return known;
    const { secretKey } = keyPairOf(sodium, seed);
    secretKeys.set(seed, secretKey);
    return secretKey;
  };
  return {
    name: "sodium",
    isPublicKey: (publicKey) => publicKey.length === 32 && sodium.crypto_core_ed25519_is_valid_point(publicKey),
    verify: (publicKey, message, signature) =>
      isPlausible(publicKey, signature) && sodium.crypto_sign_verify_detached(signature, message, publicKey),
    sign: (seed, message) => {
      const signature = new Uint8Array(64);
      sodium.crypto_sign_detached(signature, message, secretKeyOf(seed));
      return signature;
    },
    publicKeyOf: (seed) => keyPairOf(sodium, seed).publicKey,
  };
};

/** Undefined where sodium-native has no binary for this machine. */
export const loadSodiumForm = (): Ed25519 | undefined => {
  try {
    const require = createRequire(import.meta.url);
    return createForm(require("sodium-native") as Sodium);
  } catch {
    return undefined;
  }
};
