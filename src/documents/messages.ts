/** What nodes say to each other about documents (docs/documents.md "Synchronisation"): unsigned, authenticated by the channel; operations carry signatures of their own. */
import type { Digest } from "../protocol/ids.ts";
import { concatBytes } from "../wire/bytes.ts";
import { decodeWhole, fail, readCount, readDigest, readLength, readU8, readView } from "../wire/reader.ts";
import type { CountRule, Decoded, Reader } from "../wire/reader.ts";
import { encodeSized, writeBytes, writeHex32, writeU16, writeU32, writeU8 } from "../wire/writer.ts";
import type { Writer } from "../wire/writer.ts";
import { documentLimits } from "./limits.ts";
import { readName } from "./operation.ts";
import type { DocumentName } from "./operation.ts";
import { encodeSummary, readSummary } from "./summary.ts";
import type { Summary } from "./summary.ts";

export type DocumentMessage =
  /** some of the sender's documents, ascending by name: whoever has another digest answers with his summary */
  | { readonly kind: "overview"; readonly entries: readonly OverviewEntry[] }
  /** what the sender has: whoever has more sends it; and unless this is an answer, says in turn what he has when he lacks something */
  | { readonly kind: "summary"; readonly answer: boolean; readonly summary: Summary }
  /** parents first; `more`: there was no room for all, ask again */
  | { readonly kind: "operations"; readonly document: DocumentName; readonly more: boolean; readonly operations: readonly Uint8Array[] };

export interface OverviewEntry {
  readonly document: DocumentName;
  readonly digest: Digest;
}

const tags = { overview: 1, summary: 2, operations: 3 } as const;
const entriesRule: CountRule = { width: 2, min: 0, max: documentLimits.maxOverviewEntries, entryBytes: 2 + 32 };
const operationsRule: CountRule = { width: 2, min: 1, max: documentLimits.maxOperationsPerMessage, entryBytes: 4 };

const writeName = (writer: Writer, name: DocumentName): void => {
  writeU8(writer, name.length);
  writer.offset += writer.buffer.write(name, writer.offset, "latin1");
};

/** tag u8, then: count u16 ‖ (name ‖ digest[32])* · answer u8 ‖ summary · more u8 ‖ name ‖ count u16 ‖ (length u32 ‖ operation)* */
export const encodeMessage = (message: DocumentMessage): Uint8Array => {
  switch (message.kind) {
    case "overview":
      return encodeSized(
        message.entries.reduce((size, { document }) => size + 1 + document.length + 32, 3),
        (writer) => {
          writeU8(writer, tags.overview);
          writeU16(writer, message.entries.length);
          for (const { document, digest } of message.entries) {
            writeName(writer, document);
            writeHex32(writer, digest);
          }
        },
      );
    case "summary":
      return concatBytes([Uint8Array.of(tags.summary, message.answer ? 1 : 0), encodeSummary(message.summary)]);
    case "operations":
      return encodeSized(
        message.operations.reduce((size, bytes) => size + 4 + bytes.length, 5 + message.document.length),
        (writer) => {
          writeU8(writer, tags.operations);
          writeU8(writer, message.more ? 1 : 0);
          writeName(writer, message.document);
          writeU16(writer, message.operations.length);
          for (const bytes of message.operations) {
            writeU32(writer, bytes.length);
            writeBytes(writer, bytes);
          }
        },
      );
  }
};

const readFlag = (reader: Reader, field: string): boolean => {
  const value = readU8(reader, field);
  if (value > 1) fail(reader, "out-of-range", field);
  return value === 1;
};

const readEntries = (reader: Reader): OverviewEntry[] => {
  const count = readCount(reader, entriesRule, "overview");
  const entries: OverviewEntry[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const document = readName(reader, "overview.document");
    const previous = entries.at(-1);
    if (previous !== undefined && document <= previous.document) fail(reader, "not-ascending", "overview");
    entries.push({ document, digest: readDigest(reader, "overview.digest") });
  }
  return entries;
};

const readOperations = (reader: Reader): Uint8Array[] => {
  const count = readCount(reader, operationsRule, "operations");
  const operations: Uint8Array[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    operations.push(readView(reader, readLength(reader, documentLimits.maxOperationBytes, "operation"), "operation"));
  }
  return operations;
};

const readMessage = (reader: Reader): DocumentMessage | undefined => {
  switch (readU8(reader, "document-message")) {
    case tags.overview:
      return { kind: "overview", entries: readEntries(reader) };
    case tags.summary:
      return { kind: "summary", answer: readFlag(reader, "summary.answer"), summary: readSummary(reader) };
    case tags.operations: {
      const more = readFlag(reader, "operations.more");
      const document = readName(reader, "operations.document");
      return { kind: "operations", more, document, operations: readOperations(reader) };
    }
    default:
      fail(reader, "unknown-tag", "document-message");
      return undefined;
  }
};

/** One message, at most `maxMessageBytes`. Never throws. Operations are views of `bytes`, not decoded yet. */
export const decodeMessage = (bytes: Uint8Array): Decoded<DocumentMessage> =>
  decodeWhole(bytes, documentLimits.maxMessageBytes, "document-message", readMessage) as Decoded<DocumentMessage>;
