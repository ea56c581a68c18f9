/** Every hash of the protocol except those of the state's Merkle tree (docs/wire.md, "Digests"). */
import { hash } from "node:crypto";
import { Buffer } from "node:buffer";
import type { Committee } from "../protocol/committee.ts";
import type { Digest } from "../protocol/ids.ts";
import type { ExecutionRoots } from "../protocol/messages.ts";
import { fromHex } from "./bytes.ts";
import { encodeSized, writeBytes, writeHex32, writeU16, writeU64, writeU8 } from "./writer.ts";

/** SHA-256 as 64 lowercase hex characters. */
export const sha256 = (bytes: Uint8Array): Digest => hash("sha256", bytes, "hex") as Digest;

/** SHA-256 as 32 bytes in memory of their own. */
export const sha256Bytes = (bytes: Uint8Array): Uint8Array => fromHex(hash("sha256", bytes, "hex"));

const ascii = (text: string): Uint8Array => Buffer.from(`${text}\0`, "latin1");
const logDomain = ascii("byz/1/log");
const epochDomain = ascii("byz/1/epoch");

/** logHash(s) = H(logHash(s−1) ‖ digest(s)) (PROTOCOL §4). */
export const logHashAfter = (previous: Digest, digest: Digest): Digest =>
  sha256(
    encodeSized(64, (writer) => {
      writeHex32(writer, previous);
      writeHex32(writer, digest);
    }),
  );

/** logHash(0) = H("byz/1/log" ‖ 0x00 ‖ genesisHash): two networks differ from the first entry on. */
export const genesisLogHash = (genesisHash: Digest): Digest =>
  sha256(
    encodeSized(logDomain.length + 32, (writer) => {
      writeBytes(writer, logDomain);
      writeHex32(writer, genesisHash);
    }),
  );

/** What a CHECKPOINT signs: H(stateRoot ‖ logHash ‖ epochRoot) (PROTOCOL §4). */
export const checkpointDigest = (roots: { readonly stateRoot: Digest; readonly logHash: Digest; readonly epochRoot: Digest }): Digest =>
  sha256(
    encodeSized(96, (writer) => {
      writeHex32(writer, roots.stateRoot);
      writeHex32(writer, roots.logHash);
      writeHex32(writer, roots.epochRoot);
    }),
  );

/** What a RECEIPT signs: H(requests u16 ‖ resultsRoot ‖ stateRoot ‖ logHash) (PROTOCOL §3.6). */
export const receiptDigest = (roots: Omit<ExecutionRoots, "epoch" | "sequence">): Digest =>
  sha256(
    encodeSized(98, (writer) => {
      writeU16(writer, roots.requests);
      writeHex32(writer, roots.resultsRoot);
      writeHex32(writer, roots.stateRoot);
      writeHex32(writer, roots.logHash);
    }),
  );

/**
 * H("byz/1/epoch" ‖ 0x00 ‖ epoch u64 ‖ n u16 ‖ for each validator in order: key[32] ‖ peer (u8 length, text) ‖ moniker (u8 length, text)).
 *
 * @throws RangeError if a peer name or moniker is longer than 255 bytes
 */
export const epochRoot = (committee: Committee): Digest => {
  const members = committee.validators.map((validator) => ({
    publicKey: validator.publicKey,
    texts: [Buffer.from(validator.peer, "utf8"), Buffer.from(validator.moniker, "utf8")],
  }));
  let size = epochDomain.length + 8 + 2;
  for (const { texts } of members) size += 32 + texts.reduce((sum, text) => sum + 1 + text.length, 0);
  return sha256(
    encodeSized(size, (writer) => {
      writeBytes(writer, epochDomain);
      writeU64(writer, committee.epoch);
      writeU16(writer, members.length);
      for (const { publicKey, texts } of members) {
        writeHex32(writer, publicKey);
        for (const text of texts) {
          writeU8(writer, text.length);
          writeBytes(writer, text);
        }
      }
    }),
  );
};
