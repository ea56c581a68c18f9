/** Heartbeats, and how a replica that fell behind follows the others' kept batches (PROTOCOL §3, §7). */
import { nextSequence, type ReplicaIndex, type Sequence } from "../protocol/ids.ts";
import type { Status } from "../protocol/messages.ts";
import { limits } from "../protocol/limits.ts";
import { retractDemand } from "./demand.ts";
import { handOver } from "./execution.ts";
import { stopAtFork } from "./fork.ts";
import { viewByHearsay } from "./hearsay.ts";
import { repeatTo } from "./helping.ts";
import type { Input } from "./input.ts";
import { awaitsTarget, isTransferring, transferIfNeeded } from "./transfer.ts";
import { inWindow, reject, slotAt, type Peer, type State, type Turn } from "./state.ts";
import { followDemands } from "./view-change.ts";

/** A heartbeat is a hint: it may make us help its sender, ask it for batches, or count it among those who want another view. */
export const handleStatus = (turn: Turn, input: Extract<Input, { type: "status" }>): void => {
  const { state } = turn;
  const { status, from } = input;
  const peer = state.peers.get(from);
  if (peer === undefined || status.epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from });
  peer.status = status;
  const lacksView = state.active && (status.view < state.view || (status.view === state.view && !status.active));
  if (lacksView || status.stable < state.stable.sequence) repeatTo(turn, from);
  followDemands(turn);
  boundAmnesia(state, from, status);
  if (state.config.self === undefined) followHearsay(state);
  fetchIfBehind(turn);
};

/** Which validators have a live channel: without a quorum of them nothing is timed and no view is climbed (PROTOCOL §5). */
export const handleReachable = (turn: Turn, input: Extract<Input, { type: "reachable" }>): void => {
  const { state, time } = turn;
  const reachable = new Set(input.peers);
  state.reach = [];
  for (const [index, peer] of state.peers) {
    if (peer.reachable && !reachable.has(index)) {
      peer.unreachableSince = time.now;
      peer.status = undefined;
    }
    peer.reachable = reachable.has(index);
    if (peer.reachable) state.reach.push(index);
  }
  const own = state.config.self === undefined ? 0 : 1;
  const quorum = reachable.size + own >= state.config.committee.quorum;
  if (quorum && !state.quorumReachable) {
    state.timersFrom = time.now;
    state.repeatPause = state.config.settings.repeatMs;
    state.repeatAt = time.now;
    if (state.newViewDeadline !== undefined) state.newViewDeadline = time.now + state.patience.requestTimeout();
  }
  if (!quorum) {
    state.pace.restart(time.now);
    retractDemand(state);
  }
  state.quorumReachable = quorum;
};

/** An observer's view is only where it relays to. */
const followHearsay = (state: State): void => {
  const view = viewByHearsay(state);
  if (view === undefined) return;
  state.view = view;
  state.demand = view;
};

/**
 * The highest low watermark that q validators may have, plus the window: below it an amnesiac may have voted (PROTOCOL §6). What they
 * executed counts rather than the watermark they report: the forgotten one may have been the first to see a checkpoint become stable. A report
 * counts once its watermark is proven by a certificate, and no more than the window above it: a liar can not keep anybody silent for ever.
 */
const boundAmnesia = (state: State, from: ReplicaIndex, { stable, executed }: Status): void => {
  if (state.passive === undefined || state.passive.until !== undefined) return;
  const { reports } = state.passive;
  if (!reports.has(from)) reports.set(from, { stable, executed });
  const { checkpointInterval } = state.config.parameters;
  const proven = Math.max(state.stable.sequence, state.target?.sequence ?? 0, state.transfer?.target?.sequence ?? 0);
  const believed = [...reports.values()].filter((report) => report.stable <= proven);
  if (believed.length < state.config.committee.quorum) return;
  const highest = Math.max(...believed.map((report) => Math.min(report.executed, report.stable + 2 * checkpointInterval)));
  state.passive.until = (highest - (highest % checkpointInterval) + 2 * checkpointInterval) as Sequence;
};

interface Source {
  readonly index: ReplicaIndex;
  readonly peer: Peer;
  readonly executed: Sequence;
}

const isAhead = (state: State, { reachable, status }: Peer): boolean =>
  reachable && status !== undefined && status.executed > state.committedUpTo;

/** Whether this peer says that it has the next batch. */
const offersNext = (state: State, peer: Peer): boolean =>
  isAhead(state, peer) && (peer.status?.oldest ?? 0) <= nextSequence(state.committedUpTo);

/**
 * Whether only the state itself helps: more than f peers that are ahead, one of them honest, no longer have the next batch, and whoever says
 * that it has it is one of f at most and failed to give it since the last progress.
 */
const batchesAreGone = (state: State): boolean => {
  const { f } = state.config.committee;
  let [lacking, offering, untried] = [0, 0, 0];
  for (const peer of state.peers.values()) {
    if (!isAhead(state, peer)) continue;
    if (!offersNext(state, peer)) lacking += 1;
    else if (peer.failedAt >= state.progressAt) offering += 1;
    else untried += 1;
  }
  return lacking > f && offering <= f && untried === 0;
};

/** The state is needed, and no checkpoint is known that it could be of: whoever is asked for batches that are gone answers with the one he has. */
const needsTarget = (state: State): boolean =>
  awaitsTarget(state) || (!isTransferring(state) && (state.target?.sequence ?? 0) <= state.executed && batchesAreGone(state));

/** Of those who say that they are ahead, the one whose last failure to answer is the longest ago; of several, the one furthest ahead. */
const bestSource = (state: State): Source | undefined => {
  const mayHelp = needsTarget(state) ? isAhead : offersNext;
  let best: Source | undefined;
  for (const [index, peer] of state.peers) {
    const executed = peer.status?.executed;
    if (executed === undefined || !mayHelp(state, peer)) continue;
    const since = best?.peer.failedAt ?? Number.POSITIVE_INFINITY;
    if (best === undefined || peer.failedAt < since || (peer.failedAt === since && executed > best.executed))
      best = { index, peer, executed };
  }
  return best;
};

/** When peers that are ahead will be asked for what they have; undefined when nobody is ahead. */
export const fetchDue = (state: State): number | undefined => {
  if (isTransferring(state) && !awaitsTarget(state)) return undefined;
  if (state.fetch !== undefined) return state.fetch.deadline;
  const source = bestSource(state);
  if (source === undefined) return undefined;
  const farBehind = source.executed - state.committedUpTo > state.config.parameters.checkpointInterval;
  // what was handed to execution comes first: answers must not pile up in memory
  if (state.committedUpTo - state.executed > limits.maxBlocksPerAnswer) return undefined;
  return farBehind ? Number.NEGATIVE_INFINITY : state.progressAt + state.config.settings.catchUpDelayMs;
};

/** One request at a time; another peer when the last one did not answer. */
export const fetchIfBehind = (turn: Turn): void => {
  const { state, time, effects } = turn;
  transferIfNeeded(turn, batchesAreGone(state));
  const due = fetchDue(state);
  if (due === undefined || due > time.now) return;
  if (state.fetch !== undefined) noteFailure(turn, state.fetch.peer);
  state.fetch = undefined;
  const source = bestSource(state);
  if (source === undefined) return;
  const from = nextSequence(state.committedUpTo);
  const to = Math.min(source.executed, state.committedUpTo + limits.maxBlocksPerAnswer) as Sequence;
  state.fetch = { peer: source.index, deadline: time.now + state.config.settings.fetchTimeoutMs };
  effects.push({ type: "fetch-blocks", from, to, peer: source.index });
};

const noteFailure = (turn: Turn, replica: ReplicaIndex): void => {
  const peer = turn.state.peers.get(replica);
  if (peer !== undefined) peer.failedAt = turn.time.now;
};

/**
 * Batches with their certificates: those that come next are executed, whatever view they were ordered in. An answer without any of them
 * is no answer: its sender is left waiting until the fetch is overdue. Two certificates for one sequence end everything (PROTOCOL §10).
 */
export const handleBlocks = (turn: Turn, input: Extract<Input, { type: "blocks" }>): void => {
  const { state } = turn;
  if (isTransferring(state)) return reject(turn, input.type, "unrequested", { from: input.from });
  const before = state.committedUpTo;
  for (const { certificate, batch } of input.blocks) {
    const { epoch, sequence, digest } = certificate;
    if (epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from: input.from });
    const ours = state.slots.get(sequence)?.certificate;
    if (ours !== undefined && ours.digest !== digest) return stopAtFork(turn, ours, certificate);
    if (sequence !== state.committedUpTo + 1) continue;
    if (inWindow(state, sequence)) slotAt(turn, sequence);
    handOver(turn, certificate, batch);
  }
  if (state.committedUpTo === before) return reject(turn, input.type, "unrequested", { from: input.from });
  if (state.fetch?.peer === input.from) state.fetch = undefined;
  fetchIfBehind(turn);
};
