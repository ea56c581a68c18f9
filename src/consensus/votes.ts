/** PREPARE and COMMIT as they come in; what they add up to is decided in `progress.ts` (PROTOCOL §3.3–3.5). */
import type { ReplicaIndex } from "../protocol/ids.ts";
import type { Commit, Prepare, Signed } from "../protocol/messages.ts";
import { keepForLater } from "./early.ts";
import { fetchMissingBatch } from "./fetching.ts";
import type { Input } from "./input.ts";
import { currentPrimary, halt, inWindow, mayVote, reject, slotAt, type Slot, type Turn } from "./state.ts";

type VoteInput = Extract<Input, { type: "prepare" | "commit" }>;

/**
 * Ignore: another epoch, an old view, outside the window, a repetition. Blame: a PREPARE by the primary.
 * Prove: a second, different PREPARE of one sender for one slot; only the first counts.
 */
export const handlePrepare = (turn: Turn, input: Extract<Input, { type: "prepare" }>): void => {
  const { state } = turn;
  const { message } = input.signed;
  const from = message.replica;
  const slot = admit(turn, input);
  if (slot === undefined) return;
  if (from === currentPrimary(state)) return reject(turn, input.type, "prepare-by-primary", { from, blame: true });
  const ours = slot.proposal?.accepted === true && slot.proposal.digest === message.digest;
  if (from === state.config.self && !ours) return notOurs(turn, message);
  if (!keepFirst(turn, input.type, slot.prepares, input.signed)) return;
  // the first vote names somebody who holds the batch; repetition asks again
  if (slot.prepares.size === 1) fetchMissingBatch(turn, slot);
};

/** Ignore, keep and prove as for PREPARE. */
export const handleCommit = (turn: Turn, input: Extract<Input, { type: "commit" }>): void => {
  const { message } = input.signed;
  const slot = admit(turn, input);
  if (slot === undefined) return;
  const ours = slot.commitSent && slot.prepared?.digest === message.digest;
  if (message.replica === turn.state.config.self && !ours) return notOurs(turn, message);
  keepFirst(turn, input.type, slot.commits, input.signed);
};

const admit = (turn: Turn, input: VoteInput): Slot | undefined => {
  const { state } = turn;
  const { epoch, sequence, view, replica: from } = input.signed.message;
  if (epoch !== state.config.committee.epoch) reject(turn, input.type, "wrong-epoch", { from });
  else if (!inWindow(state, sequence)) reject(turn, input.type, "outside-window", { from });
  else if (!keepForLater(turn, input, view, from)) return slotAt(turn, sequence);
  return undefined;
};

/** A vote in our name for what we did not vote: our key signs in another process (PROTOCOL §6). */
const notOurs = (turn: Turn, message: Prepare | Commit): void => {
  if (mayVote(turn.state))
    halt(turn, "key-used-elsewhere", `a ${message.kind} for sequence ${message.sequence} in our name that we did not send`);
};

const keepFirst = <M extends Prepare | Commit>(
  turn: Turn,
  input: VoteInput["type"],
  votes: Map<ReplicaIndex, Signed<M>>,
  signed: Signed<M>,
): boolean => {
  const from = signed.message.replica;
  const first = votes.get(from);
  if (first === undefined) {
    votes.set(from, signed);
    return true;
  }
  if (first.message.digest === signed.message.digest) {
    reject(turn, input, "duplicate", { from });
    return false;
  }
  turn.effects.push({ type: "evidence", evidence: { kind: "conflicting-votes", culprit: from, first, second: signed } });
  reject(turn, input, "conflicting-vote", { from, blame: true });
  return false;
};
