/** Signed votes and checkpoints (PROTOCOL §3, §4; docs/wire.md "Votes"). */
import { limits } from "../protocol/limits.ts";
import type { Digest, Epoch, ReplicaIndex, Sequence, View } from "../protocol/ids.ts";
import type { Checkpoint, Commit, PrePrepare, Prepare, Signed } from "../protocol/messages.ts";
import { fail, readDigest, readSignature, readU64, readU8 } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { writeBytes, writeHex32, writeU64, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

/** What a vote is about. */
export interface Slot {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
}

/** What a checkpoint is about. */
export interface Roots {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly stateRoot: Digest;
  readonly logHash: Digest;
  readonly epochRoot: Digest;
}

/** A validator's index: one byte, below `limits.maxValidators`. */
export const readReplica = (reader: Reader, field: string): ReplicaIndex => {
  const replica = readU8(reader, field);
  if (replica >= limits.maxValidators) fail(reader, "out-of-range", field);
  return replica as ReplicaIndex;
};

export const readSlot = (reader: Reader, field: string): Slot => ({
  epoch: readU64(reader, field) as Epoch,
  view: readU64(reader, field) as View,
  sequence: readU64(reader, field) as Sequence,
  digest: readDigest(reader, field),
});

export const writeSlot = (writer: Writer, slot: Slot): void => {
  writeU64(writer, slot.epoch);
  writeU64(writer, slot.view);
  writeU64(writer, slot.sequence);
  writeHex32(writer, slot.digest);
};

export const readRoots = (reader: Reader, field: string): Roots => ({
  epoch: readU64(reader, field) as Epoch,
  sequence: readU64(reader, field) as Sequence,
  stateRoot: readDigest(reader, field),
  logHash: readDigest(reader, field),
  epochRoot: readDigest(reader, field),
});

export const writeRoots = (writer: Writer, roots: Roots): void => {
  writeU64(writer, roots.epoch);
  writeU64(writer, roots.sequence);
  writeHex32(writer, roots.stateRoot);
  writeHex32(writer, roots.logHash);
  writeHex32(writer, roots.epochRoot);
};

/** slot ‖ replica u8 ‖ signature[64] */
export const readSignedPrePrepare = (reader: Reader): Signed<PrePrepare> => {
  const { epoch, view, sequence, digest } = readSlot(reader, "pre-prepare");
  const replica = readReplica(reader, "pre-prepare.replica");
  return {
    message: { kind: "pre-prepare", epoch, view, sequence, digest, replica },
    signature: readSignature(reader, "pre-prepare.signature"),
  };
};

/** slot ‖ replica u8 ‖ proposalSignature[64] ‖ signature[64] */
export const readSignedPrepare = (reader: Reader): Signed<Prepare> => {
  const { epoch, view, sequence, digest } = readSlot(reader, "prepare");
  const replica = readReplica(reader, "prepare.replica");
  const proposalSignature = readSignature(reader, "prepare.proposalSignature");
  return {
    message: { kind: "prepare", epoch, view, sequence, digest, replica, proposalSignature },
    signature: readSignature(reader, "prepare.signature"),
  };
};

/** slot ‖ replica u8 ‖ signature[64] */
export const readSignedCommit = (reader: Reader): Signed<Commit> => {
  const { epoch, view, sequence, digest } = readSlot(reader, "commit");
  const replica = readReplica(reader, "commit.replica");
  return { message: { kind: "commit", epoch, view, sequence, digest, replica }, signature: readSignature(reader, "commit.signature") };
};

/** PRE-PREPARE, PREPARE or COMMIT: they differ in the attachment that only a PREPARE has. */
export const writeSignedVote = (writer: Writer, signed: Signed<PrePrepare | Prepare | Commit>): void => {
  writeSlot(writer, signed.message);
  writeU8(writer, signed.message.replica);
  if (signed.message.kind === "prepare") writeBytes(writer, signed.message.proposalSignature);
  writeBytes(writer, signed.signature);
};

/** epoch u64 ‖ sequence u64 ‖ stateRoot[32] ‖ logHash[32] ‖ epochRoot[32] ‖ replica u8 ‖ signature[64] */
export const readSignedCheckpoint = (reader: Reader): Signed<Checkpoint> => {
  const { epoch, sequence, stateRoot, logHash, epochRoot } = readRoots(reader, "checkpoint");
  const replica = readReplica(reader, "checkpoint.replica");
  return {
    message: { kind: "checkpoint", epoch, sequence, stateRoot, logHash, epochRoot, replica },
    signature: readSignature(reader, "checkpoint.signature"),
  };
};

export const writeSignedCheckpoint = (writer: Writer, signed: Signed<Checkpoint>): void => {
  writeRoots(writer, signed.message);
  writeU8(writer, signed.message.replica);
  writeBytes(writer, signed.signature);
};
