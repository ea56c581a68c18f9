/** Everything that happens because time passed, and when the next such thing is due. */
import { nextSequence, type ReplicaIndex } from "../protocol/ids.ts";
import type { Checkpoint, Commit, Prepare, Signed, ViewChange } from "../protocol/messages.ts";
import { fetchDue, fetchIfBehind } from "./catch-up.ts";
import { sayCheckpoint } from "./checkpoints.ts";
import { demandNextView } from "./demand.ts";
import { fetchMissingBatch } from "./fetching.ts";
import { sooner } from "./moments.ts";
import { batchDue, primaryTellDue, nextRelayDue, relayAgain, relayOverdueToAll, tellPrimary } from "./requests.ts";
import { transferDue } from "./transfer.ts";
import { fetchStraggler, stragglerDue } from "./stragglers.ts";
import { currentPrimary, inWindow, mayVote, others, type Slot, type State, type Turn } from "./state.ts";
import { followDemands } from "./view-change.ts";
import { commitDue, waitingSince } from "./waiting.ts";

/** Slots beyond the first unexecuted one that are repeated at a time. */
const REPEATED_SLOTS = 16;

/** Monotonic milliseconds at which `tick` is next due; undefined when nothing is waited for. */
export const nextDeadline = (state: State): number | undefined => {
  if (state.halted !== undefined) return undefined;
  const due = sooner(sooner(batchDue(state), fetchDue(state)), transferDue(state));
  if (!state.quorumReachable) return due;
  return sooner(sooner(due, sooner(overdueAt(state), stragglerDue(state))), sooner(nextRelay(state), repeatDue(state)));
};

export const handleTick = (turn: Turn): void => {
  const { state, time } = turn;
  fetchIfBehind(turn);
  if (!state.quorumReachable) return;
  relayOverdueToAll(turn);
  tellPrimary(turn);
  if ((overdueAt(state) ?? Number.POSITIVE_INFINITY) <= time.now) {
    demandNextView(turn, "patience");
    followDemands(turn);
  }
  fetchStraggler(turn);
  if ((repeatDue(state) ?? Number.POSITIVE_INFINITY) <= time.now) repeat(turn);
};

/** When this replica will want the next view (PROTOCOL §5); undefined when it is content or has said so already. */
const overdueAt = (state: State): number | undefined => {
  if (!mayVote(state) || state.demand > state.view) return undefined;
  const patience = state.active ? commitDue(state) : state.newViewDeadline;
  if (patience === undefined) return undefined;
  const primary = state.peers.get(currentPrimary(state));
  if (primary === undefined || primary.reachable) return patience;
  // a primary nobody hears is given up sooner: its silence needs no long proof
  const since = state.active ? (waitingSince(state) ?? 0) : state.timersFrom;
  return Math.min(patience, Math.max(primary.unreachableSince, since) + state.config.settings.unreachableGraceMs);
};

const nextRelay = (state: State): number | undefined => sooner(nextRelayDue(state), primaryTellDue(state));

/* ------------------------------------------------------------------ repetition: a lost message costs a delay, never a stall */

const unstable = (state: State): boolean => state.ownCheckpoints.size > 0;

const waits = (state: State): boolean =>
  !state.active || state.demand > state.view || waitingSince(state) !== undefined || lacksCertifiedBatch(state) || unstable(state);

const lacksCertifiedBatch = (state: State): boolean => state.slots.get(nextSequence(state.committedUpTo))?.certificate !== undefined;

const repeatDue = (state: State): number | undefined => (state.waiting ? state.repeatAt : undefined);

/** The first repetition comes one pause after the waiting began. */
export const startRepetition = (turn: Turn): void => {
  const { state, time } = turn;
  // who has no vote still has clients
  const waiting = mayVote(state) ? waits(state) : state.pool.lane("own") !== undefined;
  if (waiting && !state.waiting) {
    state.repeatPause = state.config.settings.repeatMs;
    state.repeatAt = time.now + state.repeatPause;
  }
  state.waiting = waiting;
};

const repeat = (turn: Turn): void => {
  const { state, time, effects } = turn;
  state.repeatPause = Math.min(state.repeatPause * 2, 8 * state.config.settings.repeatMs);
  state.repeatAt = time.now + state.repeatPause;
  if (state.demand > state.view) effects.push({ type: "send-status" });
  relayAgain(turn);
  if (!mayVote(state)) return;
  repeatCheckpoints(turn);
  if (!state.active) return repeatViewChange(turn);
  for (let sequence = state.committedUpTo + 1; sequence <= state.committedUpTo + REPEATED_SLOTS; sequence += 1) {
    const slot = state.slots.get(sequence as Slot["sequence"]);
    if (slot !== undefined) repeatSlot(turn, slot);
  }
};

const say = (turn: Turn, to: readonly ReplicaIndex[], signed: Signed<Prepare | Commit | Checkpoint | ViewChange> | undefined): void => {
  if (signed !== undefined && to.length > 0) turn.effects.push({ type: "repeat", to, message: { kind: "signed", signed } });
};

const repeatViewChange = (turn: Turn): void => {
  const { state } = turn;
  say(turn, others(state), state.viewChanges.get(state.config.self as ReplicaIndex));
};

/** One that came home while the window was not there yet, or that was executed while we were passive, counts only once it is said again. */
const repeatCheckpoints = (turn: Turn): void => {
  const { state } = turn;
  for (const own of state.ownCheckpoints.values()) {
    const signed = state.checkpointVotes.get(own.sequence)?.get(state.config.self as ReplicaIndex);
    if (signed !== undefined) say(turn, others(state), signed);
    else if (inWindow(state, own.sequence)) sayCheckpoint(turn, own);
  }
};

/** Our proposal to those who did not answer it, our votes to those who did not commit. */
const repeatSlot = (turn: Turn, slot: Slot): void => {
  const { state, effects } = turn;
  const self = state.config.self as ReplicaIndex;
  const uncommitted = others(state).filter((replica) => !slot.commits.has(replica));
  const { proposal } = slot;
  const batch = proposal === undefined ? undefined : state.batches.get(proposal.digest);
  if (proposal?.signed !== undefined && batch !== undefined && currentPrimary(state) === self) {
    const to = uncommitted.filter((replica) => !slot.prepares.has(replica));
    if (to.length > 0) effects.push({ type: "repeat", to, message: { kind: "signed-proposal", signed: proposal.signed, batch } });
  }
  say(turn, uncommitted, slot.prepares.get(self));
  say(turn, others(state), slot.commits.get(self));
  fetchMissingBatch(turn, slot);
};
