/** The gateway's requests that are being ordered, and who waits for each. */
import type { Digest, Sequence } from "../../protocol/ids.ts";
import type { Submission } from "./gateway-queue.ts";
import { done, type Failure, failed, type Outcome } from "../service.ts";

export interface WaitingRead {
  /** when it came, monotonic milliseconds */
  readonly since: number;
  readonly answer: (outcome: Outcome<Sequence>) => void;
}

/** One request. */
export interface Slot {
  readonly id: Digest;
  /** its client sequence number */
  readonly number: number;
  /** when it was cut, monotonic milliseconds */
  readonly since: number;
  readonly submissions: readonly Submission[];
  readonly reads: readonly WaitingRead[];
}

export interface Slots {
  add(slot: Slot): void;
  /** undefined when there is none of this id, or no longer */
  release(id: Digest): Slot | undefined;
  /** Releases those cut at `time` or before. */
  releaseUpTo(time: number): readonly Slot[];
  readonly size: number;
}

/**
 * As many as the gateway allows itself: it asks for `size` before it adds one.
 *
 * @param onRelease called whenever a slot frees
 */
export const createSlots = (onRelease: (slot: Slot) => void): Slots => {
  /** ascending by age */
  const slots = new Map<Digest, Slot>();
  const release = (id: Digest): Slot | undefined => {
    const slot = slots.get(id);
    if (slot === undefined) return undefined;
    slots.delete(id);
    onRelease(slot);
    return slot;
  };
  return {
    add: (slot) => void slots.set(slot.id, slot),
    release,
    releaseUpTo(time) {
      const old = [...slots.values()].filter(({ since }) => since <= time);
      for (const { id } of old) release(id);
      return old;
    },
    get size() {
      return slots.size;
    },
  };
};

/** What was asked for failed, for all of these. */
export const refuseAll = (failure: Failure, submissions: readonly Submission[], reads: readonly WaitingRead[]): void => {
  for (const { answer } of submissions) answer(failed(failure));
  for (const { answer } of reads) answer(failed(failure));
};

/** The request failed, and everything that travelled in it. */
export const failSlot = ({ submissions, reads }: Slot, failure: Failure): void => refuseAll(failure, submissions, reads);

/** The request was executed: each gets the results of its own operations. */
export const deliverSlot = ({ id, submissions, reads }: Slot, sequence: Sequence, results: readonly Uint8Array[]): void => {
  let from = 0;
  for (const { operations, answer } of submissions) {
    answer(done({ requestId: id, sequence, results: results.slice(from, from + operations.length) }));
    from += operations.length;
  }
  for (const { answer } of reads) answer(done(sequence));
};
