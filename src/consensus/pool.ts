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
  /** oldest first */
  values(): IterableIterator<PendingRequest>;
  oldest(): PendingRequest | undefined;
  /** requests no proposal of this view holds */
  unproposed(): number;
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
  let unproposed = 0;
  let unproposedBytes = 0;

  const countClient = (client: PublicKey, change: number): void => {
    const count = (perClient.get(client) ?? 0) + change;
    if (count === 0) perClient.delete(client);
    else perClient.set(client, count);
  };

  return {
    add(request, now, local) {
      const known = pending.get(request.id);
      if (known !== undefined) {
        known.local ||= local;
        return "already-pending";
      }
      if (pending.size >= bounds.requests || bytes + request.bytes.length > bounds.bytes) return "pool-full";
      if ((perClient.get(request.client) ?? 0) >= bounds.requestsPerClient) return "client-pool-full";
      pending.set(request.id, { request, since: now, local, relayedToAll: false, proposed: undefined });
      countClient(request.client, 1);
      bytes += request.bytes.length;
      unproposed += 1;
      unproposedBytes += request.bytes.length;
      return "admitted";
    },
    get: (id) => pending.get(id),
    remove(id) {
      const entry = pending.get(id);
      if (entry === undefined) return undefined;
      pending.delete(id);
      countClient(entry.request.client, -1);
      bytes -= entry.request.bytes.length;
      if (entry.proposed === undefined) {
        unproposed -= 1;
        unproposedBytes -= entry.request.bytes.length;
      }
      return entry;
    },
    values: () => pending.values(),
    oldest: () => pending.values().next().value,
    unproposed: () => unproposed,
    unproposedBytes: () => unproposedBytes,
    markProposed(id, sequence) {
      const entry = pending.get(id);
      if (entry === undefined) return;
      if (entry.proposed === undefined) {
        unproposed -= 1;
        unproposedBytes -= entry.request.bytes.length;
      }
      entry.proposed = sequence;
    },
    releaseAll() {
      for (const entry of pending.values()) entry.proposed = undefined;
      unproposed = pending.size;
      unproposedBytes = bytes;
    },
    get size() {
      return pending.size;
    },
    get bytes() {
      return bytes;
    },
  };
};
