/** A refusal is a value: what was refused, why, and whether it speaks against its sender. Each reason is reached by a test. */

export type RejectionReason =
  // any message
  | "wrong-epoch"
  | "outside-window"
  | "old-view"
  | "early-buffer-full"
  | "passive"
  | "halted"
  // proposals
  | "not-the-primary"
  | "conflicting-proposal"
  | "already-executed"
  | "request-in-flight"
  | "request-too-far-ahead"
  | "timestamp-not-after-previous"
  | "timestamp-outside-drift"
  | "digest-mismatch"
  | "invalid-batch"
  // votes
  | "prepare-by-primary"
  | "conflicting-vote"
  | "duplicate"
  // view changes
  | "stale-view-change"
  | "conflicting-view-change"
  | "wrong-new-view"
  // requests
  | "pool-full"
  | "client-pool-full"
  | "source-pool-full"
  | "already-pending"
  // catching up
  | "unrequested";

export interface Rejection {
  readonly reason: RejectionReason;
  /** `blame` when the refused thing could not have come from an honest sender */
  readonly action: "ignore" | "blame";
}
