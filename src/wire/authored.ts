/**
 * An operation on a shared document, as far as a proof against its author needs it (docs/documents.md "Operations"): whose it is, of which document and number, and
 * its id. What it says is for `documents` to read.
 */
import { Buffer } from "node:buffer";
import type { AuthoredOperation } from "../protocol/evidence.ts";
import { sha256 } from "./digests.ts";
import { decodeWhole, fail, readLength, readPublicKey, readU64, readU8, readView, type Reader } from "./reader.ts";
import { maxDocumentNameBytes, maxDocumentOperationBytes, signatureBytes } from "./sizes.ts";
import { writeBytes, writeU32, type Writer } from "./writer.ts";

/** name, author, sequence, no parents, no changes, signature */
const leastBytes = 1 + 1 + 32 + 8 + 1 + 1 + signatureBytes;

const readHead = (reader: Reader): Pick<AuthoredOperation, "document" | "author" | "sequence"> => {
  const length = readU8(reader, "operation.document");
  if (length < 1 || length > maxDocumentNameBytes) fail(reader, "out-of-range", "operation.document");
  const document = Buffer.from(readView(reader, length, "operation.document")).toString("latin1");
  return { document, author: readPublicKey(reader, "operation.author"), sequence: readU64(reader, "operation.sequence") };
};

/** length u32 ‖ operation */
export const readAuthored = (reader: Reader): AuthoredOperation | undefined => {
  const length = readLength(reader, maxDocumentOperationBytes, "operation");
  if (length < leastBytes) fail(reader, "out-of-range", "operation");
  const bytes = Uint8Array.from(readView(reader, length, "operation"));
  if (reader.error !== undefined) return undefined;
  const signedUpTo = length - signatureBytes;
  const head = decodeWhole(bytes, maxDocumentOperationBytes, "operation", (inner) => {
    const read = readHead(inner);
    readView(inner, Math.max(0, inner.end - inner.offset), "operation");
    return read;
  });
  if (!head.ok) {
    fail(reader, head.error.reason, head.error.field);
    return undefined;
  }
  const signature = bytes.slice(signedUpTo) as AuthoredOperation["signature"];
  return { ...head.value, id: sha256(bytes.subarray(0, signedUpTo)), signature, bytes };
};

export const writeAuthored = (writer: Writer, { bytes }: AuthoredOperation): void => {
  writeU32(writer, bytes.length);
  writeBytes(writer, bytes);
};

export const sizeOfAuthored = ({ bytes }: AuthoredOperation): number => 4 + bytes.length;
