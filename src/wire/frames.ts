/** Frames: one byte that names the message, then its fields (docs/wire.md "Frames"). The length prefix belongs to the network. */
import { limits } from "../protocol/limits.ts";
import type {
  Batch,
  Checkpoint,
  Commit,
  PrePrepare,
  Prepare,
  Signed,
  SignedNewView,
  SyncMessage,
  ViewChange,
} from "../protocol/messages.ts";
import { decodeWhole, fail, readU8 } from "./reader.ts";
import type { Decoded, Reader } from "./reader.ts";
import { readBatch } from "./requests.ts";
import {
  digestBytes,
  fetchBlocksBytes,
  fetchReceiptBytes,
  receiptBytes,
  signedCheckpointBytes,
  signedPrepareBytes,
  signedVoteBytes,
  statusBytes,
} from "./sizes.ts";
import { readFetchState, readStateAnswers, sizeOfFetchState, sizeOfStateAnswers, writeFetchState, writeStateAnswers } from "./state.ts";
import {
  readBlocks,
  readDocuments,
  readFetchBatch,
  readFetchBlocks,
  readFetchReceipt,
  readReceipt,
  readRelay,
  readStableCheckpoint,
  readStatus,
  sizeOfBlocks,
  sizeOfRelay,
  sizeOfStableCheckpoint,
  writeBlocks,
  writeDocuments,
  writeFetchBatch,
  writeFetchBlocks,
  writeFetchReceipt,
  writeReceipt,
  writeRelay,
  writeStableCheckpoint,
  writeStatus,
} from "./sync.ts";
import {
  readSignedNewView,
  readSignedViewChange,
  sizeOfSignedNewView,
  sizeOfSignedViewChange,
  writeSignedNewView,
  writeSignedViewChange,
} from "./view-change.ts";
import {
  readSignedCheckpoint,
  readSignedCommit,
  readSignedPrePrepare,
  readSignedPrepare,
  writeSignedCheckpoint,
  writeSignedVote,
} from "./votes.ts";
import { encodeSized, writeBytes, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

/** First byte of a frame. */
export const tags = {
  proposal: 0x01,
  prepare: 0x02,
  commit: 0x03,
  checkpoint: 0x04,
  "view-change": 0x05,
  "new-view": 0x06,
  status: 0x10,
  relay: 0x11,
  "fetch-batch": 0x12,
  batch: 0x13,
  "fetch-blocks": 0x14,
  blocks: 0x15,
  "stable-checkpoint": 0x16,
  "fetch-receipt": 0x17,
  receipt: 0x18,
  documents: 0x19,
  "fetch-state": 0x1a,
  state: 0x1b,
} as const;

/** A PRE-PREPARE with its batch: the same bytes on gossip and on a direct stream. */
export interface ProposalFrame {
  readonly kind: "proposal";
  readonly signed: Signed<PrePrepare>;
  readonly batch: Batch;
}

/** What travels on the consensus channel. */
export type ConsensusFrame =
  | ProposalFrame
  | { readonly kind: "prepare"; readonly signed: Signed<Prepare> }
  | { readonly kind: "commit"; readonly signed: Signed<Commit> }
  | { readonly kind: "checkpoint"; readonly signed: Signed<Checkpoint> }
  | { readonly kind: "view-change"; readonly signed: Signed<ViewChange> }
  | { readonly kind: "new-view"; readonly signed: SignedNewView };

/** What travels on the sync channel. */
export type SyncFrame = SyncMessage;

const sizeOfConsensus = (frame: ConsensusFrame): number => {
  switch (frame.kind) {
    case "proposal":
      return signedVoteBytes + frame.batch.bytes.length;
    case "prepare":
      return signedPrepareBytes;
    case "commit":
      return signedVoteBytes;
    case "checkpoint":
      return signedCheckpointBytes;
    case "view-change":
      return sizeOfSignedViewChange(frame.signed);
    case "new-view":
      return sizeOfSignedNewView(frame.signed);
  }
};

const sizeOfSync = (frame: SyncFrame): number => {
  switch (frame.kind) {
    case "status":
      return statusBytes;
    case "relay":
      return sizeOfRelay(frame);
    case "fetch-batch":
      return digestBytes;
    case "batch":
      return frame.bytes.length;
    case "fetch-blocks":
      return fetchBlocksBytes;
    case "blocks":
      return sizeOfBlocks(frame);
    case "stable-checkpoint":
      return sizeOfStableCheckpoint(frame);
    case "fetch-receipt":
      return fetchReceiptBytes;
    case "receipt":
      return receiptBytes;
    case "documents":
      return 4 + frame.bytes.length;
    case "fetch-state":
      return sizeOfFetchState(frame);
    case "state":
      return sizeOfStateAnswers(frame);
  }
};

const sizeOf = (frame: ConsensusFrame | SyncFrame): number => ("signed" in frame ? sizeOfConsensus(frame) : sizeOfSync(frame));

const writeConsensus = (writer: Writer, frame: ConsensusFrame): void => {
  switch (frame.kind) {
    case "proposal":
      writeSignedVote(writer, frame.signed);
      return writeBytes(writer, frame.batch.bytes);
    case "prepare":
    case "commit":
      return writeSignedVote(writer, frame.signed);
    case "checkpoint":
      return writeSignedCheckpoint(writer, frame.signed);
    case "view-change":
      return writeSignedViewChange(writer, frame.signed);
    case "new-view":
      return writeSignedNewView(writer, frame.signed);
  }
};

const writeSync = (writer: Writer, frame: SyncFrame): void => {
  switch (frame.kind) {
    case "status":
      return writeStatus(writer, frame);
    case "relay":
      return writeRelay(writer, frame);
    case "fetch-batch":
      return writeFetchBatch(writer, frame);
    case "batch":
      return writeBytes(writer, frame.bytes);
    case "fetch-blocks":
      return writeFetchBlocks(writer, frame);
    case "blocks":
      return writeBlocks(writer, frame);
    case "stable-checkpoint":
      return writeStableCheckpoint(writer, frame);
    case "fetch-receipt":
      return writeFetchReceipt(writer, frame);
    case "receipt":
      return writeReceipt(writer, frame);
    case "documents":
      return writeDocuments(writer, frame);
    case "fetch-state":
      return writeFetchState(writer, frame);
    case "state":
      return writeStateAnswers(writer, frame);
  }
};

/**
 * One frame, without its length prefix, in memory of its own. The caller keeps to the limits: what breaks them is refused by every decoder.
 *
 * @throws RangeError for a value that has no encoding: an index above 255, a signature or digest of the wrong length
 */
export const encodeFrame = (frame: ConsensusFrame | SyncFrame): Uint8Array =>
  encodeSized(1 + sizeOf(frame), (writer) => {
    writeU8(writer, tags[frame.kind]);
    if ("signed" in frame) writeConsensus(writer, frame);
    else writeSync(writer, frame);
  });

/** Bytes of a frame without building it. */
export const frameBytes = (frame: ConsensusFrame | SyncFrame): number => 1 + sizeOf(frame);

const readProposal = (reader: Reader): ProposalFrame | undefined => {
  const signed = readSignedPrePrepare(reader);
  const batch = readBatch(reader);
  return batch === undefined ? undefined : { kind: "proposal", signed, batch };
};

const readConsensusFrame = (reader: Reader): ConsensusFrame | undefined => {
  switch (readU8(reader, "frame")) {
    case tags.proposal:
      return readProposal(reader);
    case tags.prepare:
      return { kind: "prepare", signed: readSignedPrepare(reader) };
    case tags.commit:
      return { kind: "commit", signed: readSignedCommit(reader) };
    case tags.checkpoint:
      return { kind: "checkpoint", signed: readSignedCheckpoint(reader) };
    case tags["view-change"]:
      return { kind: "view-change", signed: readSignedViewChange(reader) };
    case tags["new-view"]:
      return { kind: "new-view", signed: readSignedNewView(reader) };
    default:
      fail(reader, "unknown-tag", "frame");
      return undefined;
  }
};

const readSyncFrame = (reader: Reader): SyncFrame | undefined => {
  switch (readU8(reader, "frame")) {
    case tags.status:
      return readStatus(reader);
    case tags.relay:
      return readRelay(reader);
    case tags["fetch-batch"]:
      return readFetchBatch(reader);
    case tags.batch:
      return readBatch(reader);
    case tags["fetch-blocks"]:
      return readFetchBlocks(reader);
    case tags.blocks:
      return readBlocks(reader);
    case tags["stable-checkpoint"]:
      return readStableCheckpoint(reader);
    case tags["fetch-receipt"]:
      return readFetchReceipt(reader);
    case tags.receipt:
      return readReceipt(reader);
    case tags.documents:
      return readDocuments(reader);
    case tags["fetch-state"]:
      return readFetchState(reader);
    case tags.state:
      return readStateAnswers(reader);
    default:
      fail(reader, "unknown-tag", "frame");
      return undefined;
  }
};

const readGossip = (reader: Reader): ProposalFrame | undefined => {
  if (readU8(reader, "frame") === tags.proposal) return readProposal(reader);
  fail(reader, "unknown-tag", "frame");
  return undefined;
};

// A reader without an error has a value: the casts below only take `undefined` away.

/** One frame of the consensus channel, at most `limits.maxFrameBytes`. Never throws. Batches and requests are views of `bytes`. */
export const decodeConsensusFrame = (bytes: Uint8Array): Decoded<ConsensusFrame> =>
  decodeWhole(bytes, limits.maxFrameBytes, "frame", readConsensusFrame) as Decoded<ConsensusFrame>;

/** One frame of the sync channel, at most `limits.maxFrameBytes`. Never throws. Batches and requests are views of `bytes`. */
export const decodeSyncFrame = (bytes: Uint8Array): Decoded<SyncFrame> =>
  decodeWhole(bytes, limits.maxFrameBytes, "frame", readSyncFrame) as Decoded<SyncFrame>;

/** One gossip message, at most `limits.maxGossipBytes`: a proposal. Never throws. The batch is a view of `bytes`. */
export const decodeGossip = (bytes: Uint8Array): Decoded<ProposalFrame> =>
  decodeWhole(bytes, limits.maxGossipBytes, "frame", readGossip) as Decoded<ProposalFrame>;
