/** NEW-VIEW: made by the new primary, recomputed by everyone, entered (PROTOCOL §5). */
import { primaryOf } from "../protocol/committee.ts";
import { toSequence, type Digest, type Sequence } from "../protocol/ids.ts";
import type { CheckpointCertificate, NewView, Reproposal, Signed, SignedNewView, ViewChange } from "../protocol/messages.ts";
import { adoptStable } from "./checkpoints.ts";
import { demandNextView } from "./demand.ts";
import type { Input } from "./input.ts";
import { relayPending } from "./requests.ts";
import { inWindow, mayVote, reject, slotAt, type State, type Turn } from "./state.ts";
import { forgetSlotsOfOldView } from "./view-change.ts";

interface Carried {
  /** highest stable checkpoint among the VIEW-CHANGEs */
  readonly stable: CheckpointCertificate;
  /** O */
  readonly proposals: readonly Reproposal[];
}

/** O from VIEW-CHANGEs: from the highest stable checkpoint to the highest prepared sequence, the digest of the highest view, or empty. */
export const carryOver = (viewChanges: readonly Signed<ViewChange>[], emptyDigest: Digest): Carried => {
  const stable = viewChanges.map(({ message }) => message.stable).reduce((best, next) => (next.sequence > best.sequence ? next : best));
  const highest = new Map<number, { readonly view: number; readonly digest: Digest }>();
  let top: number = stable.sequence;
  for (const { message } of viewChanges) {
    for (const { sequence, view, digest } of message.prepared) {
      if (sequence <= stable.sequence || view <= (highest.get(sequence)?.view ?? -1)) continue;
      highest.set(sequence, { view, digest });
      top = Math.max(top, sequence);
    }
  }
  const proposals: Reproposal[] = [];
  for (let sequence = stable.sequence + 1; sequence <= top; sequence += 1) {
    proposals.push({ sequence: toSequence(sequence), digest: highest.get(sequence)?.digest ?? emptyDigest });
  }
  return { stable, proposals };
};

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
  if (message.view < state.view || (message.view === state.view && state.active)) return reject(turn, input.type, "old-view", { from });
  const carried = carryOver(message.viewChanges, state.config.emptyBatch.digest);
  if (!sameProposals(carried.proposals, message.proposals)) {
    effects.push({ type: "evidence", evidence: { kind: "bad-new-view", culprit: from, newView: signed } });
    reject(turn, input.type, "wrong-new-view", { from, blame: true });
    if (message.view === state.view) demandNextView(turn);
    return;
  }
  if (from !== state.config.self) effects.push({ type: "save", record: { type: "entered-view", newView: signed } });
  enterView(turn, signed, carried.stable);
};

const sameProposals = (a: readonly Reproposal[], b: readonly Reproposal[]): boolean =>
  a.length === b.length && a.every(({ sequence, digest }, index) => b[index]?.sequence === sequence && b[index].digest === digest);

const enterView = (turn: Turn, signed: SignedNewView, stable: CheckpointCertificate): void => {
  const { state, time, effects } = turn;
  if (state.view < signed.message.view) state.progressInView = false;
  state.view = signed.message.view;
  state.active = true;
  state.demand = state.view;
  state.newView = signed;
  state.newViewDeadline = undefined;
  state.timersFrom = time.now;
  state.pace.viewEntered();
  for (const [replica, { message }] of state.viewChanges) if (message.view <= state.view) state.viewChanges.delete(replica);
  forgetSlotsOfOldView(state);
  adoptStable(turn, stable);
  const top = installProposals(turn, signed);
  state.acceptedUpTo = Math.max(stable.sequence, state.committedUpTo) as Sequence;
  state.acceptedTimestamp = state.committedTimestamp;
  state.nextSequence = (Math.max(top, stable.sequence, state.committedUpTo) + 1) as Sequence;
  forgetUnneededBatches(state);
  relayPending(turn);
  effects.push({ type: "send-status" });
  state.repeatPause = state.config.settings.repeatMs;
  state.repeatAt = time.now + state.repeatPause;
};

/** O as PRE-PREPAREs of the new view; returns the highest sequence. Also after a restart, for what was not accepted before it. */
export const installProposals = (turn: Turn, { message, proposalSignatures }: SignedNewView): number => {
  const { epoch, view, replica, proposals } = message;
  proposals.forEach(({ sequence, digest }, index) => {
    const signature = proposalSignatures[index];
    if (signature === undefined || !inWindow(turn.state, sequence)) return;
    const signed = { message: { kind: "pre-prepare", epoch, view, sequence, digest, replica }, signature } as const;
    const slot = slotAt(turn, sequence);
    slot.seenAt = turn.time.now;
    slot.proposal ??= { digest, signed, carried: true, accepted: false };
  });
  return proposals.at(-1)?.sequence ?? 0;
};

const forgetUnneededBatches = (state: State): void => {
  const needed = new Set<Digest>();
  for (const { proposal, prepared, certificate } of state.slots.values()) {
    for (const digest of [proposal?.digest, prepared?.digest, certificate?.digest]) if (digest !== undefined) needed.add(digest);
  }
  state.batches.retain(needed);
};

