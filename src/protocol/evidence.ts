/** Proof of misbehaviour: anyone who knows the epoch's committee can check it (PROTOCOL §14). */
import type { Batch, Checkpoint, PrePrepare, Signed, SignedNewView, ViewChange, Vote } from "./messages.ts";
import type { ReplicaIndex } from "./ids.ts";

export type Evidence =
  /** two different digests of one kind for one epoch, view and sequence */
  | { readonly kind: "conflicting-votes"; readonly culprit: ReplicaIndex; readonly first: Signed<Vote>; readonly second: Signed<Vote> }
  | {
      readonly kind: "conflicting-checkpoints";
      readonly culprit: ReplicaIndex;
      readonly first: Signed<Checkpoint>;
      readonly second: Signed<Checkpoint>;
    }
  | {
      readonly kind: "conflicting-view-changes";
      readonly culprit: ReplicaIndex;
      readonly first: Signed<ViewChange>;
      readonly second: Signed<ViewChange>;
    }
  /** a NEW-VIEW whose O is not what its VIEW-CHANGEs imply */
  | { readonly kind: "bad-new-view"; readonly culprit: ReplicaIndex; readonly newView: SignedNewView }
  /** a signed proposal whose batch breaks a rule that does not depend on the receiver's state */
  | {
      readonly kind: "invalid-batch";
      readonly culprit: ReplicaIndex;
      readonly proposal: Signed<PrePrepare>;
      readonly batch: Batch;
      readonly reason: InvalidBatchReason;
    };

export type InvalidBatchReason = "bad-request-signature" | "duplicate-request" | "too-many-requests" | "too-many-bytes" | "empty";
