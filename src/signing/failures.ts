/** What the verifier refuses, as a value: why, and whether it speaks against whoever sent it. */

export type VerificationReason =
  /** a committee that this node does not know (yet) */
  | "unknown-epoch"
  | "not-a-member"
  | "not-the-primary"
  | "prepare-by-primary"
  /** sequence 0, or beyond the window of the VIEW-CHANGE that holds it */
  | "wrong-sequence"
  /** a part belongs to another epoch, or to another or a later view, than the whole */
  | "wrong-epoch"
  | "wrong-view"
  /** not exactly the quorum */
  | "wrong-signer-count"
  /** a signer twice, or not ascending */
  | "signers-not-ascending"
  | "sequences-not-ascending"
  | "too-many-certificates"
  /** a certificate for sequence 0 that is not this network's genesis */
  | "wrong-genesis-checkpoint"
  /** the batch is not the one that was signed */
  | "digest-mismatch"
  /** the sender's own signature */
  | "bad-signature"
  /** the primary's signature that the sender passes on */
  | "bad-proposal-signature"
  /** a signature within a certificate that the sender passes on */
  | "bad-certificate-signature";

export interface VerificationFailure {
  readonly reason: VerificationReason;
  /** `blame` when no honest sender passes it on */
  readonly action: "ignore" | "blame";
}

export const failure = (reason: VerificationReason): VerificationFailure => ({
  reason,
  action: reason === "unknown-epoch" ? "ignore" : "blame",
});
