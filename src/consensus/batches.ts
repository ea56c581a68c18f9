/** Batches by digest, for slots that wait to be executed; bounded in bytes. An executed batch is on disk and leaves. */
import type { Digest } from "../protocol/ids.ts";
import type { Batch } from "../protocol/messages.ts";

export interface BatchStore {
  get(digest: Digest): Batch | undefined;
  has(digest: Digest): boolean;
  /** False when the bound would be passed: the batch is not kept and must be fetched when its turn comes. `must`: keep it even so. */
  add(batch: Batch, must: boolean): boolean;
  remove(digest: Digest): void;
  /** forgets everything that `needed` does not name */
  retain(needed: ReadonlySet<Digest>): void;
  readonly bytes: number;
  /** a further batch would be kept only if it must be */
  readonly isFull: boolean;
}

export const createBatchStore = (maxBytes: number, empty: Batch): BatchStore => {
  const held = new Map<Digest, Batch>();
  let bytes = 0;
  const remove = (digest: Digest): void => {
    const batch = held.get(digest);
    if (batch === undefined) return;
    held.delete(digest);
    bytes -= batch.bytes.length;
  };
  return {
    get: (digest) => (digest === empty.digest ? empty : held.get(digest)),
    has: (digest) => digest === empty.digest || held.has(digest),
    add(batch, must) {
      if (batch.digest === empty.digest || held.has(batch.digest)) return true;
      if (!must && bytes + batch.bytes.length > maxBytes) return false;
      held.set(batch.digest, batch);
      bytes += batch.bytes.length;
      return true;
    },
    remove,
    retain(needed) {
      for (const digest of held.keys()) if (!needed.has(digest)) remove(digest);
    },
    get bytes() {
      return bytes;
    },
    get isFull() {
      return bytes >= maxBytes;
    },
  };
};
