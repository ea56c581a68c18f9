/**
 * Every message of the protocol as a tagged union. `docs/wire.md` has their bytes; PROTOCOL §3–5 their meaning.
 *
 * Unsigned content is what the core emits; `Signed<M>` is what travels; `Verified<M>` is what may enter the core, and only
 * `signing/verify` makes one.
 */
import type { Digest, Epoch, PublicKey, ReplicaIndex, Sequence, Signature, View } from "./ids.ts";

/* ------------------------------------------------------------------ requests and batches (PROTOCOL §3, §9) */

/** A client's request. `bytes` are the exact bytes received: hashed, stored and relayed as they came. */
export interface Request {
  readonly kind: "request";
  readonly client: PublicKey;
  /** the client's own number of this request; guards against replay (§9) */
  readonly sequence: number;
  /** opaque to consensus; executed in order, each with a result of its own */
  readonly operations: readonly Uint8Array[];
  readonly signature: Signature;
  /** hash of the signed content, without the signature: the request's name */
  readonly id: Digest;
  /** the whole encoding, signature included */
  readonly bytes: Uint8Array;
}

/** What one sequence orders. The timestamp is inside the digest, so that a re-proposal keeps it. */
export interface Batch {
  readonly kind: "batch";
  /** the primary's clock, Unix milliseconds; 0 only in the empty batch of a NEW-VIEW gap */
  readonly timestamp: number;
  readonly requests: readonly Request[];
  /** SHA-256 of `bytes` */
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/* ------------------------------------------------------------------ votes */

interface Slotted {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
  /** who signs; for a PRE-PREPARE always the view's primary */
  readonly replica: ReplicaIndex;
}
export interface PrePrepare extends Slotted {
  readonly kind: "pre-prepare";
}
/**
 * A backup's acceptance. It carries the primary's PRE-PREPARE signature, so that a backup that gossip passed over
 * learns of the proposal, and an equivocating primary is seen by everyone at once.
 */
export interface Prepare extends Slotted {
  readonly kind: "prepare";
  readonly proposalSignature: Signature;
}
export interface Commit extends Slotted {
  readonly kind: "commit";
}

/** Roots after executing `sequence`; what is signed is H(stateRoot ‖ logHash ‖ epochRoot) (PROTOCOL §4). */
export interface Checkpoint {
  readonly kind: "checkpoint";
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly stateRoot: Digest;
  readonly logHash: Digest;
  readonly epochRoot: Digest;
  readonly replica: ReplicaIndex;
}

/* ------------------------------------------------------------------ certificates */

export interface VoteSignature {
  readonly replica: ReplicaIndex;
  readonly signature: Signature;
}

/** The primary's PRE-PREPARE and exactly q−1 PREPAREs of others, ascending by replica (PROTOCOL §3.4). */
export interface PreparedCertificate {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
  readonly proposalSignature: Signature;
  readonly prepares: readonly VoteSignature[];
}

/** Exactly q COMMITs, ascending by replica (PROTOCOL §3.5). */
export interface CommitCertificate {
  readonly epoch: Epoch;
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
  readonly commits: readonly VoteSignature[];
}

/** Exactly q CHECKPOINTs, ascending by replica; at sequence 0 none: the genesis vouches for itself. */
export interface CheckpointCertificate {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly stateRoot: Digest;
  readonly logHash: Digest;
  readonly epochRoot: Digest;
  readonly signatures: readonly VoteSignature[];
}

/** What executing a sequence came to, the same on every honest validator: what a RECEIPT signs (PROTOCOL §3.6). */
export interface ExecutionRoots {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  /** in its batch, 0 to `limits.maxRequestsPerBatch`: with it an answer's Merkle path gives its index away */
  readonly requests: number;
  /** Merkle root of the batch's answers; `stateRoot` is that of the last checkpoint up to `sequence` */
  readonly resultsRoot: Digest;
  readonly stateRoot: Digest;
  readonly logHash: Digest;
}

/** RECEIPTs of distinct validators for the same roots, ascending by replica; f+1 of them make an answer believable (PROTOCOL §3.6). */
export interface ReceiptCertificate extends ExecutionRoots {
  readonly signatures: readonly VoteSignature[];
}

/** An ordered batch with its proof: what a replica that fell behind is given (PROTOCOL §7). */
export interface CertifiedBatch {
  readonly certificate: CommitCertificate;
  readonly batch: Batch;
}

/* ------------------------------------------------------------------ view changes (PROTOCOL §5) */

export interface ViewChange {
  readonly kind: "view-change";
  readonly epoch: Epoch;
  /** the view asked for */
  readonly view: View;
  readonly replica: ReplicaIndex;
  /** the sender's low watermark h and its proof */
  readonly stable: CheckpointCertificate;
  /** P: one certificate per sequence above h that prepared here, of its highest view; ascending by sequence */
  readonly prepared: readonly PreparedCertificate[];
}

/** One entry of O: what the new primary proposes again. */
export interface Reproposal {
  readonly sequence: Sequence;
  readonly digest: Digest;
}
export interface NewView {
  readonly kind: "new-view";
  readonly epoch: Epoch;
  readonly view: View;
  readonly replica: ReplicaIndex;
  /** exactly q, ascending by replica */
  readonly viewChanges: readonly Signed<ViewChange>[];
  /** O, ascending and without gaps */
  readonly proposals: readonly Reproposal[];
}
/** A NEW-VIEW as it travels: each entry of O also bears the new primary's PRE-PREPARE signature for the new view. */
export interface SignedNewView extends Signed<NewView> {
  /** parallel to `message.proposals` */
  readonly proposalSignatures: readonly Signature[];
}

export type Vote = PrePrepare | Prepare | Commit;
/** What a replica signs and sends. */
export type ConsensusMessage = Vote | Checkpoint | ViewChange | NewView;

export interface Signed<M> {
  readonly message: M;
  readonly signature: Signature;
}

declare const verified: unique symbol;
/** Proof in the type that every signature inside was checked against the epoch's committee. */
export type Verified<T> = T & { readonly [verified]: true };

/* ------------------------------------------------------------------ unsigned, authenticated by the channel: hints and transfers */

/** Heartbeat: lets a peer see what it lacks (PROTOCOL §3, §10). Never evidence, never counted towards safety. */
export interface Status {
  readonly kind: "status";
  readonly epoch: Epoch;
  readonly view: View;
  /** false while between views */
  readonly active: boolean;
  /** the view this replica would rather be in; equal to `view` when content (PROTOCOL §5) */
  readonly demand: View;
  readonly executed: Sequence;
  readonly stable: Sequence;
  /** the first sequence that it can give to others as a batch: it keeps all from there to `executed` */
  readonly oldest: Sequence;
  /** after `executed` */
  readonly logHash: Digest;
  /** the validators it reaches */
  readonly reach: readonly ReplicaIndex[];
}
export interface Relay {
  readonly kind: "relay";
  readonly requests: readonly Request[];
}
export interface FetchBatch {
  readonly kind: "fetch-batch";
  readonly digest: Digest;
}
export interface FetchBlocks {
  readonly kind: "fetch-blocks";
  readonly from: Sequence;
  /** inclusive */
  readonly to: Sequence;
}
export interface Blocks {
  readonly kind: "blocks";
  /** consecutive; may be fewer than asked for */
  readonly blocks: readonly CertifiedBatch[];
}
/** A stable checkpoint for a peer whose heartbeat shows an older one. */
export interface StableCheckpoint {
  readonly kind: "stable-checkpoint";
  readonly certificate: CheckpointCertificate;
}
/** Asks for the latest of these stable checkpoints that the peer still knows (PROTOCOL §10): ascending, 1 to `limits.maxPastCheckpoints`. */
export interface FetchCheckpoint {
  readonly kind: "fetch-checkpoint";
  readonly sequences: readonly Sequence[];
}
/** The latest of those that were asked for; that of sequence 0 when there is none. */
export interface PastCheckpoint {
  readonly kind: "past-checkpoint";
  readonly certificate: CheckpointCertificate;
}
/** Asks a validator for its RECEIPT of a sequence, on behalf of a client that wants proof (PROTOCOL §3.6). */
export interface FetchReceipt {
  readonly kind: "fetch-receipt";
  readonly sequence: Sequence;
}
/** A validator's signature under what it executed, durably. Not a vote: nothing in consensus depends on it. */
export interface Receipt extends ExecutionRoots {
  readonly kind: "receipt";
  readonly replica: ReplicaIndex;
  readonly signature: Signature;
}
/** A subtree of the state's tree: all entries whose SHA-256(state key) begins with `path`. Its hash names it, whatever the sequence. */
export interface StatePart {
  /** hex digits, 0 to 64 */
  readonly path: string;
  /** root of the subtree */
  readonly hash: Digest;
}
/** A part that is asked for. */
export interface WantedPart extends StatePart {
  /** all of its entries are wanted, if they are few enough for an answer; otherwise, or when they are not, the page at its top */
  readonly whole: boolean;
}
/** Asks a peer for parts of the state (PROTOCOL §7). */
export interface FetchState {
  readonly kind: "fetch-state";
  /** 1 to `limits.maxStateParts` */
  readonly parts: readonly WantedPart[];
}
/** An entry of the state; `key` is the state key (docs/ledger.md). */
export interface StateEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
/** What a peer has of a part: believed only when it hashes to the part's name. */
export type StateAnswer =
  /** no state that the peer keeps has it */
  | { readonly type: "gone"; readonly hash: Digest }
  /** the top of the subtree: sixteen slots (docs/wire.md) */
  | { readonly type: "page"; readonly hash: Digest; readonly page: Uint8Array }
  /** all of the subtree, in the order of SHA-256(key) */
  | { readonly type: "entries"; readonly hash: Digest; readonly entries: readonly StateEntry[] };
/** Answers some of the parts that were asked for; the others may be asked for again. None: the peer has no time now. */
export interface StateAnswers {
  readonly kind: "state";
  readonly answers: readonly StateAnswer[];
}
/** What nodes say to each other about shared documents (PROTOCOL §11): opaque to consensus; the operations inside are signed by their authors. */
export interface DocumentsMessage {
  readonly kind: "documents";
  readonly bytes: Uint8Array;
}
export type SyncMessage =
  | Status
  | Relay
  | FetchBatch
  | Batch
  | FetchBlocks
  | Blocks
  | StableCheckpoint
  | FetchCheckpoint
  | PastCheckpoint
  | FetchReceipt
  | Receipt
  | FetchState
  | StateAnswers
  | DocumentsMessage;
