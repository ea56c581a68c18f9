/** Branded numbers and strings: a view can not be passed where a sequence is meant. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Position in the ledger; the first batch has 1, 0 is the genesis state. A safe integer. */
export type Sequence = Branded<number, "Sequence">;
/** Number of a primary's term within an epoch, from 0. A safe integer. */
export type View = Branded<number, "View">;
/** Number of a validator set, from 0. A safe integer. */
export type Epoch = Branded<number, "Epoch">;
/** A validator's position in its epoch's ordered list (PROTOCOL §3.1). */
export type ReplicaIndex = Branded<number, "ReplicaIndex">;
/** SHA-256, 64 lowercase hex characters: comparable with `===` and usable as a map key. */
export type Digest = Branded<string, "Digest">;
/** Ed25519 public key, 64 lowercase hex characters. */
export type PublicKey = Branded<string, "PublicKey">;
/** A libp2p peer id in its base58 form. */
export type PeerName = Branded<string, "PeerName">;
/** Ed25519 signature, exactly 64 bytes. */
export type Signature = Branded<Uint8Array, "Signature">;

const hex64 = /^[0-9a-f]{64}$/;

const safeInteger = (value: number, name: string): number => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} is not an unsigned safe integer: ${value}`);
  return value;
};

/** @throws RangeError if `value` is not an unsigned safe integer */
export const toSequence = (value: number): Sequence => safeInteger(value, "sequence") as Sequence;
/** @throws RangeError if `value` is not an unsigned safe integer */
export const toView = (value: number): View => safeInteger(value, "view") as View;
/** @throws RangeError if `value` is not an unsigned safe integer */
export const toEpoch = (value: number): Epoch => safeInteger(value, "epoch") as Epoch;
/** @throws RangeError if `value` is not an unsigned safe integer */
export const toReplicaIndex = (value: number): ReplicaIndex => safeInteger(value, "replica") as ReplicaIndex;

/** The form of a peer name: base58, of an Ed25519 peer id. Whether it is one, `network/peer-name.ts` tells. */
export const peerIdForm = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

/** @throws TypeError if `value` is not 64 lowercase hex characters */
export const toDigest = (value: string): Digest => {
  if (!hex64.test(value)) throw new TypeError("a digest is 64 lowercase hex characters");
  return value as Digest;
};
/** @throws TypeError if `value` is not 64 lowercase hex characters */
export const toPublicKey = (value: string): PublicKey => {
  if (!hex64.test(value)) throw new TypeError("a public key is 64 lowercase hex characters");
  return value as PublicKey;
};
/** @throws TypeError if `value` is not 64 bytes long */
export const toSignature = (value: Uint8Array): Signature => {
  if (value.length !== 64) throw new TypeError("a signature is 64 bytes");
  return value as Signature;
};
export const toPeerName = (value: string): PeerName => value as PeerName;

export const nextSequence = (sequence: Sequence): Sequence => (sequence + 1) as Sequence;
export const nextView = (view: View): View => (view + 1) as View;
