/** NEW-VIEW: made by the new primary, recomputed by everyone, entered (PROTOCOL §5). */
import { primaryOf } from "../protocol/committee.ts";
import type { Digest, Sequence } from "../protocol/ids.ts";
import { carryOver, sameProposals } from "../protocol/carry-over.ts";
import type { CheckpointCertificate, NewView, SignedNewView } from "../protocol/messages.ts";
import { installProposals } from "./carried.ts";
import { adoptStable } from "./checkpoints.ts";
import { demandNextView } from "./demand.ts";
import type { Input } from "./input.ts";
import { relayPending } from "./requests.ts";
import { forgetStranded } from "./stragglers.ts";
import { mayVote, reject, type State, type Turn } from "./state.ts";
import { forgetSlotsOfOldView } from "./view-change.ts";

/** The new primary's duty: as soon as q VIEW-CHANGEs for its view are here, its own among them. */
export const makeNewView = (turn: Turn): void => {
  const { state, effects } = turn;
  const { committee, self, emptyBatch } = state.config;
  if (state.active || !mayVote(state) || primaryOf(committee, state.view) !== self || state.announcedNewView === state.view) return;
  const own = state.viewChanges.get(self);
  if (own?.message.view !== state.view) return;
  const theirs = [...state.viewChanges.values()]
    .filter(({ message }) => message.view === state.view && message.replica !== self)
    .sort((a, b) => a.message.replica - b.message.replica)
    .slice(0, committee.quorum - 1);
  if (theirs.length < committee.quorum - 1) return;
  const viewChanges = [...theirs, own].sort((a, b) => a.message.replica - b.message.replica);
  const { proposals } = carryOver(viewChanges, emptyBatch.digest);
  const message: NewView = { kind: "new-view", epoch: committee.epoch, view: state.view, replica: self, viewChanges, proposals };
  state.announcedNewView = state.view;
  effects.push({ type: "announce", message });
};

/**
 * Ignore: another epoch, a view already left or entered. Prove: an O that its VIEW-CHANGEs do not imply.
 * Its signatures and certificates were verified before it came here; what they imply is recomputed here.
 */
export const handleNewView = (turn: Turn, input: Extract<Input, { type: "new-view" }>): void => {
  const { state, effects } = turn;
  const { signed } = input;
  const { message } = signed;
  const from = message.replica;
  if (message.epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from });
  if (from !== primaryOf(state.config.committee, message.view)) return reject(turn, input.type, "not-the-primary", { from, blame: true });
  if (message.view < state.view || (message.view === state.view && state.active)) return reject(turn, input.type, "old-view", { from });
  const carried = carryOver(message.viewChanges, state.config.emptyBatch.digest);
  if (!sameProposals(carried.proposals, message.proposals)) {
    effects.push({ type: "evidence", evidence: { kind: "bad-new-view", culprit: from, newView: signed } });
    reject(turn, input.type, "wrong-new-view", { from, blame: true });
    if (message.view === state.view) demandNextView(turn, "proof");
    return;
  }
  // what it announced was saved with its signature; one of its own from before it lost its data was not
  if (from !== state.config.self || state.announcedNewView !== message.view)
    effects.push({ type: "save", record: { type: "entered-view", newView: signed } });
  enterView(turn, signed, carried.stable);
};

const enterView = (turn: Turn, signed: SignedNewView, stable: CheckpointCertificate): void => {
  const { state, time, effects } = turn;
  if (state.view < signed.message.view) state.progressInView = false;
  state.view = signed.message.view;
  state.active = true;
  state.demand = state.view;
  state.demandHolds = false;
  forgetStranded(turn);
  state.newView = signed;
  state.viewBase = stable.sequence;
  state.newViewDeadline = undefined;
  state.timersFrom = time.now;
  state.pace.restart(time.now);
  state.company.restart();
  for (const [replica, { message }] of state.viewChanges) if (message.view <= state.view) state.viewChanges.delete(replica);
  forgetSlotsOfOldView(state);
  adoptStable(turn, stable);
  const top = installProposals(turn, signed);
  // what lies between our execution and the checkpoint is fetched, not accepted: acceptance means the same on every replica
  state.acceptedUpTo = state.committedUpTo;
  state.acceptedTimestamp = state.committedTimestamp;
  state.nextSequence = (Math.max(top, stable.sequence, state.committedUpTo) + 1) as Sequence;
  forgetUnneededBatches(state);
  relayPending(turn);
  effects.push({ type: "send-status" });
  state.repeatPause = state.config.settings.repeatMs;
  state.repeatAt = time.now + state.repeatPause;
};

const forgetUnneededBatches = (state: State): void => {
  const needed = new Set<Digest>();
  for (const { proposal, prepared, certificate } of state.slots.values()) {
    for (const digest of [proposal?.digest, prepared?.digest, certificate?.digest]) if (digest !== undefined) needed.add(digest);
  }
  state.batches.retain(needed);
};
