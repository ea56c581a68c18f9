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
import { signedCheckpointBytes, signedPrepareBytes, signedVoteBytes } from "./sizes.ts";
import { readSync, sizeOfSync, syncTags, writeSync } from "./sync-frames.ts";
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
  ...syncTags,
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
  decodeWhole(bytes, limits.maxFrameBytes, "frame", readSync) as Decoded<SyncFrame>;

/** One gossip message, at most `limits.maxGossipBytes`: a proposal. Never throws. The batch is a view of `bytes`. */
export const decodeGossip = (bytes: Uint8Array): Decoded<ProposalFrame> =>
  decodeWhole(bytes, limits.maxGossipBytes, "frame", readGossip) as Decoded<ProposalFrame>;

/** What reads frames, by where they come from. */
export interface FrameDecoders {
  readonly consensus: (bytes: Uint8Array) => Decoded<ConsensusFrame>;
  readonly sync: (bytes: Uint8Array) => Decoded<SyncFrame>;
  readonly gossip: (bytes: Uint8Array) => Decoded<ProposalFrame>;
}

export const frameDecoders: FrameDecoders = { consensus: decodeConsensusFrame, sync: decodeSyncFrame, gossip: decodeGossip };
