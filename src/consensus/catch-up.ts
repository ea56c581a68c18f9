/**
 * How a replica that fell behind follows the others' kept batches (PROTOCOL §7). One that is far behind asks two peers at a time, for what follows on each
 * other: while it executes what the one sent, the other's certificates are being verified.
 */
import { nextSequence, type ReplicaIndex, type Sequence } from "../protocol/ids.ts";
import type { CertifiedBatch, Verified } from "../protocol/messages.ts";
import { limits } from "../protocol/limits.ts";
import type { Fetch } from "./catch-up-state.ts";
import { handOver } from "./execution.ts";
import { stopAtFork } from "./fork.ts";
import type { Input } from "./input.ts";
import { sooner } from "./moments.ts";
import { awaitsTarget, continueTransfer, isTransferring, transferIfNeeded } from "./transfer.ts";
import { inWindow, reject, slotAt, type Peer, type State, type Turn } from "./state.ts";

/** Ranges that are asked for at a time, each of another peer. */
const FETCHES = 2;

/** Who left a question unanswered is asked only for what is needed next for so long: what it keeps for itself would have to be waited for. Milliseconds. */
const DISTRUST_MS = 10_000;

interface Source {
  readonly index: ReplicaIndex;
  readonly peer: Peer;
  readonly executed: Sequence;
}

const isAhead = (state: State, { reachable, status }: Peer): boolean =>
  reachable && status !== undefined && status.executed > state.committedUpTo;

const isAnybodyAhead = (state: State): boolean => {
  for (const peer of state.peers.values()) if (isAhead(state, peer)) return true;
  return false;
};

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

/**
 * Of those who say that they are ahead, and were not asked already, the one whose last failure to answer is the longest ago; of several, the one furthest
 * ahead.
 */
const bestSource = (state: State): Source | undefined => {
  // mostly nobody is, and this is asked after every step
  if (!isAnybodyAhead(state)) return undefined;
  const mayHelp = needsTarget(state) ? isAhead : offersNext;
  let best: Source | undefined;
  for (const [index, peer] of state.peers) {
    const executed = peer.status?.executed;
    if (executed === undefined || !mayHelp(state, peer) || state.catchUp.fetches.some((fetch) => fetch.peer === index)) continue;
    const since = best?.peer.failedAt ?? Number.POSITIVE_INFINITY;
    if (best === undefined || peer.failedAt < since || (peer.failedAt === since && executed > best.executed))
      best = { index, peer, executed };
  }
  return best;
};

/** What is neither here nor asked for: up to `to`, both included. */
interface Gap {
  readonly from: Sequence;
  readonly to: Sequence;
}

/** The lowest gap; as long as the answers were that came lately, since large batches leave an answer room for few. */
const firstGap = (state: State): Gap => {
  let from: number = nextSequence(state.committedUpTo);
  let before = Number.POSITIVE_INFINITY;
  const early = state.catchUp.early.map(({ certificate }) => certificate.sequence);
  const known = [...state.catchUp.fetches, ...(early.length > 0 ? [{ from: Math.min(...early), to: Math.max(...early) }] : [])];
  for (const range of known.sort((a, b) => a.from - b.from)) {
    if (range.from > from) {
      before = range.from;
      break;
    }
    from = Math.max(from, range.to + 1);
  }
  return { from: from as Sequence, to: Math.min(from + state.catchUp.span - 1, before - 1) as Sequence };
};

/** A question that can be put now, or at `at`. */
interface Question {
  readonly source: Source;
  readonly gap: Gap;
  readonly at: number;
}

const nextQuestion = (state: State): Question | undefined => {
  // what was handed to execution comes first: answers must not pile up in memory
  if (state.catchUp.fetches.length >= FETCHES || state.committedUpTo - state.executed > limits.maxBlocksPerAnswer) return undefined;
  const source = bestSource(state);
  if (source === undefined) return undefined;
  const { from, to } = firstGap(state);
  const isNext = from === state.committedUpTo + 1;
  const farBehind = source.executed - from >= state.config.parameters.checkpointInterval;
  // beyond the next gap only where there is much to come, of whom there is hope, with room for an answer that comes early
  const isHopeful = farBehind && state.lastNow - source.peer.failedAt > DISTRUST_MS && !needsTarget(state);
  if (!isNext && (!isHopeful || state.catchUp.early.length > 0)) return undefined;
  const at = farBehind ? Number.NEGATIVE_INFINITY : state.progressAt + state.config.settings.catchUpDelayMs;
  return { source, gap: { from, to: Math.min(to, source.executed) as Sequence }, at };
};

/** When peers that are ahead will be asked for what they have, or are late with it; undefined when nobody is ahead. */
export const fetchDue = (state: State): number | undefined => {
  if (isTransferring(state) && !awaitsTarget(state)) return undefined;
  let due = nextQuestion(state)?.at;
  for (const { deadline } of state.catchUp.fetches) due = sooner(due, deadline);
  return due;
};

/** Parts of the state, or batches: each range from one peer; another one is asked when it does not answer. */
export const fetchIfBehind = (turn: Turn): void => {
  const { state, time, effects } = turn;
  // a heartbeat brings us here, too: that a peer is back tells nothing else, and no deadline waits for it
  continueTransfer(turn);
  transferIfNeeded(turn, batchesAreGone(state));
  if (isTransferring(state) && !awaitsTarget(state)) return;
  dropOverdue(turn);
  if (!takeEarly(turn)) return;
  for (;;) {
    const question = nextQuestion(state);
    if (question === undefined || question.at > time.now) return;
    const { source, gap } = question;
    const deadline = time.now + state.config.settings.fetchTimeoutMs;
    state.catchUp.fetches = [...state.catchUp.fetches, { peer: source.index, ...gap, deadline }];
    effects.push({ type: "fetch-blocks", ...gap, peer: source.index });
  }
};

const dropOverdue = ({ state, time }: Turn): void => {
  for (const { peer: index, deadline } of state.catchUp.fetches) {
    const peer = state.peers.get(index);
    if (deadline <= time.now && peer !== undefined) peer.failedAt = time.now;
  }
  state.catchUp.fetches = state.catchUp.fetches.filter(({ deadline }) => deadline > time.now);
};

/**
 * Batches with their certificates: those that come next are executed, whatever view they were ordered in. An answer without any of them
 * is no answer: its sender is left waiting until the fetch is overdue. Two certificates for one sequence end everything (PROTOCOL §10).
 */
export const handleBlocks = (turn: Turn, input: Extract<Input, { type: "blocks" }>): void => {
  const { state } = turn;
  const { from, blocks } = input;
  if (isTransferring(state)) return reject(turn, input.type, "unrequested", { from });
  if (blocks.some(({ certificate }) => certificate.epoch !== state.config.committee.epoch))
    return reject(turn, input.type, "wrong-epoch", { from });
  const fetch = state.catchUp.fetches.find(({ peer }) => peer === from);
  if (fetch !== undefined && comesEarly(state, fetch, blocks)) {
    state.catchUp.early = blocks;
    state.catchUp.fetches = state.catchUp.fetches.filter((each) => each !== fetch);
    return fetchIfBehind(turn);
  }
  const before = state.committedUpTo;
  if (!takeBlocks(turn, blocks)) return;
  if (state.committedUpTo === before) return reject(turn, input.type, "unrequested", { from });
  if (fetch !== undefined) judgeAnswer(turn, fetch, blocks);
  state.catchUp.fetches = state.catchUp.fetches.filter((each) => each !== fetch);
  fetchIfBehind(turn);
};

/** Whether these are what was asked for, and what comes before them is still to come. One answer is kept at most: nobody is asked for more meanwhile. */
const comesEarly = (state: State, fetch: Fetch, blocks: readonly CertifiedBatch[]): boolean => {
  const first = blocks[0]?.certificate.sequence;
  return first === fetch.from && first > state.committedUpTo + 1 && state.catchUp.early.length === 0;
};

/**
 * The next question is for as many as found room in an answer that was full before its end, for a few more after one that was not. Who could have given more
 * failed: one block at a time would keep us behind for ever.
 */
const judgeAnswer = ({ state, time }: Turn, { peer: index, from, to }: Fetch, blocks: readonly CertifiedBatch[]): void => {
  const bytes = blocks.reduce((sum, { batch }) => sum + batch.bytes.length, 0);
  const isShort = blocks.length < to - from + 1;
  const isFull = isShort && bytes > (limits.maxAnswerBytes - limits.maxBatchBytes) / 2;
  const peer = state.peers.get(index);
  if (isShort && !isFull && peer !== undefined) peer.failedAt = time.now;
  const span = isFull ? blocks.length : Math.max(state.catchUp.span, blocks.length + Math.ceil(blocks.length / 8));
  state.catchUp.span = Math.min(span, limits.maxBlocksPerAnswer);
};

/** @returns false when they contradict what is certified here: everything ended */
const takeBlocks = (turn: Turn, blocks: readonly Verified<CertifiedBatch>[]): boolean => {
  const { state } = turn;
  for (const { certificate, batch } of blocks) {
    const { sequence, digest } = certificate;
    const ours = state.slots.get(sequence)?.certificate;
    if (ours !== undefined && ours.digest !== digest) {
      stopAtFork(turn, ours, certificate);
      return false;
    }
    if (sequence !== state.committedUpTo + 1) continue;
    if (inWindow(state, sequence)) slotAt(turn, sequence);
    handOver(turn, certificate, batch);
  }
  return true;
};

/** What came early, once it is its turn, be it because votes came meanwhile. @returns as `takeBlocks` */
const takeEarly = (turn: Turn): boolean => {
  const { state } = turn;
  const blocks = state.catchUp.early;
  if ((blocks[0]?.certificate.sequence ?? 0) > state.committedUpTo + 1) return true;
  state.catchUp.early = [];
  return takeBlocks(turn, blocks);
};
