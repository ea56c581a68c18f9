/** Requests that wait for execution, oldest first; bounded in number, bytes and per client. */
import type { Digest, PublicKey, Sequence } from "../protocol/ids.ts";
import type { Request, Verified } from "../protocol/messages.ts";

export interface PendingRequest {
  readonly request: Verified<Request>;
  /** monotonic milliseconds when it came */
  readonly since: number;
  /** handed in by this node's own client: this node relays it */
  local: boolean;
  relayedToAll: boolean;
  /** in flight at this sequence in the present view */
  proposed: Sequence | undefined;
}

export interface PoolBounds {
  readonly requests: number;
  readonly bytes: number;
  readonly requestsPerClient: number;
}

export type Admission = "admitted" | "already-pending" | "pool-full" | "client-pool-full";

export interface Pool {
  /** At a bound the request is refused; what is inside is never displaced. */
  add(request: Verified<Request>, now: number, local: boolean): Admission;
  get(id: Digest): PendingRequest | undefined;
  remove(id: Digest): PendingRequest | undefined;
  oldest(): PendingRequest | undefined;
  /** those of this node's own clients, oldest first */
  locals(): IterableIterator<PendingRequest>;
  readonly hasLocals: boolean;
  /** the oldest local one that was not relayed to everybody yet */
  unrelayed(): PendingRequest | undefined;
  markRelayed(id: Digest): void;
  /** requests no proposal of this view holds */
  unproposed(): number;
  nextUnproposed(): PendingRequest | undefined;
  /** oldest first */
  unproposedValues(): IterableIterator<PendingRequest>;
  unproposedBytes(): number;
  markProposed(id: Digest, sequence: Sequence): void;
  /** a view ended: everything waits again */
  releaseAll(): void;
  readonly size: number;
  readonly bytes: number;
}

export const createPool = (bounds: PoolBounds): Pool => {
  const pending = new Map<Digest, PendingRequest>();
  const perClient = new Map<PublicKey, number>();
  let bytes = 0;
  // views of `pending`, each oldest first, so that no question walks past what it does not ask for
  const unproposed = new Map<Digest, PendingRequest>();
  const locals = new Map<Digest, PendingRequest>();
  const unrelayed = new Map<Digest, PendingRequest>();
  let unproposedBytes = 0;

  const first = (entries: ReadonlyMap<Digest, PendingRequest>): PendingRequest | undefined => entries.values().next().value;
  const markLocal = (entry: PendingRequest): void => {
    entry.local = true;
    locals.set(entry.request.id, entry);
    if (!entry.relayedToAll) unrelayed.set(entry.request.id, entry);
  };

  const countClient = (client: PublicKey, change: number): void => {
    const count = (perClient.get(client) ?? 0) + change;
    if (count === 0) perClient.delete(client);
    else perClient.set(client, count);
  };

  return {
    add(request, now, local) {
      const known = pending.get(request.id);
      if (known !== undefined) {
        if (local && !known.local) markLocal(known);
        return "already-pending";
      }
      if (pending.size >= bounds.requests || bytes + request.bytes.length > bounds.bytes) return "pool-full";
      if ((perClient.get(request.client) ?? 0) >= bounds.requestsPerClient) return "client-pool-full";
      const entry: PendingRequest = { request, since: now, local: false, relayedToAll: false, proposed: undefined };
      pending.set(request.id, entry);
      if (local) markLocal(entry);
      countClient(request.client, 1);
      bytes += request.bytes.length;
      unproposed.set(request.id, entry);
      unproposedBytes += request.bytes.length;
      return "admitted";
    },
    get: (id) => pending.get(id),
    remove(id) {
      const entry = pending.get(id);
      if (entry === undefined) return undefined;
      pending.delete(id);
      locals.delete(id);
      unrelayed.delete(id);
      countClient(entry.request.client, -1);
      bytes -= entry.request.bytes.length;
      if (unproposed.delete(id)) unproposedBytes -= entry.request.bytes.length;
      return entry;
    },
    oldest: () => first(pending),
    locals: () => locals.values(),
    unrelayed: () => first(unrelayed),
    markRelayed(id) {
      const entry = unrelayed.get(id);
      if (entry === undefined) return;
      entry.relayedToAll = true;
      unrelayed.delete(id);
    },
    unproposed: () => unproposed.size,
    nextUnproposed: () => first(unproposed),
    unproposedValues: () => unproposed.values(),
    unproposedBytes: () => unproposedBytes,
    markProposed(id, sequence) {
      const entry = pending.get(id);
      if (entry === undefined) return;
      if (unproposed.delete(id)) unproposedBytes -= entry.request.bytes.length;
      entry.proposed = sequence;
    },
    releaseAll() {
      unproposed.clear();
      for (const [id, entry] of pending) {
        entry.proposed = undefined;
        unproposed.set(id, entry);
      }
      unproposedBytes = bytes;
    },
    get hasLocals() {
      return locals.size > 0;
    },
    get size() {
      return pending.size;
    },
    get bytes() {
      return bytes;
    },
  };
};
