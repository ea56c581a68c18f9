/**
 * What follows from what is known: acceptance in order, prepared, committed, handed to execution, the next batch (PROTOCOL §3).
 * Handlers only record; every step ends here, so that each transition has one place.
 */
import { highestNumberAt } from "../protocol/client-sequence.ts";
import { nextSequence, type Digest, type ReplicaIndex, type Sequence } from "../protocol/ids.ts";
import type { Batch, Commit, CommitCertificate, Prepare, Signed, VoteSignature } from "../protocol/messages.ts";
import type { RejectionReason } from "../protocol/rejections.ts";
import { demandNextView } from "./demand.ts";
import { handOver } from "./execution.ts";
import { fetchMissingBatch } from "./fetching.ts";
import { knownSince } from "./lanes.ts";
import { cutBatch } from "./requests.ts";
import { isTransferring } from "./transfer.ts";
import { currentPrimary, mayVote, reject, type Proposal, type Slot, type State, type Turn } from "./state.ts";

/** Runs to a fixed point. */
export const settle = (turn: Turn): void => {
  do {
    acceptInOrder(turn);
    for (const slot of turn.touched) {
      prepare(turn, slot);
      certify(turn, slot);
    }
    turn.touched.clear();
  } while (execute(turn) || cutBatch(turn) || turn.touched.size > 0);
};

/**
 * Strictly in order, so that "not executed, not twice, later than the one before" mean the same on every replica.
 * What is accepted is saved, then answered with PREPARE.
 */
const acceptInOrder = (turn: Turn): void => {
  const { state } = turn;
  state.acceptedUpTo = Math.max(state.acceptedUpTo, state.committedUpTo) as Sequence;
  state.acceptedTimestamp = Math.max(state.acceptedTimestamp, state.committedTimestamp);
  if (!state.active || !mayVote(state)) return;
  acceptExecuted(turn);
  for (;;) {
    const slot = state.slots.get(nextSequence(state.acceptedUpTo));
    const proposal = slot?.proposal;
    const batch = proposal === undefined ? undefined : state.batches.get(proposal.digest);
    if (slot === undefined || proposal === undefined) return;
    if (batch === undefined) return wantBatch(turn, slot, proposal.digest);
    if (!proposal.accepted) {
      const trusted = proposal.carried || currentPrimary(state) === state.config.self;
      const refusal = trusted ? undefined : refusalOf(state, turn.time.wall, slot.sequence, batch);
      if (refusal !== undefined) return refuse(turn, slot, refusal);
      accept(turn, slot, proposal, batch);
    }
    noteAccepted(state, slot.sequence, batch);
  }
};

/** Asked for once, when its turn comes and there is room; repetition asks again. */
const wantBatch = (turn: Turn, slot: Slot, digest: Digest): void => {
  if (turn.state.wantedBatch !== digest && fetchMissingBatch(turn, slot)) turn.state.wantedBatch = digest;
};

/**
 * What ran here already is proposed again, by a NEW-VIEW or to those who lag: it needs no batch, and our vote only where it helps somebody. Up to
 * two checkpoint intervals of it would stand before the new view's first request otherwise. Another digest is left alone: a later view than this
 * one, whose batches we fetched, may have ordered it.
 */
const acceptExecuted = (turn: Turn): void => {
  const { state } = turn;
  for (const slot of turn.touched) {
    const { proposal, sequence } = slot;
    if (proposal === undefined || proposal.accepted || state.executedDigests.get(sequence) !== proposal.digest) continue;
    if (isLackedBySomebody(state, sequence)) accept(turn, slot, proposal, undefined);
  }
};

/** Whether a validator that we hear does not say that it has executed this. Who comes back later fetches the batch with its certificate (`catch-up.ts`). */
const isLackedBySomebody = ({ peers }: State, sequence: Sequence): boolean => {
  for (const { reachable, status } of peers.values()) if (reachable && (status?.executed ?? 0) < sequence) return true;
  return false;
};

const refusalOf = (state: State, wall: number, sequence: Sequence, batch: Batch): RejectionReason | undefined => {
  if (batch.timestamp <= state.acceptedTimestamp) return "timestamp-not-after-previous";
  if (isOutsideDrift(state, wall, batch.timestamp)) return "timestamp-outside-drift";
  const highest = highestNumberAt(batch.timestamp);
  for (const request of batch.requests) {
    // the ledger would refuse it and forget it, and those who remember it here, and those who do not, would quarrel about it for ever
    if (request.sequence > highest) return "request-too-far-ahead";
    if (state.recent.has(request.id)) return "already-executed";
    if ((state.inFlight.get(request.id) ?? sequence) !== sequence) return "request-in-flight";
  }
  return undefined;
};

/**
 * Clocks that were ahead together and came back leave the ledger's time ahead of them all, perhaps by more than the drift. It then goes on by the smallest
 * step, at which no primary can drive it, instead of standing still, with all the ledger, until the clocks have come after it.
 */
const isOutsideDrift = ({ config, acceptedTimestamp }: State, wall: number, timestamp: number): boolean =>
  Math.abs(timestamp - wall) > config.parameters.maxClockDriftMs && !(timestamp > wall && timestamp === acceptedTimestamp + 1);

/** It stays in its slot: the others may commit it, or the clock may come closer. */
const refuse = (turn: Turn, slot: Slot, reason: RejectionReason): void => {
  if (turn.touched.has(slot)) reject(turn, "pre-prepare", reason, { from: currentPrimary(turn.state) });
};

const noteAccepted = (state: State, sequence: Sequence, batch: Batch): void => {
  state.acceptedUpTo = sequence;
  state.acceptedTimestamp = Math.max(state.acceptedTimestamp, batch.timestamp);
  for (const request of batch.requests) {
    state.inFlight.set(request.id, sequence);
    state.pool.markProposed(request.id, sequence);
  }
};

const accept = (turn: Turn, slot: Slot, proposal: Proposal, batch: Batch | undefined): void => {
  const { state, effects } = turn;
  const { epoch } = state.config.committee;
  const { sequence } = slot;
  const { digest, signed } = proposal;
  const { view } = state;
  const replica = state.config.self as ReplicaIndex;
  proposal.accepted = true;
  turn.touched.add(slot);
  effects.push({
    type: "save",
    record: {
      type: "accepted",
      epoch,
      view,
      sequence,
      digest,
      ...(signed === undefined ? {} : { proposalSignature: signed.signature }),
      ...(batch === undefined || batch.requests.length === 0 ? {} : { batch }),
    },
  });
  if (signed !== undefined && replica !== currentPrimary(state)) {
    effects.push({
      type: "broadcast",
      message: { kind: "prepare", epoch, view, sequence, digest, replica, proposalSignature: signed.signature },
    });
    if (!proposal.carried && batch !== undefined) judgePace(turn, sequence, batch);
  }
  if (signed === undefined && batch !== undefined) {
    effects.push({ type: "propose", message: { kind: "pre-prepare", epoch, view, sequence, digest, replica }, batch });
  }
};

/** Whether the primary let this batch's requests wait, and wants to be replaced for it (PROTOCOL §5, a plainly slow primary). */
const judgePace = (turn: Turn, sequence: Sequence, batch: Batch): void => {
  const { state, time } = turn;
  const { maxBatchBytes, maxBatchRequests } = state.config.parameters;
  let oldest = Number.POSITIVE_INFINITY;
  for (const { id } of batch.requests) {
    const entry = state.pool.get(id);
    oldest = Math.min(oldest, (entry && knownSince(entry)) ?? oldest);
  }
  state.pace.proposed({
    sequence,
    now: time.now,
    waitedMs: oldest === Number.POSITIVE_INFINITY ? undefined : time.now - Math.max(oldest, state.timersFrom),
    inFlight: state.acceptedUpTo - state.committedUpTo,
    several: batch.requests.length > 1,
    // a batch ends before the request that does not fit any more
    full: batch.requests.length >= maxBatchRequests || 2 * batch.bytes.length >= maxBatchBytes,
  });
  if (state.pace.isSlow) demandNextView(turn, "patience");
};

/** Prepared: accepted here, and q−1 PREPAREs of others than the primary. Saved, then COMMIT (PROTOCOL §3.4). */
const prepare = (turn: Turn, slot: Slot): void => {
  const { state, effects } = turn;
  const { proposal, sequence } = slot;
  if (slot.commitSent || !mayVote(state) || proposal === undefined || !proposal.accepted || proposal.signed === undefined) return;
  const { digest } = proposal;
  const prepares = matching(slot.prepares, digest, state.config.committee.quorum - 1);
  if (prepares === undefined) return;
  const { epoch } = state.config.committee;
  const { view } = state;
  slot.prepared = { epoch, view, sequence, digest, proposalSignature: proposal.signed.signature, prepares };
  slot.commitSent = true;
  effects.push({ type: "save", record: { type: "prepared", certificate: slot.prepared } });
  effects.push({
    type: "broadcast",
    message: { kind: "commit", epoch, view, sequence, digest, replica: state.config.self as ReplicaIndex },
  });
};

/** Committed: q matching COMMITs prove the batch, whether or not it prepared here (PROTOCOL §3.5). */
const certify = (turn: Turn, slot: Slot): void => {
  const { state } = turn;
  if (state.executedDigests.has(slot.sequence)) return;
  slot.certificate ??= commitCertificate(state, slot);
  if (slot.certificate !== undefined) fetchMissingBatch(turn, slot);
};

const commitCertificate = (state: State, slot: Slot): CommitCertificate | undefined => {
  const { epoch, quorum } = state.config.committee;
  if (slot.commits.size < quorum) return undefined;
  for (const digest of new Set([...slot.commits.values()].map((vote) => vote.message.digest))) {
    const commits = matching(slot.commits, digest, quorum);
    if (commits !== undefined) return { epoch, view: state.view, sequence: slot.sequence, digest, commits };
  }
  return undefined;
};

/** The first `count` matching votes by replica: a certificate has exactly one size. Undefined when there are fewer. */
const matching = (
  votes: ReadonlyMap<ReplicaIndex, Signed<Prepare | Commit>>,
  digest: Digest,
  count: number,
): VoteSignature[] | undefined => {
  if (votes.size < count) return undefined;
  const found: VoteSignature[] = [];
  for (const [replica, { message, signature }] of votes) if (message.digest === digest) found.push({ replica, signature });
  if (found.length < count) return undefined;
  return found.sort((a, b) => a.replica - b.replica).slice(0, count);
};

/** Hands committed batches to execution, in order, each once; true if any. */
const execute = (turn: Turn): boolean => {
  const { state } = turn;
  if (isTransferring(state)) return false;
  let moved = false;
  for (;;) {
    const slot = state.slots.get(nextSequence(state.committedUpTo));
    if (slot?.certificate === undefined) return moved;
    const { digest } = slot.certificate;
    const batch = state.batches.get(digest);
    if (batch === undefined) {
      if (state.wantedCertified !== digest) fetchMissingBatch(turn, slot);
      state.wantedCertified = digest;
      return moved;
    }
    handOver(turn, slot.certificate, batch);
    moved = true;
  }
};
