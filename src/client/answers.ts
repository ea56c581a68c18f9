/** The JSON that a node answers (docs/http.md), as types; `src/api/schemas/` holds the same shapes as schemas, and a test holds them equal. */

/** A key that is not valid UTF-8 comes as base64 and says so in `keyEncoding`. */
export interface KeyJson {
  readonly key: string;
  readonly keyEncoding?: "base64";
}

/** `base64` when the bytes are not valid UTF-8. */
export type ValueEncoding = "utf8" | "base64";

export type Consistency = "linearizable" | "certified" | "local";

export interface PutAnswer extends KeyJson {
  readonly version: number;
  readonly sequence: number;
  readonly requestId: string;
}

export interface DeleteAnswer extends KeyJson {
  readonly deleted: boolean;
  readonly sequence: number;
  readonly requestId: string;
}

export interface SignatureJson {
  readonly replica: number;
  /** base64, 64 bytes */
  readonly signature: string;
}

/** q COMMITs (PROTOCOL §3.5). */
export interface CertificateJson {
  readonly epoch: number;
  readonly view: number;
  readonly sequence: number;
  readonly digest: string;
  readonly signatures: readonly SignatureJson[];
}

/** q CHECKPOINTs (PROTOCOL §4). */
export interface CheckpointJson {
  readonly epoch: number;
  readonly sequence: number;
  readonly stateRoot: string;
  readonly logHash: string;
  readonly epochRoot: string;
  readonly signatures: readonly SignatureJson[];
}

export interface ProofJson {
  readonly checkpoint: CheckpointJson;
  /** base64 of the ledger's proof from the entry to `checkpoint.stateRoot` */
  readonly path: string;
}

export interface EntryJson extends KeyJson {
  readonly value: string;
  readonly encoding: ValueEncoding;
  readonly version: number;
  /** ledger position of the last write */
  readonly sequence: number;
}

export interface GetAnswer extends EntryJson {
  readonly consistency: Consistency;
  /** the ledger position that the answer reflects */
  readonly asOf: number;
  readonly proof?: ProofJson;
}

/** What an application keeps under a key (`GET /v1/state/{key}`). */
export interface StateAnswer extends KeyJson {
  readonly value: string;
  readonly encoding: ValueEncoding;
  readonly consistency: Consistency;
  /** the ledger position that the answer reflects */
  readonly asOf: number;
  readonly proof?: ProofJson;
}

export interface ListAnswer {
  readonly items: readonly (EntryJson & { readonly path?: string })[];
  /** present when there is more: pass it as `after` */
  readonly next?: string;
  /** present when `next` is not valid UTF-8: pass it as `afterEncoding` */
  readonly nextEncoding?: "base64";
  readonly consistency: Consistency;
  readonly asOf: number;
  readonly checkpoint?: CheckpointJson;
}

/** Values are UTF-8 text unless `encoding` says base64; likewise keys and `keyEncoding`. */
export type TxnComparison = KeyJson & ({ readonly version: number } | { readonly value: string; readonly encoding?: ValueEncoding });
export type TxnOperation = KeyJson &
  (
    | { readonly type: "put"; readonly value: string; readonly encoding?: ValueEncoding; readonly ifVersion?: number }
    | { readonly type: "delete"; readonly ifVersion?: number }
    | { readonly type: "get" }
  );

export interface TxnRequest {
  readonly compare: readonly TxnComparison[];
  readonly success: readonly TxnOperation[];
  readonly failure: readonly TxnOperation[];
}

export type SimpleResultJson =
  | { readonly type: "put"; readonly version: number }
  | { readonly type: "delete"; readonly deleted: boolean }
  | { readonly type: "get"; readonly found: true; readonly value: string; readonly encoding: ValueEncoding; readonly version: number }
  | { readonly type: "get"; readonly found: false }
  | { readonly type: "conflict"; readonly version: number }
  | { readonly type: "too-large" };

export type ResultJson =
  | SimpleResultJson
  | { readonly type: "txn"; readonly succeeded: boolean; readonly results: readonly SimpleResultJson[] }
  | { readonly type: "txn-refused"; readonly index: number; readonly result: SimpleResultJson }
  | { readonly type: "time"; readonly timestamp: number }
  | { readonly type: "malformed" };

export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly results: readonly SimpleResultJson[];
  readonly sequence: number;
  readonly requestId: string;
}

/** f+1 RECEIPTs (PROTOCOL §3.6). */
export interface ReceiptsJson {
  readonly epoch: number;
  readonly sequence: number;
  /** in the batch */
  readonly requests: number;
  readonly resultsRoot: string;
  readonly stateRoot: string;
  readonly logHash: string;
  readonly signatures: readonly SignatureJson[];
}

/** What makes an answer believable: `verifyAnswer` checks it (docs/clients.md). */
export interface AnswerProofJson {
  readonly receipts: ReceiptsJson;
  readonly previousLogHash: string;
  /** from the answer up to the receipts' results root */
  readonly siblings: readonly string[];
}

export interface RequestAnswer {
  readonly id: string;
  readonly state: "pending" | "committed" | "unknown";
  readonly sequence?: number;
  /** the request's position in its batch */
  readonly index?: number;
  /** one per operation, as the key-value store means it; absent when another application answered */
  readonly result?: readonly ResultJson[];
  /** one per operation: base64 of the exact bytes */
  readonly results?: readonly string[];
  readonly certificate?: CertificateJson;
  /** present when it was asked for, and the node could make it */
  readonly proof?: AnswerProofJson;
}

export interface BlockRequestJson {
  readonly id: string;
  readonly client: string;
  /** the client's own number of the request */
  readonly sequence: number;
  /** decoded key-value operations, or `{type: "unknown", bytes}` with base64 */
  readonly operations: readonly OperationJson[];
}

export type OperationJson =
  | TxnOperation
  | {
      readonly type: "txn";
      readonly compare: readonly TxnComparison[];
      readonly success: readonly TxnOperation[];
      readonly failure: readonly TxnOperation[];
    }
  | { readonly type: "time" }
  | { readonly type: "unknown"; readonly bytes: string };

export interface BlockAnswer {
  readonly sequence: number;
  readonly epoch: number;
  readonly view: number;
  readonly digest: string;
  /** after this sequence */
  readonly logHash: string;
  /** Unix milliseconds; 0 in the empty block that fills a gap */
  readonly timestamp: number;
  readonly requests: readonly BlockRequestJson[];
  readonly certificate: CertificateJson;
}

export interface StatusAnswer {
  readonly version: string;
  readonly chainId: string;
  readonly genesisHash: string;
  readonly peerId: string;
  readonly validatorKey?: string;
  readonly moniker: string;
  readonly role: "validator" | "observer";
  readonly epoch: number;
  readonly view: number;
  readonly primary: string;
  readonly sequence: { readonly committed: number; readonly executed: number; readonly stable: number };
  readonly logHash: string;
  readonly stateRoot: string;
  readonly quorum: { readonly n: number; readonly f: number; readonly size: number; readonly reachable: number };
  readonly connectivity: "whole" | "degraded" | "minority" | "split";
  readonly sides: readonly (readonly string[])[];
  /** links broken in a way that the sides do not show: what `from` sends does not arrive at `to` */
  readonly brokenLinks?: readonly BrokenLinkJson[];
  readonly syncing: boolean;
  /** present while the state is fetched from other nodes (PROTOCOL §7): `fraction` of it is here; `target`: the sequence whose state it will be */
  readonly transfer?: {
    readonly target: number;
    readonly fraction: number;
    readonly entries: number;
    readonly bytes: number;
    readonly milliseconds: number;
  };
  readonly passive?: boolean;
  readonly blocked?: { readonly reason: string; readonly since: number; readonly waitingFor: readonly string[] };
  readonly uptimeSeconds: number;
  readonly memory: {
    readonly rss: number;
    readonly heapUsed: number;
    readonly limit: number;
    readonly pressure: number;
    readonly breaker: "closed" | "open" | "half-open";
  };
}

export interface BrokenLinkJson {
  readonly from: string;
  readonly to: string;
}

export interface ValidatorAnswer {
  readonly index: number;
  readonly peerId: string;
  readonly validatorKey: string;
  readonly moniker?: string;
  readonly reachable: boolean;
  readonly reputation: number;
  readonly standing: "good" | "throttled" | "isolated" | "quarantined" | "suspended";
  /** why the node throttles or isolates it */
  readonly because?: string;
  readonly primary: boolean;
}

export interface PeerAnswer {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly role: "validator" | "observer";
  readonly direction: "inbound" | "outbound";
  readonly rttMs: number | null;
  readonly connectedSince: number;
}

export interface ReadyAnswer {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason?: string }[];
}

/** RFC 9457; `code` is stable, further members depend on it. */
export interface ProblemAnswer {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint?: string;
  readonly [member: string]: unknown;
}
