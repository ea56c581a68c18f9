/** The strict rule on node:crypto: slower, everywhere. The key and R checks make it independent of the Node.js version. */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { publicKeyProblem } from "./edwards.ts";
import { isPlausible } from "./rule.ts";
import type { Ed25519 } from "./rule.ts";

/** SubjectPublicKeyInfo and PKCS #8 headers of Ed25519 (RFC 8410). */
const publicHeader = Buffer.from("302a300506032b6570032100", "hex");
const privateHeader = Buffer.from("302e020100300506032b657004220420", "hex");

/** imported keys kept, oldest dropped first: importing costs as much as half a verification */
const maxImportedKeys = 1024;

const importPublic = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicHeader, publicKey]), format: "der", type: "spki" });

const importPrivate = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([privateHeader, seed]), format: "der", type: "pkcs8" });

export const createNodeForm = (): Ed25519 => {
  const imported = new Map<string, KeyObject>();
  let last: { readonly seed: Uint8Array; readonly key: KeyObject } | undefined;

  const keyObjectOf = (publicKey: Uint8Array): KeyObject => {
    const name = Buffer.from(publicKey).toString("latin1");
    const known = imported.get(name);
    if (known !== undefined) return known;
    const key = importPublic(publicKey);
    const [oldest] = imported.keys();
    if (imported.size >= maxImportedKeys && oldest !== undefined) imported.delete(oldest);
    imported.set(name, key);
    return key;
  };

  return {
    name: "node",
    isPublicKey: (publicKey) => publicKeyProblem(publicKey) === undefined,
    verify: (publicKey, message, signature) => {
      if (!isPlausible(publicKey, signature)) return false;
      try {
        return verify(null, message, keyObjectOf(publicKey), signature);
      } catch {
        return false;
      }
    },
    sign: (seed, message) => {
      if (last?.seed !== seed) last = { seed, key: importPrivate(seed) };
      return new Uint8Array(sign(null, message, last.key));
    },
    publicKeyOf: (seed) => new Uint8Array(createPublicKey(importPrivate(seed)).export({ format: "der", type: "spki" }).subarray(-32)),
  };
};
