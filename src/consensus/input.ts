/** What may enter the replica (ARCHITECTURE: input in, effects out, one door). */
import type { Digest, ReplicaIndex, Sequence } from "../protocol/ids.ts";
import type { InvalidBatchReason } from "../protocol/evidence.ts";
import type {
  Batch,
  CertifiedBatch,
  Checkpoint,
  CheckpointCertificate,
  Commit,
  CommitCertificate,
  PrePrepare,
  Prepare,
  Request,
  Signed,
  SignedNewView,
  Status,
  Verified,
  ViewChange,
  WantedPart,
} from "../protocol/messages.ts";

/** Both clocks in milliseconds: `now` never goes back and times everything; `wall` only stamps and judges batches. */
export interface Time {
  readonly now: number;
  readonly wall: number;
}

export type Input =
  /** first input of a replica's life: repeat what was promised before the restart */
  | { readonly type: "start" }
  /** `local`: handed to this node by its own client; otherwise relayed by `from` */
  | { readonly type: "request"; readonly request: Verified<Request>; readonly local: boolean; readonly from?: ReplicaIndex }
  /** `batch` is absent when only the header is known, from a PREPARE or a NEW-VIEW */
  | { readonly type: "pre-prepare"; readonly signed: Verified<Signed<PrePrepare>>; readonly batch?: Verified<Batch> }
  /** the primary signed a batch that no state could make valid */
  | {
      readonly type: "invalid-batch";
      readonly signed: Verified<Signed<PrePrepare>>;
      readonly batch: Batch;
      readonly reason: InvalidBatchReason;
    }
  | { readonly type: "prepare"; readonly signed: Verified<Signed<Prepare>> }
  | { readonly type: "commit"; readonly signed: Verified<Signed<Commit>> }
  | { readonly type: "checkpoint"; readonly signed: Verified<Signed<Checkpoint>> }
  | { readonly type: "view-change"; readonly signed: Verified<Signed<ViewChange>> }
  | { readonly type: "new-view"; readonly signed: Verified<SignedNewView> }
  /** a batch that was asked for by digest */
  | { readonly type: "batch"; readonly batch: Verified<Batch> }
  /** ordered batches from a peer's history, each with its commit certificate */
  | { readonly type: "blocks"; readonly blocks: readonly Verified<CertifiedBatch>[]; readonly from: ReplicaIndex }
  /** a peer's certificate for a sequence that ran here with another batch */
  | { readonly type: "conflicting-commits"; readonly ours: CommitCertificate; readonly theirs: Verified<CommitCertificate> }
  /** a peer's stable checkpoint with other roots than ours of the same sequence */
  | { readonly type: "conflicting-checkpoints"; readonly ours: CheckpointCertificate; readonly theirs: Verified<CheckpointCertificate> }
  /** the effect `compare-checkpoints` is done: all that were asked have answered, and a difference was said before */
  | { readonly type: "compared" }
  | { readonly type: "stable-checkpoint"; readonly certificate: Verified<CheckpointCertificate> }
  | { readonly type: "status"; readonly status: Status; readonly from: ReplicaIndex }
  /** the ledger will never run this request: it ran, or its number was used up, while it waited in the pool */
  | { readonly type: "settled"; readonly request: Digest }
  /** validators this node has a live channel to, itself excluded */
  | { readonly type: "reachable"; readonly peers: readonly ReplicaIndex[] }
  /** the effect `execute` for this sequence is done and on disk */
  | { readonly type: "executed"; readonly sequence: Sequence; readonly stateRoot: Digest; readonly logHash: Digest }
  /** the shell made ready for the transfer's target (effect `begin-transfer`); `missing`: what of it is wanted first */
  | { readonly type: "transfer-begun"; readonly sequence: Sequence; readonly missing: readonly WantedPart[] }
  /** parts of the state that a peer was asked for, each held against its hash, and what is true of them on its way to the disk */
  | { readonly type: "state"; readonly from: ReplicaIndex; readonly verdicts: readonly PartVerdict[] }
  /** the state is the target's, and durable; `timestamp`: its ledger time, Unix milliseconds */
  | { readonly type: "transferred"; readonly sequence: Sequence; readonly timestamp: number }
  /** time passed: due whenever `Replica.deadline` has come */
  | { readonly type: "tick" };

/** `gone`: the peer has it not; `false`: what it sent is not what was asked for; `unexpected`: nobody waited for it. */
export interface PartVerdict {
  readonly hash: Digest;
  readonly outcome: "kept" | "gone" | "false" | "unexpected";
  /** what a kept part showed to be wanted next */
  readonly missing: readonly WantedPart[];
}

export type InputType = Input["type"];
