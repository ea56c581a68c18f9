/** Stable checkpoints, the watermarks and what they let go (PROTOCOL §4). */
import { sameRoots } from "../protocol/evidence.ts";
import type { ReplicaIndex, Sequence } from "../protocol/ids.ts";
import type { Checkpoint, CheckpointCertificate, Signed } from "../protocol/messages.ts";
import { installProposals } from "./carried.ts";
import type { OwnCheckpoint } from "./config.ts";
import type { Input } from "./input.ts";
import { createPassive, halt, inWindow, mayVote, reject, type State, type Turn } from "./state.ts";

const isCheckpointHere = (state: State, { sequence }: Pick<Checkpoint, "sequence">): boolean =>
  inWindow(state, sequence) && sequence % state.config.parameters.checkpointInterval === 0;

/** Of this epoch, inside the window, and where there is a checkpoint: worth verifying its signature. */
export const isDue = (state: State, message: Pick<Checkpoint, "epoch" | "sequence">): boolean =>
  message.epoch === state.config.committee.epoch && isCheckpointHere(state, message);

/**
 * Ignore: another epoch, outside the window, not a checkpoint sequence, a repetition.
 * Prove: a second, different checkpoint of one sender for one sequence.
 */
export const handleCheckpoint = (turn: Turn, input: Extract<Input, { type: "checkpoint" }>): void => {
  const { state } = turn;
  const { message } = input.signed;
  const from = message.replica;
  if (message.epoch !== state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch", { from });
  if (!isCheckpointHere(state, message)) return reject(turn, input.type, "outside-window", { from });
  if (from === state.config.self && !isOurs(state, message)) {
    if (isLetGo(state, message.sequence)) return reject(turn, input.type, "outside-window", { from });
    return notOurs(turn, message);
  }
  const votes = votesAt(state, message.sequence);
  const first = votes.get(from);
  if (first === undefined) {
    votes.set(from, input.signed);
    return countVotes(turn, message);
  }
  if (sameRoots(first.message, message)) return reject(turn, input.type, "duplicate", { from });
  turn.effects.push({ type: "evidence", evidence: { kind: "conflicting-checkpoints", culprit: from, first, second: input.signed } });
  reject(turn, input.type, "conflicting-vote", { from, blame: true });
};

/** A certificate that somebody else collected. */
export const handleStableCheckpoint = (turn: Turn, input: Extract<Input, { type: "stable-checkpoint" }>): void => {
  if (input.certificate.epoch !== turn.state.config.committee.epoch) return reject(turn, input.type, "wrong-epoch");
  if (input.certificate.sequence <= turn.state.stable.sequence) return reject(turn, input.type, "duplicate");
  adoptStable(turn, input.certificate);
};

const isOurs = (state: State, message: Checkpoint): boolean => {
  const own = state.ownCheckpoints.get(message.sequence);
  return own !== undefined && own.stateRoot === message.stateRoot && own.logHash === message.logHash;
};

/** A window passed it before it came home. */
export const isLetGo = (state: State, sequence: Sequence): boolean =>
  sequence + 2 * state.config.parameters.checkpointInterval <= state.executed;

const notOurs = (turn: Turn, message: Checkpoint): void => {
  if (mayVote(turn.state))
    halt(turn, "key-used-elsewhere", `a checkpoint for sequence ${message.sequence} in our name that we did not sign`);
};

const votesAt = (state: State, sequence: Sequence): Map<ReplicaIndex, Signed<Checkpoint>> => {
  let votes = state.checkpointVotes.get(sequence);
  if (votes === undefined) {
    votes = new Map();
    state.checkpointVotes.set(sequence, votes);
  }
  return votes;
};

const countVotes = (turn: Turn, message: Checkpoint): void => {
  const { state } = turn;
  const { quorum } = state.config.committee;
  const agreeing = [...votesAt(state, message.sequence).values()].filter((vote) => sameRoots(vote.message, message));
  if (agreeing.length < quorum) return;
  const signatures = agreeing
    .map((vote) => ({ replica: vote.message.replica, signature: vote.signature }))
    .sort((a, b) => a.replica - b.replica)
    .slice(0, quorum);
  const { epoch, sequence, stateRoot, logHash, epochRoot } = message;
  adoptStable(turn, { epoch, sequence, stateRoot, logHash, epochRoot, signatures });
};

const forgetUpTo = (entries: Map<Sequence, unknown>, sequence: Sequence): void => {
  for (const key of entries.keys()) if (key <= sequence) entries.delete(key);
};

/** Moves the low watermark if this replica has executed that far; otherwise the certificate is where it has to get to. */
export const adoptStable = (turn: Turn, certificate: CheckpointCertificate): void => {
  const { state, effects } = turn;
  const { sequence } = certificate;
  if (sequence <= state.stable.sequence) return;
  if (sequence > state.executed) {
    if (sequence > (state.target?.sequence ?? 0)) state.target = certificate;
    return;
  }
  const own = state.ownCheckpoints.get(sequence);
  if (own !== undefined && own.logHash !== certificate.logHash)
    return halt(turn, "state-diverged", `at sequence ${sequence} our log is ${own.logHash}, a quorum's is ${certificate.logHash}`);
  if (own !== undefined && own.stateRoot !== certificate.stateRoot) return repairState(turn, own, certificate);
  state.stable = certificate;
  effects.push({ type: "save", record: { type: "stable", certificate } });
  for (const entries of [state.slots, state.checkpointVotes, state.ownCheckpoints]) forgetUpTo(entries, sequence);
  // what the view carries over may have lain beyond the window until now
  if (state.active && state.newView?.message.view === state.view) installProposals(turn, state.newView);
};

/**
 * The same log came to another state: a bad disk, or an application that is not deterministic. Nothing that is said from this state is worth
 * anything, and what was signed of it must not be contradicted: as after a loss of data, only what lies beyond it is voted on (PROTOCOL §4, §6).
 */
const repairState = (turn: Turn, { sequence, stateRoot }: OwnCheckpoint, certificate: CheckpointCertificate): void => {
  const { state, effects } = turn;
  if (state.repair !== undefined || state.transfer !== undefined) return;
  state.repair = certificate;
  const detail = `at sequence ${sequence} our state is ${stateRoot}, a quorum's is ${certificate.stateRoot}`;
  effects.push({ type: "state-diverged", sequence, detail });
  if (state.config.self === undefined) return;
  state.passive = createPassive(false);
  effects.push({ type: "save", record: { type: "may-not-vote" } });
};

/** What our state is after a checkpoint sequence, to everybody. */
export const sayCheckpoint = ({ state, effects }: Turn, { sequence, stateRoot, logHash }: OwnCheckpoint): void => {
  const { epochRoot, committee, self } = state.config;
  const content = { epoch: committee.epoch, sequence, stateRoot, logHash, epochRoot };
  effects.push({ type: "broadcast", message: { kind: "checkpoint", ...content, replica: self as ReplicaIndex } });
};

/** Execution reached the stable checkpoint that was ahead of it. */
export const adoptReachedTarget = (turn: Turn): void => {
  const { state } = turn;
  if (state.target === undefined || state.target.sequence > state.executed) return;
  const certificate = state.target;
  state.target = undefined;
  adoptStable(turn, certificate);
};
