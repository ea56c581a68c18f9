/** Noise's primitives on libsodium, where it is there: a message costs a fifth of what OpenSSL's cipher objects take to set up. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pureJsCrypto } from "@libp2p/noise";
import type { ICryptoInterface } from "@libp2p/noise";

/** The part of sodium-native that is used here; the package brings no types. */
interface Sodium {
  crypto_aead_chacha20poly1305_ietf_encrypt(
    cipher: Uint8Array,
    message: Uint8Array,
    data: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_aead_chacha20poly1305_ietf_decrypt(
    message: Uint8Array,
    secretNonce: null,
    cipher: Uint8Array,
    data: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_scalarmult(shared: Uint8Array, secret: Uint8Array, point: Uint8Array): void;
  crypto_scalarmult_base(point: Uint8Array, secret: Uint8Array): void;
  randombytes_buf(target: Uint8Array): void;
}

const tagBytes = 16;

const createCrypto = (sodium: Sodium): ICryptoInterface => {
  const generateX25519KeyPairFromSeed = (seed: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array } => {
    const publicKey = new Uint8Array(32);
    sodium.crypto_scalarmult_base(publicKey, seed);
    return { publicKey, privateKey: seed };
  };
  return {
    hashSHA256: (data) => createHash("sha256").update(data.subarray()).digest(),
    getHKDF: (key, input) => pureJsCrypto.getHKDF(key, input),
    generateX25519KeyPair: () => {
      const seed = new Uint8Array(32);
      sodium.randombytes_buf(seed);
      return generateX25519KeyPairFromSeed(seed);
    },
    generateX25519KeyPairFromSeed,
    generateX25519SharedKey: (privateKey, publicKey) => {
      const shared = new Uint8Array(32);
      // throws where the other side's point makes the secret known to everybody
      sodium.crypto_scalarmult(shared, privateKey.subarray(), publicKey.subarray());
      return shared;
    },
    chaCha20Poly1305Encrypt: (plaintext, nonce, data, key) => {
      const cipher = Buffer.allocUnsafe(plaintext.byteLength + tagBytes);
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(cipher, plaintext.subarray(), data, null, nonce, key);
      return cipher;
    },
    chaCha20Poly1305Decrypt: (ciphertext, nonce, data, key) => {
      if (ciphertext.byteLength < tagBytes) throw new Error("a Noise message without its tag");
      const message = Buffer.allocUnsafe(ciphertext.byteLength - tagBytes);
      // throws where the tag does not fit
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt(message, null, ciphertext.subarray(), data, nonce, key);
      return message;
    },
  };
};

/** Undefined where sodium-native has no binary for this machine: Noise's own choice is used then. */
export const loadNoiseCrypto = (): ICryptoInterface | undefined => {
  try {
    return createCrypto(createRequire(import.meta.url)("sodium-native") as Sodium);
  } catch {
    return undefined;
  }
};
