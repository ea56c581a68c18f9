/** What `/v1/partitions` says, and what test networks ask for. Types only; peers by peer id, times in Unix milliseconds. */
import type { ConnectivityState } from "../partition/connectivity.ts";

/** What `from` sends does not arrive at `to`. */
export interface BrokenLinkReport {
  readonly from: string;
  readonly to: string;
}

/** How the links stood for a while. */
export interface PartitionPhase {
  readonly at: number;
  readonly state: ConnectivityState;
  /** peer ids, this node's own side first */
  readonly sides: readonly (readonly string[])[];
  readonly brokenLinks?: readonly BrokenLinkReport[];
}

/** A shared document that was written during a partition. */
export interface MergedDocumentReport {
  readonly name: string;
  /** changes made on this node's side, and those that came from the others */
  readonly ours: number;
  readonly theirs: number;
  /** what the ledger said of it afterwards; absent until it does */
  readonly anchor?: { readonly digest: string; readonly sequence: number };
}

/** What the sides did that met, and what came of it. */
export interface ConflictReport {
  readonly kind: string;
  /** the shared document that it is about */
  readonly document?: string;
  readonly detail: string;
  readonly resolution: string;
}

/** One entry of `GET /v1/partitions`: a partition as this node lived through it (docs/partitions.md). */
export interface PartitionReport {
  readonly id: string;
  readonly since: number;
  /** absent while it goes on */
  readonly until?: number;
  /** while it goes on, as it is; afterwards what lasted longest */
  readonly state: ConnectivityState;
  readonly sides: readonly (readonly string[])[];
  readonly brokenLinks?: readonly BrokenLinkReport[];
  /** executed here when it began, and when it was over */
  readonly sequences: { readonly since: number; readonly until?: number };
  readonly phases: readonly PartitionPhase[];
  /** present once it is over */
  readonly catchUp?: { readonly sequences: number; readonly bytes: number; readonly milliseconds: number };
  /** shared documents that were written meanwhile; present once it is over, when there were some */
  readonly documents?: readonly MergedDocumentReport[];
  /** present when there were some */
  readonly conflicts?: readonly ConflictReport[];
}

/** A cut of this node's links, in test networks. */
export interface Cut {
  /** peer ids of nodes of the network */
  readonly peers: readonly string[];
  /** `inbound`: only what those peers send here is lost */
  readonly direction: "both" | "inbound";
}
