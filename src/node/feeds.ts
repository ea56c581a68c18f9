/** What a running node lets others follow: the changes of the key-value store, and everything that happens. Types only. */
import type { KvChange } from "../ledger/kv/changes.ts";
import type { Sequence } from "../protocol/ids.ts";
import type { PartitionReport } from "./partition-report.ts";

/** A change of the key-value store with its place: the `index`th of its sequence, from 0. */
export type PlacedChange = KvChange & { readonly sequence: Sequence; readonly index: number };

/** The change that comes next. */
export interface ChangePosition {
  readonly sequence: Sequence;
  readonly index: number;
}

export type ChangePage =
  | {
      readonly status: "ok";
      readonly changes: readonly PlacedChange[];
      /** where to go on: everything before it was looked at */
      readonly next: ChangePosition;
      /** there is more to look at already */
      readonly more: boolean;
    }
  /** the position lies behind what this node keeps; `oldest` is the first sequence that can be read */
  | { readonly status: "gone"; readonly oldest: Sequence };

/** `GET /v1/watch` */
export interface Changes {
  /** The changes from `from` on, of keys that begin with `prefix`: a page of some blocks, which ends once the changes found pass `maxBytes`. */
  read(from: ChangePosition, prefix: Uint8Array, maxBytes: number): ChangePage;
  /** Calls `wake` when there may be more to read. @returns what ends that */
  subscribe(wake: () => void): () => void;
  /** the last sequence whose changes can be read */
  readonly upTo: Sequence;
}

type SeenPartition = { readonly partition: string } & Pick<PartitionReport, "state" | "sides" | "brokenLinks">;

/** What happened on this node, by type; peers by peer id. */
export type Happening =
  /** this validator gives up its view; `reason`: the kind of input that made it */
  | { readonly type: "view_change"; readonly epoch: number; readonly view: number; readonly reason: string }
  | { readonly type: "new_view"; readonly view: number; readonly primary: string }
  | { readonly type: "stable_checkpoint"; readonly sequence: number; readonly stateRoot: string; readonly logHash: string }
  /** everything executed since the last such event: `blocks` of them up to `sequence` */
  | {
      readonly type: "executed";
      readonly sequence: number;
      readonly view: number;
      readonly blocks: number;
      readonly requests: number;
      readonly operations: number;
    }
  | { readonly type: "peer_up" | "peer_down"; readonly peerId: string; readonly role: "validator" | "observer" }
  /** docs/partitions.md; `partition` is its id in `/v1/partitions` */
  | ({ readonly type: "partition_opened" | "partition_changed" } & SeenPartition)
  | ({ readonly type: "partition_closed"; readonly milliseconds: number } & SeenPartition & Pick<PartitionReport, "catchUp">)
  /** proof that a validator misbehaved */
  | { readonly type: "evidence"; readonly kind: string; readonly culprit: string }
  /** at most one of each reason in a second; `suppressed` were left out since the last */
  | {
      readonly type: "rejected";
      readonly input: string;
      readonly reason: string;
      readonly action: "ignore" | "blame";
      readonly from?: string;
      readonly suppressed: number;
    }
  | { readonly type: "blocked"; readonly reason: string; readonly waitingFor: readonly string[] }
  | { readonly type: "unblocked"; readonly reason: string; readonly milliseconds: number }
  /** a validator that had lost its data may vote again (PROTOCOL §6) */
  | { readonly type: "votes_again" }
  /** the state is fetched from other nodes; `target`: the sequence whose state it will be */
  | { readonly type: "transfer_begun"; readonly target: number }
  /** the state of this sequence is here, and is followed from there */
  | { readonly type: "transferred"; readonly sequence: number }
  /** a peer lied about the state, or did not answer in time; `suppressed` like it since the last that was told */
  | { readonly type: "transfer_fault"; readonly peerId: string; readonly fault: "false-state" | "stalled"; readonly suppressed: number }
  /** this node's state is not the quorum's: it votes no more, and fetches it */
  | { readonly type: "state_diverged"; readonly sequence: number; readonly detail: string }
  /** memory is short (`open`), or is so no more; bytes in use, and the limit */
  | { readonly type: "memory_breaker"; readonly breaker: "closed" | "open" | "half-open"; readonly used: number; readonly limit: number }
  | { readonly type: "halted"; readonly reason: string; readonly detail: string };

/** `time` in Unix milliseconds; ids ascend while the node runs and are new after a restart. */
export type NodeEvent = { readonly id: string; readonly time: number } & Happening;

/** `GET /v1/events` */
export interface Events {
  /**
   * What happened after the event `after`, at most `limit`; `lost` when some of it is no longer kept, or when the id is of an earlier life of the
   * node: then the oldest that are kept are given.
   */
  read(after: string, limit: number): { readonly events: readonly NodeEvent[]; readonly lost: boolean };
  subscribe(wake: () => void): () => void;
  /** the id of the last event, or of the beginning */
  readonly last: string;
}

/* ------------------------------------------------------------------ the log */

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** The level of each part of the log. */
export interface LogLevels {
  readonly node: LogLevel;
  readonly consensus: LogLevel;
  readonly network: LogLevel;
  readonly api: LogLevel;
  /** the peer-to-peer library's own lines; silent but for errors at first, whatever the level of the others */
  readonly libp2p: LogLevel;
}

/* ------------------------------------------------------------------ why it does not commit */

/** What this node knows of one validator's part in what comes next. */
export interface ExplainedValidator {
  readonly index: number;
  readonly peerId: string;
  readonly moniker?: string;
  readonly self: boolean;
  readonly reachable: boolean;
  readonly primary: boolean;
  /** its votes for the next sequence are here */
  readonly prepared: boolean;
  readonly committed: boolean;
  /** its VIEW-CHANGE is here */
  readonly wantsView: boolean;
  /** as its last heartbeat said; absent before the first */
  readonly view?: number;
  readonly executed?: number;
  readonly stable?: number;
}

/** `GET /v1/explain`; times in milliseconds */
export interface ExplainReport {
  readonly committing: boolean;
  /** for people: sentences, the most important first */
  readonly summary: readonly string[];
  readonly blocked?: { readonly reason: string; readonly since: number; readonly waitingFor: readonly string[] };
  readonly quorum: { readonly n: number; readonly f: number; readonly size: number; readonly reachable: number };
  /** `active`: false between views; `demand`: the view this node would rather be in */
  readonly view: { readonly number: number; readonly active: boolean; readonly demand: number };
  readonly next: { readonly sequence: number; readonly proposed: boolean };
  /** requests that wait; beyond `patienceMilliseconds` without a commit this node asks for another primary */
  readonly pool: {
    readonly requests: number;
    readonly bytes: number;
    readonly oldestMilliseconds: number;
    readonly patienceMilliseconds: number;
  };
  readonly syncing: boolean;
  readonly passive: boolean;
  readonly validators: readonly ExplainedValidator[];
}

/** What operators look at and turn: a part of `NodeService`. */
export interface Observable {
  readonly changes: Changes;
  readonly events: Events;
  /** Prometheus text, and its media type */
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
  explain(): ExplainReport;
  logLevels(): LogLevels;
  setLogLevels(levels: Partial<LogLevels>): void;
}
