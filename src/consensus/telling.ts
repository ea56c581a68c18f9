/**
 * What of our own clients' requests the primary is told of: the oldest, and no more at once than it has room for beside as many of every other source. What
 * it has to refuse would come to it again behind what came later, and wait there while we hold it against the primary.
 */
import type { Digest } from "../protocol/ids.ts";
import type { PendingRequest } from "./lanes.ts";
import { createQueue } from "./queue.ts";

export interface Telling {
  add(entry: PendingRequest): void;
  remove(entry: PendingRequest): void;
  /** The next to tell; undefined while enough is told. */
  next(): PendingRequest | undefined;
  told(entry: PendingRequest, now: number): void;
  /** another primary, who knows of nothing, or one that may have lost what it was told */
  restart(entries: Iterable<PendingRequest>): void;
}

/** @param window what may be told and not executed; one request always may */
export const createTelling = (window: { readonly requests: number; readonly bytes: number }): Telling => {
  let untold = createQueue<Digest, PendingRequest>();
  let [requests, bytes] = [0, 0];
  return {
    add: (entry) => untold.add(entry.request.id, entry),
    remove(entry) {
      if (untold.remove(entry.request.id)) return;
      requests -= 1;
      bytes -= entry.request.bytes.length;
    },
    next() {
      const next = untold.first();
      if (next === undefined) return undefined;
      const fits = requests < window.requests && bytes + next.request.bytes.length <= window.bytes;
      return requests === 0 || fits ? next : undefined;
    },
    told(entry, now) {
      if (!untold.remove(entry.request.id)) return;
      entry.toldAt ??= now;
      requests += 1;
      bytes += entry.request.bytes.length;
    },
    restart(entries) {
      untold = createQueue();
      [requests, bytes] = [0, 0];
      for (const entry of entries) untold.add(entry.request.id, entry);
    },
  };
};
