/** Requests on their way to a proposal, and the primary's cutting of batches (PROTOCOL §3.1, §3.2). */
import { highestNumberAt } from "../protocol/client-sequence.ts";
import { primaryOf } from "../protocol/committee.ts";
import { nextSequence, type Sequence } from "../protocol/ids.ts";
import type { Request } from "../protocol/messages.ts";
import { retractDemand } from "./demand.ts";
import { viewByHearsay } from "./hearsay.ts";
import type { Input } from "./input.ts";
import type { Admission } from "./pool.ts";
import { isPrimary, others, reject, slotAt, windowTop, type State, type Turn } from "./state.ts";
import { commitDue } from "./waiting.ts";

/** A passive validator can do nothing for others' requests; its own clients' ones it relays (PROTOCOL §6). */
const admit = (
  { state, time }: Turn,
  { request, local }: Extract<Input, { type: "request" }>,
): Admission | "already-executed" | "passive" => {
  if (state.recent.has(request.id)) return "already-executed";
  if (state.passive !== undefined && !local) return "passive";
  return state.pool.add(request, time.now, local);
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
  if (local) relayToPrimary(turn, [request]);
};

/**
 * Between views a replica may be the only one that is: it relays to whom the others follow. Where nobody does, there is nobody to relay to:
 * entering the next view relays everything that waits.
 */
/** No primary could order it any more: to wait for it would be to blame them all. */
export const handleSettled = (turn: Turn, { request: id }: Extract<Input, { type: "settled" }>): void => {
  const { state, time, effects } = turn;
  if (state.pool.remove(id) === undefined) return;
  effects.push({ type: "refuse-request", id, reason: "already-executed" });
  if ((commitDue(state) ?? Number.POSITIVE_INFINITY) > time.now) retractDemand(state);
};

const relayToPrimary = (turn: Turn, requests: readonly Request[]): void => {
  const { state } = turn;
  const view = state.active ? state.view : viewByHearsay(state);
  if (view === undefined) return;
  const primary = primaryOf(state.config.committee, view);
  if (primary !== state.config.self) turn.effects.push({ type: "relay", to: [primary], requests });
};

/** A new primary does not know what was told to the old one. */
export const relayPending = (turn: Turn): void => {
  const pending = [...turn.state.pool.locals()].map((entry) => entry.request);
  if (pending.length > 0) relayToPrimary(turn, pending);
};

/**
 * When a request that waits since `since` is told to every validator: half its timeout (PROTOCOL §3.1); not while the queue moves. At once where the
 * primary is slow, so that those who have no clients of their own see it, too.
 */
export const relayDue = (state: State, since: number): number =>
  state.pace.isSlow ? since : Math.max(since, state.headSince, state.timersFrom) + state.patience.requestTimeout() / 2;

/** Tells every validator about the requests that waited too long; each starts its own timer, so a primary can not silently censor. */
export const relayOverdueToAll = (turn: Turn): void => {
  const { state, time } = turn;
  const overdue: Request[] = [];
  for (
    let entry = state.pool.unrelayed();
    entry !== undefined && relayDue(state, entry.since) <= time.now;
    entry = state.pool.unrelayed()
  ) {
    state.pool.markRelayed(entry.request.id);
    overdue.push(entry.request);
  }
  if (overdue.length > 0) turn.effects.push({ type: "relay", to: others(state), requests: overdue });
};

/** Requests that are told once more at a time. */
const RELAYED_AGAIN = 32;

/**
 * When the primary is told of what waits the longest, in case whoever brought it here passed the primary over: half of the patience that would blame
 * the primary for it. A relay to all but the primary would cost a view otherwise (Castro & Liskov, §4.4: backups relay to the primary).
 */
export const primaryTellDue = ({ pool, patience, headSince, timersFrom }: State): number | undefined => {
  const oldest = pool.oldest();
  if (oldest === undefined || oldest.local || oldest.toldPrimary || oldest.proposed !== undefined) return undefined;
  return Math.max(oldest.since, headSince, timersFrom) + patience.requestTimeout() / 2;
};

/** Tells the primary, once in its view, of the oldest that others brought and that it has not proposed. */
export const tellPrimary = (turn: Turn): void => {
  const { state, time } = turn;
  if ((primaryTellDue(state) ?? Number.POSITIVE_INFINITY) > time.now) return;
  const untold: Request[] = [];
  for (const entry of state.pool.values()) {
    if (untold.length >= RELAYED_AGAIN) break;
    if (entry.local || entry.toldPrimary || entry.proposed !== undefined) continue;
    entry.toldPrimary = true;
    untold.push(entry.request);
  }
  relayToPrimary(turn, untold);
};

/** A relay that was lost, or refused by a full pool, must not silence its client: the oldest are told again (PROTOCOL §3). */
export const relayAgain = (turn: Turn): void => {
  const { state } = turn;
  const again: Request[] = [];
  for (const entry of state.pool.locals()) {
    if (!entry.relayedToAll || again.length >= RELAYED_AGAIN) break;
    again.push(entry.request);
  }
  // what we demand another view for, or left one for, the others must know too: whoever brought it here may be gone
  const oldest = state.pool.oldest();
  if ((state.demand > state.view || !state.active) && oldest?.local === false) again.push(oldest.request);
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
  if (!isPrimary(state) || !state.quorumReachable || state.pool.unproposed() === 0 || !slotIsFree(state)) return undefined;
  const { parameters, settings } = state.config;
  const full = state.pool.unproposed() >= parameters.maxBatchRequests || state.pool.unproposedBytes() >= parameters.maxBatchBytes;
  const inFlight = inFlightCount(state);
  if (full) return Number.NEGATIVE_INFINITY;
  // nothing is under way; but answers are, to those who will ask again at once
  if (inFlight === 0) return state.company.until(state.pool.clients());
  const first = state.pool.nextUnproposed();
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
 * Oldest first, up to the genesis' bounds; none only where all were too far ahead. Those can have come from clocks that were ahead, and are right by now: no backup
 * would accept a batch with one.
 */
const takeRequests = ({ state, effects }: Turn, sequence: Sequence, highest: number): Request[] => {
  const { maxBatchBytes, maxBatchRequests } = state.config.parameters;
  const taken: Request[] = [];
  const tooFar: Request[] = [];
  let bytes = 0;
  for (const { request } of state.pool.unproposedValues()) {
    if (taken.length >= maxBatchRequests || (taken.length > 0 && bytes + request.bytes.length > maxBatchBytes)) break;
    (request.sequence > highest ? tooFar : taken).push(request);
    if (request.sequence <= highest) bytes += request.bytes.length;
  }
  for (const { id } of tooFar) {
    state.pool.remove(id);
    effects.push({ type: "refuse-request", id, reason: "request-too-far-ahead" });
  }
  for (const request of taken) state.pool.markProposed(request.id, sequence);
  return taken;
};
