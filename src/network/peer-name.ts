/**
 * Peer names and node keys. A peer name is the base58 form of an Ed25519 libp2p peer id, in which the public key itself is written:
 * a name and a key are two spellings of one thing, and a channel to a name is a channel to the holder of that key (PROTOCOL §1).
 */
import { privateKeyFromRaw, publicKeyFromRaw } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey, Ed25519PeerId } from "@libp2p/interface";
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { toPeerName, toPublicKey } from "../protocol/ids.ts";
import type { PeerName, PublicKey } from "../protocol/ids.ts";

const keyBytes = 32;

/**
 * The peer name of an Ed25519 public key.
 * @throws TypeError if `key` is not 64 lowercase hex characters
 */
export const peerNameFromPublicKey = (key: PublicKey): PeerName => {
  const raw = Buffer.from(toPublicKey(key), "hex");
  return toPeerName(peerIdFromPublicKey(publicKeyFromRaw(raw)).toString());
};

const parsePeerId = (name: string): Ed25519PeerId | undefined => {
  // The longest base58 form of an Ed25519 peer id has 52 characters; nothing longer is decoded.
  if (name.length > 64) return undefined;
  try {
    const id = peerIdFromString(name);
    return id.type === "Ed25519" && id.toString() === name ? id : undefined;
  } catch {
    return undefined;
  }
};

/** True when `name` is the canonical base58 form of an Ed25519 peer id. */
export const isPeerName = (name: string): name is PeerName => parsePeerId(name) !== undefined;

/**
 * The Ed25519 public key written in a peer name.
 * @throws TypeError if `name` is not the canonical base58 form of an Ed25519 peer id
 */
export const publicKeyFromPeerName = (name: string): PublicKey => {
  const id = parsePeerId(name);
  if (id === undefined) throw new TypeError(`not an Ed25519 peer id: ${name.slice(0, 64)}`);
  return toPublicKey(Buffer.from(id.publicKey.raw).toString("hex"));
};

/** A new node key: 32 random bytes, the Ed25519 seed. Keep it secret. */
export const generateNodeKey = (): Uint8Array => new Uint8Array(randomBytes(keyBytes));

/** DER of an Ed25519 private key up to its 32 bytes (RFC 8410) */
const privateHeader = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * By OpenSSL in microseconds; libp2p's own way is in JavaScript and takes 40 ms in a process that has only just started. `signing` does the same, and is no
 * room that the network may know.
 */
const publicHalfOf = (seed: Uint8Array): Uint8Array => {
  const secret = createPrivateKey({ key: Buffer.concat([privateHeader, seed]), format: "der", type: "pkcs8" });
  return createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-keyBytes);
};

/**
 * The libp2p form of a node key. Takes the 32-byte seed, or seed and public key in 64 bytes, whose halves must belong together.
 * @throws TypeError if the length is another, or the halves differ
 */
export const toLibp2pKey = (key: Uint8Array): Ed25519PrivateKey => {
  if (key.length !== keyBytes && key.length !== 2 * keyBytes) throw new TypeError(`a node key has 32 or 64 bytes, not ${key.length}`);
  const seed = key.subarray(0, keyBytes);
  const publicHalf = publicHalfOf(seed);
  if (key.length === 2 * keyBytes && !Buffer.from(publicHalf).equals(key.subarray(keyBytes))) {
    throw new TypeError("the node key's public half does not belong to its secret half");
  }
  return privateKeyFromRaw(Buffer.concat([seed, publicHalf])) as Ed25519PrivateKey;
};

/** The peer name of a node key in its libp2p form. */
export const peerNameOf = ({ publicKey }: Pick<Ed25519PrivateKey, "publicKey">): PeerName =>
  toPeerName(peerIdFromPublicKey(publicKey).toString());

/**
 * The peer name of a node key (32-byte seed, or 64 bytes).
 * @throws TypeError as {@link toLibp2pKey}
 */
export const peerNameFromNodeKey = (key: Uint8Array): PeerName => peerNameOf(toLibp2pKey(key));
