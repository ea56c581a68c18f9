/** VIEW-CHANGE and NEW-VIEW (PROTOCOL §5; docs/wire.md "View changes"). The content of each is hashed into its sign-bytes. */
import { limits } from "../protocol/limits.ts";
import type { Digest, Epoch, ReplicaIndex, Sequence, Signature, View } from "../protocol/ids.ts";
import type { NewView, PreparedCertificate, Reproposal, Signed, SignedNewView, ViewChange } from "../protocol/messages.ts";
import {
  readCheckpointCertificate,
  readPreparedCertificate,
  sizeOfCheckpointCertificate,
  sizeOfPreparedCertificate,
  writeCheckpointCertificate,
  writePreparedCertificate,
} from "./certificates.ts";
import { sha256 } from "./digests.ts";
import { decodeWhole, fail, readCount, readDigest, readSignature, readU64 } from "./reader.ts";
import type { CountRule, Decoded, Reader } from "./reader.ts";
import { checkpointCertificateBytes, preparedCertificateBytes, reproposalBytes, signatureBytes, viewHeaderBytes } from "./sizes.ts";
import { readReplica } from "./votes.ts";
import { encodeSized, writeBytes, writeHex32, writeU16, writeU64, writeU8 } from "./writer.ts";
import type { Writer } from "./writer.ts";

const maxWindow = 2 * limits.maxCheckpointInterval;
const preparedRule: CountRule = { width: 2, min: 0, max: maxWindow, entryBytes: preparedCertificateBytes(0) };
const smallestViewChange = viewHeaderBytes + checkpointCertificateBytes(0) + 2 + signatureBytes;
const viewChangesRule: CountRule = { width: 1, min: 0, max: limits.maxValidators, entryBytes: smallestViewChange };
const proposalsRule: CountRule = { width: 2, min: 0, max: maxWindow, entryBytes: reproposalBytes };

interface ViewHeader {
  readonly epoch: Epoch;
  readonly view: View;
  readonly replica: ReplicaIndex;
}

const readHeader = (reader: Reader, field: string): ViewHeader => ({
  epoch: readU64(reader, field) as Epoch,
  view: readU64(reader, field) as View,
  replica: readReplica(reader, field),
});

const writeHeader = (writer: Writer, header: ViewHeader): void => {
  writeU64(writer, header.epoch);
  writeU64(writer, header.view);
  writeU8(writer, header.replica);
};

const readPrepared = (reader: Reader): PreparedCertificate[] => {
  const count = readCount(reader, preparedRule, "view-change.prepared");
  const prepared: PreparedCertificate[] = [];
  let last = -1;
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const certificate = readPreparedCertificate(reader);
    if (certificate.sequence <= last) fail(reader, "not-ascending", "view-change.prepared");
    last = certificate.sequence;
    prepared.push(certificate);
  }
  return prepared;
};

const readViewChange = (reader: Reader): ViewChange => {
  const { epoch, view, replica } = readHeader(reader, "view-change");
  const stable = readCheckpointCertificate(reader);
  return { kind: "view-change", epoch, view, replica, stable, prepared: readPrepared(reader) };
};

const writeViewChange = (writer: Writer, viewChange: ViewChange): void => {
  writeHeader(writer, viewChange);
  writeCheckpointCertificate(writer, viewChange.stable);
  writeU16(writer, viewChange.prepared.length);
  for (const certificate of viewChange.prepared) writePreparedCertificate(writer, certificate);
};

const sizeOfViewChange = (viewChange: ViewChange): number =>
  viewChange.prepared.reduce(
    (sum, certificate) => sum + sizeOfPreparedCertificate(certificate),
    viewHeaderBytes + sizeOfCheckpointCertificate(viewChange.stable) + 2,
  );

/** The content, unsigned: what is stored before it is said, and hashed to be signed. */
export const encodeViewChange = (viewChange: ViewChange): Uint8Array =>
  encodeSized(sizeOfViewChange(viewChange), (writer) => writeViewChange(writer, viewChange));
export const decodeViewChange = (bytes: Uint8Array): Decoded<ViewChange> =>
  decodeWhole(bytes, limits.maxFrameBytes, "view-change", readViewChange);

/** The digest in a VIEW-CHANGE's sign-bytes: H(its content). */
export const viewChangeDigest = (viewChange: ViewChange): Digest => sha256(encodeViewChange(viewChange));

/** content ‖ signature[64] */
export const readSignedViewChange = (reader: Reader): Signed<ViewChange> => {
  const message = readViewChange(reader);
  return { message, signature: readSignature(reader, "view-change.signature") };
};
export const writeSignedViewChange = (writer: Writer, signed: Signed<ViewChange>): void => {
  writeViewChange(writer, signed.message);
  writeBytes(writer, signed.signature);
};
export const sizeOfSignedViewChange = (signed: Signed<ViewChange>): number => sizeOfViewChange(signed.message) + signatureBytes;

const readProposals = (reader: Reader): Reproposal[] => {
  const count = readCount(reader, proposalsRule, "new-view.proposals");
  const proposals: Reproposal[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const sequence = readU64(reader, "new-view.proposals") as Sequence;
    const previous = proposals[index - 1];
    if (previous !== undefined && sequence !== previous.sequence + 1) fail(reader, "not-ascending", "new-view.proposals");
    proposals.push({ sequence, digest: readDigest(reader, "new-view.proposals") });
  }
  return proposals;
};

const readNewView = (reader: Reader): NewView => {
  const { epoch, view, replica } = readHeader(reader, "new-view");
  const count = readCount(reader, viewChangesRule, "new-view.viewChanges");
  const viewChanges: Signed<ViewChange>[] = [];
  let last = -1;
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const signed = readSignedViewChange(reader);
    if (signed.message.replica <= last) fail(reader, "not-ascending", "new-view.viewChanges");
    last = signed.message.replica;
    viewChanges.push(signed);
  }
  return { kind: "new-view", epoch, view, replica, viewChanges, proposals: readProposals(reader) };
};

const writeNewView = (writer: Writer, newView: NewView): void => {
  writeHeader(writer, newView);
  writeU8(writer, newView.viewChanges.length);
  for (const signed of newView.viewChanges) writeSignedViewChange(writer, signed);
  writeU16(writer, newView.proposals.length);
  for (const { sequence, digest } of newView.proposals) {
    writeU64(writer, sequence);
    writeHex32(writer, digest);
  }
};

const sizeOfNewView = (newView: NewView): number =>
  newView.viewChanges.reduce(
    (sum, signed) => sum + sizeOfSignedViewChange(signed),
    viewHeaderBytes + 1 + 2 + newView.proposals.length * reproposalBytes,
  );

/** The digest in a NEW-VIEW's sign-bytes: H(its content), the VIEW-CHANGEs' signatures included, the proposals' signatures not. */
export const newViewDigest = (newView: NewView): Digest =>
  sha256(encodeSized(sizeOfNewView(newView), (writer) => writeNewView(writer, newView)));

/** content ‖ signature[64] ‖ a PRE-PREPARE signature[64] for each proposal */
export const readSignedNewView = (reader: Reader): SignedNewView => {
  const message = readNewView(reader);
  const signature = readSignature(reader, "new-view.signature");
  const proposalSignatures: Signature[] = [];
  for (let index = 0; index < message.proposals.length && reader.error === undefined; index++) {
    proposalSignatures.push(readSignature(reader, "new-view.proposalSignatures"));
  }
  return { message, signature, proposalSignatures };
};
export const writeSignedNewView = (writer: Writer, signed: SignedNewView): void => {
  writeNewView(writer, signed.message);
  writeBytes(writer, signed.signature);
  for (const signature of signed.proposalSignatures) writeBytes(writer, signature);
};
export const sizeOfSignedNewView = (signed: SignedNewView): number =>
  sizeOfNewView(signed.message) + signatureBytes * (1 + signed.message.proposals.length);

/** A NEW-VIEW as it is stored: the frame without its tag. */
export const encodeSignedNewView = (signed: SignedNewView): Uint8Array =>
  encodeSized(sizeOfSignedNewView(signed), (writer) => writeSignedNewView(writer, signed));
export const decodeSignedNewView = (bytes: Uint8Array): Decoded<SignedNewView> =>
  decodeWhole(bytes, limits.maxFrameBytes, "new-view", readSignedNewView);

/** A signed VIEW-CHANGE as it is stored: the frame without its tag. */
export const encodeSignedViewChange = (signed: Signed<ViewChange>): Uint8Array =>
  encodeSized(sizeOfSignedViewChange(signed), (writer) => writeSignedViewChange(writer, signed));
export const decodeSignedViewChange = (bytes: Uint8Array): Decoded<Signed<ViewChange>> =>
  decodeWhole(bytes, limits.maxFrameBytes, "view-change", readSignedViewChange);
