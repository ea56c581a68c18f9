/**
 * Operations that can not be part of the document yet: a parent is missing, or their author forked and nobody else's operation builds on them.
 * Bounded for each author by what one whole history of his may take; the oldest makes room, and comes again when it is needed.
 */
import type { Digest, PublicKey } from "../protocol/ids.ts";
import { documentLimits } from "./limits.ts";
import type { GenuineOperation } from "./operation.ts";

export interface Pending {
  readonly size: number;
  get(id: Digest): GenuineOperation | undefined;
  /** one of this author's operations with this sequence */
  at(author: PublicKey, sequence: number): GenuineOperation | undefined;
  hasAuthor(author: PublicKey): boolean;
  add(operation: GenuineOperation): void;
  remove(id: Digest): void;
  /** Notes that `id` can not go on before `missing` is here. */
  block(id: Digest, missing: Digest): void;
  /** Takes the operations that waited for this one. */
  unblock(missing: Digest): GenuineOperation[];
}

interface Share {
  /** in the order of arrival */
  readonly ids: Set<Digest>;
  bytes: number;
}

export const createPending = (): Pending => {
  const operations = new Map<Digest, GenuineOperation>();
  const shares = new Map<PublicKey, Share>();
  const slots = new Map<string, Digest>();
  /** what each operation waits for, and who waits for each: no more entries than there are operations */
  const waitsFor = new Map<Digest, Digest>();
  const waiters = new Map<Digest, Set<Digest>>();

  const slotOf = (author: PublicKey, sequence: number): string => `${author}:${sequence}`;
  const letGo = (id: Digest): void => {
    const missing = waitsFor.get(id);
    if (missing === undefined) return;
    waitsFor.delete(id);
    const others = waiters.get(missing);
    others?.delete(id);
    if (others?.size === 0) waiters.delete(missing);
  };
  const remove = (id: Digest): void => {
    const operation = operations.get(id);
    if (operation === undefined) return;
    const { author, sequence, bytes } = operation;
    operations.delete(id);
    letGo(id);
    if (slots.get(slotOf(author, sequence)) === id) slots.delete(slotOf(author, sequence));
    const share = shares.get(author);
    if (share === undefined) return;
    share.ids.delete(id);
    share.bytes -= bytes.length;
    if (share.ids.size === 0) shares.delete(author);
  };

  return {
    get size() {
      return operations.size;
    },
    get: (id) => operations.get(id),
    at(author, sequence) {
      const id = slots.get(slotOf(author, sequence));
      return id === undefined ? undefined : operations.get(id);
    },
    hasAuthor: (author) => shares.has(author),
    add(operation) {
      const { author, id, sequence, bytes } = operation;
      const share = shares.get(author) ?? { ids: new Set<Digest>(), bytes: 0 };
      shares.set(author, share);
      operations.set(id, operation);
      slots.set(slotOf(author, sequence), id);
      share.ids.add(id);
      share.bytes += bytes.length;
      while (share.ids.size > documentLimits.maxOperationsPerAuthor || share.bytes > documentLimits.maxBytesPerAuthor) {
        const [oldest] = share.ids;
        if (oldest === undefined || oldest === id) break;
        remove(oldest);
      }
    },
    remove,
    block(id, missing) {
      letGo(id);
      waitsFor.set(id, missing);
      const others = waiters.get(missing);
      if (others === undefined) waiters.set(missing, new Set([id]));
      else others.add(id);
    },
    unblock(missing) {
      const ids = [...(waiters.get(missing) ?? [])];
      for (const id of ids) letGo(id);
      return ids.flatMap((id) => operations.get(id) ?? []);
    },
  };
};
