/**
 * The replica: one door in, effects out. `step` is synchronous, total and deterministic; it has no clock, no randomness and no I/O.
 *
 * The caller's duties:
 * 1. inputs come one at a time; only what `signing/verify` returned is passed as verified;
 * 2. effects are carried out in order, under the contract in `effect.ts`;
 * 3. the first input is `start`; `tick` is given whenever `deadline()` has come;
 * 4. `time.now` never goes back.
 */
import type { Digest, Epoch, ReplicaIndex, Sequence, View } from "../protocol/ids.ts";
import type { Checkpoint, Commit, Prepare, Request, Status } from "../protocol/messages.ts";
import { voteAgain } from "./amnesia.ts";
import { handleBlocks } from "./catch-up.ts";
import { handleReachable, handleStatus } from "./peers.ts";
import { handleCheckpoint, handleStableCheckpoint, isDue } from "./checkpoints.ts";
import type { ReplicaConfig, Restored } from "./config.ts";
import { describe, sizesOf, type ReplicaSizes, type ReplicaSummary } from "./describe.ts";
import { takeEarly } from "./early.ts";
import type { Effect } from "./effect.ts";
import { handleExecuted } from "./execution.ts";
import { handleConflictingCheckpoints, handleConflictingCommits } from "./fork.ts";
import type { Input, Time } from "./input.ts";
import { handleNewView, makeNewView } from "./new-view.ts";
import { settle } from "./progress.ts";
import { handleBatch, handleInvalidBatch, handlePrePrepare } from "./proposals.ts";
import { oldestOf } from "./lanes.ts";
import type { Refusal } from "./pool.ts";
import { handleRequest, handleSettled, mostOf, refusalOf, relayedBy } from "./requests.ts";
import { handleStart, restoreSlots } from "./restart.ts";
import { createState, inWindow, type State, type Turn } from "./state.ts";
import { handleCompared, handleState, handleTransferBegun, handleTransferred } from "./transfer.ts";
import { handleTick, nextDeadline, startRepetition } from "./timers.ts";
import { followDemands, handleViewChange, highestViewInReach } from "./view-change.ts";
import { handleCommit, handlePrepare } from "./votes.ts";
import { forgivePause } from "./waiting.ts";

export interface SlotName {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
}

export interface Replica {
  step(input: Input, time: Time): readonly Effect[];
  /** monotonic milliseconds at which the input `tick` is due; undefined when nothing is waited for */
  deadline(): number | undefined;
  /** what waits the longest of each source, and so decides about our patience */
  oldestRequests(): readonly Request[];
  /** all that wait, oldest first */
  pooled(): readonly Request[];
  /** our heartbeat */
  status(): Status;
  /** for people and metrics */
  describe(): ReplicaSummary;
  /** how many entries its containers have; each is bounded */
  sizes(): ReplicaSizes;
  /** it does nothing any more */
  isHalted(): boolean;
  /** a message of this slot could still matter: worth verifying its signature */
  isTimely(slot: SlotName): boolean;
  /** a CHECKPOINT of this sequence could still count here */
  isDue(message: Pick<Checkpoint, "epoch" | "sequence">): boolean;
  /** a vote for this could still add to a certificate here */
  needsVote(message: Prepare | Commit): boolean;
  /** this very proposal is known here */
  knowsProposal(slot: SlotName): boolean;
  /** this very proposal is known here, and its batch at hand or executed: another copy is of no use */
  hasBatch(slot: SlotName): boolean;
  /** why this request would change nothing when a validator, or somebody else, relays it; undefined where it would */
  refusalOf(request: Request, from: ReplicaIndex | undefined): Refusal | undefined;
  /** how many more requests that they relay there is room for */
  roomFor(from: ReplicaIndex | undefined): number;
  /** some honest validator may have asked for this view, as far as is known here */
  isWithinReach(view: View): boolean;
  /** a NEW-VIEW for this view could be entered */
  wantsView(view: View): boolean;
}

export const createReplica = (config: ReplicaConfig, restored: Restored): Replica => {
  const state = createState(config, restored);
  restoreSlots(state, restored);
  return {
    step(input, time) {
      if (state.halted !== undefined) return stepHalted(state, input, time);
      forgivePause(state, time.now, () => nextDeadline(state));
      const turn: Turn = { state, time, effects: [], touched: new Set() };
      const { view, active } = state;
      handle(turn, input);
      conclude(turn);
      if (state.active && (state.view !== view || !active)) for (const early of takeEarly(state)) handleAndConclude(turn, early);
      startRepetition(turn);
      return turn.effects;
    },
    deadline: () => nextDeadline(state),
    oldestRequests: () => Array.from(state.pool.lanes(), (lane) => oldestOf(lane).request),
    pooled: () => Array.from(state.pool.values(), ({ request }) => request),
    status: () => statusOf(state),
    describe: () => describe(state),
    sizes: () => sizesOf(state),
    isHalted: () => state.halted !== undefined,
    isTimely: ({ epoch, view, sequence }) => epoch === config.committee.epoch && view >= state.view && inWindow(state, sequence),
    isDue: (message) => isDue(state, message),
    needsVote: (message) => needsVote(state, message),
    knowsProposal: (slot) => knowsProposal(state, slot),
    hasBatch: (slot) =>
      state.executedDigests.get(slot.sequence) === slot.digest || (knowsProposal(state, slot) && state.batches.has(slot.digest)),
    refusalOf: (request, from) => refusalOf(state, request, from),
    roomFor: (from) => state.pool.roomFor(relayedBy(from), mostOf(state, relayedBy(from))),
    isWithinReach: (view) => view <= highestViewInReach(state),
    wantsView: (view) => view > state.view || (view === state.view && !state.active),
  };
};

/** Only the proof that agreement is broken still counts, over any other reason to stand still. */
const stepHalted = (state: State, input: Input, time: Time): readonly Effect[] => {
  if (input.type === "request") return [{ type: "refuse-request", id: input.request.id, reason: "halted" }];
  const turn: Turn = { state, time, effects: [], touched: new Set() };
  if (state.halted?.reason === "conflicting-commit") return turn.effects;
  if (input.type === "conflicting-commits") handleConflictingCommits(turn, input);
  else if (input.type === "conflicting-checkpoints") handleConflictingCheckpoints(turn, input);
  return turn.effects;
};

const needsVote = (state: State, { kind, view, sequence, digest }: Prepare | Commit): boolean => {
  const slot = state.slots.get(sequence);
  const certificate = kind === "prepare" ? slot?.prepared : slot?.certificate;
  return certificate?.view !== view || certificate.digest !== digest;
};

const knowsProposal = (state: State, { view, sequence, digest }: SlotName): boolean =>
  view === state.view && state.slots.get(sequence)?.proposal?.digest === digest;

const handleAndConclude = (turn: Turn, input: Input): void => {
  if (turn.state.halted !== undefined) return;
  handle(turn, input);
  conclude(turn);
};

/** What any input may have made possible. */
const conclude = (turn: Turn): void => {
  const { state } = turn;
  if (state.halted !== undefined) return;
  voteAgain(turn);
  if (state.demand > state.view) followDemands(turn);
  makeNewView(turn);
  settle(turn);
};

const handle = (turn: Turn, input: Input): void => {
  switch (input.type) {
    case "start":
      return handleStart(turn);
    case "request":
      return handleRequest(turn, input);
    case "pre-prepare":
      return handlePrePrepare(turn, input);
    case "invalid-batch":
      return handleInvalidBatch(turn, input);
    case "prepare":
      return handlePrepare(turn, input);
    case "commit":
      return handleCommit(turn, input);
    case "checkpoint":
      return handleCheckpoint(turn, input);
    case "view-change":
      return handleViewChange(turn, input);
    case "new-view":
      return handleNewView(turn, input);
    case "batch":
      return handleBatch(turn, input);
    case "blocks":
      return handleBlocks(turn, input);
    case "conflicting-commits":
      return handleConflictingCommits(turn, input);
    case "conflicting-checkpoints":
      return handleConflictingCheckpoints(turn, input);
    case "compared":
      return handleCompared(turn);
    case "stable-checkpoint":
      return handleStableCheckpoint(turn, input);
    case "status":
      return handleStatus(turn, input);
    case "settled":
      return handleSettled(turn, input);
    case "reachable":
      return handleReachable(turn, input);
    case "executed":
      return handleExecuted(turn, input);
    case "transfer-begun":
      return handleTransferBegun(turn, input);
    case "state":
      return handleState(turn, input);
    case "transferred":
      return handleTransferred(turn, input);
    case "tick":
      return handleTick(turn);
  }
};

const statusOf = (state: State): Status => ({
  kind: "status",
  epoch: state.config.committee.epoch,
  view: state.view,
  active: state.active,
  demand: state.demand,
  executed: state.executed,
  stable: state.stable.sequence,
  // all that it ever executed, unless the shell knows better
  oldest: 1 as Sequence,
  logHash: state.logHash,
  reach: state.reach,
});
