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
  /** brought by others, and told to the primary of this view, who may not have been told by them */
  toldPrimary: boolean;
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
  /** oldest first */
  values(): IterableIterator<PendingRequest>;
  /** those of this node's own clients, oldest first */
  locals(): IterableIterator<PendingRequest>;
  readonly hasLocals: boolean;
  /** the oldest local one that was not relayed to everybody yet */
  unrelayed(): PendingRequest | undefined;
  markRelayed(id: Digest): void;
  /** clients who have a request here */
  clients(): number;
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

const first = (entries: ReadonlyMap<Digest, PendingRequest>): PendingRequest | undefined =>
  entries.size === 0 ? undefined : entries.values().next().value;

/** Entries by name, oldest first, and their bytes. */
const createQueue = (): {
  readonly entries: Map<Digest, PendingRequest>;
  add(entry: PendingRequest): void;
  remove(id: Digest): void;
  bytes: number;
} => {
  const queue = {
    entries: new Map<Digest, PendingRequest>(),
    bytes: 0,
    add(entry: PendingRequest): void {
      queue.entries.set(entry.request.id, entry);
      queue.bytes += entry.request.bytes.length;
    },
    remove(id: Digest): void {
      const entry = queue.entries.get(id);
      if (entry === undefined) return;
      queue.entries.delete(id);
      queue.bytes -= entry.request.bytes.length;
    },
  };
  return queue;
};

const createClientCounts = (): { of(client: PublicKey): number; change(client: PublicKey, by: number): void; size(): number } => {
  const counts = new Map<PublicKey, number>();
  return {
    of: (client) => counts.get(client) ?? 0,
    change(client, by) {
      const count = (counts.get(client) ?? 0) + by;
      if (count === 0) counts.delete(client);
      else counts.set(client, count);
    },
    size: () => counts.size,
  };
};

export const createPool = (bounds: PoolBounds): Pool => {
  const all = createQueue();
  // parts of it, so that no question walks past what it does not ask for
  const unproposed = createQueue();
  const locals = new Map<Digest, PendingRequest>();
  const unrelayed = new Map<Digest, PendingRequest>();
  const clients = createClientCounts();

  const markLocal = (entry: PendingRequest): void => {
    entry.local = true;
    locals.set(entry.request.id, entry);
    if (!entry.relayedToAll) unrelayed.set(entry.request.id, entry);
  };

  return {
    add(request, now, local) {
      const known = all.entries.get(request.id);
      if (known !== undefined) {
        if (local && !known.local) markLocal(known);
        return "already-pending";
      }
      if (all.entries.size >= bounds.requests || all.bytes + request.bytes.length > bounds.bytes) return "pool-full";
      if (clients.of(request.client) >= bounds.requestsPerClient) return "client-pool-full";
      const entry: PendingRequest = { request, since: now, local: false, relayedToAll: false, toldPrimary: false, proposed: undefined };
      for (const queue of [all, unproposed]) queue.add(entry);
      clients.change(request.client, 1);
      if (local) markLocal(entry);
      return "admitted";
    },
    get: (id) => all.entries.get(id),
    remove(id) {
      const entry = all.entries.get(id);
      if (entry === undefined) return undefined;
      for (const queue of [all, unproposed]) queue.remove(id);
      for (const part of [locals, unrelayed]) part.delete(id);
      clients.change(entry.request.client, -1);
      return entry;
    },
    oldest: () => first(all.entries),
    values: () => all.entries.values(),
    locals: () => locals.values(),
    get hasLocals() {
      return locals.size > 0;
    },
    unrelayed: () => first(unrelayed),
    markRelayed(id) {
      const entry = unrelayed.get(id);
      if (entry !== undefined) entry.relayedToAll = true;
      unrelayed.delete(id);
    },
    unproposed: () => unproposed.entries.size,
    unproposedBytes: () => unproposed.bytes,
    nextUnproposed: () => first(unproposed.entries),
    unproposedValues: () => unproposed.entries.values(),
    markProposed(id, sequence) {
      const entry = all.entries.get(id);
      if (entry !== undefined) entry.proposed = sequence;
      unproposed.remove(id);
    },
    releaseAll() {
      for (const entry of unproposed.entries.values()) unproposed.remove(entry.request.id);
      for (const entry of all.entries.values()) {
        Object.assign(entry, { proposed: undefined, toldPrimary: false });
        unproposed.add(entry);
      }
    },
    clients: () => clients.size(),
    get size() {
      return all.entries.size;
    },
    get bytes() {
      return all.bytes;
    },
  };
};
