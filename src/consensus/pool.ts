/**
 * Requests that wait for execution, oldest first; bounded in number, bytes, per client and per source.
 *
 * A source may hold no more than is still free (Choudhury & Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998): one alone
 * takes at most half, k greedy ones k/(k+1), and a newcomer always finds room without anything being displaced for it.
 */
import type { Digest, PublicKey, Sequence } from "../protocol/ids.ts";
import type { Request, Verified } from "../protocol/messages.ts";
import type { ReplicaConfig } from "./config.ts";
import { createLanes, type Lane, type Lanes, type PendingRequest, type Source } from "./lanes.ts";
import { createQueue } from "./queue.ts";
import { createTelling } from "./telling.ts";

export interface PoolBounds {
  readonly requests: number;
  readonly bytes: number;
  readonly requestsPerClient: number;
  /** what all sources that there are can have here at once, each */
  readonly share: { readonly requests: number; readonly bytes: number };
  /** bytes; what the smallest request counts for when sources take turns */
  readonly leastCost: number;
}

/** @returns with a share for each validator, for those who are none, and for what is still free */
export const poolBounds = ({ committee, settings, parameters }: ReplicaConfig): PoolBounds => ({
  requests: settings.poolRequests,
  bytes: settings.poolBytes,
  requestsPerClient: parameters.sessionWindow,
  share: { requests: settings.poolRequests / (committee.n + 2), bytes: settings.poolBytes / (committee.n + 2) },
  leastCost: parameters.maxBatchBytes / parameters.maxBatchRequests,
});

export type Refusal = "already-pending" | "pool-full" | "client-pool-full" | "source-pool-full";
export type Admission = "admitted" | Refusal;

export interface Pool {
  /**
   * At a bound the request is refused; what is inside is never displaced. One that is pending goes to the lane of whoever brings it again, if its turn
   * comes sooner there, or if that is our own client: no source hides another's request among its own.
   *
   * @param most requests that this source may hold, besides the bounds
   */
  add(request: Verified<Request>, now: number, source: Source, most?: number): Admission;
  /** Why a request would change nothing. */
  refusalOf(request: Request, source: Source, most?: number): Refusal | undefined;
  /** more requests of this source that fit, at least: one that has none always fits where there is room at all */
  roomFor(source: Source, most?: number): number;
  get(id: Digest): PendingRequest | undefined;
  /** `executedAt`: monotonic milliseconds, absent when it is dropped */
  remove(id: Digest, executedAt?: number): PendingRequest | undefined;
  /** Only the first `most` of each source but our own clients' stay. */
  keepFirst(most: number): void;
  /** each source that has something here, with its oldest */
  lanes(): IterableIterator<Lane>;
  lane(source: Source): Lane | undefined;
  oldest(): PendingRequest | undefined;
  /** oldest first */
  values(): IterableIterator<PendingRequest>;
  /** the oldest of our own clients' that the primary should be told of now */
  nextToTell(): PendingRequest | undefined;
  markTold(entry: PendingRequest, now: number): void;
  /** the primary may know of nothing */
  tellAgain(): void;
  /** clients who have a request here */
  clients(): number;
  /** what no proposal of this view holds */
  readonly unproposed: Lanes["unproposed"];
  /** the one of each source's first that came first */
  oldestUnproposed(): PendingRequest | undefined;
  /** the one whose source's turn it is */
  nextUnproposed(): PendingRequest | undefined;
  markProposed(id: Digest, sequence: Sequence): void;
  /** a view ended: everything waits again */
  releaseAll(): void;
  readonly size: number;
  readonly bytes: number;
}

interface ClientCounts {
  of(client: PublicKey): number;
  change(client: PublicKey, by: number): void;
  size(): number;
}

const createClientCounts = (): ClientCounts => {
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

/** What still fits, of whom. */
const createRoom = (
  bounds: PoolBounds,
  all: { readonly entries: ReadonlyMap<Digest, PendingRequest>; readonly bytes: number },
  lanes: Pick<Lanes, "get">,
  clients: Pick<ClientCounts, "of">,
): Pick<Pool, "refusalOf" | "roomFor"> => ({
  refusalOf({ client, bytes: { length } }, source, most = Number.POSITIVE_INFINITY) {
    if (all.entries.size >= bounds.requests || all.bytes + length > bounds.bytes) return "pool-full";
    if (clients.of(client) >= bounds.requestsPerClient) return "client-pool-full";
    const lane = lanes.get(source);
    if (lane === undefined) return undefined;
    const { size } = lane.entries;
    const fits = size < most && size < bounds.requests - all.entries.size && lane.bytes + length <= bounds.bytes - all.bytes;
    return fits ? undefined : "source-pool-full";
  },
  roomFor(source, most = Number.POSITIVE_INFINITY) {
    const size = lanes.get(source)?.entries.size ?? 0;
    // each one that comes takes one of the free places, too
    return Math.max(0, Math.min(most - size, Math.ceil((bounds.requests - all.entries.size - size) / 2)));
  },
});

export const createPool = (bounds: PoolBounds): Pool => {
  const queue = createQueue<Digest, PendingRequest>();
  const all = { entries: queue.entries, bytes: 0 };
  // parts of it, so that no question walks past what it does not ask for
  const lanes = createLanes(bounds.leastCost);
  const telling = createTelling(bounds.share);
  const clients = createClientCounts();
  const room = createRoom(bounds, all, lanes, clients);

  const wouldMove = (entry: PendingRequest, source: Source): boolean => {
    if (entry.source === "own") return false;
    return source === "own" || (entry.proposed === undefined && lanes.wouldGain(entry, source));
  };
  const tellAgain = (): void => telling.restart(lanes.get("own")?.entries.values() ?? []);
  const remove: Pool["remove"] = (id, executedAt) => {
    const entry = all.entries.get(id);
    if (entry === undefined) return undefined;
    queue.remove(id);
    all.bytes -= entry.request.bytes.length;
    lanes.remove(entry, executedAt);
    if (entry.source === "own") telling.remove(entry);
    clients.change(entry.request.client, -1);
    return entry;
  };

  return {
    add(request, now, source, most) {
      const known = all.entries.get(request.id);
      if (known !== undefined) {
        if (!wouldMove(known, source)) return "already-pending";
        lanes.move(known, source, now);
        if (source === "own") telling.add(known);
        return "already-pending";
      }
      const refusal = room.refusalOf(request, source, most);
      if (refusal !== undefined) return refusal;
      const entry: PendingRequest = { request, since: now, source, place: 0, relayedToAll: false, toldAt: undefined, proposed: undefined };
      queue.add(request.id, entry);
      all.bytes += request.bytes.length;
      lanes.add(entry);
      clients.change(request.client, 1);
      if (source === "own") telling.add(entry);
      return "admitted";
    },
    roomFor: room.roomFor,
    refusalOf(request, source, most) {
      const known = all.entries.get(request.id);
      if (known === undefined) return room.refusalOf(request, source, most);
      return wouldMove(known, source) ? undefined : "already-pending";
    },
    get: (id) => all.entries.get(id),
    remove,
    keepFirst(most) {
      for (const { source, entries } of lanes.values()) if (source !== "own") for (const id of [...entries.keys()].slice(most)) remove(id);
    },
    lanes: lanes.values,
    lane: lanes.get,
    oldest: queue.first,
    values: () => all.entries.values(),
    unproposed: lanes.unproposed,
    oldestUnproposed: lanes.oldestUnproposed,
    nextUnproposed: lanes.next,
    markProposed(id, sequence) {
      const entry = all.entries.get(id);
      if (entry === undefined) return;
      entry.proposed = sequence;
      lanes.proposed(entry);
    },
    releaseAll() {
      lanes.releaseAll();
      tellAgain();
    },
    tellAgain,
    nextToTell: telling.next,
    markTold: telling.told,
    clients: () => clients.size(),
    get size() {
      return all.entries.size;
    },
    get bytes() {
      return all.bytes;
    },
  };
};
