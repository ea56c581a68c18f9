/** A replica's return from its disk: it holds what it promised, and says it again to the letter (PROTOCOL §6). */
import { carryOver } from "../protocol/carry-over.ts";
import type { ReplicaIndex, Sequence } from "../protocol/ids.ts";
import type { Restored } from "./config.ts";
import { installProposals } from "./carried.ts";
import { sayCheckpoint } from "./checkpoints.ts";
import { currentPrimary, emptySlot, inWindow, mayVote, others, type Slot, type State, type Turn } from "./state.ts";

/** Puts back what was accepted and what prepared; called once, before the first step. */
export const restoreSlots = (state: State, restored: Restored): void => {
  const { epoch } = state.config.committee;
  const slotFor = (sequence: Sequence): Slot => {
    const slot = state.slots.get(sequence) ?? emptySlot(sequence, 0);
    state.slots.set(sequence, slot);
    return slot;
  };
  for (const { certificate, batch } of restored.prepared) {
    if (!inWindow(state, certificate.sequence)) continue;
    slotFor(certificate.sequence).prepared = certificate;
    if (batch !== undefined) state.batches.add(batch, true);
  }
  for (const { view, sequence, digest, proposalSignature, batch } of restored.active ? restored.accepted : []) {
    if (view !== state.view || !inWindow(state, sequence)) continue;
    const message = { kind: "pre-prepare", epoch, view, sequence, digest, replica: currentPrimary(state) } as const;
    const signed = proposalSignature === undefined ? undefined : { message, signature: proposalSignature };
    slotFor(sequence).proposal = { digest, signed, carried: true, accepted: true };
    if (batch !== undefined) state.batches.add(batch, true);
    state.nextSequence = Math.max(state.nextSequence, sequence + 1) as Sequence;
  }
  if (restored.active && restored.newView !== undefined) {
    const { stable } = carryOver(restored.newView.message.viewChanges, state.config.emptyBatch.digest);
    state.viewBase = stable.sequence;
    state.nextSequence = Math.max(state.nextSequence, stable.sequence + 1) as Sequence;
  }
  if (restored.viewChange !== undefined && !restored.active)
    state.viewChanges.set(restored.viewChange.message.replica, restored.viewChange);
};

/** First input of a life. */
export const handleStart = (turn: Turn): void => {
  const { state, time } = turn;
  state.timersFrom = time.now;
  state.progressAt = time.now;
  state.repeatAt = time.now + state.repeatPause;
  for (const slot of state.slots.values()) slot.seenAt = time.now;
  for (const peer of state.peers.values()) peer.unreachableSince = time.now;
  if (!mayVote(state)) return;
  for (const own of state.ownCheckpoints.values()) sayCheckpoint(turn, own);
  if (!state.active) return sayViewChangeAgain(turn);
  if (state.newView !== undefined) {
    const top = installProposals(turn, state.newView);
    state.nextSequence = Math.max(state.nextSequence, top + 1) as Sequence;
  }
  for (const slot of state.slots.values()) sayVotesAgain(turn, slot);
};

const sayViewChangeAgain = (turn: Turn): void => {
  const { state } = turn;
  const signed = state.viewChanges.get(state.config.self as ReplicaIndex);
  if (signed !== undefined) turn.effects.push({ type: "repeat", to: others(state), message: { kind: "signed", signed } });
};

/** Signing again gives the same bytes; nothing new is promised, so nothing needs saving. */
const sayVotesAgain = (turn: Turn, slot: Slot): void => {
  const { state, effects } = turn;
  const { epoch } = state.config.committee;
  const { view } = state;
  const { sequence, proposal, prepared } = slot;
  const replica = state.config.self as ReplicaIndex;
  turn.touched.add(slot);
  if (proposal === undefined || !proposal.accepted) return;
  const { digest, signed } = proposal;
  const batch = state.batches.get(digest);
  if (signed === undefined && batch !== undefined) {
    effects.push({ type: "propose", message: { kind: "pre-prepare", epoch, view, sequence, digest, replica }, batch });
  } else if (signed !== undefined && replica !== currentPrimary(state)) {
    effects.push({
      type: "broadcast",
      message: { kind: "prepare", epoch, view, sequence, digest, replica, proposalSignature: signed.signature },
    });
  }
  if (prepared?.view !== view) return;
  slot.commitSent = true;
  effects.push({ type: "broadcast", message: { kind: "commit", epoch, view, sequence, digest, replica } });
};
