/** Batches asked for by digest: first our own store, then one peer after another (PROTOCOL §3). */
import type { Digest, ReplicaIndex } from "../../protocol/ids.ts";
import type { Batch } from "../../protocol/messages.ts";

export interface Fetcher {
  /** peers are asked in this order; a digest that is being fetched takes the new ones on */
  want(digest: Digest, from: readonly ReplicaIndex[]): void;
  /** true if it was wanted; it no longer is */
  arrived(digest: Digest): boolean;
  tick(): void;
  deadline(): number | undefined;
}

export interface FetcherOptions {
  readonly local: (digest: Digest) => Batch | undefined;
  readonly found: (batch: Batch) => void;
  readonly ask: (peer: ReplicaIndex, digest: Digest) => void;
  readonly now: () => number;
  readonly timeoutMs: number;
}

interface Fetch {
  /** not asked yet */
  readonly untried: Set<ReplicaIndex>;
  deadline: number;
}

/** Digests fetched at once: more than a window has no use; beyond it the oldest is given up, and asked for again by repetition. */
const MAX_FETCHES = 512;

export const createFetcher = ({ local, found, ask, now, timeoutMs }: FetcherOptions): Fetcher => {
  const fetches = new Map<Digest, Fetch>();

  const askNext = (digest: Digest, fetch: Fetch): void => {
    for (const peer of fetch.untried) {
      fetch.untried.delete(peer);
      fetch.deadline = now() + timeoutMs;
      return ask(peer, digest);
    }
    // everybody was asked: whoever still wants it says so again
    fetches.delete(digest);
  };

  return {
    want(digest, from) {
      const known = fetches.get(digest);
      if (known !== undefined) {
        for (const peer of from) known.untried.add(peer);
        return;
      }
      const own = local(digest);
      if (own !== undefined) return found(own);
      const fetch: Fetch = { untried: new Set(from), deadline: now() };
      fetches.set(digest, fetch);
      for (const oldest of fetches.keys()) {
        if (fetches.size <= MAX_FETCHES) break;
        fetches.delete(oldest);
      }
      askNext(digest, fetch);
    },
    arrived: (digest) => fetches.delete(digest),
    tick() {
      for (const [digest, fetch] of fetches) if (fetch.deadline <= now()) askNext(digest, fetch);
    },
    deadline() {
      let next: number | undefined;
      for (const { deadline } of fetches.values()) next = Math.min(next ?? deadline, deadline);
      return next;
    },
  };
};
