/**
 * State transfer (PROTOCOL §7): when to begin, what the state is to become, whom to ask for which part of it, until when, and who is not asked again
 * soon. What an answer is worth is for the shell to say: every part is known by its hash.
 */
import type { ReplicaIndex, Sequence } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { CheckpointCertificate, WantedPart } from "../protocol/messages.ts";
import { emptyCatchUp } from "./catch-up-state.ts";
import { adoptStable } from "./checkpoints.ts";
import type { Input, PartVerdict } from "./input.ts";
import { reject, type Peer, type State, type Turn } from "./state.ts";
import { emptyTransfer, type Source, type Transfer } from "./transfer-state.ts";

/** Parts in one question to a peer that never failed. */
const PARTS_PER_ASK = 32;
/** A peer that has no time, or gave no answer, is asked again after a while, each time a longer one up to the longest, milliseconds. */
const BUSY_MS = 250;
const LONGEST_REST_MS = 10_000;
/** A liar is asked again after this, when it may have been repaired; doubled for each lie, milliseconds. */
const LIAR_REST_MS = 30_000;
const LONGEST_LIAR_REST_MS = 600_000;
/** What nobody has is asked for again after this: somebody may have it by then. */
const GONE_MS = 1_000;

/** Nothing may be executed: the state is another's, or about to be. */
export const isTransferring = (state: State): boolean => state.transfer !== undefined || state.repair !== undefined;

/** It was under way when this node stopped, and nothing is known yet that it could go on with. */
export const awaitsTarget = ({ transfer }: State): boolean =>
  transfer !== undefined && transfer.target === undefined && transfer.compareUntil === undefined;

/**
 * Begins when nothing else helps: the batches that come next are gone, or the state is to be repaired. What was handed to execution comes first.
 */
export const transferIfNeeded = (turn: Turn, batchesAreGone: boolean): void => {
  const { state } = turn;
  if (state.transfer === undefined) {
    const needed = state.repair !== undefined || (batchesAreGone && (state.target?.sequence ?? 0) > state.executed);
    if (!needed || state.executed !== state.committedUpTo) return;
    state.transfer = emptyTransfer();
  }
  if (state.transfer.target === undefined) aim(turn, state.transfer);
};

/** The highest stable checkpoint that is proven; of a state that is not whole, also the one that is known from before. */
const bestTarget = ({ target, repair, stable }: State): CheckpointCertificate | undefined => {
  const known = [target, repair, stable.sequence > 0 ? stable : undefined].filter((each) => each !== undefined);
  return known.toSorted((a, b) => b.sequence - a.sequence)[0];
};

/**
 * Before anything of ours is overwritten, the others' past checkpoints are held against ours: where both sides of a fork let the batches go in which it began, nothing
 * else shows it (PROTOCOL §10). Who does not answer in time keeps nobody from going on.
 */
const isCompared = ({ state, time, effects }: Turn, transfer: Transfer): boolean => {
  if (transfer.compareUntil === undefined) {
    transfer.compareUntil = time.now + state.config.settings.fetchTimeoutMs;
    effects.push({ type: "compare-checkpoints", peers: state.reach });
  } else if (time.now >= transfer.compareUntil) transfer.compared = true;
  return transfer.compared;
};

/** All answers are there. */
export const handleCompared = (turn: Turn): void => {
  const { transfer } = turn.state;
  if (transfer?.compareUntil === undefined || transfer.compared) return;
  transfer.compared = true;
  aim(turn, transfer);
};

const aim = (turn: Turn, transfer: Transfer): void => {
  const { state, effects } = turn;
  const target = bestTarget(state);
  if (target === undefined || !isCompared(turn, transfer)) return;
  transfer.target = target;
  transfer.begun = false;
  for (const entries of [transfer.wanted, transfer.asked, transfer.gone]) entries.clear();
  for (const source of transfer.sources.values()) source.ask = undefined;
  effects.push({ type: "begin-transfer", target, fresh: state.repair !== undefined });
  // what is there is written by the transfer from now on
  state.repair = undefined;
};

const sourceOf = (transfer: Transfer, replica: ReplicaIndex): Source => {
  let source = transfer.sources.get(replica);
  if (source === undefined) {
    source = { ask: undefined, strikes: 0, restsUntil: 0 };
    transfer.sources.set(replica, source);
  }
  return source;
};

const mayHave = ({ reachable, status }: Peer, target: CheckpointCertificate): boolean =>
  reachable && status !== undefined && status.executed >= target.sequence;

/** Missing parts that nobody was asked for and that this peer did not say it lacks, the latest first. */
const partsFor = (transfer: Transfer, replica: ReplicaIndex, count: number): WantedPart[] => {
  const parts: WantedPart[] = [];
  for (const part of [...transfer.wanted.values()].toReversed()) {
    if (parts.length >= count) break;
    if (!transfer.asked.has(part.hash) && transfer.gone.get(part.hash)?.has(replica) !== true) parts.push(part);
  }
  return parts;
};

/** Asks every peer that is not resting and has nothing to answer. */
const askForParts = (turn: Turn): void => {
  const { state, time, effects } = turn;
  const { transfer } = state;
  if (transfer?.target === undefined || !transfer.begun) return;
  const { target } = transfer;
  const idle = [...state.peers].filter(([replica, peer]) => {
    const { ask, restsUntil } = sourceOf(transfer, replica);
    return mayHave(peer, target) && ask === undefined && restsUntil <= time.now;
  });
  const open = transfer.wanted.size - transfer.asked.size;
  for (const [replica] of idle) {
    const source = sourceOf(transfer, replica);
    const share = Math.ceil(open / idle.length);
    const parts = partsFor(transfer, replica, Math.max(1, Math.min(share, PARTS_PER_ASK >> source.strikes, limits.maxStateParts)));
    if (parts.length === 0) continue;
    for (const { hash } of parts) transfer.asked.add(hash);
    source.ask = { parts, deadline: time.now + state.config.settings.transferTimeoutMs };
    effects.push({ type: "fetch-state", peer: replica, parts });
  }
};

const takeBack = (transfer: Transfer, source: Source): void => {
  for (const { hash } of source.ask?.parts ?? []) transfer.asked.delete(hash);
  source.ask = undefined;
};

const restFor = (turn: Turn, source: Source, ms: number, longest = LONGEST_REST_MS): void => {
  source.restsUntil = turn.time.now + Math.min(longest, ms * 2 ** source.strikes);
  source.strikes = Math.min(source.strikes + 1, 16);
};

/** The shell is ready: what is there already is not asked for. */
export const handleTransferBegun = (turn: Turn, input: Extract<Input, { type: "transfer-begun" }>): void => {
  const { transfer } = turn.state;
  if (transfer?.target?.sequence !== input.sequence) return reject(turn, input.type, "unrequested");
  transfer.begun = true;
  for (const part of input.missing) transfer.wanted.set(part.hash, part);
  askForParts(turn);
};

/** A peer's answer, each part of it judged by the shell. */
export const handleState = (turn: Turn, input: Extract<Input, { type: "state" }>): void => {
  const { state, effects } = turn;
  const { transfer } = state;
  if (transfer === undefined) return reject(turn, input.type, "unrequested", { from: input.from });
  const source = sourceOf(transfer, input.from);
  takeBack(transfer, source);
  const lies = input.verdicts.filter(({ outcome }) => outcome === "false").length;
  for (const verdict of input.verdicts) noteVerdict(transfer, input.from, verdict);
  if (lies > 0) {
    effects.push({ type: "transfer-fault", peer: input.from, fault: "false-state" });
    restFor(turn, source, LIAR_REST_MS, LONGEST_LIAR_REST_MS);
  } else if (input.verdicts.some(({ outcome }) => outcome === "kept")) source.strikes = 0;
  else restFor(turn, source, BUSY_MS);
  if (isOutdated(state, transfer)) aim(turn, transfer);
  askForParts(turn);
};

const noteVerdict = (transfer: Transfer, from: ReplicaIndex, { hash, outcome, missing }: PartVerdict): void => {
  if (outcome === "gone") {
    const lacking = transfer.gone.get(hash);
    if (lacking === undefined) transfer.gone.set(hash, new Set([from]));
    else lacking.add(from);
  }
  if (outcome !== "kept") return;
  transfer.wanted.delete(hash);
  transfer.gone.delete(hash);
  for (const part of missing) transfer.wanted.set(part.hash, part);
};

/** An honest peer, or everybody who could, lacks a part, and there is a later checkpoint to aim at: what is the same there is not asked for again. */
const isOutdated = (state: State, transfer: Transfer): boolean => {
  const { target } = transfer;
  if (target === undefined || (state.target?.sequence ?? 0) <= target.sequence) return false;
  const able = [...state.peers.values()].filter((peer) => mayHave(peer, target)).length;
  const enough = Math.min(state.config.committee.f + 1, able);
  for (const lacking of transfer.gone.values()) if (lacking.size >= enough) return true;
  return false;
};

/** When something of the transfer is due; undefined when there is none, or all waits for the shell. */
export const transferDue = (state: State): number | undefined => {
  const { transfer } = state;
  if (transfer?.target === undefined) return transfer?.compareUntil;
  if (!transfer.begun) return undefined;
  let due: number | undefined = transfer.gone.size > 0 ? transfer.goneSince + GONE_MS : undefined;
  for (const { ask, restsUntil } of transfer.sources.values()) {
    const at = ask?.deadline ?? (transfer.wanted.size > transfer.asked.size && restsUntil > state.lastNow ? restsUntil : undefined);
    if (at !== undefined) due = Math.min(due ?? at, at);
  }
  return due;
};

/** Deadlines: who did not answer in time rests, and others are asked. */
export const continueTransfer = (turn: Turn): void => {
  const { state, time, effects } = turn;
  const { transfer } = state;
  if (transfer === undefined) return;
  for (const [peer, source] of transfer.sources) {
    if (source.ask === undefined || source.ask.deadline > time.now) continue;
    takeBack(transfer, source);
    restFor(turn, source, state.config.settings.transferTimeoutMs);
    effects.push({ type: "transfer-fault", peer, fault: "stalled" });
  }
  if (transfer.goneSince + GONE_MS <= time.now) {
    transfer.gone.clear();
    transfer.goneSince = time.now;
  }
  if (transfer.target === undefined) aim(turn, transfer);
  askForParts(turn);
};

/** The state is the target's, and durable: this replica has executed that far, and follows from there. */
export const handleTransferred = (turn: Turn, input: Extract<Input, { type: "transferred" }>): void => {
  const { state, effects } = turn;
  const certificate = state.transfer?.target;
  if (certificate?.sequence !== input.sequence) return reject(turn, input.type, "unrequested");
  state.transfer = undefined;
  if (input.sequence > state.executed) effects.push({ type: "save", record: { type: "transferred", sequence: input.sequence } });
  moveTo(state, input.sequence, input.timestamp);
  state.logHash = certificate.logHash;
  state.progressAt = turn.time.now;
  if ((state.target?.sequence ?? 0) <= input.sequence) state.target = undefined;
  adoptStable(turn, certificate);
  effects.push({ type: "send-status" });
};

/** Everything of the sequences that were passed over, or whose execution counts no more. */
const moveTo = (state: State, sequence: Sequence, timestamp: number): void => {
  state.executed = sequence;
  state.committedUpTo = sequence;
  state.acceptedUpTo = sequence;
  state.committedTimestamp = timestamp;
  state.acceptedTimestamp = timestamp;
  state.nextSequence = Math.max(state.nextSequence, sequence + 1) as Sequence;
  state.executedDigests.clear();
  state.ownCheckpoints.clear();
  state.wantedBatch = undefined;
  state.wantedCertified = undefined;
  Object.assign(state.catchUp, emptyCatchUp());
  // what of them is ordered already is found out before it is proposed again
  state.inFlight.clear();
  state.pool.releaseAll();
};
