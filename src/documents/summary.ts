/** What a node has of a document, in few words: enough for a peer to know what to send (docs/documents.md "Synchronisation"). */
import { Buffer } from "node:buffer";
import type { Digest, PublicKey } from "../protocol/ids.ts";
import { concatBytes } from "../wire/bytes.ts";
import { sha256 } from "../wire/digests.ts";
import { fail, readCount, readDigest, readPublicKey, readU64 } from "../wire/reader.ts";
import type { CountRule, Reader } from "../wire/reader.ts";
import { encodeSized, writeHex32, writeU16, writeU64, writeU8 } from "../wire/writer.ts";
import { documentLimits } from "./limits.ts";
import { readName } from "./operation.ts";
import type { DocumentName } from "./operation.ts";

/** An author's latest operation. */
export interface Tip {
  readonly author: PublicKey;
  readonly sequence: number;
  readonly id: Digest;
}

export interface Summary {
  readonly document: DocumentName;
  /** of each author who is not known to have forked, ascending by author */
  readonly tips: readonly Tip[];
  /** authors proven to have forked this document, ascending */
  readonly forkers: readonly PublicKey[];
}

const tipBytes = 32 + 8 + 32;
const tipsRule: CountRule = { width: 2, min: 0, max: documentLimits.maxAuthors, entryBytes: tipBytes };
const forkersRule: CountRule = { width: 2, min: 0, max: documentLimits.maxAuthors, entryBytes: 32 };

/** name (u8 length) ‖ count u16 ‖ (author[32] ‖ sequence u64 ‖ id[32])* ‖ count u16 ‖ author[32]*, both ascending by author */
export const encodeSummary = ({ document, tips, forkers }: Summary): Uint8Array =>
  encodeSized(1 + document.length + 2 + tipBytes * tips.length + 2 + 32 * forkers.length, (writer) => {
    writeU8(writer, document.length);
    writer.offset += writer.buffer.write(document, writer.offset, "latin1");
    writeU16(writer, tips.length);
    for (const { author, sequence, id } of tips) {
      writeHex32(writer, author);
      writeU64(writer, sequence);
      writeHex32(writer, id);
    }
    writeU16(writer, forkers.length);
    for (const author of forkers) writeHex32(writer, author);
  });

const readTips = (reader: Reader): Tip[] => {
  const count = readCount(reader, tipsRule, "summary.tips");
  const tips: Tip[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const author = readPublicKey(reader, "summary.tip");
    const sequence = readU64(reader, "summary.tip");
    const previous = tips.at(-1);
    if (previous !== undefined && author <= previous.author) fail(reader, "not-ascending", "summary.tips");
    if (sequence < 1 || sequence > documentLimits.maxOperationsPerAuthor) fail(reader, "out-of-range", "summary.tip");
    tips.push({ author, sequence, id: readDigest(reader, "summary.tip") });
  }
  return tips;
};

const readForkers = (reader: Reader): PublicKey[] => {
  const count = readCount(reader, forkersRule, "summary.forkers");
  const forkers: PublicKey[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const author = readPublicKey(reader, "summary.forkers");
    const previous = forkers.at(-1);
    if (previous !== undefined && author <= previous) fail(reader, "not-ascending", "summary.forkers");
    forkers.push(author);
  }
  return forkers;
};

export const readSummary = (reader: Reader): Summary => ({
  document: readName(reader, "summary.document"),
  tips: readTips(reader),
  forkers: readForkers(reader),
});

const domain = Buffer.from("byz/1/document-heads\0", "latin1");

/**
 * H("byz/1/document-heads" ‖ 0x00 ‖ the summary's bytes): names everything that the document holds, since each tip names its past. Two nodes with the same digest
 * show the same bytes.
 */
export const summaryDigest = (summary: Summary): Digest => sha256(concatBytes([domain, encodeSummary(summary)]));
