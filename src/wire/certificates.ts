/** Certificates, as they travel inside other messages and as they are stored (PROTOCOL §3, §4; docs/wire.md "Certificates"). */
import { limits } from "../protocol/limits.ts";
import type { CertifiedBatch, CheckpointCertificate, CommitCertificate, PreparedCertificate, VoteSignature } from "../protocol/messages.ts";
import { decodeWhole, fail, readCount, readSignature } from "./reader.ts";
import type { CountRule, Decoded, Reader } from "./reader.ts";
import { readBatch } from "./requests.ts";
import { checkpointCertificateBytes, commitCertificateBytes, preparedCertificateBytes, voteSignatureBytes } from "./sizes.ts";
import { readReplica, readRoots, readSlot, writeRoots, writeSlot } from "./votes.ts";
import { encodeSized, writeBytes, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

const signersRule: CountRule = { width: 1, min: 0, max: limits.maxValidators, entryBytes: voteSignatureBytes };

/** count u8 ‖ (replica u8 ‖ signature[64])*, replicas ascending */
const readVoteSignatures = (reader: Reader, field: string): VoteSignature[] => {
  const count = readCount(reader, signersRule, field);
  const signatures: VoteSignature[] = [];
  let last = -1;
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const replica = readReplica(reader, field);
    if (replica <= last) fail(reader, "not-ascending", field);
    last = replica;
    signatures.push({ replica, signature: readSignature(reader, field) });
  }
  return signatures;
};

const writeVoteSignatures = (writer: Writer, signatures: readonly VoteSignature[]): void => {
  writeU8(writer, signatures.length);
  for (const { replica, signature } of signatures) {
    writeU8(writer, replica);
    writeBytes(writer, signature);
  }
};

export const readPreparedCertificate = (reader: Reader): PreparedCertificate => {
  const { epoch, view, sequence, digest } = readSlot(reader, "prepared");
  const proposalSignature = readSignature(reader, "prepared.proposalSignature");
  return { epoch, view, sequence, digest, proposalSignature, prepares: readVoteSignatures(reader, "prepared.prepares") };
};
export const writePreparedCertificate = (writer: Writer, certificate: PreparedCertificate): void => {
  writeSlot(writer, certificate);
  writeBytes(writer, certificate.proposalSignature);
  writeVoteSignatures(writer, certificate.prepares);
};
export const sizeOfPreparedCertificate = (certificate: PreparedCertificate): number =>
  preparedCertificateBytes(certificate.prepares.length);

export const readCommitCertificate = (reader: Reader): CommitCertificate => {
  const { epoch, view, sequence, digest } = readSlot(reader, "committed");
  return { epoch, view, sequence, digest, commits: readVoteSignatures(reader, "committed.commits") };
};
export const writeCommitCertificate = (writer: Writer, certificate: CommitCertificate): void => {
  writeSlot(writer, certificate);
  writeVoteSignatures(writer, certificate.commits);
};
export const sizeOfCommitCertificate = (certificate: CommitCertificate): number => commitCertificateBytes(certificate.commits.length);

export const readCheckpointCertificate = (reader: Reader): CheckpointCertificate => {
  const { epoch, sequence, stateRoot, logHash, epochRoot } = readRoots(reader, "stable");
  return { epoch, sequence, stateRoot, logHash, epochRoot, signatures: readVoteSignatures(reader, "stable.signatures") };
};
export const writeCheckpointCertificate = (writer: Writer, certificate: CheckpointCertificate): void => {
  writeRoots(writer, certificate);
  writeVoteSignatures(writer, certificate.signatures);
};
export const sizeOfCheckpointCertificate = (certificate: CheckpointCertificate): number =>
  checkpointCertificateBytes(certificate.signatures.length);

/** The commit certificate, then the batch's own bytes. Whether they belong together is for `signing` to say. */
export const readCertifiedBatch = (reader: Reader): CertifiedBatch | undefined => {
  const certificate = readCommitCertificate(reader);
  const batch = readBatch(reader);
  return batch === undefined ? undefined : { certificate, batch };
};
export const writeCertifiedBatch = (writer: Writer, certified: CertifiedBatch): void => {
  writeCommitCertificate(writer, certified.certificate);
  writeBytes(writer, certified.batch.bytes);
};
export const sizeOfCertifiedBatch = (certified: CertifiedBatch): number =>
  sizeOfCommitCertificate(certified.certificate) + certified.batch.bytes.length;

const maxSigners = limits.maxValidators;

/** epoch u64 ‖ view u64 ‖ sequence u64 ‖ digest[32] ‖ proposalSignature[64] ‖ prepares */
export const encodePreparedCertificate = (certificate: PreparedCertificate): Uint8Array =>
  encodeSized(sizeOfPreparedCertificate(certificate), (writer) => writePreparedCertificate(writer, certificate));
export const decodePreparedCertificate = (bytes: Uint8Array): Decoded<PreparedCertificate> =>
  decodeWhole(bytes, preparedCertificateBytes(maxSigners), "prepared", readPreparedCertificate);

/** epoch u64 ‖ view u64 ‖ sequence u64 ‖ digest[32] ‖ commits */
export const encodeCommitCertificate = (certificate: CommitCertificate): Uint8Array =>
  encodeSized(sizeOfCommitCertificate(certificate), (writer) => writeCommitCertificate(writer, certificate));
export const decodeCommitCertificate = (bytes: Uint8Array): Decoded<CommitCertificate> =>
  decodeWhole(bytes, commitCertificateBytes(maxSigners), "committed", readCommitCertificate);

/** epoch u64 ‖ sequence u64 ‖ stateRoot[32] ‖ logHash[32] ‖ epochRoot[32] ‖ signatures */
export const encodeCheckpointCertificate = (certificate: CheckpointCertificate): Uint8Array =>
  encodeSized(sizeOfCheckpointCertificate(certificate), (writer) => writeCheckpointCertificate(writer, certificate));
export const decodeCheckpointCertificate = (bytes: Uint8Array): Decoded<CheckpointCertificate> =>
  decodeWhole(bytes, checkpointCertificateBytes(maxSigners), "stable", readCheckpointCertificate);

/** commit certificate ‖ batch */
export const encodeCertifiedBatch = (certified: CertifiedBatch): Uint8Array =>
  encodeSized(sizeOfCertifiedBatch(certified), (writer) => writeCertifiedBatch(writer, certified));
export const decodeCertifiedBatch = (bytes: Uint8Array): Decoded<CertifiedBatch> =>
  decodeWhole(bytes, commitCertificateBytes(maxSigners) + limits.maxBatchBytes, "block", readCertifiedBatch) as Decoded<CertifiedBatch>;
