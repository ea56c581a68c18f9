import { pureJsCrypto } from "@libp2p/noise";
import { describe, expect, it } from "vitest";
import { loadNoiseCrypto } from "../../src/network/libp2p/noise-crypto.ts";

const ours = loadNoiseCrypto();
const key = new Uint8Array(32).fill(7);
const nonce = new Uint8Array(12).fill(3);
type Bytes = ReturnType<typeof pureJsCrypto.chaCha20Poly1305Encrypt>;
const hex = (bytes: Bytes): string => Buffer.from(bytes.subarray()).toString("hex");

describe.skipIf(ours === undefined)("Noise on libsodium", () => {
  const sodium = ours ?? pureJsCrypto;

  it("says what another implementation understands, and understands it, at every size", () => {
    for (const size of [0, 1, 100, 1200, 65_519]) {
      const message = new Uint8Array(size).map((_, index) => index);
      for (const data of [new Uint8Array(0), new Uint8Array(32).fill(9)]) {
        const cipher = sodium.chaCha20Poly1305Encrypt(message, nonce, data, key);
        expect(hex(cipher)).toBe(hex(pureJsCrypto.chaCha20Poly1305Encrypt(message, nonce, data, key)));
        expect(hex(sodium.chaCha20Poly1305Decrypt(cipher, nonce, data, key))).toBe(hex(message));
      }
    }
  });

  it("refuses a message that was changed, cut or made with another key or nonce", () => {
    const nothing = new Uint8Array(0);
    const cipher = sodium.chaCha20Poly1305Encrypt(new Uint8Array(50), nonce, nothing, key).subarray();
    const decrypt =
      (bytes: Uint8Array, as = nonce, by = key) =>
      () =>
        sodium.chaCha20Poly1305Decrypt(bytes, as, nothing, by);
    expect(decrypt(cipher)).not.toThrow();
    for (const at of [0, 49, 50, 65]) expect(decrypt(cipher.with(at, (cipher[at] ?? 0) ^ 1))).toThrow();
    for (const length of [0, 15, 16, 65]) expect(decrypt(cipher.subarray(0, length))).toThrow();
    expect(decrypt(cipher, nonce.with(4, 4))).toThrow();
    expect(decrypt(cipher, nonce, key.with(0, 1))).toThrow();
  });

  it("agrees on secrets with another implementation, and on none with a point of small order", () => {
    const [mine, theirs] = [sodium.generateX25519KeyPair(), pureJsCrypto.generateX25519KeyPair()];
    expect(hex(sodium.generateX25519SharedKey(mine.privateKey, theirs.publicKey))).toBe(
      hex(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, mine.publicKey)),
    );
    expect(hex(sodium.generateX25519KeyPairFromSeed(key).publicKey)).toBe(hex(pureJsCrypto.generateX25519KeyPairFromSeed(key).publicKey));
    expect(() => sodium.generateX25519SharedKey(mine.privateKey, new Uint8Array(32))).toThrow();
    expect(hex(sodium.hashSHA256(key))).toBe(hex(pureJsCrypto.hashSHA256(key)));
    expect(sodium.getHKDF(key, nonce).map(hex)).toEqual(pureJsCrypto.getHKDF(key, nonce).map(hex));
  });
});
