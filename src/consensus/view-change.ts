/** Leaving a view: who wants to, when enough do, and the VIEW-CHANGE that binds (PROTOCOL §5). */
import { sameViewChange } from "../protocol/evidence.ts";
import { nextView, type ReplicaIndex, type View } from "../protocol/ids.ts";
import type { Signed, ViewChange } from "../protocol/messages.ts";
import { repeatTo } from "./helping.ts";
import type { Input } from "./input.ts";
import { forgetStranded, noteStranded } from "./stragglers.ts";
import { halt, mayVote, reject, type State, type Turn } from "./state.ts";

/**
 * Ignore: another epoch, a view already left, older than the sender's latest, a repetition. Help: a sender that missed our NEW-VIEW.
 * Prove: two different ones of one sender for one view. One is kept per sender, of its highest view.
 */
export const handleViewChange = (turn: Turn, input: Extract<Input, { type: "view-change" }>): void => {
  const { state } = turn;
  const { signed } = input;
  const { message } = signed;
  const from = message.replica;
  if (message.epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from });
  const known = state.viewChanges.get(from);
  if (known !== undefined && known.message.view === message.view) return judgeSecond(turn, known, signed);
  if (known !== undefined && known.message.view > message.view) return reject(turn, input.type, "stale-view-change", { from });
  // ours may come home when we are already further: only a view that we never asked for proves another process
  if (from === state.config.self && message.view > state.view) return notOurs(turn, message);
  if (message.view < state.view || (message.view === state.view && state.active)) {
    reject(turn, input.type, "stale-view-change", { from });
    repeatTo(turn, from);
    return;
  }
  state.viewChanges.set(from, signed);
  noteStranded(turn, from);
  followDemands(turn);
};

const judgeSecond = (turn: Turn, first: Signed<ViewChange>, second: Signed<ViewChange>): void => {
  const from = second.message.replica;
  // Ed25519 as signed by honest replicas is deterministic, but a second signature over the same content is no contradiction
  if (sameViewChange(first.message, second.message)) {
    reject(turn, "view-change", "duplicate", { from });
    if (turn.state.active && second.message.view <= turn.state.view) repeatTo(turn, from);
    else noteStranded(turn, from);
    return;
  }
  if (from === turn.state.config.self) return notOurs(turn, second.message);
  turn.effects.push({ type: "evidence", evidence: { kind: "conflicting-view-changes", culprit: from, first, second } });
  reject(turn, "view-change", "conflicting-view-change", { from, blame: true });
};

const notOurs = (turn: Turn, message: ViewChange): void => {
  if (mayVote(turn.state)) halt(turn, "key-used-elsewhere", `a view change to ${message.view} in our name that we did not make`);
};

/** The view a validator would rather be in, by heartbeat or by VIEW-CHANGE. */
const wantedView = (state: State, replica: ReplicaIndex): View => {
  const announced = state.viewChanges.get(replica)?.message.view ?? 0;
  const demanded = replica === state.config.self ? state.demand : (state.peers.get(replica)?.status?.demand ?? 0);
  return Math.max(announced, demanded) as View;
};

/**
 * Who is honest asks for the next view on its own, and for a higher one only where f+1 want it: what lies further up than one above the highest
 * that f+1 want is a lie, or ahead of what was heard here.
 */
export const highestViewInReach = (state: State): View => {
  const { validators, f } = state.config.committee;
  const wanted = validators.map(({ index }) => wantedView(state, index)).sort((a, b) => b - a);
  return nextView(Math.max(state.view, wanted[f] ?? 0) as View);
};

/** f+1 validators want a higher view: at least one honest one does, so it is joined, at the smallest they ask for. */
export const followDemands = (turn: Turn): void => {
  const { state } = turn;
  const { committee } = state.config;
  if (!mayVote(state)) return;
  const wanted: number[] = [];
  for (const { index } of committee.validators) {
    const view = wantedView(state, index);
    if (view > state.view) wanted.push(view);
  }
  if (wanted.length > committee.f) leaveView(turn, Math.min(...wanted) as View);
  startNewViewTimer(turn);
};

/** For good: its VIEW-CHANGE is on disk before it is sent. */
export const leaveView = (turn: Turn, view: View): void => {
  const { state, effects } = turn;
  if (!state.progressInView) state.patience.backOff();
  state.progressInView = false;
  state.view = view;
  state.active = false;
  state.demand = view;
  state.demandHolds = false;
  forgetStranded(turn);
  state.newViewDeadline = undefined;
  forgetSlotsOfOldView(state);
  for (const [replica, { message }] of state.viewChanges) if (message.view < view) state.viewChanges.delete(replica);
  effects.push({ type: "announce", message: viewChangeOf(state, view) });
  effects.push({ type: "send-status" });
  state.repeatPause = state.config.settings.repeatMs;
  state.repeatAt = turn.time.now + state.repeatPause;
};

/** P: what prepared here above h, each with the certificate of its highest view. */
const viewChangeOf = (state: State, view: View): ViewChange => ({
  kind: "view-change",
  epoch: state.config.committee.epoch,
  view,
  replica: state.config.self as ReplicaIndex,
  stable: state.stable,
  prepared: [...state.slots.values()]
    .flatMap((slot) => (slot.prepared === undefined ? [] : [slot.prepared]))
    .sort((a, b) => a.sequence - b.sequence),
});

/** Votes and proposals belong to their view; what prepared and what is certified stays. */
export const forgetSlotsOfOldView = (state: State): void => {
  for (const slot of state.slots.values()) {
    slot.proposal = undefined;
    slot.prepares.clear();
    slot.commits.clear();
    slot.commitSent = false;
  }
  state.inFlight.clear();
  state.pool.releaseAll();
  state.wantedBatch = undefined;
  state.wantedCertified = undefined;
};

/** The new primary is on the clock from the moment that q VIEW-CHANGEs are on their way (Castro & Liskov, §4.5.2). */
const startNewViewTimer = (turn: Turn): void => {
  const { state, time } = turn;
  if (state.active || state.newViewDeadline !== undefined) return;
  const asking = [...state.viewChanges.values()].filter(({ message }) => message.view >= state.view).length;
  if (asking >= state.config.committee.quorum) state.newViewDeadline = time.now + state.patience.requestTimeout();
};
