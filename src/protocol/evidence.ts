/** Proof of misbehaviour: anyone who knows the epoch's committee can check it (PROTOCOL §10, §14). */
import type {
  Batch,
  Checkpoint,
  CheckpointCertificate,
  CommitCertificate,
  PreparedCertificate,
  PrePrepare,
  Signed,
  SignedNewView,
  ViewChange,
  Vote,
  VoteSignature,
} from "./messages.ts";
import type { Digest, Epoch, PublicKey, ReplicaIndex, Sequence, Signature, View } from "./ids.ts";

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
    }
  /** two operations of one author with one number in one document: he forked his history of it (PROTOCOL §11) */
  | {
      readonly kind: "forked-document";
      /** in which the culprit has this index */
      readonly epoch: Epoch;
      readonly culprit: ReplicaIndex;
      /** the one of the lower id */
      readonly first: AuthoredOperation;
      readonly second: AuthoredOperation;
    }
  | ConflictingCommits
  | ConflictingStableCheckpoints;

/** An operation on a shared document, as far as a proof needs it. */
export interface AuthoredOperation {
  readonly document: string;
  readonly author: PublicKey;
  /** the author's own number of it in this document */
  readonly sequence: number;
  /** the hash of all that is signed */
  readonly id: Digest;
  readonly signature: Signature;
  /** whole, signature included */
  readonly bytes: Uint8Array;
}

/** Two quorums committed different batches for one sequence: more than f validators cheated (PROTOCOL §10). */
export interface ConflictingCommits {
  readonly kind: "conflicting-commits";
  /** the one of the lower view, or else of the lower digest */
  readonly first: CommitCertificate;
  readonly second: CommitCertificate;
  /** that of `second`'s view, where the views differ and it is known: it tells who of those that signed both lied */
  readonly newView?: SignedNewView;
}

/** Two quorums signed different roots for one sequence: the same, where the batches in which the logs went apart are gone (PROTOCOL §10). */
export interface ConflictingStableCheckpoints {
  readonly kind: "conflicting-stable-checkpoints";
  /** the one of the lower log hash, or else of the lower state root */
  readonly first: CheckpointCertificate;
  readonly second: CheckpointCertificate;
}

/** The ledger is forked: more than f validators cheated. */
export type Fork = ConflictingCommits | ConflictingStableCheckpoints;

export const isFork = (evidence: Evidence): evidence is Fork =>
  evidence.kind === "conflicting-commits" || evidence.kind === "conflicting-stable-checkpoints";

export type EvidenceKind = Evidence["kind"];

export type InvalidBatchReason = "bad-request-signature" | "duplicate-request" | "too-many-requests" | "too-many-bytes" | "empty";

/** In their order. @param newView one that is at hand; kept if it is that of the later certificate */
export const conflictingCommits = (a: CommitCertificate, b: CommitCertificate, newView: SignedNewView | undefined): ConflictingCommits => {
  const [first, second] = a.view < b.view || (a.view === b.view && a.digest < b.digest) ? [a, b] : [b, a];
  const tells = first.view !== second.view && newView?.message.view === second.view;
  return { kind: "conflicting-commits", first, second, ...(tells ? { newView } : {}) };
};

const rootsText = ({ logHash, stateRoot, epochRoot }: CheckpointCertificate): string => logHash + stateRoot + epochRoot;

/** In their order. */
export const conflictingStableCheckpoints = (a: CheckpointCertificate, b: CheckpointCertificate): ConflictingStableCheckpoints => {
  const [first, second] = rootsText(a) < rootsText(b) ? [a, b] : [b, a];
  return { kind: "conflicting-stable-checkpoints", first, second };
};

/** Whether they are in the order in which a proof has them, which is not so when they are the same. */
export const areOrderedRoots = (first: CheckpointCertificate, second: CheckpointCertificate): boolean =>
  rootsText(first) < rootsText(second);

const signersOf = (certificate: CommitCertificate | CheckpointCertificate): readonly VoteSignature[] =>
  "commits" in certificate ? certificate.commits : certificate.signatures;

/** Whose signatures both certificates bear: at least f+1 validators, for two quorums share as many. */
export const signersOfBoth = ({ first, second }: Fork): ReplicaIndex[] => {
  const signed = new Set(signersOf(first).map(({ replica }) => replica));
  return signersOf(second).flatMap(({ replica }) => (signed.has(replica) ? [replica] : []));
};

/** What its sender signed COMMIT for is not in it, though it had to be: nothing at or above that view for a sequence that is not stable yet. */
const omits = ({ stable, prepared }: ViewChange, { sequence, view }: CommitCertificate): boolean =>
  stable.sequence < sequence && !prepared.some((certificate) => certificate.sequence === sequence && certificate.view >= view);

/**
 * Who certainly cheated. In one view whoever signed both did. In different views an honest validator may have signed both, led by a NEW-VIEW out of
 * lies: there it is those who committed in the earlier view and, in their VIEW-CHANGE to the later one, did not say so; nobody without that NEW-VIEW.
 */
const culpritsOfFork = (evidence: ConflictingCommits): ReplicaIndex[] => {
  const { first, second, newView } = evidence;
  if (first.view === second.view) return signersOfBoth(evidence);
  const signed = new Set(first.commits.map(({ replica }) => replica));
  const viewChanges = newView?.message.viewChanges ?? [];
  return viewChanges.flatMap(({ message }) => (signed.has(message.replica) && omits(message, first) ? [message.replica] : []));
};

/** Whom it proves guilty, ascending. An honest validator signs one CHECKPOINT for a sequence, whatever the view. */
export const culpritsOf = (evidence: Evidence): readonly ReplicaIndex[] => {
  if (evidence.kind === "conflicting-commits") return culpritsOfFork(evidence);
  return evidence.kind === "conflicting-stable-checkpoints" ? signersOfBoth(evidence) : [evidence.culprit];
};

/** What a piece of evidence is about; `view` and `sequence` are 0 where it has none. */
export interface EvidencePlace {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
}

const noView = 0 as View;
const noSequence = 0 as Sequence;

export const placeOf = (evidence: Evidence): EvidencePlace => {
  switch (evidence.kind) {
    case "conflicting-votes": {
      const { epoch, view, sequence } = evidence.first.message;
      return { epoch, view, sequence };
    }
    case "conflicting-checkpoints": {
      const { epoch, sequence } = evidence.first.message;
      return { epoch, view: noView, sequence };
    }
    case "conflicting-stable-checkpoints": {
      const { epoch, sequence } = evidence.first;
      return { epoch, view: noView, sequence };
    }
    case "conflicting-view-changes": {
      const { epoch, view } = evidence.first.message;
      return { epoch, view, sequence: noSequence };
    }
    case "bad-new-view": {
      const { epoch, view } = evidence.newView.message;
      return { epoch, view, sequence: noSequence };
    }
    case "invalid-batch": {
      const { epoch, view, sequence } = evidence.proposal.message;
      return { epoch, view, sequence };
    }
    case "forked-document":
      return { epoch: evidence.epoch, view: noView, sequence: noSequence };
    case "conflicting-commits": {
      const { epoch, view, sequence } = evidence.second;
      return { epoch, view, sequence };
    }
  }
};

const sameClaim = (a: PreparedCertificate, b: PreparedCertificate | undefined): boolean =>
  b !== undefined && a.sequence === b.sequence && a.view === b.view && a.digest === b.digest;

/** They say the same, perhaps with other validators' signatures to show for it: no contradiction. */
export const sameViewChange = (a: ViewChange, b: ViewChange): boolean =>
  a.stable.sequence === b.stable.sequence &&
  a.stable.stateRoot === b.stable.stateRoot &&
  a.prepared.length === b.prepared.length &&
  a.prepared.every((certificate, index) => sameClaim(certificate, b.prepared[index]));

type Roots = Pick<Checkpoint, "stateRoot" | "logHash" | "epochRoot">;

export const sameRoots = (a: Roots, b: Roots): boolean =>
  a.stateRoot === b.stateRoot && a.logHash === b.logHash && a.epochRoot === b.epochRoot;
