/** What consensus must not forget, as store operations; and what a stable checkpoint lets go (PROTOCOL §4, §6). */
import type { DurableRecord } from "../../consensus/effect.ts";
import type { CheckpointCertificate, Signed, SignedNewView, ViewChange } from "../../protocol/messages.ts";
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { StoreOperation } from "../../storage/port.ts";
import { encodeCheckpointCertificate, encodePreparedCertificate } from "../../wire/certificates.ts";
import type { History } from "./history.ts";
import type { PastCheckpoints } from "./past-checkpoints.ts";
import { del, encodeAccepted, encodeViewRecord, keys, put } from "./records.ts";

export interface Keeping {
  record(record: DurableRecord): StoreOperation[];
  viewChange(signed: Signed<ViewChange>): StoreOperation[];
  newView(signed: SignedNewView): StoreOperation[];
  /** the batch lies in the store already */
  hasBatch(sequence: Sequence, digest: Digest): boolean;
}

export interface KeepingOptions {
  readonly history: Pick<History, "header" | "batch" | "place">;
  readonly past: Pick<PastCheckpoints, "keep">;
  /** what the store holds: accepted digests and prepared sequences above the stable checkpoint */
  readonly accepted: Iterable<readonly [Sequence, Digest]>;
  readonly prepared: Iterable<Sequence>;
}

const numberText = (value: number): Uint8Array => new TextEncoder().encode(String(value));

export const createKeeping = (options: KeepingOptions): Keeping => {
  const { history } = options;
  /** bounded by the window and the views of it */
  const accepted = new Map<Sequence, Set<Digest>>();
  const prepared = new Set<Sequence>(options.prepared);

  const note = (sequence: Sequence, digest: Digest): void => {
    const digests = accepted.get(sequence);
    if (digests === undefined) accepted.set(sequence, new Set([digest]));
    else digests.add(digest);
  };
  for (const [sequence, digest] of options.accepted) note(sequence, digest);

  /** Accepted in some view, and neither executed anywhere nor still under way. */
  const isOrphan = (sequence: Sequence, digest: Digest): boolean => {
    for (const digests of accepted.values()) if (digests.has(digest)) return false;
    if (history.header(sequence)?.certificate.digest === digest) return false;
    // a batch that ran under another number than the one it was first proposed for
    const first = history.batch(digest)?.requests[0];
    const place = first === undefined ? undefined : history.place(first.id);
    return place === undefined || history.header(place.sequence)?.certificate.digest !== digest;
  };

  /** What was voted on at or below the stable checkpoint, up to which everything ran and is on disk. */
  const forgetSlots = (stable: Sequence): StoreOperation[] => {
    const operations: StoreOperation[] = [];
    for (const [sequence, digests] of accepted) {
      if (sequence > stable) continue;
      accepted.delete(sequence);
      for (const digest of digests) {
        operations.push(del(keys.accepted(sequence, digest)));
        if (isOrphan(sequence, digest)) operations.push(del(keys.batch(digest)));
      }
    }
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
    hasBatch: (sequence, digest) => accepted.get(sequence)?.has(digest) === true,
  };
};
