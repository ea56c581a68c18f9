/** Batches asked for by digest: first our own store, then one peer after another (PROTOCOL §3). */
import type { Digest, ReplicaIndex } from "../../protocol/ids.ts";
import type { Batch } from "../../protocol/messages.ts";

export interface Fetcher {
  /** peers are asked in this order; a digest that is being fetched takes the new ones on */
  want(digest: Digest, from: readonly ReplicaIndex[]): void;
  /** true if it was wanted; it no longer is */
  arrived(digest: Digest): boolean;
  /**
   * It is here, whoever brought it, and being checked: while it is, but no longer than `timeoutMs`, nobody is asked who was not asked before.
   *
   * @returns to be called once when the check is over. `known`: nobody needs it any more; otherwise those who want it ask at once
   */
  checking(digest: Digest): (known: boolean) => void;
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
  /** copies of a batch that are being checked; as many as there are proposals and answers under verification */
  const checks = new Map<Digest, number>();

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
      const fetch: Fetch = { untried: new Set(from), deadline: now() + timeoutMs };
      fetches.set(digest, fetch);
      for (const oldest of fetches.keys()) {
        if (fetches.size <= MAX_FETCHES) break;
        fetches.delete(oldest);
      }
      if (!checks.has(digest)) askNext(digest, fetch);
    },
    checking(digest) {
      checks.set(digest, (checks.get(digest) ?? 0) + 1);
      return (known) => {
        const others = (checks.get(digest) ?? 1) - 1;
        if (others > 0) checks.set(digest, others);
        else checks.delete(digest);
        const fetch = fetches.get(digest);
        if (known) fetches.delete(digest);
        else if (others === 0 && fetch !== undefined) askNext(digest, fetch);
      };
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
