/** The node's own records in the store: what consensus must not forget (PROTOCOL §6), and the history it keeps. Keys: storage/keys.ts. */
import { Buffer } from "node:buffer";
import type { Digest, Sequence, Signature, View } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Answer } from "../../ledger/answers.ts";
import type { CommitCertificate, Signed, SignedNewView, ViewChange } from "../../protocol/messages.ts";
import { storeKey, tables, readNumber, writeNumber } from "../../storage/keys.ts";
import type { StoreOperation } from "../../storage/port.ts";
import { asBuffer, concatBytes, fromHex, toHex } from "../../wire/bytes.ts";
import { decodeCommitCertificate, encodeCommitCertificate } from "../../wire/certificates.ts";
import { decodeSignedNewView, decodeSignedViewChange, encodeSignedNewView, encodeSignedViewChange } from "../../wire/view-change.ts";

/** A record of the store does not say what it should: the data is damaged, or of another version. */
export class RecordError extends Error {
  /** it is whole, and another network's */
  readonly foreign: boolean;
  constructor(table: string, detail: string, foreign = false) {
    super(`the store's record ${table} is not readable: ${detail}`);
    this.name = "RecordError";
    this.foreign = foreign;
  }
}

const numberBytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  writeNumber(bytes, value, 0);
  return bytes;
};

/** @throws RecordError beyond the safe integers: no number that was ever written */
const readSafeNumber = (table: string, bytes: Uint8Array, offset: number): number => {
  const value = readNumber(bytes, offset);
  if (Number.isSafeInteger(value)) return value;
  throw new RecordError(table, "a number out of range");
};

export const keys = {
  accepted: (sequence: Sequence, digest: Digest): Uint8Array => storeKey(tables.accepted, sequence, fromHex(digest)),
  prepared: (sequence: Sequence): Uint8Array => storeKey(tables.prepared, sequence),
  batch: (digest: Digest): Uint8Array => storeKey(tables.batches, fromHex(digest)),
  block: (sequence: Sequence): Uint8Array => storeKey(tables.blocks, sequence),
  results: (sequence: Sequence): Uint8Array => storeKey(tables.results, sequence),
  request: (id: Digest): Uint8Array => storeKey(tables.requests, fromHex(id)),
  checkpoint: (sequence: Sequence): Uint8Array => storeKey(tables.checkpoints, sequence),
  stable: storeKey(tables.stable),
  view: storeKey(tables.view),
  meta: (name: "genesis" | "voter" | "pruned" | "gap"): Uint8Array => storeKey(tables.meta, Buffer.from(name, "latin1")),
} as const;

export const put = (key: Uint8Array, value: Uint8Array): StoreOperation => ({ type: "put", key, value });
export const del = (key: Uint8Array): StoreOperation => ({ type: "del", key });

/* ------------------------------------------------------------------ accepted proposals */

export interface AcceptedRecord {
  readonly sequence: Sequence;
  readonly digest: Digest;
  readonly view: View;
  readonly proposalSignature: Signature | undefined;
}

export const encodeAccepted = (view: View, proposalSignature: Signature | undefined): Uint8Array =>
  concatBytes(proposalSignature === undefined ? [numberBytes(view)] : [numberBytes(view), proposalSignature]);

/** @throws RecordError */
export const decodeAccepted = (key: Uint8Array, value: Uint8Array): AcceptedRecord => {
  if (key.length !== 41 || (value.length !== 8 && value.length !== 72)) throw new RecordError("A", "wrong size");
  return {
    sequence: readSafeNumber("A", key, 1) as Sequence,
    digest: toHex(key.subarray(9)) as Digest,
    view: readSafeNumber("A", value, 0) as View,
    proposalSignature: value.length === 8 ? undefined : (value.slice(8) as Signature),
  };
};

/* ------------------------------------------------------------------ the view */

export type ViewRecord =
  | { readonly active: false; readonly viewChange: Signed<ViewChange> }
  | { readonly active: true; readonly newView: SignedNewView };

export const encodeViewRecord = (record: ViewRecord): Uint8Array =>
  concatBytes([
    Uint8Array.of(record.active ? 1 : 0),
    record.active ? encodeSignedNewView(record.newView) : encodeSignedViewChange(record.viewChange),
  ]);

/** @throws RecordError */
export const decodeViewRecord = (value: Uint8Array): ViewRecord => {
  const body = value.subarray(1);
  if (value[0] === 1) {
    const decoded = decodeSignedNewView(body);
    if (decoded.ok) return { active: true, newView: decoded.value };
    throw new RecordError("V", decoded.error.reason);
  }
  const decoded = decodeSignedViewChange(body);
  if (decoded.ok && value[0] === 0) return { active: false, viewChange: decoded.value };
  throw new RecordError("V", decoded.ok ? "unknown kind" : decoded.error.reason);
};

/* ------------------------------------------------------------------ history */

/** What is kept of an executed sequence beside its batch. */
export interface BlockHeader {
  readonly certificate: CommitCertificate;
  readonly logHash: Digest;
  readonly stateRoot: Digest;
  /** ledger time, Unix milliseconds */
  readonly timestamp: number;
}

export const encodeBlockHeader = ({ certificate, logHash, stateRoot, timestamp }: BlockHeader): Uint8Array =>
  concatBytes([fromHex(logHash), fromHex(stateRoot), numberBytes(timestamp), encodeCommitCertificate(certificate)]);

/** @throws RecordError */
export const decodeBlockHeader = (value: Uint8Array): BlockHeader => {
  if (value.length < 72) throw new RecordError("K", "too short");
  const certificate = decodeCommitCertificate(value.subarray(72));
  if (!certificate.ok) throw new RecordError("K", certificate.error.reason);
  return {
    logHash: toHex(value.subarray(0, 32)) as Digest,
    stateRoot: toHex(value.subarray(32, 64)) as Digest,
    timestamp: readSafeNumber("K", value, 64),
    certificate: certificate.value,
  };
};

export interface RequestPlace {
  readonly sequence: Sequence;
  readonly index: number;
}

/** Where each request of a batch was executed; one that only repeated an earlier one keeps its first place. */
export const encodeRequestPlaces = (sequence: Sequence, answers: readonly Answer[]): StoreOperation[] =>
  answers.flatMap(({ id, outcome }, index) => {
    if (outcome.status === "duplicate") return [];
    const value = Buffer.alloc(12);
    writeNumber(value, sequence, 0);
    value.writeUInt32BE(index, 8);
    return [put(keys.request(id), value)];
  });

/** @throws RecordError */
export const decodeRequestPlace = (value: Uint8Array): RequestPlace => {
  if (value.length !== 12) throw new RecordError("I", "wrong size");
  const index = asBuffer(value).readUInt32BE(8);
  if (index >= limits.maxRequestsPerBatch) throw new RecordError("I", "no such place in a batch");
  return { sequence: readSafeNumber("I", value, 0) as Sequence, index };
};
