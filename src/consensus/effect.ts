/** What the replica asks of its shell, in order. `node/pipeline/perform` obeys; the simulator attacks. */
import type { Digest, Epoch, ReplicaIndex, Sequence, Signature, View } from "../protocol/ids.ts";
import type { Evidence } from "../protocol/evidence.ts";
import type { Rejection, RejectionReason } from "../protocol/rejections.ts";
import type {
  Batch,
  Checkpoint,
  CheckpointCertificate,
  Commit,
  CommitCertificate,
  NewView,
  PrePrepare,
  Prepare,
  PreparedCertificate,
  Request,
  Signed,
  SignedNewView,
  ViewChange,
  WantedPart,
} from "../protocol/messages.ts";
import type { InputType } from "./input.ts";

/** What must be on disk before anything that depends on it is said (PROTOCOL §6). */
export type DurableRecord =
  /** a digest accepted for (epoch, view, sequence), with its batch; the signature is absent on our own proposals */
  | {
      readonly type: "accepted";
      readonly epoch: Epoch;
      readonly view: View;
      readonly sequence: Sequence;
      readonly digest: Digest;
      readonly proposalSignature?: Signature;
      /** absent for the empty batch */
      readonly batch?: Batch;
    }
  | { readonly type: "prepared"; readonly certificate: PreparedCertificate }
  /** a NEW-VIEW of another replica that we took up */
  | { readonly type: "entered-view"; readonly newView: SignedNewView }
  /** everything voted at or below it may be forgotten */
  | { readonly type: "stable"; readonly certificate: CheckpointCertificate }
  /** this validator, once without its data, may vote again (PROTOCOL §6, amnesia) */
  | { readonly type: "may-vote" }
  /** its state was wrong: it votes no more until everything it may have said is passed (PROTOCOL §4, §6) */
  | { readonly type: "may-not-vote" }
  /** the batches up to here were not executed here: none of them can be given to others */
  | { readonly type: "transferred"; readonly sequence: Sequence };

export type UnsignedMessage = PrePrepare | Prepare | Commit | Checkpoint | ViewChange | NewView;

/**
 * The shell's contract for what it signs:
 * 1. a message leaves only after every `save` that precedes it, in this step or an earlier one, is durable;
 * 2. what was signed comes back as an input, as if it had arrived from the network: our vote counts once it is on disk;
 * 3. order among messages to one peer is kept; any of them may be lost.
 */
export type Effect =
  | { readonly type: "save"; readonly record: DurableRecord }
  /** sign and send to every other validator on direct streams */
  | { readonly type: "broadcast"; readonly message: Prepare | Commit | Checkpoint }
  /** sign, save what was signed (it is said again to the letter after a restart), then send like a broadcast */
  | { readonly type: "announce"; readonly message: ViewChange | NewView }
  /** sign and broadcast with its batch on gossip */
  | { readonly type: "propose"; readonly message: PrePrepare; readonly batch: Batch }
  /** say again to some what was already said to all; needs no new durability */
  | { readonly type: "repeat"; readonly to: readonly ReplicaIndex[]; readonly message: Repeatable }
  | { readonly type: "relay"; readonly to: readonly ReplicaIndex[]; readonly requests: readonly Request[] }
  /** ask one of these, in turn, for a batch */
  | { readonly type: "fetch-batch"; readonly digest: Digest; readonly from: readonly ReplicaIndex[] }
  | { readonly type: "fetch-blocks"; readonly from: Sequence; readonly to: Sequence; readonly peer: ReplicaIndex }
  /** tell a peer about a stable checkpoint it has not seen */
  | { readonly type: "send-stable"; readonly to: ReplicaIndex; readonly certificate: CheckpointCertificate }
  /** send our heartbeat now instead of at its next turn: something in it changed that others wait for */
  | { readonly type: "send-status" }
  /** run the batch, store it with its certificate, answer its clients; then the input `executed`; in order of sequence */
  | { readonly type: "execute"; readonly certificate: CommitCertificate; readonly batch: Batch }
  /**
   * make the state into this checkpoint's (PROTOCOL §7), whatever was aimed at before; then the input `transfer-begun`. `fresh`: what is
   * there is not to be trusted. When all parts are there: make it durable, then the input `transferred`.
   */
  | { readonly type: "begin-transfer"; readonly target: CheckpointCertificate; readonly fresh: boolean }
  /** ask these whether their past checkpoints are ours, before ours is given up for theirs; then the input `compared` (PROTOCOL §10) */
  | { readonly type: "compare-checkpoints"; readonly peers: readonly ReplicaIndex[] }
  | { readonly type: "fetch-state"; readonly peer: ReplicaIndex; readonly parts: readonly WantedPart[] }
  /** a peer lied in a transfer, or left a question unanswered */
  | { readonly type: "transfer-fault"; readonly peer: ReplicaIndex; readonly fault: TransferFault }
  /** our state is not the quorum's: it is repaired, and nothing is voted on until then */
  | { readonly type: "state-diverged"; readonly sequence: Sequence; readonly detail: string }
  | { readonly type: "evidence"; readonly evidence: Evidence }
  | { readonly type: "reject"; readonly input: InputType; readonly rejection: Rejection; readonly from?: ReplicaIndex }
  /** the request is not, or no longer, in the pool */
  | { readonly type: "refuse-request"; readonly id: Digest; readonly reason: RejectionReason }
  /** agreement is broken or our key is used elsewhere: stop, loudly */
  | { readonly type: "halt"; readonly reason: HaltReason; readonly detail: string };

export type Repeatable =
  | { readonly kind: "signed-proposal"; readonly signed: Signed<PrePrepare>; readonly batch: Batch }
  | { readonly kind: "signed"; readonly signed: Signed<Prepare | Commit | Checkpoint | ViewChange> }
  | { readonly kind: "signed-new-view"; readonly signed: SignedNewView };

export type TransferFault = "false-state" | "stalled";

export type HaltReason = "conflicting-commit" | "state-diverged" | "key-used-elsewhere";
