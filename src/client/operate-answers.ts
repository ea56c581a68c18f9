/** The JSON of what operators and watchers read (docs/http.md), as types; a test holds them equal to the server's schemas. */
import type { KeyJson, ValueEncoding } from "./answers.ts";

/** Why nothing is committed right now, if it is not; times in milliseconds. */
export interface ExplainAnswer {
  readonly committing: boolean;
  /** for people: sentences, the most important first */
  readonly summary: readonly string[];
  readonly blocked?: { readonly reason: string; readonly since: number; readonly waitingFor: readonly string[] };
  readonly quorum: { readonly n: number; readonly f: number; readonly size: number; readonly reachable: number };
  readonly view: { readonly number: number; readonly active: boolean; readonly demand: number };
  readonly next: { readonly sequence: number; readonly proposed: boolean };
  readonly pool: {
    readonly requests: number;
    readonly bytes: number;
    readonly oldestMilliseconds: number;
    readonly patienceMilliseconds: number;
  };
  readonly syncing: boolean;
  readonly passive: boolean;
  readonly validators: readonly {
    readonly index: number;
    readonly peerId: string;
    readonly moniker?: string;
    readonly self: boolean;
    readonly reachable: boolean;
    readonly primary: boolean;
    readonly prepared: boolean;
    readonly committed: boolean;
    readonly wantsView: boolean;
    readonly view?: number;
    readonly executed?: number;
    readonly stable?: number;
  }[];
}

/** A validator as evidence names it. */
export interface NamedValidator {
  readonly index: number;
  readonly peerId: string;
  readonly validatorKey: string;
  readonly moniker: string;
}

/** A proof of misbehaviour as a node tells it; believe what `verifyEvidence` says of it. */
export interface EvidenceAnswer {
  /** names the deed: two nodes' proofs of one deed have one id */
  readonly id: string;
  readonly kind: string;
  /** the first culprit's peer id; null where the proof names nobody for certain */
  readonly culprit: string | null;
  readonly culprits: readonly NamedValidator[];
  /** of two certificates for one sequence: whose signatures both bear */
  readonly signedBoth?: readonly NamedValidator[];
  /** that was forked */
  readonly document?: string;
  readonly epoch: number;
  readonly view: number;
  readonly sequence: number;
  /** Unix milliseconds */
  readonly detectedAt: number;
  readonly method: string;
  readonly action: string;
  /** base64 */
  readonly proof: string;
}

/** One event of `/v1/watch`; `version` is the key's afterwards, 0 once it is deleted. */
export type WatchEvent = KeyJson & { readonly version: number; readonly sequence: number } & (
    | { readonly type: "put"; readonly value: string; readonly encoding: ValueEncoding }
    | { readonly type: "delete" }
  );
