/**
 * Operations: what an author signs and links by hash to what he had seen (PROTOCOL §11; docs/documents.md "Operations").
 *
 * document (u8 length, ASCII) ‖ author[32] ‖ sequence u64 ‖ parents (u8 count, [32] each, ascending) ‖ changes (u8 count) ‖ signature[64]; its id is the
 * hash of all but the signature, so that nobody makes two operations out of one by signing it twice.
 */
import type { Digest, PublicKey, Signature } from "../protocol/ids.ts";
import { checkSignature, type SignatureCheck } from "../signing/check.ts";
import { ed25519 } from "../signing/ed25519.ts";
import type { KeyPair } from "../signing/keys.ts";
import { concatBytes, fromHex } from "../wire/bytes.ts";
import { sha256 } from "../wire/digests.ts";
import { decodeWhole, fail, readCount, readDigest, readPublicKey, readSignature, readU64, readView } from "../wire/reader.ts";
import type { CountRule, Decoded, Reader } from "../wire/reader.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import { encodeSized, writeBytes, writeHex32, writeU64, writeU8 } from "../wire/writer.ts";
import { encodeChange, readChange } from "./changes.ts";
import type { Change } from "./changes.ts";
import { documentLimits } from "./limits.ts";

declare const name: unique symbol;
/** A document's name: 1 to 64 of `a–z 0–9 . _ -`, a letter or digit first. Two sides of a cut that use one name mean one document. */
export type DocumentName = string & { readonly [name]: true };

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Whether this text can name a document. */
export const isDocumentName = (text: string): text is DocumentName => namePattern.test(text);

export interface OperationContent {
  readonly document: DocumentName;
  readonly author: PublicKey;
  /** the author's own number of this operation in this document, from 1 without gaps */
  readonly sequence: number;
  /** ids of the heads that the author had seen, ascending; his own previous operation among them */
  readonly parents: readonly Digest[];
  readonly changes: readonly Change[];
}

export interface DocumentOperation extends OperationContent {
  readonly id: Digest;
  readonly signature: Signature;
  /** the whole encoding, signature included, in memory of its own */
  readonly bytes: Uint8Array;
}

declare const genuine: unique symbol;
/** An operation whose signature was checked, or that we signed. Only this module makes one. */
export type GenuineOperation = DocumentOperation & { readonly [genuine]: true };

const nameRule: CountRule = { width: 1, min: 1, max: documentLimits.maxNameBytes, entryBytes: 1 };
const parentsRule: CountRule = { width: 1, min: 0, max: documentLimits.maxParents, entryBytes: 32 };
/** the smallest change: a tag and a path of one key */
const changesRule: CountRule = { width: 1, min: 1, max: documentLimits.maxChanges, entryBytes: 4 };

const checkContent = (content: OperationContent): void => {
  const { document, sequence, parents, changes } = content;
  if (!isDocumentName(document)) throw new RangeError(`not a document's name: ${String(document)}`);
  if (!Number.isInteger(sequence) || sequence < 1 || sequence > documentLimits.maxOperationsPerAuthor) {
    throw new RangeError(`an operation's sequence is 1 to ${documentLimits.maxOperationsPerAuthor}`);
  }
  if (parents.length > documentLimits.maxParents) throw new RangeError(`an operation has at most ${documentLimits.maxParents} parents`);
  if (parents.some((parent, index) => index > 0 && parent <= (parents[index - 1] as Digest))) throw new RangeError("parents ascend");
  if (changes.length < 1 || changes.length > documentLimits.maxChanges) {
    throw new RangeError(`an operation has 1 to ${documentLimits.maxChanges} changes, not ${changes.length}`);
  }
};

const encodeContent = (content: OperationContent): Uint8Array => {
  checkContent(content);
  const { document, author, sequence, parents, changes } = content;
  const encoded = concatBytes(changes.map(encodeChange));
  const size = 1 + document.length + 32 + 8 + 1 + 32 * parents.length + 1 + encoded.length;
  if (size + 64 > documentLimits.maxOperationBytes) {
    throw new RangeError(`an operation has at most ${documentLimits.maxOperationBytes} bytes, not ${size + 64}`);
  }
  return encodeSized(size, (writer) => {
    writeU8(writer, document.length);
    writer.offset += writer.buffer.write(document, writer.offset, "latin1");
    writeHex32(writer, author);
    writeU64(writer, sequence);
    writeU8(writer, parents.length);
    for (const parent of parents) writeHex32(writer, parent);
    writeU8(writer, changes.length);
    writeBytes(writer, encoded);
  });
};

/**
 * Signs an operation. Whoever signs two with one sequence in one document has forked his own history, which is proof of misbehaviour: make the first one
 * durable before anyone sees it.
 *
 * @throws RangeError for content that breaks a limit
 */
export const signOperation = (key: KeyPair, signBytes: SignBytes, content: Omit<OperationContent, "author">): GenuineOperation => {
  const whole: OperationContent = { ...content, author: key.publicKey };
  const head = encodeContent(whole);
  const id = sha256(head);
  const signature = key.sign(signBytes.ofOperation({ sequence: whole.sequence, id }));
  return { ...whole, id, signature, bytes: concatBytes([head, signature]) } as DocumentOperation as GenuineOperation;
};

/** A document's name, which knows its own end. */
export const readName = (reader: Reader, field: string): DocumentName => {
  const bytes = readView(reader, readCount(reader, nameRule, field), field);
  const text = String.fromCharCode(...bytes);
  if (reader.error === undefined && !isDocumentName(text)) fail(reader, "out-of-range", field);
  return text as DocumentName;
};

/** Ascending digests without repetition. */
const readParents = (reader: Reader): Digest[] => {
  const count = readCount(reader, parentsRule, "operation.parents");
  const parents: Digest[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const parent = readDigest(reader, "operation.parents");
    const previous = parents.at(-1);
    if (previous !== undefined && parent <= previous) fail(reader, "not-ascending", "operation.parents");
    parents.push(parent);
  }
  return parents;
};

const readChanges = (reader: Reader): Change[] => {
  const count = readCount(reader, changesRule, "operation.changes");
  const changes: Change[] = [];
  for (let index = 0; index < count && reader.error === undefined; index++) {
    const change = readChange(reader);
    if (change !== undefined) changes.push(change);
  }
  return changes;
};

const readOperation = (reader: Reader): DocumentOperation => {
  const start = reader.offset;
  const document = readName(reader, "operation.document");
  const author = readPublicKey(reader, "operation.author");
  const sequence = readU64(reader, "operation.sequence");
  if (sequence < 1 || sequence > documentLimits.maxOperationsPerAuthor) fail(reader, "out-of-range", "operation.sequence");
  const parents = readParents(reader);
  const changes = readChanges(reader);
  const end = reader.offset;
  const signature = readSignature(reader, "operation.signature");
  const whole = Uint8Array.from(reader.buffer.subarray(start, reader.offset));
  const id = sha256(whole.subarray(0, end - start));
  return { document, author, sequence, parents, changes, id, signature, bytes: whole };
};

/** One operation and nothing else, at most `maxOperationBytes`, in memory of its own. Never throws; the signature is not checked. */
export const decodeOperation = (bytes: Uint8Array): Decoded<DocumentOperation> =>
  decodeWhole(bytes, documentLimits.maxOperationBytes, "operation", readOperation);

/** What decides about signatures: the strict rule, but where a simulation has signatures of its own. */
export type SignatureRule = (check: SignatureCheck) => boolean;

const strictRule: SignatureRule = (check) => checkSignature(ed25519, check);

/**
 * Checks the author's signature: 0.06 ms with libsodium.
 *
 * @param keyIsGood the author's key passed step 2 of the strict rule before, as every validator's did
 */
export const verifyOperation = (
  signBytes: SignBytes,
  operation: DocumentOperation,
  keyIsGood = false,
  isValid: SignatureRule = strictRule,
): operation is GenuineOperation =>
  isValid({
    publicKey: fromHex(operation.author),
    message: signBytes.ofOperation(operation),
    signature: operation.signature,
    keyIsGood,
  });

/** An operation out of our own store: its signature was checked before it was written there, and the store checks what it reads. */
export const restoreOperation = (bytes: Uint8Array): GenuineOperation | undefined => {
  const decoded = decodeOperation(bytes);
  return decoded.ok ? (decoded.value as GenuineOperation) : undefined;
};
