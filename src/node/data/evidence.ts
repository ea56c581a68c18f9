/** Proofs of misbehaviour on disk: bounded, each deed once, there again after a restart (PROTOCOL §10, §14). */
import { type Evidence, type Fork, isFork } from "../../protocol/evidence.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { Digest } from "../../protocol/ids.ts";
import { prefixRange, readNumber, storeKey, tables, writeNumber } from "../../storage/keys.ts";
import type { Store, StoreError } from "../../storage/port.ts";
import { fromHex, toHex } from "../../wire/bytes.ts";
import { decodeEvidence, encodeEvidence, evidenceId } from "../../wire/evidence.ts";
import { put, RecordError } from "./records.ts";

/** One proof with its name. */
export interface EvidenceRecord {
  /** names the deed, not its proof: what was done, where and by whom */
  readonly id: Digest;
  /** when this node found it, Unix milliseconds */
  readonly detectedAt: number;
  readonly evidence: Evidence;
  /** its encoding (docs/wire.md, "Evidence") */
  readonly proof: Uint8Array;
}

export interface EvidencePage {
  /** only those after this one in the order of the list; from the first when absent or unknown */
  readonly after?: Digest | undefined;
  readonly limit: number;
  /** the page ends before its proofs pass this, but holds at least one */
  readonly maxBytes: number;
}

export interface EvidenceStore {
  /** Keeps it, unless this deed is kept already or its culprit's share is used up. @returns whether it is new */
  keep(evidence: Evidence, detectedAt: number, failed: (error: StoreError) => void): boolean;
  /** in the order in which they were found */
  list(page: EvidencePage): EvidenceRecord[];
  get(id: Digest): EvidenceRecord | undefined;
  /** agreement was found broken: nothing may be ordered on this data any more */
  readonly fork: Fork | undefined;
}

/** A culprit's share: deeds, and bytes of proofs. The first ones are kept: they are enough. */
const maxDeeds = 32;
const maxProofBytes = 32 * 1024 * 1024;

/** What is remembered of a proof that lies on the disk. */
interface Kept {
  readonly id: Digest;
  readonly detectedAt: number;
  /** until it is written */
  proof: Uint8Array | undefined;
}

const encodeRecord = (detectedAt: number, proof: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(8 + proof.length);
  writeNumber(bytes, detectedAt, 0);
  bytes.set(proof, 8);
  return bytes;
};

/** @throws RecordError */
export const decodeEvidenceRecord = (id: Digest, value: Uint8Array): EvidenceRecord => {
  if (value.length < 9) throw new RecordError("E", "too short");
  const proof = value.slice(8);
  const decoded = decodeEvidence(proof);
  if (!decoded.ok) throw new RecordError("E", decoded.error.reason);
  return { id, detectedAt: readNumber(value, 0), evidence: decoded.value, proof };
};

const keyOf = (id: Digest): Uint8Array => storeKey(tables.evidence, fromHex(id));

/** Whose share it counts against; forks of the ledger have one of their own, and forks of documents are not crowded out by what the same author does in consensus. */
const shareOf = (evidence: Evidence): string => {
  if (isFork(evidence)) return evidence.kind;
  return evidence.kind === "forked-document" ? `documents ${evidence.culprit}` : String(evidence.culprit);
};

/**
 * Reads what is there. Memory: a few dozen bytes for each proof, at most 32 for each validator.
 * @throws RecordError; StoreError
 */
export const openEvidence = async (store: Store, committee: Committee): Promise<EvidenceStore> => {
  const kept: Kept[] = [];
  const known = new Set<Digest>();
  const shares = new Map<string, { deeds: number; bytes: number }>();
  let fork: Fork | undefined;

  /** Counts it in; false when its share does not hold it. */
  const admit = (evidence: Evidence, bytes: number): boolean => {
    const share = shares.get(shareOf(evidence)) ?? { deeds: 0, bytes: 0 };
    if (share.deeds >= maxDeeds || share.bytes + bytes > maxProofBytes) return false;
    shares.set(shareOf(evidence), { deeds: share.deeds + 1, bytes: share.bytes + bytes });
    if (isFork(evidence)) fork ??= evidence;
    return true;
  };

  for await (const { key, value } of store.range(prefixRange(storeKey(tables.evidence)))) {
    const { id, detectedAt, evidence, proof } = decodeEvidenceRecord(toHex(key.subarray(1)) as Digest, value);
    admit(evidence, proof.length);
    known.add(id);
    kept.push({ id, detectedAt, proof: undefined });
  }
  kept.sort((a, b) => a.detectedAt - b.detectedAt || (a.id < b.id ? -1 : 1));

  const read = ({ id, detectedAt, proof }: Kept): EvidenceRecord | undefined => {
    const value = proof === undefined ? store.get(keyOf(id)) : encodeRecord(detectedAt, proof);
    return value === undefined ? undefined : decodeEvidenceRecord(id, value);
  };

  return {
    keep(evidence, detectedAt, failed) {
      const id = evidenceId(evidence, committee);
      if (known.has(id)) return false;
      const proof = encodeEvidence(evidence);
      if (!admit(evidence, proof.length)) return false;
      const entry: Kept = { id, detectedAt, proof };
      known.add(id);
      kept.push(entry);
      store.write([put(keyOf(id), encodeRecord(detectedAt, proof))], { durable: true }, (error) => {
        if (error === undefined) entry.proof = undefined;
        else failed(error);
      });
      return true;
    },
    list({ after, limit, maxBytes }) {
      const from = after === undefined ? 0 : kept.findIndex(({ id }) => id === after) + 1;
      const found: EvidenceRecord[] = [];
      let bytes = 0;
      for (const entry of kept.slice(from, from + limit)) {
        const record = read(entry);
        if (record === undefined) continue;
        if (found.length > 0 && bytes + record.proof.length > maxBytes) break;
        bytes += record.proof.length;
        found.push(record);
      }
      return found;
    },
    get(id) {
      const entry = kept.find((each) => each.id === id);
      return entry === undefined ? undefined : read(entry);
    },
    get fork() {
      return fork;
    },
  };
};
