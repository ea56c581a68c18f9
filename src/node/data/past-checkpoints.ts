/**
 * Certificates of stable checkpoints long after the batches before them are gone: fewer and fewer the further back. Two of them for one sequence, with different
 * roots, are what a fork of the ledger leaves behind for ever (PROTOCOL §10).
 */
import type { Sequence } from "../../protocol/ids.ts";
import type { CheckpointCertificate } from "../../protocol/messages.ts";
import { prefixRange, readNumber, storeKey, tables } from "../../storage/keys.ts";
import type { Store, StoreOperation } from "../../storage/port.ts";
import { decodeCheckpointCertificate, encodeCheckpointCertificate } from "../../wire/certificates.ts";
import { del, keys, put, RecordError } from "./records.ts";

export interface PastCheckpoints {
  /** What keeps this one and lets go of those that it leaves too far behind. One that is kept already stays as it is. */
  keep(certificate: CheckpointCertificate): StoreOperation[];
  /** Sequences of those that are kept, ascending. */
  sequences(): readonly Sequence[];
  /** @throws RecordError; StoreError `corrupt` */
  at(sequence: Sequence): CheckpointCertificate | undefined;
  /** The latest that is kept of these. @throws RecordError; StoreError `corrupt` */
  latestOf(sequences: readonly Sequence[]): CheckpointCertificate | undefined;
}

/** So many checkpoints in a row are kept behind the latest one; beyond them every second, beyond twice as many every fourth, and so on. */
const DENSE = 64;

/**
 * Whether the checkpoint number `index` is still kept when number `latest` is there: at most 64 + 32·log2(latest / 64) of them are. The numbers alone decide,
 * so that any two nodes keep the same ones, however far they are apart.
 */
export const isKept = (index: number, latest: number): boolean => {
  let reach = DENSE;
  for (let rest = index; rest > 0 && rest % 2 === 0 && reach <= latest - index; rest /= 2) reach *= 2;
  return latest - index < reach;
};

const readCertificate = (value: Uint8Array): CheckpointCertificate => {
  const decoded = decodeCheckpointCertificate(value);
  if (decoded.ok) return decoded.value;
  throw new RecordError("H", decoded.error.reason);
};

/** @throws StoreError */
export const openPastCheckpoints = async (store: Store, checkpointInterval: number): Promise<PastCheckpoints> => {
  /** ascending; bounded as `isKept` says */
  let kept: Sequence[] = [];
  for await (const { key } of store.range(prefixRange(storeKey(tables.checkpoints)))) kept.push(readNumber(key, 1) as Sequence);

  const at = (sequence: Sequence): CheckpointCertificate | undefined => {
    const value = store.get(keys.checkpoint(sequence));
    return value === undefined ? undefined : readCertificate(value);
  };

  return {
    keep(certificate) {
      const { sequence } = certificate;
      const last = kept.at(-1) ?? 0;
      if (sequence <= last) return [];
      const latest = sequence / checkpointInterval;
      const stays = (each: Sequence): boolean => isKept(each / checkpointInterval, latest);
      const gone = kept.filter((each) => !stays(each));
      kept = [...(gone.length === 0 ? kept : kept.filter(stays)), sequence];
      return [put(keys.checkpoint(sequence), encodeCheckpointCertificate(certificate)), ...gone.map((each) => del(keys.checkpoint(each)))];
    },
    sequences: () => kept,
    at,
    latestOf(sequences) {
      const asked = new Set(sequences);
      const found = kept.findLast((sequence) => asked.has(sequence));
      return found === undefined ? undefined : at(found);
    },
  };
};
