/**
 * What a running node offers to those who talk to people: the HTTP API, and later the command line in process and agents.
 * `create-node` makes one. No call throws or rejects for anything that a user can cause: refusals are `Outcome`s.
 */
import type { Documents } from "../documents/documents.ts";
import type { Digest, Sequence } from "../protocol/ids.ts";
import type { Batch, CheckpointCertificate, CommitCertificate, ReceiptCertificate } from "../protocol/messages.ts";
import type { Anchor } from "../ledger/anchors.ts";
import type { KvOperation, KvResult } from "../ledger/kv/operations.ts";
import type { EvidencePage } from "./data/evidence.ts";
import type { EvidenceReport } from "./observe/evidence-report.ts";
import type { BrokenLinkReport, Cut, PartitionReport } from "./partition-report.ts";
import type { Observable } from "./feeds.ts";
import type { ReadyReport } from "./ready-report.ts";

/* ------------------------------------------------------------------ refusals */

/** Stable codes of the HTTP interface (docs/http.md), also used by the command line. */
export const failureCodes = [
  /** malformed, or can never be accepted as it stands */
  "invalid_request",
  "unauthorized",
  "not_found",
  /** the key's version is not the expected one; `details.version` is the present one, 0 when the key does not exist */
  "version_conflict",
  "too_large",
  "rate_limited",
  /** fewer validators than a quorum can talk to each other: nothing was ordered */
  "no_quorum",
  /** a bounded queue is full, or memory is short: nothing was ordered; try again later */
  "overloaded",
  /** this node is still catching up and can not answer yet: nothing was ordered */
  "syncing",
  /** handed to the network, no answer in time: it may yet commit; `details.requestId` names it */
  "outcome_unknown",
  /** a fault of this node */
  "internal",
] as const;

export type FailureCode = (typeof failureCodes)[number];

export interface Failure {
  readonly code: FailureCode;
  /** what happened: one sentence for a person, without a final full stop */
  readonly message: string;
  /** what to do about it */
  readonly hint?: string;
  readonly retryAfterSeconds?: number;
  /** further members of the HTTP answer, such as `version` or `requestId` */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** A refusal is a value: what was asked for, or why not. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export const done = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const failed = (failure: Failure): { readonly ok: false; readonly failure: Failure } => ({ ok: false, failure });

/* ------------------------------------------------------------------ what a node knows; these shapes are the JSON answers themselves */

export type Role = "validator" | "observer";
export type Connectivity = "whole" | "degraded" | "minority" | "split";
export type Standing = "good" | "throttled" | "isolated" | "quarantined" | "suspended";

/** `GET /v1/status` */
export interface StatusReport {
  readonly version: string;
  readonly chainId: string;
  /** 64 lowercase hex characters, as every hash and key here */
  readonly genesisHash: string;
  readonly peerId: string;
  /** absent on an observer */
  readonly validatorKey?: string;
  readonly moniker: string;
  readonly role: Role;
  readonly epoch: number;
  readonly view: number;
  /** the primary's peer id */
  readonly primary: string;
  readonly sequence: { readonly committed: number; readonly executed: number; readonly stable: number };
  /** after `sequence.executed`; compare it between nodes through `/v1/blocks/{sequence}` */
  readonly logHash: string;
  readonly stateRoot: string;
  readonly quorum: {
    readonly n: number;
    readonly f: number;
    readonly size: number;
    /** validators this node reaches, itself included */
    readonly reachable: number;
  };
  readonly connectivity: Connectivity;
  /** peer ids, this node's own side first */
  readonly sides: readonly (readonly string[])[];
  /** present when links are broken that the sides do not show: inside of a side, or in one direction only */
  readonly brokenLinks?: readonly BrokenLinkReport[];
  readonly syncing: boolean;
  /** present while the state is fetched from other nodes (PROTOCOL §7): `fraction` of it is here; `target`: the sequence whose state it will be */
  readonly transfer?: {
    readonly target: number;
    readonly fraction: number;
    readonly entries: number;
    readonly bytes: number;
    readonly milliseconds: number;
  };
  /** present and true while this validator may not vote (PROTOCOL §6, amnesia) */
  readonly passive?: boolean;
  /** present while the network, as seen from here, does not commit; `since` in Unix milliseconds */
  readonly blocked?: { readonly reason: string; readonly since: number; readonly waitingFor: readonly string[] };
  readonly uptimeSeconds: number;
  /** bytes; `pressure`: what is in use, garbage aside, of the limit; an `open` breaker refuses new work */
  readonly memory: {
    readonly rss: number;
    readonly heapUsed: number;
    readonly limit: number;
    /** 0..1 */
    readonly pressure: number;
    readonly breaker: "closed" | "open" | "half-open";
  };
}

/** One entry of `GET /v1/validators`: the whole set, and those quarantined or suspended from it. */
export interface ValidatorReport {
  readonly index: number;
  readonly peerId: string;
  readonly validatorKey: string;
  readonly moniker?: string;
  readonly reachable: boolean;
  /** 0..1 */
  readonly reputation: number;
  readonly standing: Standing;
  /** why this node throttles or isolates it */
  readonly because?: string;
  readonly primary: boolean;
}

/** One entry of `GET /v1/peers`. */
export interface PeerReport {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly role: Role;
  readonly direction: "inbound" | "outbound";
  /** null until a round trip was measured */
  readonly rttMs: number | null;
  /** Unix milliseconds */
  readonly connectedSince: number;
}

/* ------------------------------------------------------------------ the ledger */

/** One executed sequence; the HTTP layer turns it into JSON. */
export interface BlockRecord {
  readonly certificate: CommitCertificate;
  readonly batch: Batch;
  /** after this sequence */
  readonly logHash: Digest;
}

/** Where an operation was executed and what came of it. */
export interface Applied {
  readonly result: KvResult;
  readonly sequence: Sequence;
  /** the request that carried it */
  readonly requestId: Digest;
}

export interface RequestReport {
  readonly id: Digest;
  /** `unknown`: neither pending nor executed as far as this node knows; it may be so elsewhere, or long ago */
  readonly state: "pending" | "committed" | "unknown";
  readonly sequence?: Sequence;
  /** the request's position in its batch */
  readonly index?: number;
  /** one per operation, the exact bytes that the application answered */
  readonly results?: readonly Uint8Array[];
  readonly certificate?: CommitCertificate;
}

/** Makes an answer believable without trusting this node (PROTOCOL §3.6; docs/clients.md). */
export interface AnswerProof {
  /** f+1 signatures; fewer when the other validators could not be reached */
  readonly receipts: ReceiptCertificate;
  /** H(previousLogHash ‖ the batch's digest) is the receipts' log hash: what ties the commit certificate to them */
  readonly previousLogHash: Digest;
  /** from the answer up to the receipts' results root */
  readonly siblings: readonly Digest[];
}

/** Makes a value believable without trusting this node: `path` leads from it to `checkpoint.stateRoot` (docs/ledger.md). */
export interface StateProof {
  readonly checkpoint: CheckpointCertificate;
  /** the ledger's canonical bytes of a proof of presence or absence */
  readonly path: Uint8Array;
}

/** What an application keeps under a key of its own. */
export interface StateRead {
  /** absent when there is no such key */
  readonly value?: Uint8Array;
  /** the ledger position this answer reflects */
  readonly asOf: Sequence;
  /** present at consistency `certified`, also for an absent key */
  readonly proof?: StateProof;
}

export interface KvEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** writes since the key was created: 1, 2, 3… */
  readonly version: number;
  /** ledger position of the last write */
  readonly sequence: Sequence;
}

export interface KvRead {
  /** absent when there is no such key */
  readonly entry?: KvEntry;
  /** the ledger position this answer reflects */
  readonly asOf: Sequence;
  /** present at consistency `certified`, also for an absent key */
  readonly proof?: StateProof;
}

export interface KvPage {
  /** in byte order of the keys; at `certified` each entry carries its own path to the page's checkpoint */
  readonly entries: readonly (KvEntry & { readonly path?: Uint8Array })[];
  readonly more: boolean;
  readonly asOf: Sequence;
  readonly checkpoint?: CheckpointCertificate;
}

/** Without ordering: `local` is whatever this node has, `certified` the last stable checkpoint (PROTOCOL §9). */
export type UnorderedConsistency = "local" | "certified";

export interface ListQuery {
  readonly consistency: UnorderedConsistency;
  /** empty: all keys */
  readonly prefix: Uint8Array;
  /** exclusive lower bound */
  readonly after?: Uint8Array;
  /** entries, at least 1; the page also ends before its values pass `maxBytes`, but holds at least one entry */
  readonly limit: number;
  readonly maxBytes: number;
}

export type SharedDocuments = Pick<Documents, "list" | "read" | "edit" | "forks" | "operations">;

/** What the state says about a shared document as of a stable checkpoint, or that it says nothing. */
export interface AnchorProof {
  readonly anchor?: Anchor;
  readonly checkpoint: CheckpointCertificate;
  /** Merkle path from the anchor, or its absence, to the checkpoint's state root */
  readonly path: Uint8Array;
}

export interface NodeService extends Observable {
  status(): StatusReport;
  validators(): readonly ValidatorReport[];
  peers(): readonly PeerReport[];
  /** the latest partitions, oldest first; at most 129 */
  partitions(): readonly PartitionReport[];
  /** Proofs of misbehaviour in the order in which they were found. */
  evidence(page: EvidencePage): readonly EvidenceReport[];
  /** undefined when this node keeps none of that name */
  evidenceOf(id: Digest): EvidenceReport | undefined;
  /** The file that `byz restore` reads, as the data is when the first part is taken; one at a time. */
  backup(): Outcome<AsyncIterable<Uint8Array>>;
  /** Replaces the cut of this node's links; without peers it is healed. Refused unless the genesis says `"testnet": true`. */
  cut(cut: Cut): Outcome<Cut>;
  /** Cheats in this way from now on, or obeys (`honest`). Refused unless the genesis says `"testnet": true`. */
  behave(behaviour: string): Outcome<{ readonly behaviour: string }>;
  ready(): ReadyReport;

  /** undefined when it was not executed here yet, or is no longer kept */
  block(sequence: Sequence): Promise<BlockRecord | undefined>;
  /** ascending and consecutive from `from`; fewer than `limit` at the log's end or after `maxBytes` of batches, but at least one */
  blocks(range: { readonly from: Sequence; readonly limit: number; readonly maxBytes: number }): Promise<readonly BlockRecord[]>;

  /** Orders plain users' operations under the gateway key, in this order, with one outcome each; `operations` go into one request. */
  submitOperations(operations: readonly KvOperation[]): Promise<readonly Outcome<Applied>[]>;
  /** Orders a client's own signed request, given in its exact bytes (docs/wire.md); settles once it is executed here, or has failed. */
  submitRequest(bytes: Uint8Array): Promise<Outcome<RequestReport>>;
  requestState(id: Digest): Promise<RequestReport>;
  /** Of a committed request, by its place; undefined when it is no longer kept. Takes up to 2 s while other validators do not answer. */
  proveAnswer(sequence: Sequence, index: number): Promise<AnswerProof | undefined>;

  /** documents that this node can write whoever it reaches (PROTOCOL §11) */
  readonly shared: SharedDocuments;
  /** what the ledger says about them */
  readonly anchors: { get(name: string): Anchor | undefined; prove(name: string): Outcome<AnchorProof> };

  /** After it, a local read sees everything acknowledged before the call, by any node (PROTOCOL §9). */
  readBarrier(): Promise<Outcome<Sequence>>;
  /** The bytes in any application's state, by the key that the application gave them. */
  state(key: Uint8Array, consistency: UnorderedConsistency): Promise<Outcome<StateRead>>;
  get(key: Uint8Array, consistency: UnorderedConsistency): Promise<Outcome<KvRead>>;
  list(query: ListQuery): Promise<Outcome<KvPage>>;
}
