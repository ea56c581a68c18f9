/**
 * Requests in lanes, one for each source: whoever brought them to this node. Keys of clients are free to make, so a fair share for each key would be worth
 * nothing to those who make few; the place of a validator is not. Lanes take turns in a primary's batches by what they cost, oldest first within each
 * (start-time fair queueing: Goyal, Vin & Cheng, 1996), and each lane's head has a timer of its own.
 */
import type { Digest, ReplicaIndex, Sequence } from "../protocol/ids.ts";
import type { Request, Verified } from "../protocol/messages.ts";
import { createQueue, type Queue } from "./queue.ts";

/** This node's own clients, a validator that relayed it, or any node that is none: their names are as free to make as keys. */
export type Source = "own" | ReplicaIndex | "observers";

export interface PendingRequest {
  readonly request: Verified<Request>;
  /** monotonic milliseconds when it came */
  readonly since: number;
  /** who brought it; what this node's own client handed in, this node relays */
  source: Source;
  /** number of its place in its source's lane */
  place: number;
  relayedToAll: boolean;
  /** when this node told the primary of this view of it, monotonic milliseconds */
  toldAt: number | undefined;
  /** in flight at this sequence in the present view */
  proposed: Sequence | undefined;
}

/** Since when the primary knows of it, as far as we know: of our own clients' by us, of others' by those who brought them, until we tell it. */
export const knownSince = ({ source, since, toldAt }: PendingRequest): number | undefined =>
  toldAt ?? (source === "own" ? undefined : since);

/** Its entries are never none. */
export interface Lane extends Pick<Queue<Digest, PendingRequest>, "entries" | "first"> {
  readonly source: Source;
  readonly bytes: number;
  /** when an execution made the oldest the oldest, monotonic milliseconds: its timer runs from then (Castro & Liskov, §4.4) */
  readonly headSince: number;
}

interface OpenLane extends Lane, Queue<Digest, PendingRequest> {
  /** part of it: what no proposal of this view holds */
  readonly unproposed: Queue<Digest, PendingRequest>;
  bytes: number;
  headSince: number;
  /** what it had of the batches when its next turn comes, in bytes */
  turn: number;
  /** entries that ever came */
  came: number;
}

export interface Lanes {
  /** those that hold anything */
  values(): IterableIterator<Lane>;
  get(source: Source): Lane | undefined;
  add(entry: PendingRequest): void;
  /** `executedAt`: who comes after it is the oldest since then; otherwise whoever it is has waited all the while */
  remove(entry: PendingRequest, executedAt: number | undefined): void;
  /** To the end of another lane. */
  move(entry: PendingRequest, to: Source, now: number): void;
  /** whether fewer would be served before it at the end of that lane than where it is; each move so brings it forward */
  wouldGain(entry: PendingRequest, to: Source): boolean;
  /** what no proposal of this view holds */
  readonly unproposed: { readonly requests: number; readonly bytes: number };
  /** the one of each source's first that came first */
  oldestUnproposed(): PendingRequest | undefined;
  /** the unproposed one whose turn it is */
  next(): PendingRequest | undefined;
  proposed(entry: PendingRequest): void;
  /** everything waits again, and nobody has had anything */
  releaseAll(): void;
}

export const oldestOf = (lane: Lane): PendingRequest => lane.first() as PendingRequest;

/** @param leastCost bytes: no request counts for less, since it takes one of a batch's places, too */
export const createLanes = (leastCost: number): Lanes => {
  const lanes = new Map<Source, OpenLane>();
  const unproposed = { requests: 0, bytes: 0 };
  /** the turn that was taken last */
  let turn = 0;

  const laneOf = (source: Source): OpenLane => {
    const known = lanes.get(source);
    if (known !== undefined) return known;
    const lane: OpenLane = { ...createQueue(), source, unproposed: createQueue(), bytes: 0, headSince: 0, turn: 0, came: 0 };
    lanes.set(source, lane);
    return lane;
  };
  const takeOut = (entry: PendingRequest): OpenLane | undefined => {
    const lane = lanes.get(entry.source);
    if (lane === undefined || !lane.remove(entry.request.id)) return undefined;
    stopWaiting(lane, entry);
    lane.bytes -= entry.request.bytes.length;
    if (lane.entries.size === 0) lanes.delete(lane.source);
    return lane;
  };
  const putIn = (entry: PendingRequest): void => {
    const lane = laneOf(entry.source);
    entry.place = lane.came += 1;
    lane.add(entry.request.id, entry);
    lane.bytes += entry.request.bytes.length;
    if (entry.proposed === undefined) wait(lane, entry);
  };
  const wait = (lane: OpenLane, entry: PendingRequest): void => {
    // nobody saves up turns while nothing of his waits
    if (lane.unproposed.entries.size === 0) lane.turn = Math.max(lane.turn, turn);
    lane.unproposed.add(entry.request.id, entry);
    unproposed.requests += 1;
    unproposed.bytes += entry.request.bytes.length;
  };
  const stopWaiting = (lane: OpenLane, entry: PendingRequest): boolean => {
    if (!lane.unproposed.remove(entry.request.id)) return false;
    unproposed.requests -= 1;
    unproposed.bytes -= entry.request.bytes.length;
    return true;
  };

  return {
    values: () => lanes.values(),
    get: (source) => lanes.get(source),
    add: putIn,
    remove(entry, executedAt) {
      const oldest = lanes.get(entry.source);
      const wasOldest = oldest !== undefined && oldestOf(oldest) === entry;
      const lane = takeOut(entry);
      if (lane !== undefined && executedAt !== undefined && wasOldest) lane.headSince = executedAt;
    },
    move(entry, to, now) {
      takeOut(entry);
      entry.source = to;
      putIn(entry);
      const lane = lanes.get(to);
      if (lane?.entries.size === 1) lane.headSince = now;
    },
    wouldGain(entry, to) {
      const lane = lanes.get(entry.source);
      const first = lane?.unproposed.first();
      return to !== entry.source && first !== undefined && (lanes.get(to)?.unproposed.entries.size ?? 0) < entry.place - first.place;
    },
    unproposed,
    oldestUnproposed() {
      let oldest: PendingRequest | undefined;
      for (const lane of lanes.values()) {
        const first = lane.unproposed.first();
        if (first !== undefined && (oldest === undefined || first.since < oldest.since)) oldest = first;
      }
      return oldest;
    },
    next() {
      let next: OpenLane | undefined;
      for (const lane of lanes.values()) if (lane.unproposed.entries.size > 0 && (next === undefined || lane.turn < next.turn)) next = lane;
      return next?.unproposed.first();
    },
    proposed(entry) {
      const lane = lanes.get(entry.source);
      if (lane === undefined || !stopWaiting(lane, entry)) return;
      turn = Math.max(turn, lane.turn);
      lane.turn += Math.max(leastCost, entry.request.bytes.length);
    },
    releaseAll() {
      turn = 0;
      for (const lane of lanes.values()) {
        // in their order again
        for (const entry of lane.entries.values()) {
          stopWaiting(lane, entry);
          entry.proposed = undefined;
          entry.toldAt = undefined;
          wait(lane, entry);
        }
        lane.turn = 0;
      }
    },
  };
};
