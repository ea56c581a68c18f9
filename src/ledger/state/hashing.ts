/**
 * Hashes of the state's tree (docs/ledger.md, "Tree"). Inside the tree a hash is a string of 32 characters, one a byte: the cheapest form that
 * `node:crypto` gives for small inputs, comparable with `===`, and written back into a buffer faster than hex.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import type { Digest } from "../../protocol/ids.ts";

declare const raw: unique symbol;
/** SHA-256, one character (U+0000–U+00FF) a byte. */
export type RawHash = string & { readonly [raw]: true };

/** The hash of an empty subtree: 32 zero bytes, which nobody knows a preimage of. */
export const emptyHash = "\0".repeat(32) as RawHash;

/** The root of a state without entries. */
export const emptyStateRoot = "0".repeat(64) as Digest;

const leafTag = 0;
const nodeTag = 1;
const scratch = Buffer.alloc(65);

const hashPair = (tag: number, left: RawHash, right: RawHash): RawHash => {
  scratch[0] = tag;
  scratch.write(left + right, 1, 64, "latin1");
  return hash("sha256", scratch, "binary") as RawHash;
};

/** H(0x00 ‖ SHA-256(key) ‖ SHA-256(value)) */
export const leafHash = (keyHash: RawHash, valueHash: RawHash): RawHash => hashPair(leafTag, keyHash, valueHash);
/** H(0x01 ‖ left ‖ right) */
export const nodeHash = (left: RawHash, right: RawHash): RawHash => hashPair(nodeTag, left, right);

export const hashBytes = (bytes: Uint8Array): RawHash => hash("sha256", bytes, "binary") as RawHash;

/** Of a key kept as a string of one character a byte. */
export const hashKey = (key: string): RawHash => hash("sha256", Buffer.from(key, "latin1"), "binary") as RawHash;

export const rawToDigest = (value: RawHash): Digest => Buffer.from(value, "latin1").toString("hex") as Digest;
export const digestToRaw = (digest: Digest): RawHash => Buffer.from(digest, "hex").toString("latin1") as RawHash;

/** Bit `depth` of a path, the first being the most significant of the first byte. */
export const bitAt = (path: RawHash, depth: number): 0 | 1 => ((path.charCodeAt(depth >>> 3) >>> (7 - (depth & 7))) & 1) as 0 | 1;

/** Four bits of a path: the slot that it takes in the page at `depth`. */
export const nibbleAt = (path: RawHash, depth: number): number => {
  const byte = path.charCodeAt(depth >>> 1);
  return depth & 1 ? byte & 15 : byte >>> 4;
};

export const keyToBytes = (key: string): Uint8Array => Buffer.from(key, "latin1");
