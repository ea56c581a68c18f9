/** Two commit certificates for one sequence: agreement is broken, and nothing is ordered here any more (PROTOCOL §10). */
import { conflictingCommits, signersOfBoth } from "../protocol/evidence.ts";
import type { CommitCertificate } from "../protocol/messages.ts";
import type { Input } from "./input.ts";
import type { Turn } from "./state.ts";

/** Keeps both, tells who signed both, and stops; also where something else stopped this replica before. */
export const stopAtFork = (turn: Turn, ours: CommitCertificate, theirs: CommitCertificate): void => {
  const { state, effects } = turn;
  const evidence = conflictingCommits(ours, theirs, state.newView);
  const signers = signersOfBoth(evidence).map((index) => state.config.committee.validators[index]?.moniker ?? index);
  const detail = `sequence ${ours.sequence} is committed as ${ours.digest} and as ${theirs.digest}, both signed by ${signers.join(", ")}`;
  const reason = "conflicting-commit";
  effects.push({ type: "evidence", evidence });
  state.halted = { reason, detail };
  effects.push({ type: "halt", reason, detail });
};

/** A comparison with a peer's log, on disk, found them. */
export const handleConflictingCommits = (turn: Turn, input: Extract<Input, { type: "conflicting-commits" }>): void => {
  const { ours, theirs } = input;
  if (ours.sequence === theirs.sequence && ours.digest !== theirs.digest) stopAtFork(turn, ours, theirs);
};
