/** Requests on their way to a proposal, and the primary's cutting of batches (PROTOCOL §3.1, §3.2). */
import { highestNumberAt } from "../protocol/client-sequence.ts";
import { primaryOf } from "../protocol/committee.ts";
import { nextSequence, type ReplicaIndex, type Sequence } from "../protocol/ids.ts";
import type { Request } from "../protocol/messages.ts";
import { oldestOf, type Lane, type PendingRequest, type Source } from "./lanes.ts";
import { retractDemand } from "./demand.ts";
import { viewByHearsay } from "./hearsay.ts";
import type { Input } from "./input.ts";
import type { Admission, Refusal } from "./pool.ts";
import { isPrimary, others, reject, slotAt, windowTop, type State, type Turn } from "./state.ts";
import { commitDue, headWaitsSince } from "./waiting.ts";

/** Who relayed a request: names that are no validator's are as free to make as clients' keys, and count as one. */
export const relayedBy = (from: ReplicaIndex | undefined): Source => from ?? "observers";

/**
 * Requests of each other source that a backup holds: enough to see whether the primary serves it. Who brought them tells the primary itself, and tells the
 * next one again; more of them here would make a backup wait for what no primary knows, and tell them among those of its own clients.
 */
const WITNESSED = 4;

/** Requests that may be held for a source besides the pool's bounds: all where they are ordered, or may soon be. */
export const mostOf = (state: State, source: Source): number =>
  source === "own" || !state.active || isPrimary(state) ? Number.POSITIVE_INFINITY : WITNESSED;

/** A passive validator can do nothing for others' requests; its own clients' ones it relays (PROTOCOL §6). */
const admit = ({ state, time }: Turn, input: Extract<Input, { type: "request" }>): Admission | "already-executed" | "passive" => {
  if (state.recent.has(input.request.id)) return "already-executed";
  if (state.passive !== undefined && !input.local) return "passive";
  const source = input.local ? "own" : relayedBy(input.from);
  return state.pool.add(input.request, time.now, source, mostOf(state, source));
};

/** Why a request that is relayed would change nothing, and is not worth verifying. */
export const refusalOf = (state: State, request: Request, from: ReplicaIndex | undefined): Refusal | undefined => {
  const source = relayedBy(from);
  return state.pool.refusalOf(request, source, mostOf(state, source));
};

/** Admits a request to the pool within its bounds; a local one is relayed to the primary. */
export const handleRequest = (turn: Turn, input: Extract<Input, { type: "request" }>): void => {
  const { state, effects } = turn;
  const { request, local, from } = input;
  const admission = admit(turn, input);
  if (admission !== "admitted") {
    reject(turn, input.type, admission, from === undefined ? {} : { from });
    if (admission !== "already-pending") effects.push({ type: "refuse-request", id: request.id, reason: admission });
    return;
  }
  state.company.came(state.pool.clients());
  const inFlightAt = state.inFlight.get(request.id);
  if (inFlightAt !== undefined) state.pool.markProposed(request.id, inFlightAt);
  if (local) tellOwn(turn);
};

/** No primary could order it any more: to wait for it would be to blame them all. */
export const handleSettled = (turn: Turn, { request: id }: Extract<Input, { type: "settled" }>): void => {
  const { state, time, effects } = turn;
  if (state.pool.remove(id) === undefined) return;
  effects.push({ type: "refuse-request", id, reason: "already-executed" });
  if ((commitDue(state) ?? Number.POSITIVE_INFINITY) > time.now) retractDemand(state);
};

/**
 * Between views a replica may be the only one that is: it relays to whom the others follow. Where nobody does, there is nobody to relay to:
 * entering the next view relays everything that waits.
 */
const followedPrimary = (state: State): ReplicaIndex | undefined => {
  const view = state.active ? state.view : viewByHearsay(state);
  return view === undefined ? undefined : primaryOf(state.config.committee, view);
};

const ownOf = ({ pool }: State): Iterable<PendingRequest> => pool.lane("own")?.entries.values() ?? [];

/** A new primary does not know what was told to the old one: who is not it needs little of what others brought, who tell it themselves. */
export const relayPending = (turn: Turn): void => {
  if (!isPrimary(turn.state)) turn.state.pool.keepFirst(WITNESSED);
  tellOwn(turn);
};

/** Tells the primary of our own clients' requests, as many as it has room for: when one comes, and when others are done. */
export const tellOwn = (turn: Turn): void => {
  const { state, time } = turn;
  const primary = followedPrimary(state);
  if (primary === undefined || primary === state.config.self) return;
  const requests: Request[] = [];
  for (let next = state.pool.nextToTell(); next !== undefined; next = state.pool.nextToTell()) {
    state.pool.markTold(next, time.now);
    requests.push(next.request);
  }
  if (requests.length > 0) turn.effects.push({ type: "relay", to: [primary], requests });
};

/**
 * When a request that waits since `since` is told to every validator: half its timeout (PROTOCOL §3.1); not while the queue moves. At once where the
 * primary is slow, so that those who have no clients of their own see it, too.
 */
const relayDue = (state: State, since: number): number =>
  state.pace.isSlow
    ? since
    : Math.max(since, state.pool.lane("own")?.headSince ?? 0, state.timersFrom) + state.patience.requestTimeout() / 2;

/** The oldest of our own clients' requests that were not told to every validator yet: no more than the others hold of us. */
const unrelayed = (state: State): PendingRequest[] => {
  const oldest: PendingRequest[] = [];
  let seen = 0;
  for (const entry of ownOf(state)) {
    if ((seen += 1) > WITNESSED) break;
    if (!entry.relayedToAll) oldest.push(entry);
  }
  return oldest;
};

/** When the first of them has waited long enough. */
export const nextRelayDue = (state: State): number | undefined => {
  const [first] = unrelayed(state);
  return first && relayDue(state, first.since);
};

/**
 * Tells every validator about the oldest requests that waited too long; each starts its own timer, so a primary can not silently censor. The primary, which
 * may have lost them, is told of all again that it was told of.
 */
export const relayOverdueToAll = (turn: Turn): void => {
  const { state, time } = turn;
  const overdue = unrelayed(state).filter(({ since }) => relayDue(state, since) <= time.now);
  if (overdue.length === 0) return;
  for (const entry of overdue) entry.relayedToAll = true;
  turn.effects.push({ type: "relay", to: others(state), requests: overdue.map(({ request }) => request) });
  if (state.pace.isSlow) return;
  state.pool.tellAgain();
  for (const entry of overdue) state.pool.markTold(entry, time.now);
  tellOwn(turn);
};

const tellDue = (state: State, lane: Lane): number => {
  const { toldAt, proposed } = oldestOf(lane);
  if (lane.source === "own" || toldAt !== undefined || proposed !== undefined) return Number.POSITIVE_INFINITY;
  return headWaitsSince(state, lane) + state.patience.requestTimeout() / 2;
};

/**
 * When the primary is told of what some source's oldest is, in case whoever brought it here passed the primary over: half of the patience that would blame
 * the primary for it. A relay to all but the primary would cost a view otherwise (Castro & Liskov, §4.4: backups relay to the primary).
 */
export const primaryTellDue = (state: State): number | undefined => {
  let due = Number.POSITIVE_INFINITY;
  for (const lane of state.pool.lanes()) due = Math.min(due, tellDue(state, lane));
  return due === Number.POSITIVE_INFINITY ? undefined : due;
};

/** Tells the primary, once in its view, of what others brought and it has not proposed. */
export const tellPrimary = (turn: Turn): void => {
  const { state, time } = turn;
  const untold: Request[] = [];
  for (const lane of state.pool.lanes()) if (tellDue(state, lane) <= time.now) tellLane(lane, time.now, untold);
  const primary = followedPrimary(state);
  if (untold.length > 0 && primary !== undefined && primary !== state.config.self)
    turn.effects.push({ type: "relay", to: [primary], requests: untold });
};

const tellLane = (lane: Lane, now: number, untold: Request[]): void => {
  let told = 0;
  for (const entry of lane.entries.values()) {
    if (told >= WITNESSED) return;
    if (entry.toldAt !== undefined || entry.proposed !== undefined) continue;
    entry.toldAt = now;
    untold.push(entry.request);
    told += 1;
  }
};

/** A relay that was lost, or refused by a full pool, must not silence its client: the oldest are told again (PROTOCOL §3). */
export const relayAgain = (turn: Turn): void => {
  const { state } = turn;
  const again: Request[] = [];
  for (const entry of ownOf(state)) {
    if (!entry.relayedToAll || again.length >= WITNESSED) break;
    again.push(entry.request);
  }
  // what we demand another view for, or left one for, the others must know too: whoever brought it here may be gone
  if (state.demand > state.view || !state.active) {
    for (const lane of state.pool.lanes()) if (lane.source !== "own") again.push(oldestOf(lane).request);
  }
  if (again.length > 0) turn.effects.push({ type: "relay", to: others(state), requests: again });
};

const inFlightCount = (state: State): number => state.nextSequence - 1 - state.committedUpTo;

const slotIsFree = (state: State): boolean =>
  state.nextSequence <= windowTop(state) &&
  inFlightCount(state) < state.config.settings.pipelineDepth &&
  // what a NEW-VIEW carries over comes first: its requests must not be proposed twice
  state.acceptedUpTo >= state.nextSequence - 1;

/** Monotonic milliseconds at which a batch is cut though nothing else happens; undefined while that waits for something else. */
export const batchDue = (state: State): number | undefined => {
  if (!isPrimary(state) || !state.quorumReachable || state.pool.unproposed.requests === 0 || !slotIsFree(state)) return undefined;
  const { parameters, settings } = state.config;
  const full = state.pool.unproposed.requests >= parameters.maxBatchRequests || state.pool.unproposed.bytes >= parameters.maxBatchBytes;
  const inFlight = inFlightCount(state);
  if (full) return Number.NEGATIVE_INFINITY;
  // nothing is under way; but answers are, to those who will ask again at once
  if (inFlight === 0) return state.company.until(state.pool.clients());
  const first = state.pool.oldestUnproposed();
  // the slower batches come through, the larger they become: many small ones would only make them slower
  return first === undefined ? undefined : first.since + (settings.maxBatchDelayMs * inFlight) / settings.pipelineDepth;
};

/** Puts one batch into the next free slot if one is due: at once when idle and nobody else is expected, else when full or when its oldest request waited
 * enough. */
export const cutBatch = (turn: Turn): boolean => {
  const { state, time } = turn;
  const due = batchDue(state);
  if (due === undefined || due > time.now) return false;
  const sequence = state.nextSequence;
  const timestamp = Math.max(Math.floor(time.wall), state.acceptedTimestamp + 1);
  const requests = takeRequests(turn, sequence, highestNumberAt(timestamp));
  if (requests.length === 0) return false;
  state.company.cut(time.now, state.pool.clients());
  const batch = state.config.createBatch(timestamp, requests);
  state.nextSequence = nextSequence(sequence);
  state.batches.add(batch, true);
  slotAt(turn, sequence).proposal = { digest: batch.digest, signed: undefined, carried: false, accepted: false };
  return true;
};

/**
 * From each source in turn, its oldest first, up to the genesis' bounds; the next batch goes on where this one stops. None only where all were too far ahead. Those can
 * have come from clocks that were ahead, and are right by now: no backup would accept a batch with one.
 */
const takeRequests = ({ state, effects }: Turn, sequence: Sequence, highest: number): Request[] => {
  const { maxBatchBytes, maxBatchRequests } = state.config.parameters;
  const taken: Request[] = [];
  let bytes = 0;
  for (let next = state.pool.nextUnproposed(); next !== undefined; next = state.pool.nextUnproposed()) {
    const { request } = next;
    if (taken.length >= maxBatchRequests || (taken.length > 0 && bytes + request.bytes.length > maxBatchBytes)) break;
    if (request.sequence > highest) {
      state.pool.remove(request.id);
      effects.push({ type: "refuse-request", id: request.id, reason: "request-too-far-ahead" });
      continue;
    }
    taken.push(request);
    bytes += request.bytes.length;
    state.pool.markProposed(request.id, sequence);
  }
  return taken;
};
