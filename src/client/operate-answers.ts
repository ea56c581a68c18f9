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

/** One event of `/v1/watch`; `version` is the key's afterwards, 0 once it is deleted. */
export type WatchEvent = KeyJson & { readonly version: number; readonly sequence: number } & (
    | { readonly type: "put"; readonly value: string; readonly encoding: ValueEncoding }
    | { readonly type: "delete" }
  );
