/**
 * The exact bytes under every signature (PROTOCOL §2; docs/wire.md "Sign-bytes"):
 * "byz/1/" ‖ kind ‖ 0x00 ‖ genesisHash[32] ‖ epoch u64 ‖ view u64 ‖ sequence u64 ‖ digest[32].
 *
 * No two kinds share a first part (0x00 ends each), so no signature of one kind is one of another.
 */
import { Buffer } from "node:buffer";
import type { Digest } from "../protocol/ids.ts";
import type { ConsensusMessage, ExecutionRoots, Request } from "../protocol/messages.ts";
import { checkpointDigest, receiptDigest } from "./digests.ts";
import { newViewDigest, viewChangeDigest } from "./view-change.ts";
import { encodeSized, writeBytes, writeHex32, writeU64 } from "./writer.ts";

export const signedKinds = [
  "request",
  "pre-prepare",
  "prepare",
  "commit",
  "checkpoint",
  "view-change",
  "new-view",
  "record",
  "receipt",
  "document",
] as const;
export type SignedKind = (typeof signedKinds)[number];

/** What varies within one kind and one network. */
export interface SignedFields {
  readonly epoch: number;
  readonly view: number;
  readonly sequence: number;
  readonly digest: Digest;
}

/**
 * The sign-bytes of one network, at most 106 bytes. Not to be changed: all votes of one kind for one slot sign the same, and are given the same.
 */
export interface SignBytes {
  readonly genesisHash: Digest;
  of(kind: SignedKind, fields: SignedFields): Uint8Array;
  /**
   * Of a consensus message. A VIEW-CHANGE or NEW-VIEW is encoded and hashed for it: 0.1 ms for each 100 KB.
   */
  ofMessage(message: ConsensusMessage): Uint8Array;
  /** epoch 0, view 0, sequence = the client's own number, digest = the request's id */
  ofRequest(request: Pick<Request, "sequence" | "id">): Uint8Array;
  /** of an operation on a shared document */
  ofOperation(operation: { readonly sequence: number; readonly id: Digest }): Uint8Array;
  /** view 0, digest = H(requests u16 ‖ resultsRoot ‖ stateRoot ‖ logHash) */
  ofReceipt(roots: ExecutionRoots): Uint8Array;
}

const zeroHash = "0".repeat(64) as Digest;
const fieldsBytes = 8 + 8 + 8 + 32;
/** the longest: "byz/1/pre-prepare" or "byz/1/view-change" */
export const maxSignBytes = 6 + 11 + 1 + 32 + fieldsBytes;

const prefixOf = (kind: SignedKind, genesisHash: Digest): Buffer => {
  const domain = Buffer.from(`byz/1/${kind}\0`, "latin1");
  return Buffer.concat([domain, Buffer.from(genesisHash, "hex")]);
};

const withPrefix = (prefix: Uint8Array, fields: SignedFields): Uint8Array =>
  encodeSized(prefix.length + fieldsBytes, (writer) => {
    writeBytes(writer, prefix);
    writeU64(writer, fields.epoch);
    writeU64(writer, fields.view);
    writeU64(writer, fields.sequence);
    writeHex32(writer, fields.digest);
  });

/** slots whose sign-bytes are remembered for each kind, a power of two: a pipeline's, and those that are repeated */
const REMEMBERED = 16;

interface Remembered extends SignedFields {
  readonly bytes: Uint8Array;
}

/** Of one kind: each sender's vote for a slot, and each certificate, comes to the same bytes again. */
const createMemory = (prefix: Uint8Array): ((fields: SignedFields) => Uint8Array) => {
  const known: (Remembered | undefined)[] = Array.from({ length: REMEMBERED }, () => undefined);
  return (fields) => {
    const { epoch, view, sequence, digest } = fields;
    const place = sequence % REMEMBERED;
    const last = known[place];
    if (last !== undefined && last.sequence === sequence && last.view === view && last.epoch === epoch && last.digest === digest)
      return last.bytes;
    const bytes = withPrefix(prefix, fields);
    known[place] = { epoch, view, sequence, digest, bytes };
    return bytes;
  };
};

const fieldsOf = (message: ConsensusMessage): SignedFields => {
  switch (message.kind) {
    case "pre-prepare":
    case "prepare":
    case "commit":
      return message;
    case "checkpoint":
      return { epoch: message.epoch, view: 0, sequence: message.sequence, digest: checkpointDigest(message) };
    case "view-change":
      return { epoch: message.epoch, view: message.view, sequence: 0, digest: viewChangeDigest(message) };
    case "new-view":
      return { epoch: message.epoch, view: message.view, sequence: 0, digest: newViewDigest(message) };
  }
};

/** Sign-bytes of the network with this genesis. */
export const createSignBytes = (genesisHash: Digest): SignBytes => {
  const of = Object.fromEntries(signedKinds.map((kind) => [kind, createMemory(prefixOf(kind, genesisHash))])) as unknown as Record<
    SignedKind,
    (fields: SignedFields) => Uint8Array
  >;
  return {
    genesisHash,
    of: (kind, fields) => of[kind](fields),
    ofMessage: (message) => of[message.kind](fieldsOf(message)),
    ofRequest: ({ sequence, id }) => of.request({ epoch: 0, view: 0, sequence, digest: id }),
    ofOperation: ({ sequence, id }) => of.document({ epoch: 0, view: 0, sequence, digest: id }),
    ofReceipt: (roots) => of.receipt({ epoch: roots.epoch, view: 0, sequence: roots.sequence, digest: receiptDigest(roots) }),
  };
};

/**
 * Sign-bytes of a validator's public record, which exists before any genesis: genesis hash and numbers all zero.
 *
 * @param digest H(the record's content)
 */
export const recordSignBytes = (digest: Digest): Uint8Array =>
  withPrefix(prefixOf("record", zeroHash), { epoch: 0, view: 0, sequence: 0, digest });
