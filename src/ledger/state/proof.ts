/**
 * Proofs that a state holds a value under a key, or nothing (docs/ledger.md, "Proofs"): checkable by anyone who knows the root.
 *
 * Bytes: kind u8 (0 present, 1 absent: nothing is there, 2 absent: another key's leaf is there) ‖ depth u16 (0–256) ‖ bitmap (⌈depth/8⌉ bytes; bit
 * i, the most significant first: sibling i is not empty; what is left over is 0) ‖ the siblings that are not empty, from the root down, 32 bytes each
 * ‖ for kind 2: SHA-256 of the other key and of its value.
 */
import { Buffer } from "node:buffer";
import type { Digest } from "../../protocol/ids.ts";
import { bitAt, emptyHash, hashBytes, leafHash, nodeHash, rawToDigest } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";

const maxDepth = 256;
/** header, bitmap, siblings, other leaf */
export const maxStateProofBytes = 3 + maxDepth / 8 + maxDepth * 32 + 64;

export interface StateProof {
  /** from the root down */
  readonly siblings: readonly RawHash[];
  /** the leaf of another key that stands in the way; only in a proof of absence */
  readonly other?: { readonly keyHash: RawHash; readonly valueHash: RawHash };
  /** whether the key is there */
  readonly present: boolean;
}

export const encodeStateProof = (proof: StateProof): Uint8Array => {
  const depth = proof.siblings.length;
  if (depth > maxDepth) throw new RangeError(`a path of ${depth} nodes`);
  const bitmap = new Uint8Array(Math.ceil(depth / 8));
  const parts: Uint8Array[] = [];
  proof.siblings.forEach((sibling, index) => {
    if (sibling === emptyHash) return;
    bitmap[index >>> 3] = (bitmap[index >>> 3] as number) | (0x80 >>> (index & 7));
    parts.push(Buffer.from(sibling, "latin1"));
  });
  if (proof.other !== undefined) parts.push(Buffer.from(proof.other.keyHash + proof.other.valueHash, "latin1"));
  const kind = proof.present ? 0 : proof.other === undefined ? 1 : 2;
  return new Uint8Array(Buffer.concat([Uint8Array.of(kind, depth >>> 8, depth & 0xff), bitmap, ...parts]));
};

/** The proof, or undefined if the bytes are not exactly one. Never throws. */
export const decodeStateProof = (bytes: Uint8Array): StateProof | undefined => {
  if (bytes.length < 3 || bytes.length > maxStateProofBytes) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = buffer.readUInt8(0);
  const depth = buffer.readUInt16BE(1);
  const bitmapBytes = Math.ceil(depth / 8);
  if (kind > 2 || depth > maxDepth || buffer.length < 3 + bitmapBytes) return undefined;
  const bitSet = (index: number): boolean => ((buffer[3 + (index >>> 3)] as number) & (0x80 >>> (index & 7))) !== 0;
  for (let index = depth; index < bitmapBytes * 8; index++) if (bitSet(index)) return undefined;
  let at = 3 + bitmapBytes;
  const readHash = (): RawHash => buffer.toString("latin1", at, (at += 32)) as RawHash;
  const siblings: RawHash[] = [];
  for (let index = 0; index < depth; index++) {
    if (!bitSet(index)) siblings.push(emptyHash);
    else if (at + 32 > buffer.length) return undefined;
    else {
      const sibling = readHash();
      if (sibling === emptyHash) return undefined;
      siblings.push(sibling);
    }
  }
  if (buffer.length !== at + (kind === 2 ? 64 : 0)) return undefined;
  if (kind !== 2) return { siblings, present: kind === 0 };
  const keyHash = readHash();
  return { siblings, present: false, other: { keyHash, valueHash: readHash() } };
};

/** The first bits of two paths are the same. */
const sharesWay = (a: RawHash, b: RawHash, bits: number): boolean => {
  for (let depth = 0; depth < bits; depth++) if (bitAt(a, depth) !== bitAt(b, depth)) return false;
  return true;
};

const endOfWay = (proof: StateProof, keyHash: RawHash, value: Uint8Array | undefined): RawHash | undefined => {
  if (proof.present !== (value !== undefined)) return undefined;
  if (value !== undefined) return leafHash(keyHash, hashBytes(value));
  if (proof.other === undefined) return emptyHash;
  const { keyHash: otherKey, valueHash } = proof.other;
  if (otherKey === keyHash || !sharesWay(otherKey, keyHash, proof.siblings.length)) return undefined;
  return leafHash(otherKey, valueHash);
};

/**
 * Whether the state with `root` holds exactly `value` under `key` (`undefined`: holds nothing). Needs nothing else; never throws.
 * @param key the whole state key, with its namespace (`applicationKey`)
 * @param proof a proof or its bytes
 */
export const verifyStateProof = (root: Digest, key: Uint8Array, value: Uint8Array | undefined, proof: StateProof | Uint8Array): boolean => {
  const decoded = proof instanceof Uint8Array ? decodeStateProof(proof) : proof;
  if (decoded === undefined || decoded.siblings.length > maxDepth) return false;
  const keyHash = hashBytes(key);
  let hash = endOfWay(decoded, keyHash, value);
  if (hash === undefined) return false;
  for (let depth = decoded.siblings.length - 1; depth >= 0; depth--) {
    const sibling = decoded.siblings[depth] as RawHash;
    hash = bitAt(keyHash, depth) === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
  }
  return rawToDigest(hash) === root;
};
