/** The replica's state. One owner: only handlers of this folder touch it, within `step`. */
import { primaryOf } from "../protocol/committee.ts";
import type { Digest, ReplicaIndex, Sequence, View } from "../protocol/ids.ts";
import type {
  Checkpoint,
  CheckpointCertificate,
  Commit,
  CommitCertificate,
  PrePrepare,
  Prepare,
  PreparedCertificate,
  Signed,
  SignedNewView,
  Status,
  ViewChange,
} from "../protocol/messages.ts";
import type { RejectionReason } from "../protocol/rejections.ts";
import type { Halt, OwnCheckpoint, ReplicaConfig, Restored } from "./config.ts";
import type { Effect, HaltReason } from "./effect.ts";
import type { Input, InputType, Time } from "./input.ts";
import { emptyCatchUp, type CatchUp } from "./catch-up-state.ts";
import { createBatchStore, type BatchStore } from "./batches.ts";
import { createCompany, type Company } from "./company.ts";
import { createPace, type Pace } from "./pace.ts";
import { createPool, poolBounds, type Pool } from "./pool.ts";
import { emptyTransfer, type Transfer } from "./transfer-state.ts";
import { createPatience, type Patience } from "./timeouts.ts";

/** The primary's proposal for a slot in the present view. */
export interface Proposal {
  readonly digest: Digest;
  /** absent until our own proposal comes back from the disk */
  signed: Signed<PrePrepare> | undefined;
  /** from a NEW-VIEW: keeps its timestamp and is not judged again (PROTOCOL §5) */
  readonly carried: boolean;
  accepted: boolean;
}

export interface Slot {
  readonly sequence: Sequence;
  /** first sign of it in this view, monotonic milliseconds */
  seenAt: number;
  proposal: Proposal | undefined;
  /** first of each sender in this view */
  readonly prepares: Map<ReplicaIndex, Signed<Prepare>>;
  readonly commits: Map<ReplicaIndex, Signed<Commit>>;
  commitSent: boolean;
  /** of the highest view in which it prepared here */
  prepared: PreparedCertificate | undefined;
  certificate: CommitCertificate | undefined;
}

export interface Peer {
  status: Status | undefined;
  reachable: boolean;
  /** monotonic milliseconds; meaningful while not reachable */
  unreachableSince: number;
  /** when we last repeated something it lacked */
  helpedAt: number;
  /** when it last left a fetch without an answer that helps: those who failed longest ago are asked first */
  failedAt: number;
  /** since when its VIEW-CHANGE has stood and was not followed, and until when it has had its share of view changes for its sake (`stragglers.ts`) */
  strandedSince: number | undefined;
  fetchedUntil: number;
}

/** A validator that must not vote until a stable checkpoint passes everything that it may have voted on (PROTOCOL §6). */
export interface Passive {
  /** what it said is lost, its VIEW-CHANGEs, too; false where only its state was wrong */
  readonly isForgetful: boolean;
  /** undefined until enough others have said how far they were */
  until: Sequence | undefined;
  /** it may have asked for this view, and for none above it; of use once `until` is known, and where it is forgetful */
  view: View;
  /** what each said first since this life began: what we voted on was known to a quorum before that */
  readonly reports: Map<ReplicaIndex, Pick<Status, "stable" | "executed" | "view">>;
}

export interface State {
  readonly config: ReplicaConfig;
  halted: Halt | undefined;
  /** present while we must not vote: our key came without its data */
  passive: Passive | undefined;

  view: View;
  active: boolean;
  demand: View;
  newView: SignedNewView | undefined;
  /** the stable checkpoint this view was built on: nothing at or below it is proposed in this view */
  viewBase: Sequence;
  /** progress does not take our demand back: it rests on proof against the primary, or is for a straggler's sake */
  demandHolds: boolean;
  /** the view whose NEW-VIEW we made: there is only one */
  announcedNewView: View | undefined;
  readonly viewChanges: Map<ReplicaIndex, Signed<ViewChange>>;
  /** when the NEW-VIEW is overdue; set once q VIEW-CHANGEs are here */
  newViewDeadline: number | undefined;
  /** something was executed since the view was entered */
  progressInView: boolean;

  /** low watermark */
  stable: CheckpointCertificate;
  /** a stable checkpoint ahead of our own execution */
  target: CheckpointCertificate | undefined;
  /** a stable checkpoint that our own state contradicts: it has to be fetched, once what was handed to execution is done */
  repair: CheckpointCertificate | undefined;
  /** present while the state is fetched from others: nothing is executed */
  transfer: Transfer | undefined;
  readonly slots: Map<Sequence, Slot>;
  /** at most one vote per sender and checkpoint sequence of the window */
  readonly checkpointVotes: Map<Sequence, Map<ReplicaIndex, Signed<Checkpoint>>>;
  readonly ownCheckpoints: Map<Sequence, OwnCheckpoint>;

  /** the primary's next free sequence */
  nextSequence: Sequence;
  /** everything up to here is accepted in this view, or committed */
  acceptedUpTo: Sequence;
  /** handed to execution up to here */
  committedUpTo: Sequence;
  executed: Sequence;
  logHash: Digest;
  /** what was handed to execution, for the latest window of sequences: a NEW-VIEW may propose it again */
  readonly executedDigests: Map<Sequence, Digest>;
  /** timestamp of the latest batch accepted in order in this view */
  acceptedTimestamp: number;
  committedTimestamp: number;
  /** of slots that wait to be executed */
  readonly batches: BatchStore;
  /** the batch that acceptance stands still for and that was asked for */
  wantedBatch: Digest | undefined;
  /** the batch that execution stands still for and that was asked for */
  wantedCertified: Digest | undefined;

  readonly pool: Pool;
  /** requests inside accepted, not yet committed batches of this view */
  readonly inFlight: Map<Digest, Sequence>;
  /** the latest executed requests, oldest first, bounded by RECENT_REQUESTS: spares slots, exactly-once is the ledger's */
  readonly recent: Set<Digest>;

  readonly peers: ReadonlyMap<ReplicaIndex, Peer>;
  /** those of them that are reachable; not changed, but replaced */
  reach: ReplicaIndex[];
  quorumReachable: boolean;
  /** messages of views we have not entered; per sender, bounded by EARLY_PER_SENDER */
  readonly early: Map<ReplicaIndex, Input[]>;

  readonly patience: Patience;
  readonly pace: Pace;
  /** whom the primary waits for before it cuts a batch; of use only while that is us */
  readonly company: Company;
  /** no request's timer started before this */
  timersFrom: number;
  /** time of the latest step */
  lastNow: number;
  /** something was waited for after the latest step: repetition is on the clock */
  waiting: boolean;
  /** when committedUpTo last moved */
  progressAt: number;
  repeatAt: number;
  repeatPause: number;
  readonly catchUp: CatchUp;
}

export const RECENT_REQUESTS = 16_384;
export const EARLY_PER_SENDER = 256;

/** One call of `step`: the state, the time and the effects so far. */
export interface Turn {
  readonly state: State;
  readonly time: Time;
  readonly effects: Effect[];
  /** slots in which something was learnt in this call: where progress may be possible */
  readonly touched: Set<Slot>;
}

export const emptySlot = (sequence: Sequence, now: number): Slot => ({
  sequence,
  seenAt: now,
  proposal: undefined,
  prepares: new Map(),
  commits: new Map(),
  commitSent: false,
  prepared: undefined,
  certificate: undefined,
});

export const createPassive = (isForgetful: boolean): Passive => ({ isForgetful, until: undefined, view: 0 as View, reports: new Map() });

export const createState = (config: ReplicaConfig, restored: Restored): State => {
  const { committee, settings, self } = config;
  const peers = new Map<ReplicaIndex, Peer>();
  for (const { index } of committee.validators) {
    if (index !== self)
      peers.set(index, {
        status: undefined,
        reachable: false,
        unreachableSince: 0,
        helpedAt: Number.NEGATIVE_INFINITY,
        failedAt: Number.NEGATIVE_INFINITY,
        strandedSince: undefined,
        fetchedUntil: Number.NEGATIVE_INFINITY,
      });
  }
  return {
    config,
    halted: restored.halted,
    passive: restored.mayVote || self === undefined ? undefined : createPassive(true),
    view: restored.view,
    active: restored.active,
    demand: restored.view,
    newView: restored.newView,
    viewBase: 0 as Sequence,
    demandHolds: false,
    announcedNewView: undefined,
    viewChanges: new Map(),
    newViewDeadline: undefined,
    progressInView: false,
    stable: restored.stable,
    target: undefined,
    repair: undefined,
    transfer: restored.transferring ? emptyTransfer() : undefined,
    slots: new Map(),
    checkpointVotes: new Map(),
    ownCheckpoints: new Map(restored.checkpoints.map((checkpoint) => [checkpoint.sequence, checkpoint])),
    nextSequence: (restored.executed + 1) as Sequence,
    acceptedUpTo: restored.executed,
    committedUpTo: restored.executed,
    executed: restored.executed,
    logHash: restored.logHash,
    executedDigests: new Map(restored.executedDigests),
    acceptedTimestamp: restored.timestamp,
    committedTimestamp: restored.timestamp,
    batches: createBatchStore(settings.heldBatchBytes, config.emptyBatch),
    wantedBatch: undefined,
    wantedCertified: undefined,
    pool: createPool(poolBounds(config)),
    inFlight: new Map(),
    recent: new Set(restored.executedRequests),
    peers,
    reach: [],
    quorumReachable: committee.quorum <= 1,
    early: new Map(),
    patience: createPatience(settings),
    pace: createPace({ ...settings, f: committee.f }),
    company: createCompany(settings),
    timersFrom: 0,
    lastNow: 0,
    waiting: false,
    progressAt: 0,
    repeatAt: Number.POSITIVE_INFINITY,
    repeatPause: settings.repeatMs,
    catchUp: emptyCatchUp(),
  };
};

/* ------------------------------------------------------------------ small questions every handler asks */

export const windowTop = (state: State): number => state.stable.sequence + 2 * state.config.parameters.checkpointInterval;

/** Inside (h, h + 2·checkpointInterval] (PROTOCOL §4). */
export const inWindow = (state: State, sequence: Sequence): boolean => sequence > state.stable.sequence && sequence <= windowTop(state);

export const currentPrimary = (state: State): ReplicaIndex => primaryOf(state.config.committee, state.view);

export const mayVote = (state: State): boolean =>
  state.config.self !== undefined && state.passive === undefined && state.halted === undefined;

export const isPrimary = (state: State): boolean => state.active && mayVote(state) && currentPrimary(state) === state.config.self;

/** The slot, made at its first sign, and noted as touched; only for sequences in the window. */
export const slotAt = (turn: Turn, sequence: Sequence): Slot => {
  let slot = turn.state.slots.get(sequence);
  if (slot === undefined) {
    slot = emptySlot(sequence, turn.time.now);
    turn.state.slots.set(sequence, slot);
  }
  turn.touched.add(slot);
  return slot;
};

export const others = (state: State): ReplicaIndex[] => [...state.peers.keys()];

export const reject = (
  turn: Turn,
  input: InputType,
  reason: RejectionReason,
  options: { readonly blame?: boolean; readonly from?: ReplicaIndex } = {},
): void => {
  const rejection = { reason, action: options.blame === true ? "blame" : "ignore" } as const;
  turn.effects.push({ type: "reject", input, rejection, ...(options.from === undefined ? {} : { from: options.from }) });
};

export const halt = (turn: Turn, reason: HaltReason, detail: string): void => {
  if (turn.state.halted !== undefined) return;
  turn.state.halted = { reason, detail };
  turn.effects.push({ type: "halt", reason, detail });
};
