/** The hand-over of committed batches to the ledger, and what comes back (PROTOCOL §3.5, §4). */
import type { Sequence } from "../protocol/ids.ts";
import type { Batch, CommitCertificate } from "../protocol/messages.ts";
import { adoptReachedTarget, isLetGo, sayCheckpoint } from "./checkpoints.ts";
import { retractDemand } from "./demand.ts";
import type { Input } from "./input.ts";
import { mayVote, RECENT_REQUESTS, type State, type Turn } from "./state.ts";
import { tellOwn } from "./requests.ts";
import { commitDue } from "./waiting.ts";

/** The only place that gives a batch to execution; the caller made sure that it is the next one. */
export const handOver = (turn: Turn, certificate: CommitCertificate, batch: Batch): void => {
  const { state, time, effects } = turn;
  effects.push({ type: "execute", certificate, batch });
  state.committedUpTo = certificate.sequence;
  state.nextSequence = Math.max(state.nextSequence, certificate.sequence + 1) as Sequence;
  state.committedTimestamp = Math.max(state.committedTimestamp, batch.timestamp);
  const slot = state.slots.get(certificate.sequence);
  if (slot !== undefined) slot.certificate = certificate;
  // another batch that was proposed for this sequence lost it: should a later view want it, it is on disk
  if (slot?.proposal !== undefined) state.batches.remove(slot.proposal.digest);
  state.executedDigests.set(certificate.sequence, certificate.digest);
  state.executedDigests.delete((certificate.sequence - 2 * state.config.parameters.checkpointInterval) as Sequence);
  state.batches.remove(batch.digest);
  state.pace.committed(certificate.sequence, time.now, Math.max(0, state.acceptedUpTo - certificate.sequence));
  for (const request of batch.requests) {
    const entry = state.pool.remove(request.id, time.now);
    if (entry !== undefined) state.patience.observe(time.now - Math.max(entry.toldAt ?? entry.since, state.timersFrom));
    state.inFlight.delete(request.id);
    state.recent.add(request.id);
  }
  tellOwn(turn);
  if (state.nextSequence - 1 === state.committedUpTo) state.company.committed(time.now);
  forgetOldRequests(state);
  noteProgress(turn);
};

const forgetOldRequests = (state: State): void => {
  for (const id of state.recent) {
    if (state.recent.size <= RECENT_REQUESTS) return;
    state.recent.delete(id);
  }
};

const noteProgress = (turn: Turn): void => {
  const { state, time } = turn;
  state.progressAt = time.now;
  state.repeatPause = state.config.settings.repeatMs;
  state.repeatAt = time.now + state.repeatPause;
  if (!state.active) return;
  state.progressInView = true;
  state.patience.progress();
  // a request that is passed over while others go through stays overdue
  if ((commitDue(state) ?? Number.POSITIVE_INFINITY) > time.now) retractDemand(state);
};

/** The batch ran and is on disk: its roots are known, and at a checkpoint they are signed. */
export const handleExecuted = (turn: Turn, input: Extract<Input, { type: "executed" }>): void => {
  const { state } = turn;
  const { sequence, stateRoot, logHash } = input;
  state.executed = sequence;
  state.logHash = logHash;
  if (sequence % state.config.parameters.checkpointInterval !== 0) return;
  // on the way to a certified one far ahead, those that a window has passed decide nothing any more
  for (const earlier of state.ownCheckpoints.keys()) if (isLetGo(state, earlier)) state.ownCheckpoints.delete(earlier);
  const own = { sequence, stateRoot, logHash };
  state.ownCheckpoints.set(sequence, own);
  if (mayVote(state)) sayCheckpoint(turn, own);
  adoptReachedTarget(turn);
};
