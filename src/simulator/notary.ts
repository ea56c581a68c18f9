/**
 * Signatures of a simulated universe. Checking a real one takes a hundred times longer than everything else that a message causes; these are as
 * unforgeable for the players: a token stands for one key and the exact bytes, and only the holder of the `KeyPair` can ask for one.
 */
import { hash } from "node:crypto";
import { checkSignature } from "../signing/check.ts";
import { ed25519 } from "../signing/ed25519.ts";
import { type KeyPair, keyFromSeed } from "../signing/keys.ts";
import type { SignatureCheck } from "../signing/check.ts";
import type { Digest, PublicKey, Signature } from "../protocol/ids.ts";
import { asBuffer, toHex } from "../wire/bytes.ts";
import { createRandom } from "./random.ts";

export interface Notary {
  /** the same key for the same name, in any universe of the same seed */
  key(name: string): KeyPair;
  isValid(check: Pick<SignatureCheck, "publicKey" | "message" | "signature">): boolean;
  /** whether some key signed a request of this name */
  wasRequested(id: Digest): boolean;
}

const requestDomain = Buffer.from("byz/1/request\0", "latin1");

const seedOf = (seed: bigint, name: string): Buffer => hash("sha256", `byz simulator ${seed} ${name}`, "buffer");

const same = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
};

/** Notes the name of every request that is signed: what is ordered without having been asked for is then seen. */
const noting = (key: KeyPair, requested: Set<Digest>): KeyPair => ({
  ...key,
  sign(message) {
    if (requestDomain.equals(asBuffer(message).subarray(0, requestDomain.length))) requested.add(toHex(message.subarray(-32)) as Digest);
    return key.sign(message);
  },
});

interface Issued {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly token: Uint8Array;
}

const PLACE_BYTES = 4;
const placeOf = (token: Uint8Array): number =>
  (token[0] as number) * 0x100_0000 + ((token[1] as number) << 16) + ((token[2] as number) << 8) + (token[3] as number);
const writeWord = (token: Uint8Array, at: number, word: number): void => {
  token[at] = word >>> 24;
  token[at + 1] = word >>> 16;
  token[at + 2] = word >>> 8;
  token[at + 3] = word;
};

/**
 * Tokens instead of signatures: each is a line in a ledger of what was signed, with 480 random bits that only the ledger knows. The same key and
 * bytes get the same token, as with Ed25519, and any other token, key or message is not valid.
 */
export const createTokenNotary = (seed: bigint): Notary => {
  const random = createRandom(seed, "notary");
  const issued: Issued[] = [];
  const requested = new Set<Digest>();

  const issue = (publicKey: Uint8Array, message: Uint8Array): Issued => {
    const token = new Uint8Array(64);
    writeWord(token, 0, issued.length);
    for (let at = PLACE_BYTES; at < 64; at += 4) writeWord(token, at, random.int(0x1_0000_0000));
    // no copy: sign-bytes are not to be changed, and are the same object for all who sign and check the same
    const line = { publicKey, message, token };
    issued.push(line);
    return line;
  };
  const signing = (publicKey: Uint8Array): KeyPair["sign"] => {
    const before = new Map<string, Issued>();
    return (message) => {
      const text = asBuffer(message).toString("latin1");
      let line = before.get(text);
      if (line === undefined) before.set(text, (line = issue(publicKey, message)));
      return new Uint8Array(line.token) as Signature;
    };
  };

  return {
    key(name) {
      const publicKeyBytes = Uint8Array.from(seedOf(seed, `public ${name}`));
      const publicKey = toHex(publicKeyBytes) as PublicKey;
      const exportSeed = (): Uint8Array => {
        throw new Error("a simulated key has no seed to export");
      };
      return noting({ publicKey, publicKeyBytes, sign: signing(publicKeyBytes), exportSeed }, requested);
    },
    isValid({ publicKey, message, signature }) {
      if (signature.length !== 64) return false;
      const line = issued[placeOf(signature)];
      return line !== undefined && same(line.token, signature) && same(line.message, message) && same(line.publicKey, publicKey);
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
