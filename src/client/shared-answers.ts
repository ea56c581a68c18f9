/** Shared documents on HTTP, as a client sees them (docs/http.md, "Shared documents"). */
import type { CheckpointJson } from "./answers.ts";

export interface SharedHead {
  readonly name: string;
  /** equal digests, equal documents */
  readonly digest: string;
  readonly operations: number;
}

export interface SharedListAnswer {
  readonly items: readonly SharedHead[];
}

/** What stands under one key: a member for each type that has something there. */
export interface SharedField {
  /** the nearest double beyond 2^53; `?raw=1` has every digit */
  readonly counter?: number;
  readonly list?: readonly { readonly id: string; readonly value: string }[];
  readonly map?: Readonly<Record<string, SharedField>>;
  /** several when they were written at the same time on several sides */
  readonly register?: readonly string[];
  readonly set?: readonly string[];
}

/** What the ledger says about a document: f+1 validators held it with this digest. */
export interface SharedAnchor {
  readonly digest: string;
  /** where it became the anchor, and ledger time then, Unix milliseconds */
  readonly sequence: number;
  readonly timestamp: number;
  /** their keys */
  readonly validators: readonly string[];
}

/** The anchor, or that there is none, as of a checkpoint that a quorum signed. */
export interface SharedProofJson {
  readonly anchor?: SharedAnchor;
  readonly checkpoint: CheckpointJson;
  /** base64 */
  readonly path: string;
  /** base64; the signed operations that the anchor's digest names, if the node still has exactly those and they are not too many */
  readonly operations?: readonly string[];
}

export interface SharedAnswer extends SharedHead {
  readonly heads: readonly string[];
  /** absent before the first; `current`: it is of what the document holds now */
  readonly anchor?: SharedAnchor & { readonly current: boolean };
  /** where it was asked for */
  readonly proof?: SharedProofJson;
  /** keys of authors proven to have forked their history of this document */
  readonly forkers: readonly string[];
  readonly content: Readonly<Record<string, SharedField>>;
}

/** `after` and `element` are ids as a list shows them, or `:N` for what change N of the same edit inserts. */
export type SharedChange =
  | { readonly type: "counter-add"; readonly path: readonly string[]; readonly amount: number }
  | { readonly type: "set-add" | "set-remove" | "register-set"; readonly path: readonly string[]; readonly value: string }
  | { readonly type: "list-insert"; readonly path: readonly string[]; readonly value: string; readonly after?: string }
  | { readonly type: "list-remove"; readonly path: readonly string[]; readonly element: string }
  | { readonly type: "clear"; readonly path: readonly string[] };

export interface SharedEditAnswer {
  readonly name: string;
  /** the id of the signed operation */
  readonly operation: string;
  readonly sequence: number;
  readonly digest: string;
}
