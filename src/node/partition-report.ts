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
  /** present when there were some */
  readonly conflicts?: readonly { readonly kind: string; readonly detail: string; readonly resolution: string }[];
}

/** A cut of this node's links, in test networks. */
export interface Cut {
  /** peer ids of nodes of the network */
  readonly peers: readonly string[];
  /** `inbound`: only what those peers send here is lost */
  readonly direction: "both" | "inbound";
}
