/** What a replica is told at its creation: the network's agreement, this node's settings, and what survived its last life. */
import type { Committee } from "../protocol/committee.ts";
import type { Digest, Epoch, ReplicaIndex, Sequence, Signature, View } from "../protocol/ids.ts";
import type { HaltReason } from "./effect.ts";
import type { Parameters } from "../protocol/limits.ts";
import type {
  Batch,
  CheckpointCertificate,
  PreparedCertificate,
  Request,
  Signed,
  SignedNewView,
  ViewChange,
} from "../protocol/messages.ts";

/** Local choices: they touch speed and patience, never what is agreed. Times in milliseconds. */
export interface ReplicaSettings {
  /** sequences a primary keeps in flight (PROTOCOL §3.2) */
  readonly pipelineDepth: number;
  /** longest a request waits for company: in a full pipeline; in a part of it the same part of the time */
  readonly maxBatchDelayMs: number;
  /** bounds of the adaptive request timeout (PROTOCOL §5) */
  readonly requestTimeoutFloorMs: number;
  readonly requestTimeoutCeilingMs: number;
  /** how long a primary may be out of reach, with work waiting, before it is given up ahead of the request timeout */
  readonly unreachableGraceMs: number;
  /** first pause before something unanswered is said again; doubles up to eight times this */
  readonly repeatMs: number;
  /** how long a peer may be ahead without our own progress before its batches are fetched */
  readonly catchUpDelayMs: number;
  /** how long to wait for an answer to a fetch before asking another peer */
  readonly fetchTimeoutMs: number;
  /** the same for parts of the state: `limits.maxStateAnswerBytes` have to come in this time */
  readonly transferTimeoutMs: number;
  /** bounds of the pool of requests that wait; beyond them new ones are refused */
  readonly poolRequests: number;
  readonly poolBytes: number;
  /** bytes of batches held for slots that wait to be executed; beyond it only headers are kept and batches fetched when due */
  readonly heldBatchBytes: number;
}

export const defaultSettings: ReplicaSettings = {
  pipelineDepth: 8,
  maxBatchDelayMs: 320,
  requestTimeoutFloorMs: 1_000,
  requestTimeoutCeilingMs: 30_000,
  unreachableGraceMs: 500,
  repeatMs: 300,
  catchUpDelayMs: 300,
  fetchTimeoutMs: 1_000,
  transferTimeoutMs: 5_000,
  poolRequests: 8_192,
  poolBytes: 64 * 1024 * 1024,
  heldBatchBytes: 64 * 1024 * 1024,
};

export interface ReplicaConfig {
  readonly committee: Committee;
  /** absent for an observer: it follows, relays and never votes */
  readonly self?: ReplicaIndex;
  readonly parameters: Parameters;
  readonly settings: ReplicaSettings;
  /** the empty batch that fills a gap in a NEW-VIEW */
  readonly emptyBatch: Batch;
  readonly epochRoot: Digest;
  /** encodes and hashes; pure */
  readonly createBatch: (timestamp: number, requests: readonly Request[]) => Batch;
}

export interface AcceptedProposal {
  readonly view: View;
  readonly sequence: Sequence;
  readonly digest: Digest;
  /** absent on our own proposals: signing them again gives the same bytes */
  readonly proposalSignature?: Signature;
  /** absent for the empty batch and for one that is executed already */
  readonly batch?: Batch;
}

export interface OwnCheckpoint {
  readonly sequence: Sequence;
  readonly stateRoot: Digest;
  readonly logHash: Digest;
}

/** Why a replica does nothing any more. */
export interface Halt {
  readonly reason: HaltReason;
  readonly detail: string;
}

/** What the store gave back (PROTOCOL §6). A first start restores the genesis checkpoint and nothing else. */
export interface Restored {
  readonly epoch: Epoch;
  readonly view: View;
  /** false: we sent `viewChange` for `view` and saw no NEW-VIEW */
  readonly active: boolean;
  readonly viewChange?: Signed<ViewChange>;
  readonly newView?: SignedNewView;
  readonly stable: CheckpointCertificate;
  readonly executed: Sequence;
  readonly logHash: Digest;
  /** ledger time after `executed`, Unix milliseconds */
  readonly timestamp: number;
  /** digests of the executed sequences above the stable checkpoint */
  readonly executedDigests: ReadonlyMap<Sequence, Digest>;
  /** names of the latest executed requests, oldest first */
  readonly executedRequests: readonly Digest[];
  /** accepted in `view` above the stable checkpoint */
  readonly accepted: readonly AcceptedProposal[];
  /** highest view per sequence above the stable checkpoint, with its batch unless executed */
  readonly prepared: readonly { readonly certificate: PreparedCertificate; readonly batch?: Batch }[];
  /** our checkpoints above the stable one */
  readonly checkpoints: readonly OwnCheckpoint[];
  /** false: this validator's key came without its data, it may have voted on anything */
  readonly mayVote: boolean;
  /** agreement was found broken in an earlier life */
  readonly halted?: Halt | undefined;
  /** a transfer of the state was interrupted: nothing can be executed before it is done */
  readonly transferring: boolean;
}
