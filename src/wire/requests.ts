/** Requests and batches (PROTOCOL §3, §9; docs/wire.md "Requests and batches"). What is decoded keeps views of the received bytes. */
import { limits } from "../protocol/limits.ts";
import type { Digest, PublicKey, Signature } from "../protocol/ids.ts";
import type { Batch, Request } from "../protocol/messages.ts";
import { sha256 } from "./digests.ts";
import { decodeWhole, fail, readCount, readLength, readPublicKey, readU64, readView } from "./reader.ts";
import type { CountRule, Decoded, Reader } from "./reader.ts";
import { batchOverheadBytes, requestOverheadBytes, signatureBytes } from "./sizes.ts";
import { encodeSized, writeBytes, writeHex32, writeU16, writeU32, writeU64 } from "./writer.ts";

/** What a client signs, before it is signed. */
export interface RequestContent {
  readonly client: PublicKey;
  /** the client's own number of this request, an unsigned safe integer */
  readonly sequence: number;
  readonly operations: readonly Uint8Array[];
}

const operationsRule: CountRule = { width: 2, min: 1, max: limits.maxOperationsPerRequest, entryBytes: 4 };
const requestsRule: CountRule = { width: 2, min: 0, max: limits.maxRequestsPerBatch, entryBytes: requestOverheadBytes + 4 };
/** client, sequence, number of operations */
const headerBytes = requestOverheadBytes - signatureBytes;

const checkContent = (content: RequestContent, size: number): void => {
  const { sequence, operations } = content;
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError("a request's sequence is an unsigned safe integer");
  if (operations.length < 1 || operations.length > limits.maxOperationsPerRequest) {
    throw new RangeError(`a request has 1 to ${limits.maxOperationsPerRequest} operations, not ${operations.length}`);
  }
  if (size > limits.maxRequestBytes) throw new RangeError(`a request has at most ${limits.maxRequestBytes} bytes, not ${size}`);
};

const contentSize = (content: RequestContent): number =>
  content.operations.reduce((sum, operation) => sum + 4 + operation.length, headerBytes);

/**
 * The content of a request as it is hashed: client[32] ‖ sequence u64 ‖ count u16 ‖ (length u32 ‖ bytes)*.
 *
 * @throws RangeError if the request would break a limit of protocol/limits
 */
const encodeRequestContent = (content: RequestContent): Uint8Array => {
  const size = contentSize(content);
  checkContent(content, size + signatureBytes);
  return encodeSized(size, (writer) => {
    writeHex32(writer, content.client);
    writeU64(writer, content.sequence);
    writeU16(writer, content.operations.length);
    for (const operation of content.operations) {
      writeU32(writer, operation.length);
      writeBytes(writer, operation);
    }
  });
};

/**
 * A request's name: H(client ‖ sequence ‖ operations as encoded). It is the `digest` of the request's sign-bytes.
 *
 * @throws RangeError if the request would break a limit of protocol/limits
 */
export const requestId = (content: RequestContent): Digest => sha256(encodeRequestContent(content));

/** Views into `bytes`, a well-formed request. */
const viewRequest = (bytes: Uint8Array, client: PublicKey, sequence: number, lengths: readonly number[], id: Digest): Request => {
  const operations: Uint8Array[] = [];
  let offset = bytes.byteOffset + headerBytes;
  for (const length of lengths) {
    offset += 4;
    operations.push(new Uint8Array(bytes.buffer, offset, length));
    offset += length;
  }
  const signature = new Uint8Array(bytes.buffer, offset, signatureBytes) as Signature;
  return { kind: "request", client, sequence, operations, signature, id, bytes };
};

/**
 * Puts content and signature together, in memory of their own.
 *
 * @throws RangeError if it breaks a limit of protocol/limits or the signature is not 64 bytes
 */
export const createRequest = (content: RequestContent, signature: Signature): Request => {
  const head = encodeRequestContent(content);
  const bytes = encodeSized(head.length + signatureBytes, (writer) => {
    writeBytes(writer, head);
    writeBytes(writer, signature);
  });
  const lengths = content.operations.map((operation) => operation.length);
  return viewRequest(bytes, content.client, content.sequence, lengths, sha256(head));
};

/** One request, which knows its own end. */
const readRequest = (reader: Reader): Request | undefined => {
  const start = reader.offset;
  const client = readPublicKey(reader, "request.client");
  const sequence = readU64(reader, "request.sequence");
  const count = readCount(reader, operationsRule, "request.operations");
  const lengths: number[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const length = readLength(reader, limits.maxRequestBytes, "request.operation");
    lengths.push(length);
    reader.offset += length;
  }
  readView(reader, signatureBytes, "request.signature");
  if (reader.error !== undefined) return undefined;
  const size = reader.offset - start;
  if (size > limits.maxRequestBytes) {
    fail(reader, "too-large", "request");
    return undefined;
  }
  const bytes = new Uint8Array(reader.buffer.buffer, reader.buffer.byteOffset + start, size);
  const id = sha256(reader.buffer.subarray(start, reader.offset - signatureBytes));
  return viewRequest(bytes, client, sequence, lengths, id);
};

/** One request and nothing else; a view of `bytes`. */
export const decodeRequest = (bytes: Uint8Array): Decoded<Request> =>
  decodeWhole(bytes, limits.maxRequestBytes, "request", readRequest) as Decoded<Request>;

/** The same request in memory of its own, so that keeping it does not keep the frame that brought it. */
export const detachRequest = (request: Request): Request => {
  const lengths = request.operations.map((operation) => operation.length);
  return viewRequest(request.bytes.slice(), request.client, request.sequence, lengths, request.id);
};

export const readRequests = (reader: Reader, rule: CountRule, field: string): Request[] => {
  const count = readCount(reader, rule, field);
  const requests: Request[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const request = readRequest(reader);
    if (request !== undefined) requests.push(request);
  }
  return requests;
};

/**
 * timestamp u64 ‖ count u16 ‖ the requests' own bytes; the digest is the hash of it all.
 *
 * @param timestamp Unix milliseconds, an unsigned safe integer
 * @throws RangeError if the batch breaks a limit of protocol/limits
 */
export const createBatch = (timestamp: number, requests: readonly Request[]): Batch => {
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) throw new RangeError("a batch's timestamp is an unsigned safe integer");
  if (requests.length > limits.maxRequestsPerBatch) throw new RangeError(`a batch has at most ${limits.maxRequestsPerBatch} requests`);
  const size = requests.reduce((sum, request) => sum + request.bytes.length, batchOverheadBytes);
  if (size > limits.maxBatchBytes) throw new RangeError(`a batch has at most ${limits.maxBatchBytes} bytes, not ${size}`);
  const bytes = encodeSized(size, (writer) => {
    writeU64(writer, timestamp);
    writeU16(writer, requests.length);
    for (const request of requests) writeBytes(writer, request.bytes);
  });
  return { kind: "batch", timestamp, requests, digest: sha256(bytes), bytes };
};

/** What a NEW-VIEW proposes for a gap: timestamp 0, no requests (PROTOCOL §5). */
export const emptyBatch: Batch = createBatch(0, []);
export const emptyBatchDigest: Digest = emptyBatch.digest;

/** One batch, which knows its own end. */
export const readBatch = (reader: Reader): Batch | undefined => {
  const start = reader.offset;
  const timestamp = readU64(reader, "batch.timestamp");
  const requests = readRequests(reader, requestsRule, "batch.requests");
  if (reader.error !== undefined) return undefined;
  const size = reader.offset - start;
  if (size > limits.maxBatchBytes) {
    fail(reader, "too-large", "batch");
    return undefined;
  }
  const bytes = new Uint8Array(reader.buffer.buffer, reader.buffer.byteOffset + start, size);
  return { kind: "batch", timestamp, requests, digest: sha256(bytes), bytes };
};

/** One batch and nothing else; a view of `bytes`. Its encoding is `batch.bytes`. */
export const decodeBatch = (bytes: Uint8Array): Decoded<Batch> =>
  decodeWhole(bytes, limits.maxBatchBytes, "batch", readBatch) as Decoded<Batch>;

/** The same batch, requests included, in memory of its own. */
export const detachBatch = (batch: Batch): Batch => {
  const bytes = batch.bytes.slice();
  let offset = batchOverheadBytes;
  const requests = batch.requests.map((request) => {
    const view = bytes.subarray(offset, offset + request.bytes.length);
    offset += view.length;
    const lengths = request.operations.map((operation) => operation.length);
    return viewRequest(view, request.client, request.sequence, lengths, request.id);
  });
  return { ...batch, requests, bytes };
};
