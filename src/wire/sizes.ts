/** Bytes of every fixed layout, and the worst cases that follow from them (docs/wire.md). */
import { quorumSize } from "../protocol/committee.ts";

export const digestBytes = 32;
export const signatureBytes = 64;
/** epoch, view, sequence, digest */
const slotBytes = 8 + 8 + 8 + digestBytes;
/** a slot and who signs */
const voteBytes = slotBytes + 1;
export const signedVoteBytes = voteBytes + signatureBytes;
export const signedPrepareBytes = signedVoteBytes + signatureBytes;
/** epoch, sequence and three roots */
const rootsBytes = 8 + 8 + 3 * digestBytes;
export const signedCheckpointBytes = rootsBytes + 1 + signatureBytes;
/** one signature of a certificate with its signer */
export const voteSignatureBytes = 1 + signatureBytes;
/** client, sequence, number of operations, signature */
export const requestOverheadBytes = 32 + 8 + 2 + signatureBytes;
/** timestamp, number of requests */
export const batchOverheadBytes = 8 + 2;
/** sequence, digest */
export const reproposalBytes = 8 + digestBytes;
export const statusBytes = 8 + 8 + 1 + 8 + 8 + 8 + 8 + digestBytes + 16;
/** a shared document's name, and one encoded operation on it, signature included */
export const maxDocumentNameBytes = 64;
export const maxDocumentOperationBytes = 64 * 1024;
/** one message about shared documents: opaque here, decoded in src/documents */
export const maxDocumentsMessageBytes = 512 * 1024;
/** from, to */
export const fetchBlocksBytes = 8 + 8;
/** sequence */
export const fetchReceiptBytes = 8;
/** epoch, sequence, requests, three roots, replica, signature */
export const receiptBytes = rootsBytes + 2 + 1 + signatureBytes;
/** epoch, view, replica */
export const viewHeaderBytes = 8 + 8 + 1;

export const preparedCertificateBytes = (prepares: number): number => slotBytes + signatureBytes + 1 + prepares * voteSignatureBytes;
export const commitCertificateBytes = (commits: number): number => slotBytes + 1 + commits * voteSignatureBytes;
export const checkpointCertificateBytes = (signatures: number): number => rootsBytes + 1 + signatures * voteSignatureBytes;

/**
 * The largest VIEW-CHANGE content of a committee of `n`: a full window of 2·`checkpointInterval` prepared certificates (PROTOCOL §5), bytes.
 */
export const maxViewChangeBytes = (n: number, checkpointInterval: number): number => {
  const quorum = quorumSize(n);
  return viewHeaderBytes + checkpointCertificateBytes(quorum) + 2 + 2 * checkpointInterval * preparedCertificateBytes(quorum - 1);
};

/**
 * The largest NEW-VIEW frame of a committee of `n`: q largest VIEW-CHANGEs and a full window of re-proposals, bytes. A genesis for which
 * this is above `limits.maxFrameBytes` must be refused, or a view change could need a frame that nobody may send.
 */
export const maxNewViewBytes = (n: number, checkpointInterval: number): number =>
  1 +
  viewHeaderBytes +
  1 +
  quorumSize(n) * (maxViewChangeBytes(n, checkpointInterval) + signatureBytes) +
  2 +
  2 * checkpointInterval * (reproposalBytes + signatureBytes) +
  signatureBytes;
