/** Proofs of misbehaviour as they are stored and handed on (PROTOCOL §10, §14; docs/wire.md "Evidence"). */
import { Buffer } from "node:buffer";
import type { Committee } from "../protocol/committee.ts";
import { culpritsOf, placeOf, type Evidence, type InvalidBatchReason } from "../protocol/evidence.ts";
import type { Digest, Epoch } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Commit, PrePrepare, Prepare, Signed } from "../protocol/messages.ts";
import { readAuthored, sizeOfAuthored, writeAuthored } from "./authored.ts";
import {
  readCheckpointCertificate,
  readCommitCertificate,
  sizeOfCheckpointCertificate,
  sizeOfCommitCertificate,
  writeCheckpointCertificate,
  writeCommitCertificate,
} from "./certificates.ts";
import { sha256 } from "./digests.ts";
import { decodeWhole, fail, readU64, readU8 } from "./reader.ts";
import type { Decoded, Reader } from "./reader.ts";
import { readBatch } from "./requests.ts";
import { signedCheckpointBytes, signedPrepareBytes, signedVoteBytes } from "./sizes.ts";
import {
  readSignedNewView,
  readSignedViewChange,
  sizeOfSignedNewView,
  sizeOfSignedViewChange,
  writeSignedNewView,
  writeSignedViewChange,
} from "./view-change.ts";
import {
  readReplica,
  readSignedCheckpoint,
  readSignedCommit,
  readSignedPrePrepare,
  readSignedPrepare,
  writeSignedCheckpoint,
  writeSignedVote,
} from "./votes.ts";
import { encodeSized, writeBytes, writeU64, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

type Of<K extends Evidence["kind"]> = Extract<Evidence, { kind: K }>;

/** First byte; for votes it tells their kind too. */
const tags = {
  "pre-prepare": 0x01,
  prepare: 0x02,
  commit: 0x03,
  "conflicting-checkpoints": 0x04,
  "conflicting-view-changes": 0x05,
  "bad-new-view": 0x06,
  "invalid-batch": 0x07,
  "conflicting-commits": 0x08,
  "conflicting-stable-checkpoints": 0x09,
  "forked-document": 0x0a,
} as const;

/** Their position is their code. */
const batchReasons: readonly InvalidBatchReason[] = [
  "bad-request-signature",
  "duplicate-request",
  "too-many-requests",
  "too-many-bytes",
  "empty",
];

/** A proof's largest encoding: two largest VIEW-CHANGEs are smaller than the NEW-VIEW that a frame has to hold, bytes. */
const maxEvidenceBytes = limits.maxFrameBytes + limits.maxBatchBytes;

type VoteMessage = PrePrepare | Prepare | Commit;

const sizeOfVote = ({ message }: Signed<VoteMessage>): number => (message.kind === "prepare" ? signedPrepareBytes : signedVoteBytes);

const sizeOf = (evidence: Evidence): number => {
  switch (evidence.kind) {
    case "conflicting-votes":
      return sizeOfVote(evidence.first) + sizeOfVote(evidence.second);
    case "conflicting-checkpoints":
      return 2 * signedCheckpointBytes;
    case "conflicting-view-changes":
      return sizeOfSignedViewChange(evidence.first) + sizeOfSignedViewChange(evidence.second);
    case "bad-new-view":
      return sizeOfSignedNewView(evidence.newView);
    case "invalid-batch":
      return 1 + signedVoteBytes + evidence.batch.bytes.length;
    case "forked-document":
      return 8 + 1 + sizeOfAuthored(evidence.first) + sizeOfAuthored(evidence.second);
    case "conflicting-stable-checkpoints":
      return sizeOfCheckpointCertificate(evidence.first) + sizeOfCheckpointCertificate(evidence.second);
    case "conflicting-commits": {
      const { first, second, newView } = evidence;
      return (
        sizeOfCommitCertificate(first) + sizeOfCommitCertificate(second) + 1 + (newView === undefined ? 0 : sizeOfSignedNewView(newView))
      );
    }
  }
};

const writeFork = (writer: Writer, { first, second, newView }: Of<"conflicting-commits">): void => {
  writeCommitCertificate(writer, first);
  writeCommitCertificate(writer, second);
  writeU8(writer, newView === undefined ? 0 : 1);
  if (newView !== undefined) writeSignedNewView(writer, newView);
};

const write = (writer: Writer, evidence: Evidence): void => {
  writeU8(writer, evidence.kind === "conflicting-votes" ? tags[evidence.first.message.kind] : tags[evidence.kind]);
  switch (evidence.kind) {
    case "conflicting-votes":
      writeSignedVote(writer, evidence.first);
      return writeSignedVote(writer, evidence.second);
    case "conflicting-checkpoints":
      writeSignedCheckpoint(writer, evidence.first);
      return writeSignedCheckpoint(writer, evidence.second);
    case "conflicting-view-changes":
      writeSignedViewChange(writer, evidence.first);
      return writeSignedViewChange(writer, evidence.second);
    case "bad-new-view":
      return writeSignedNewView(writer, evidence.newView);
    case "invalid-batch":
      writeU8(writer, batchReasons.indexOf(evidence.reason));
      writeSignedVote(writer, evidence.proposal);
      return writeBytes(writer, evidence.batch.bytes);
    case "conflicting-commits":
      return writeFork(writer, evidence);
    case "forked-document":
      writeU64(writer, evidence.epoch);
      writeU8(writer, evidence.culprit);
      writeAuthored(writer, evidence.first);
      return writeAuthored(writer, evidence.second);
    case "conflicting-stable-checkpoints":
      writeCheckpointCertificate(writer, evidence.first);
      return writeCheckpointCertificate(writer, evidence.second);
  }
};

const readVotes = (reader: Reader, readOne: (reader: Reader) => Signed<VoteMessage>): Of<"conflicting-votes"> => {
  const [first, second] = [readOne(reader), readOne(reader)];
  return { kind: "conflicting-votes", culprit: first.message.replica, first, second };
};

const readInvalidBatch = (reader: Reader): Evidence | undefined => {
  const reason = batchReasons[readU8(reader, "evidence.reason")];
  const proposal = readSignedPrePrepare(reader);
  const batch = readBatch(reader);
  if (reason === undefined) fail(reader, "unknown-tag", "evidence.reason");
  if (reason === undefined || batch === undefined) return undefined;
  return { kind: "invalid-batch", culprit: proposal.message.replica, proposal, batch, reason };
};

const readFork = (reader: Reader): Evidence => {
  const [first, second] = [readCommitCertificate(reader), readCommitCertificate(reader)];
  const more = readU8(reader, "evidence.newView");
  if (more > 1) fail(reader, "out-of-range", "evidence.newView");
  return { kind: "conflicting-commits", first, second, ...(more === 1 ? { newView: readSignedNewView(reader) } : {}) };
};

const readForkedDocument = (reader: Reader): Evidence | undefined => {
  const epoch = readU64(reader, "evidence.epoch") as Epoch;
  const culprit = readReplica(reader, "evidence.culprit");
  const [first, second] = [readAuthored(reader), readAuthored(reader)];
  return first && second && { kind: "forked-document", epoch, culprit, first, second };
};

const read = (reader: Reader): Evidence | undefined => {
  switch (readU8(reader, "evidence")) {
    case tags["pre-prepare"]:
      return readVotes(reader, readSignedPrePrepare);
    case tags.prepare:
      return readVotes(reader, readSignedPrepare);
    case tags.commit:
      return readVotes(reader, readSignedCommit);
    case tags["conflicting-checkpoints"]: {
      const [first, second] = [readSignedCheckpoint(reader), readSignedCheckpoint(reader)];
      return { kind: "conflicting-checkpoints", culprit: first.message.replica, first, second };
    }
    case tags["conflicting-view-changes"]: {
      const [first, second] = [readSignedViewChange(reader), readSignedViewChange(reader)];
      return { kind: "conflicting-view-changes", culprit: first.message.replica, first, second };
    }
    case tags["bad-new-view"]: {
      const newView = readSignedNewView(reader);
      return { kind: "bad-new-view", culprit: newView.message.replica, newView };
    }
    case tags["invalid-batch"]:
      return readInvalidBatch(reader);
    case tags["conflicting-commits"]:
      return readFork(reader);
    case tags["forked-document"]:
      return readForkedDocument(reader);
    case tags["conflicting-stable-checkpoints"]: {
      const [first, second] = [readCheckpointCertificate(reader), readCheckpointCertificate(reader)];
      return { kind: "conflicting-stable-checkpoints", first, second };
    }
    default:
      fail(reader, "unknown-tag", "evidence");
      return undefined;
  }
};

/** tag u8 ‖ the signed messages, or certificates, that contradict each other */
export const encodeEvidence = (evidence: Evidence): Uint8Array => encodeSized(1 + sizeOf(evidence), (writer) => write(writer, evidence));

/** What it proves is for `signing` to say. */
export const decodeEvidence = (bytes: Uint8Array): Decoded<Evidence> =>
  decodeWhole(bytes, maxEvidenceBytes, "evidence", read) as Decoded<Evidence>;

const deedOf = (evidence: Evidence): string => {
  if (evidence.kind === "conflicting-votes") return `${evidence.kind}/${evidence.first.message.kind}`;
  return evidence.kind === "forked-document" ? `${evidence.kind}/${evidence.first.document}` : evidence.kind;
};

/**
 * Names the deed, not its proof: H("byz/1/evidence" and, each on a line of its own, kind, epoch, view, sequence and the culprits' keys). Whoever contradicts
 * himself once can do so in a thousand ways, and it is one deed; votes of different kinds for one slot are different ones, and so are forks of different documents.
 */
export const evidenceId = (evidence: Evidence, { validators }: Committee): Digest => {
  const { epoch, view, sequence } = placeOf(evidence);
  const kind = deedOf(evidence);
  const culprits = culpritsOf(evidence).map((index) => validators[index]?.publicKey ?? "");
  return sha256(Buffer.from(["byz/1/evidence", kind, epoch, view, sequence, ...culprits].join("\n"), "latin1"));
};
