/** Heartbeats, relays and fetches (PROTOCOL §3, §7, §10; docs/wire.md "Sync messages"): unsigned, authenticated by the channel. */
import { limits } from "../protocol/limits.ts";
import type { Epoch, ReplicaIndex, Sequence, View } from "../protocol/ids.ts";
import type {
  Blocks,
  CertifiedBatch,
  DocumentsMessage,
  FetchBatch,
  FetchBlocks,
  FetchCheckpoint,
  FetchReceipt,
  PastCheckpoint,
  Receipt,
  Relay,
  Status,
  StableCheckpoint,
} from "../protocol/messages.ts";
import {
  readCertifiedBatch,
  readCheckpointCertificate,
  sizeOfCertifiedBatch,
  sizeOfCheckpointCertificate,
  writeCertifiedBatch,
  writeCheckpointCertificate,
} from "./certificates.ts";
import { fail, readCount, readDigest, readLength, readSignature, readU64, readU8, readView } from "./reader.ts";
import type { CountRule, Reader } from "./reader.ts";
import { readRequests } from "./requests.ts";
import { batchOverheadBytes, commitCertificateBytes, maxDocumentsMessageBytes, requestOverheadBytes } from "./sizes.ts";
import { readReplica } from "./votes.ts";
import { writeBytes, writeHex32, writeU16, writeU32, writeU64, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

const reachBytes = limits.maxValidators / 8;
const relayRule: CountRule = { width: 2, min: 1, max: limits.maxRequestsPerBatch, entryBytes: requestOverheadBytes + 4 };
const blocksRule: CountRule = {
  width: 2,
  min: 0,
  max: limits.maxBlocksPerAnswer,
  entryBytes: commitCertificateBytes(0) + batchOverheadBytes,
};

const checkpointsRule: CountRule = { width: 2, min: 1, max: limits.maxPastCheckpoints, entryBytes: 8 };

const requestsRule: CountRule = { width: 2, min: 0, max: limits.maxRequestsPerBatch, entryBytes: 0 };

/** Validator i is bit (i mod 8) of byte ⌊i/8⌋. */
const readReach = (reader: Reader): ReplicaIndex[] => {
  const bits = readView(reader, reachBytes, "status.reach");
  const reach: ReplicaIndex[] = [];
  bits.forEach((byte, position) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) reach.push((position * 8 + bit) as ReplicaIndex);
  });
  return reach;
};

const writeReach = (writer: Writer, reach: readonly ReplicaIndex[]): void => {
  const bits = new Uint8Array(reachBytes);
  for (const replica of reach) bits[replica >> 3] = (bits[replica >> 3] ?? 0) | (1 << (replica & 7));
  writeBytes(writer, bits);
};

const readActive = (reader: Reader): boolean => {
  const value = readU8(reader, "status.active");
  if (value > 1) fail(reader, "out-of-range", "status.active");
  return value === 1;
};

/** epoch u64 ‖ view u64 ‖ active u8 ‖ demand u64 ‖ executed u64 ‖ stable u64 ‖ oldest u64 ‖ logHash[32] ‖ reach[16] */
export const readStatus = (reader: Reader): Status => ({
  kind: "status",
  epoch: readU64(reader, "status.epoch") as Epoch,
  view: readU64(reader, "status.view") as View,
  active: readActive(reader),
  demand: readU64(reader, "status.demand") as View,
  executed: readU64(reader, "status.executed") as Sequence,
  stable: readU64(reader, "status.stable") as Sequence,
  oldest: readU64(reader, "status.oldest") as Sequence,
  logHash: readDigest(reader, "status.logHash"),
  reach: readReach(reader),
});
export const writeStatus = (writer: Writer, status: Status): void => {
  writeU64(writer, status.epoch);
  writeU64(writer, status.view);
  writeU8(writer, status.active ? 1 : 0);
  writeU64(writer, status.demand);
  writeU64(writer, status.executed);
  writeU64(writer, status.stable);
  writeU64(writer, status.oldest);
  writeHex32(writer, status.logHash);
  writeReach(writer, status.reach);
};

/** count u16 ‖ requests */
export const readRelay = (reader: Reader): Relay => ({ kind: "relay", requests: readRequests(reader, relayRule, "relay.requests") });
export const writeRelay = (writer: Writer, relay: Relay): void => {
  writeU16(writer, relay.requests.length);
  for (const request of relay.requests) writeBytes(writer, request.bytes);
};
export const sizeOfRelay = (relay: Relay): number => relay.requests.reduce((sum, request) => sum + request.bytes.length, 2);

/** digest[32] */
export const readFetchBatch = (reader: Reader): FetchBatch => ({ kind: "fetch-batch", digest: readDigest(reader, "fetch-batch.digest") });
export const writeFetchBatch = (writer: Writer, fetch: FetchBatch): void => writeHex32(writer, fetch.digest);

/** from u64 ‖ to u64, 1 ≤ from ≤ to */
export const readFetchBlocks = (reader: Reader): FetchBlocks => {
  const from = readU64(reader, "fetch-blocks.from") as Sequence;
  const to = readU64(reader, "fetch-blocks.to") as Sequence;
  if (reader.error === undefined && (from < 1 || from > to)) fail(reader, "out-of-range", "fetch-blocks");
  return { kind: "fetch-blocks", from, to };
};
export const writeFetchBlocks = (writer: Writer, fetch: FetchBlocks): void => {
  writeU64(writer, fetch.from);
  writeU64(writer, fetch.to);
};

/** count u16 ‖ (commit certificate ‖ batch)*, consecutive */
export const readBlocks = (reader: Reader): Blocks => {
  const count = readCount(reader, blocksRule, "blocks");
  const blocks: CertifiedBatch[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const block = readCertifiedBatch(reader);
    if (block === undefined) break;
    const previous = blocks[index - 1];
    if (previous !== undefined && block.certificate.sequence !== previous.certificate.sequence + 1) fail(reader, "not-ascending", "blocks");
    blocks.push(block);
  }
  return { kind: "blocks", blocks };
};
export const writeBlocks = (writer: Writer, answer: Blocks): void => {
  writeU16(writer, answer.blocks.length);
  for (const block of answer.blocks) writeCertifiedBatch(writer, block);
};
export const sizeOfBlocks = (answer: Blocks): number => answer.blocks.reduce((sum, block) => sum + sizeOfCertifiedBatch(block), 2);

/** a checkpoint certificate */
export const readStableCheckpoint = (reader: Reader): StableCheckpoint => ({
  kind: "stable-checkpoint",
  certificate: readCheckpointCertificate(reader),
});
export const writeStableCheckpoint = (writer: Writer, stable: StableCheckpoint | PastCheckpoint): void =>
  writeCheckpointCertificate(writer, stable.certificate);
export const sizeOfStableCheckpoint = (stable: StableCheckpoint | PastCheckpoint): number =>
  sizeOfCheckpointCertificate(stable.certificate);

/** count u16 ‖ sequence u64 each, ascending, the first at least 1 */
export const readFetchCheckpoint = (reader: Reader): FetchCheckpoint => {
  const count = readCount(reader, checkpointsRule, "fetch-checkpoint.sequences");
  const sequences: Sequence[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const sequence = readU64(reader, "fetch-checkpoint.sequences") as Sequence;
    if (sequence <= (sequences.at(-1) ?? 0)) fail(reader, "not-ascending", "fetch-checkpoint.sequences");
    sequences.push(sequence);
  }
  return { kind: "fetch-checkpoint", sequences };
};
export const writeFetchCheckpoint = (writer: Writer, { sequences }: FetchCheckpoint): void => {
  writeU16(writer, sequences.length);
  for (const sequence of sequences) writeU64(writer, sequence);
};
export const sizeOfFetchCheckpoint = ({ sequences }: FetchCheckpoint): number => 2 + 8 * sequences.length;

/** a checkpoint certificate; that of sequence 0 has no signatures */
export const readPastCheckpoint = (reader: Reader): PastCheckpoint => ({
  kind: "past-checkpoint",
  certificate: readCheckpointCertificate(reader),
});

/** sequence u64, at least 1 */
export const readFetchReceipt = (reader: Reader): FetchReceipt => {
  const sequence = readU64(reader, "fetch-receipt.sequence") as Sequence;
  if (reader.error === undefined && sequence < 1) fail(reader, "out-of-range", "fetch-receipt.sequence");
  return { kind: "fetch-receipt", sequence };
};
export const writeFetchReceipt = (writer: Writer, fetch: FetchReceipt): void => writeU64(writer, fetch.sequence);

/** epoch u64 ‖ sequence u64 ‖ requests u16 ‖ resultsRoot[32] ‖ stateRoot[32] ‖ logHash[32] ‖ replica u8 ‖ signature[64]; sequence at least 1 */
export const readReceipt = (reader: Reader): Receipt => {
  const epoch = readU64(reader, "receipt.epoch") as Epoch;
  const sequence = readU64(reader, "receipt.sequence") as Sequence;
  if (reader.error === undefined && sequence < 1) fail(reader, "out-of-range", "receipt.sequence");
  const requests = readCount(reader, requestsRule, "receipt.requests");
  const resultsRoot = readDigest(reader, "receipt.resultsRoot");
  const stateRoot = readDigest(reader, "receipt.stateRoot");
  const logHash = readDigest(reader, "receipt.logHash");
  const replica = readReplica(reader, "receipt.replica");
  return {
    kind: "receipt",
    epoch,
    sequence,
    requests,
    resultsRoot,
    stateRoot,
    logHash,
    replica,
    signature: readSignature(reader, "receipt.signature"),
  };
};
export const writeReceipt = (writer: Writer, receipt: Receipt): void => {
  writeU64(writer, receipt.epoch);
  writeU64(writer, receipt.sequence);
  writeU16(writer, receipt.requests);
  writeHex32(writer, receipt.resultsRoot);
  writeHex32(writer, receipt.stateRoot);
  writeHex32(writer, receipt.logHash);
  writeU8(writer, receipt.replica);
  writeBytes(writer, receipt.signature);
};

/** length u32 ‖ bytes, a view of the frame */
export const readDocuments = (reader: Reader): DocumentsMessage => ({
  kind: "documents",
  bytes: readView(reader, readLength(reader, maxDocumentsMessageBytes, "documents"), "documents"),
});
export const writeDocuments = (writer: Writer, { bytes }: DocumentsMessage): void => {
  writeU32(writer, bytes.length);
  writeBytes(writer, bytes);
};
