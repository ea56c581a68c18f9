/** Documents in the node's store: tables `N`, `O` and `F` of src/storage/keys.ts. */
import { Buffer } from "node:buffer";
import type { Digest, PublicKey } from "../protocol/ids.ts";
import { prefixRange, storeKey, tables } from "../storage/keys.ts";
import { StoreError } from "../storage/port.ts";
import type { Store, StoreOperation } from "../storage/port.ts";
import { concatBytes } from "../wire/bytes.ts";
import { decodeWhole, readDigest, readLength, readPublicKey, readU64, readView } from "../wire/reader.ts";
import type { Reader } from "../wire/reader.ts";
import { encodeSized, writeBytes, writeHex32, writeU32, writeU64 } from "../wire/writer.ts";
import type { StoredDocument } from "./document.ts";
import { proveFork } from "./fork.ts";
import type { GenuineFork } from "./fork.ts";
import { documentLimits } from "./limits.ts";
import { isDocumentName, restoreOperation } from "./operation.ts";
import type { DocumentName, GenuineOperation } from "./operation.ts";

/** What is known of a document without loading it; about 300 bytes of memory. */
export interface IndexEntry {
  /** whose operation brought the document here */
  readonly author: PublicKey;
  /** names everything that the document holds */
  readonly digest: Digest;
  readonly operations: number;
}

export interface LoadedRecords extends StoredDocument {
  /** number of the next record */
  readonly next: number;
}

const corrupt = (what: string): StoreError => new StoreError("corrupt", `${what} of a shared document is damaged`);

const namePart = (name: DocumentName): Uint8Array => concatBytes([Uint8Array.of(name.length), Buffer.from(name, "latin1")]);

const operationKey = (name: DocumentName, number: number): Uint8Array => storeKey(tables.operations, namePart(name), number);

/** Adds operations to a document, the first one as record `first`. */
export const putOperations = (name: DocumentName, first: number, operations: readonly GenuineOperation[]): StoreOperation[] =>
  operations.map(({ bytes }, index) => ({ type: "put", key: operationKey(name, first + index), value: bytes }));

/** Takes records `from` up to, but not including, `to` away. */
export const deleteOperations = (name: DocumentName, from: number, to: number): StoreOperation[] =>
  Array.from({ length: to - from }, (_, index) => ({ type: "del", key: operationKey(name, from + index) }));

export const putFork = ({ document, author, operations }: GenuineFork): StoreOperation => ({
  type: "put",
  key: storeKey(tables.forks, namePart(document), Buffer.from(author, "hex")),
  value: encodeSized(4 + operations[0].bytes.length + operations[1].bytes.length, (writer) => {
    writeU32(writer, operations[0].bytes.length);
    for (const { bytes } of operations) writeBytes(writer, bytes);
  }),
});

export const putIndex = (name: DocumentName, { author, digest, operations }: IndexEntry): StoreOperation => ({
  type: "put",
  key: storeKey(tables.documents, Buffer.from(name, "latin1")),
  value: encodeSized(72, (writer) => {
    writeHex32(writer, author);
    writeHex32(writer, digest);
    writeU64(writer, operations);
  }),
});

const readIndexEntry = (reader: Reader): IndexEntry => ({
  author: readPublicKey(reader, "author"),
  digest: readDigest(reader, "digest"),
  operations: readU64(reader, "operations"),
});

/**
 * All documents in the store.
 *
 * @throws StoreError `corrupt`
 */
export const loadIndex = async (store: Store): Promise<Map<DocumentName, IndexEntry>> => {
  const index = new Map<DocumentName, IndexEntry>();
  for await (const { key, value } of store.range(prefixRange(storeKey(tables.documents)))) {
    const name = Buffer.from(key.subarray(1)).toString("latin1");
    const entry = decodeWhole(value, value.length, "index", readIndexEntry);
    if (!isDocumentName(name) || !entry.ok) throw corrupt("the name");
    index.set(name, entry.value);
  }
  return index;
};

const readPair = (reader: Reader): [Uint8Array, Uint8Array] => {
  const first = readView(reader, readLength(reader, documentLimits.maxOperationBytes, "fork"), "fork");
  return [first, readView(reader, reader.end - reader.offset, "fork")];
};

const restoreFork = (value: Uint8Array): GenuineFork => {
  const pair = decodeWhole(value, value.length, "fork", readPair);
  if (!pair.ok) throw corrupt("a fork");
  const [first, second] = pair.value.map(restoreOperation);
  if (first === undefined || second === undefined) throw corrupt("a fork");
  return proveFork(first, second);
};

/**
 * A document as it was last written.
 *
 * @throws StoreError `corrupt`
 */
export const loadRecords = async (store: Store, name: DocumentName): Promise<LoadedRecords> => {
  const operations: GenuineOperation[] = [];
  const forks: GenuineFork[] = [];
  let next = 0;
  for await (const { key, value } of store.range(prefixRange(storeKey(tables.operations, namePart(name))))) {
    const operation = restoreOperation(value);
    if (operation === undefined) throw corrupt("an operation");
    operations.push(operation);
    next = Number(Buffer.from(key).readBigUInt64BE(key.length - 8)) + 1;
  }
  for await (const { value } of store.range(prefixRange(storeKey(tables.forks, namePart(name))))) forks.push(restoreFork(value));
  return { operations, forks, next };
};

/** A write as a promise. */
export const writeRecords = (store: Store, operations: readonly StoreOperation[], durable: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable }, (error) => (error === undefined ? resolve() : reject(error)));
  });
