/** Two certificates for one sequence: agreement is broken, and nothing is ordered here any more (PROTOCOL §10). */
import { conflictingCommits, conflictingStableCheckpoints, type Fork, sameRoots, signersOfBoth } from "../protocol/evidence.ts";
import type { CommitCertificate } from "../protocol/messages.ts";
import type { Input } from "./input.ts";
import type { Turn } from "./state.ts";

/** Keeps both, tells who signed both, and stops; also where something else stopped this replica before. */
const stopWith = ({ state, effects }: Turn, evidence: Fork, what: string): void => {
  const signers = signersOfBoth(evidence).map((index) => state.config.committee.validators[index]?.moniker ?? index);
  const detail = `${what}, both signed by ${signers.join(", ")}`;
  const reason = "conflicting-commit";
  effects.push({ type: "evidence", evidence });
  state.halted = { reason, detail };
  // the state stays what it was: no other is fetched over it
  if (state.transfer?.target === undefined) state.transfer = undefined;
  effects.push({ type: "halt", reason, detail });
};

export const stopAtFork = (turn: Turn, ours: CommitCertificate, theirs: CommitCertificate): void =>
  stopWith(
    turn,
    conflictingCommits(ours, theirs, turn.state.newView),
    `sequence ${ours.sequence} is committed as ${ours.digest} and as ${theirs.digest}`,
  );

/** A comparison with a peer's log, on disk, found them. */
export const handleConflictingCommits = (turn: Turn, input: Extract<Input, { type: "conflicting-commits" }>): void => {
  const { ours, theirs } = input;
  if (ours.sequence === theirs.sequence && ours.digest !== theirs.digest) stopAtFork(turn, ours, theirs);
};

/** A comparison with a peer's past checkpoints found them. */
export const handleConflictingCheckpoints = (turn: Turn, input: Extract<Input, { type: "conflicting-checkpoints" }>): void => {
  const { ours, theirs } = input;
  if (ours.epoch !== theirs.epoch || ours.sequence !== theirs.sequence || sameRoots(ours, theirs)) return;
  const roots = [ours, theirs].map(({ logHash, stateRoot }) => `log ${logHash}, state ${stateRoot}`);
  stopWith(turn, conflictingStableCheckpoints(ours, theirs), `checkpoint ${ours.sequence} is certified as ${roots.join(" and as ")}`);
};
