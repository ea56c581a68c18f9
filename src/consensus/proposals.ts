/** PRE-PREPARE and the batches behind it: what is taken up, what is refused, what is proof (PROTOCOL §3.2, §3.3). */
import { primaryOf } from "../protocol/committee.ts";
import type { Digest } from "../protocol/ids.ts";
import type { Batch, PrePrepare, Signed } from "../protocol/messages.ts";
import type { RejectionReason } from "../protocol/rejections.ts";
import { demandNextView } from "./demand.ts";
import { keepForLater } from "./early.ts";
import { fetchMissingBatch, isNextInLine } from "./fetching.ts";
import type { Input } from "./input.ts";
import { halt, inWindow, mayVote, reject, slotAt, type Proposal, type Slot, type State, type Turn } from "./state.ts";

/**
 * Ignore: another epoch, an old view, outside the window, known already. Keep for later: a view not entered yet.
 * Blame: not by the view's primary, a batch that is not its digest's. Prove: a second digest for one slot.
 * Otherwise it waits in its slot for its turn (`progress.ts` accepts in order).
 */
export const handlePrePrepare = (turn: Turn, input: Extract<Input, { type: "pre-prepare" }>): void => {
  const { state } = turn;
  const { signed, batch } = input;
  const { message } = signed;
  const from = message.replica;
  if (message.epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from });
  const offence = offenceOf(state, message, batch);
  if (offence !== undefined) return reject(turn, input.type, offence, { from, blame: true });
  if (!inWindow(state, message.sequence)) return reject(turn, input.type, "outside-window", { from });
  if (keepForLater(turn, input, message.view, from)) return;
  if (from === state.config.self) return ownProposalIsDurable(turn, signed);
  if (message.sequence <= state.viewBase) return reject(turn, input.type, "outside-window", { from });
  const ordered = state.executedDigests.get(message.sequence);
  // a view that we lag behind may have ordered something else here: no offence, and too late to matter
  if (ordered !== undefined && ordered !== message.digest) return reject(turn, input.type, "conflicting-proposal", { from });
  const slot = slotAt(turn, message.sequence);
  const known = slot.proposal;
  if (known !== undefined && known.digest !== message.digest) return provenEquivocation(turn, known, signed);
  const news = known === undefined || (batch !== undefined && awaits(state, slot, batch.digest));
  if (!news) return reject(turn, input.type, "duplicate", { from });
  slot.proposal ??= { digest: message.digest, signed, carried: false, accepted: false };
  if (batch === undefined) fetchMissingBatch(turn, slot);
  else learnBatch(turn, slot, batch);
};

/** What no honest sender does. */
const offenceOf = (state: State, { replica, view, digest }: PrePrepare, batch: Batch | undefined): RejectionReason | undefined => {
  if (replica !== primaryOf(state.config.committee, view)) return "not-the-primary";
  return batch !== undefined && batch.digest !== digest ? "digest-mismatch" : undefined;
};

/** The primary signed a batch that no replica can accept: proof, and reason enough for another view (PROTOCOL §5, §14). */
export const handleInvalidBatch = (turn: Turn, input: Extract<Input, { type: "invalid-batch" }>): void => {
  const { signed, batch, reason } = input;
  const culprit = signed.message.replica;
  if (signed.message.epoch !== turn.state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from: culprit });
  if (culprit !== primaryOf(turn.state.config.committee, signed.message.view)) {
    return reject(turn, input.type, "not-the-primary", { from: culprit, blame: true });
  }
  turn.effects.push({ type: "evidence", evidence: { kind: "invalid-batch", culprit, proposal: signed, batch, reason } });
  reject(turn, input.type, "invalid-batch", { from: culprit, blame: true });
  if (signed.message.view === turn.state.view) demandNextView(turn, "proof");
};

/** A batch that was asked for: wherever its digest is waited for, it is now known. */
export const handleBatch = (turn: Turn, input: Extract<Input, { type: "batch" }>): void => {
  const { state } = turn;
  const waiting = [...state.slots.values()].filter((slot) => awaits(state, slot, input.batch.digest));
  if (waiting.length === 0) return reject(turn, input.type, "unrequested");
  for (const slot of waiting) learnBatch(turn, slot, input.batch);
};

const awaits = (state: State, slot: Slot, digest: Digest): boolean =>
  !state.executedDigests.has(slot.sequence) &&
  !state.batches.has(digest) &&
  (slot.proposal?.digest === digest || slot.certificate?.digest === digest);

const learnBatch = ({ state, touched }: Turn, slot: Slot, batch: Batch): void => {
  // what ran already needs no batch to be voted for
  if (state.executedDigests.has(slot.sequence)) touched.add(slot);
  // the next in line is kept whatever the bound says: without it nothing would ever be freed
  else if (state.batches.add(batch, isNextInLine(state, slot))) touched.add(slot);
};

const provenEquivocation = (turn: Turn, known: Proposal, second: Signed<PrePrepare>): void => {
  const culprit = second.message.replica;
  if (known.signed !== undefined) {
    turn.effects.push({ type: "evidence", evidence: { kind: "conflicting-votes", culprit, first: known.signed, second } });
  }
  reject(turn, "pre-prepare", "conflicting-proposal", { from: culprit, blame: true });
  demandNextView(turn, "proof");
};

/** Our own proposal came home through the disk; anything else in our name was signed elsewhere (PROTOCOL §6). */
const ownProposalIsDurable = (turn: Turn, signed: Signed<PrePrepare>): void => {
  const { state } = turn;
  if (!mayVote(state)) return;
  const slot = slotAt(turn, signed.message.sequence);
  if (slot.proposal?.digest === signed.message.digest) slot.proposal.signed = signed;
  else halt(turn, "key-used-elsewhere", `a proposal for sequence ${slot.sequence} in our name that we did not make`);
};
