/** Partitions on HTTP, as a client sees them (docs/partitions.md, "The report"); a test holds the types equal to the server's schemas. */
import type { BrokenLinkJson, StatusAnswer } from "./answers.ts";

export interface PartitionPhaseJson {
  /** Unix milliseconds */
  readonly at: number;
  readonly state: StatusAnswer["connectivity"];
  readonly sides: readonly (readonly string[])[];
  readonly brokenLinks?: readonly BrokenLinkJson[];
}

/** A partition as the asked node lived through it. */
export interface PartitionAnswer {
  readonly id: string;
  readonly since: number;
  /** absent while it goes on */
  readonly until?: number;
  readonly state: StatusAnswer["connectivity"];
  readonly sides: readonly (readonly string[])[];
  readonly brokenLinks?: readonly BrokenLinkJson[];
  readonly sequences: { readonly since: number; readonly until?: number };
  readonly phases: readonly PartitionPhaseJson[];
  readonly catchUp?: { readonly sequences: number; readonly bytes: number; readonly milliseconds: number };
  /** shared documents written meanwhile: changes made on the asked node's side, and on the others'; `anchor`: the ledger's word on what came of it */
  readonly documents?: readonly {
    readonly name: string;
    readonly ours: number;
    readonly theirs: number;
    readonly anchor?: { readonly digest: string; readonly sequence: number };
  }[];
  readonly conflicts?: readonly {
    readonly kind: string;
    readonly document?: string;
    readonly detail: string;
    readonly resolution: string;
  }[];
}
