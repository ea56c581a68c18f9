/** What consensus must not forget, as store operations; and what a stable checkpoint lets go (PROTOCOL §4, §6). */
import type { DurableRecord } from "../../consensus/effect.ts";
import type { Batch, CheckpointCertificate, Signed, SignedNewView, ViewChange } from "../../protocol/messages.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { StoreOperation } from "../../storage/port.ts";
import { encodeCheckpointCertificate, encodePreparedCertificate } from "../../wire/certificates.ts";
import type { PastCheckpoints } from "./past-checkpoints.ts";
import { del, encodeAccepted, encodeViewRecord, keys, put } from "./records.ts";

export interface Keeping {
  record(record: DurableRecord): StoreOperation[];
  viewChange(signed: Signed<ViewChange>): StoreOperation[];
  newView(signed: SignedNewView): StoreOperation[];
  /** A committed batch is handed over to run, now or in its turn: it stays, and is written unless it was when its slot was accepted. */
  ordered(sequence: Sequence, batch: Batch): StoreOperation[];
}

export interface KeepingOptions {
  readonly past: Pick<PastCheckpoints, "keep">;
  readonly checkpointInterval: number;
  /** what the store holds: accepted digests and prepared sequences above the stable checkpoint */
  readonly accepted: Iterable<readonly [Sequence, Digest]>;
  readonly prepared: Iterable<Sequence>;
  /** what ran since two checkpoint intervals before the stable checkpoint */
  readonly ran: Iterable<readonly [Sequence, Digest]>;
}

const numberText = (value: number): Uint8Array => new TextEncoder().encode(String(value));

export const createKeeping = (options: KeepingOptions): Keeping => {
  /** bounded by the window and the views of it */
  const accepted = new Map<Sequence, Set<Digest>>();
  const prepared = new Set<Sequence>(options.prepared);
  /**
   * What ran or will, as long as a slot may hold the same batch: a primary may propose identical bytes at several sequences of one window. Bounded by
   * what runs ahead of a stable checkpoint, and two intervals.
   */
  const ran = new Map<Sequence, Digest>(options.ran);

  const note = (sequence: Sequence, digest: Digest): void => {
    const digests = accepted.get(sequence);
    if (digests === undefined) accepted.set(sequence, new Set([digest]));
    else digests.add(digest);
  };
  for (const [sequence, digest] of options.accepted) note(sequence, digest);

  /** What was voted on at or below the stable checkpoint, up to which everything ran; and the batches that neither ran nor may do so any more. */
  const forgetSlots = (stable: Sequence): StoreOperation[] => {
    const operations: StoreOperation[] = [];
    const needed = new Set(ran.values());
    for (const [sequence, digests] of accepted) if (sequence > stable) for (const digest of digests) needed.add(digest);
    for (const [sequence, digests] of accepted) {
      if (sequence > stable) continue;
      accepted.delete(sequence);
      for (const digest of digests) {
        operations.push(del(keys.accepted(sequence, digest)));
        if (!needed.has(digest)) operations.push(del(keys.batch(digest)));
      }
    }
    for (const sequence of ran.keys()) if (sequence <= stable - 2 * options.checkpointInterval) ran.delete(sequence);
    for (const sequence of prepared) {
      if (sequence > stable) continue;
      operations.push(del(keys.prepared(sequence)));
      prepared.delete(sequence);
    }
    return operations;
  };

  const stable = (certificate: CheckpointCertificate): StoreOperation[] => [
    put(keys.stable, encodeCheckpointCertificate(certificate)),
    ...options.past.keep(certificate),
    ...forgetSlots(certificate.sequence),
  ];

  return {
    record(record) {
      switch (record.type) {
        case "accepted": {
          note(record.sequence, record.digest);
          const operation = put(keys.accepted(record.sequence, record.digest), encodeAccepted(record.view, record.proposalSignature));
          return record.batch === undefined ? [operation] : [put(keys.batch(record.digest), record.batch.bytes), operation];
        }
        case "prepared":
          prepared.add(record.certificate.sequence);
          return [put(keys.prepared(record.certificate.sequence), encodePreparedCertificate(record.certificate))];
        case "entered-view":
          return [put(keys.view, encodeViewRecord({ active: true, newView: record.newView }))];
        case "stable":
          return stable(record.certificate);
        case "may-vote":
          return [put(keys.meta("voter"), Uint8Array.of(1))];
        case "may-not-vote":
          return [put(keys.meta("voter"), Uint8Array.of(0))];
        case "transferred":
          return [put(keys.meta("gap"), numberText(record.sequence))];
      }
    },
    viewChange: (signed) => [put(keys.view, encodeViewRecord({ active: false, viewChange: signed }))],
    newView: (signed) => [put(keys.view, encodeViewRecord({ active: true, newView: signed }))],
    ordered(sequence, { digest, requests, bytes }) {
      ran.set(sequence, digest);
      return requests.length === 0 || accepted.get(sequence)?.has(digest) === true ? [] : [put(keys.batch(digest), bytes)];
    },
  };
};
