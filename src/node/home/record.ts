/** A validator's public record: what it gives to those who found a network (PROTOCOL §1; docs/wire.md "Genesis"). */
import { z } from "zod";
import { peerNameFromPublicKey, publicKeyFromPeerName } from "../../network/peer-name.ts";
import { toPublicKey } from "../../protocol/ids.ts";
import type { PeerName, PublicKey } from "../../protocol/ids.ts";
import { checkPublicKey, verifySignature } from "../../signing/ed25519.ts";
import type { KeyPair } from "../../signing/keys.ts";

import { fromHex } from "../../wire/bytes.ts";
import { sha256 } from "../../wire/digests.ts";
import { recordSignBytes } from "../../wire/sign-bytes.ts";
import { encodeSized, writeBytes, writeHex32, writeU8 } from "../../wire/writer.ts";
import { monikerRule } from "./settings.ts";

/** Who a validator is: both of its keys and a name for people. */
export interface RecordContent {
  readonly moniker: string;
  readonly validatorKey: PublicKey;
  readonly peerId: PeerName;
}

/** Signed by both keys, so that nobody can claim another's key or channel. Signatures are 64 bytes in base64. */
export interface PublicRecord extends RecordContent {
  readonly signatures: { readonly validator: string; readonly node: string };
}

const signatureSchema = z.string().regex(/^[A-Za-z0-9+/]{86}==$/, "must be 64 bytes in base64");

/** The record's JSON, by form; `recordProblems` tells whether it is true. */
export const recordSchema = z.strictObject({
  moniker: z.string().superRefine((value, context) => {
    const problem = monikerRule(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  }),
  validatorKey: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lowercase hex characters"),
  peerId: z.string().max(64, "is not an Ed25519 peer id"),
  signatures: z.strictObject({ validator: signatureSchema, node: signatureSchema }),
});

const utf8 = new TextEncoder();

/** validatorKey[32] ‖ peer id (u8 length, text) ‖ moniker (u8 length, text) */
export const encodeRecordContent = ({ moniker, validatorKey, peerId }: RecordContent): Uint8Array => {
  const texts = [utf8.encode(peerId), utf8.encode(moniker)];
  const size = texts.reduce((sum, text) => sum + 1 + text.length, 32);
  return encodeSized(size, (writer) => {
    writeHex32(writer, validatorKey);
    for (const text of texts) {
      writeU8(writer, text.length);
      writeBytes(writer, text);
    }
  });
};

/** What both keys sign. */
const signedBytes = (content: RecordContent): Uint8Array => recordSignBytes(sha256(encodeRecordContent(content)));

/** The public record of the holder of both keys; `peerId` is the node key's. */
export const signRecord = (moniker: string, keys: { readonly validator: KeyPair; readonly node: KeyPair }): PublicRecord => {
  const content = { moniker, validatorKey: keys.validator.publicKey, peerId: peerNameFromPublicKey(keys.node.publicKey) };
  const bytes = signedBytes(content);
  const base64 = (key: KeyPair): string => Buffer.from(key.sign(bytes)).toString("base64");
  return { ...content, signatures: { validator: base64(keys.validator), node: base64(keys.node) } };
};

const nodeKeyOf = (peerId: string): PublicKey | undefined => {
  try {
    return publicKeyFromPeerName(peerId);
  } catch {
    return undefined;
  }
};

/**
 * What is untrue about a well-formed record: keys that the strict rule refuses, one key in both places, signatures that do not verify.
 * Empty when all is well.
 */
export const recordProblems = (record: z.infer<typeof recordSchema>): string[] => {
  const validatorKey = toPublicKey(record.validatorKey);
  const nodeKey = nodeKeyOf(record.peerId);
  if (nodeKey === undefined) return ["peerId is not an Ed25519 peer id"];
  const problems: string[] = [];
  const keys = { validatorKey: checkPublicKey(fromHex(validatorKey)), "peerId's key": checkPublicKey(fromHex(nodeKey)) };
  for (const [name, checked] of Object.entries(keys)) {
    if (!checked.ok) problems.push(`${name} is refused: ${checked.reason}`);
  }
  if (validatorKey === nodeKey) problems.push("validatorKey and peerId are the same key; they must differ");
  if (problems.length > 0) return problems;
  const bytes = signedBytes({ moniker: record.moniker, validatorKey, peerId: record.peerId as PeerName });
  const holds = (key: PublicKey, signature: string): boolean => verifySignature(fromHex(key), bytes, Buffer.from(signature, "base64"));
  if (!holds(validatorKey, record.signatures.validator)) problems.push("the validator key's signature does not verify");
  if (!holds(nodeKey, record.signatures.node)) problems.push("the node key's signature does not verify");
  return problems;
};
