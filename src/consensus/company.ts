/**
 * Company for a batch that has a free pipeline before it (PROTOCOL §3.2). Clients who ask again once they are answered fall into two halves: one waits while
 * the other is ordered, and each batch is half as large as it could be. So when everything in flight has committed, a primary counts on those who were in it,
 * and lets who waits already wait for them: not at all when everybody is there, no longer than a few batches take, and hardly ever where nobody comes back.
 */
import type { ReplicaSettings } from "./config.ts";

/** What is worth waiting for: a round of verification, answers and new requests of all clients takes twice as long as a batch where the machine is the limit. */
const ROUNDS = 4;
/** Fewer gain little by going together: those who come as they please are not kept waiting for them. */
const LEAST_CROWD = 4;
/** Commits that pass without a wait after one in vain: 1, and twice as many after each further one, up to this. */
const MOST_PASSED = 64;

/** Longest wait for company when the last batch took so long to commit, milliseconds. */
export const longestGathering = (roundMs: number, { maxBatchDelayMs }: Pick<ReplicaSettings, "maxBatchDelayMs">): number =>
  Math.min(maxBatchDelayMs / 2, ROUNDS * roundMs);

export interface Company {
  /** A request was admitted; so many are in the pool now, those in flight included. */
  came(pooled: number): void;
  /** A batch was cut while `waiting` requests waited; so many are in the pool. */
  cut(now: number, waiting: number, pooled: number): void;
  /** Nothing is in flight any more. */
  committed(now: number): void;
  /** Monotonic milliseconds until which `waiting` requests wait for more while nothing is in flight; −∞ when all who are expected are there. */
  until(waiting: number): number;
  /** Another view: nobody is expected. */
  restart(): void;
}

export const createCompany = (settings: Pick<ReplicaSettings, "maxBatchDelayMs">): Company => {
  /** most requests that were here at once since the latest cut */
  let crowd = 0;
  let cutAt = 0;
  let expected = 0;
  let until = Number.NEGATIVE_INFINITY;
  /** commits to let pass, and how many the next wait in vain costs */
  let [passing, cost] = [0, 1];

  return {
    came(pooled) {
      crowd = Math.max(crowd, pooled);
    },
    cut(now, waiting, pooled) {
      const inVain = until <= now && 4 * waiting < 3 * expected;
      if (until !== Number.NEGATIVE_INFINITY) {
        passing = inVain ? cost : 0;
        cost = inVain ? Math.min(2 * cost, MOST_PASSED) : 1;
      }
      until = Number.NEGATIVE_INFINITY;
      crowd = pooled;
      cutAt = now;
    },
    committed(now) {
      if (passing > 0) passing -= 1;
      else if (crowd >= LEAST_CROWD) {
        expected = crowd;
        until = now + longestGathering(now - cutAt, settings);
      }
    },
    until: (waiting) => (waiting < expected ? until : Number.NEGATIVE_INFINITY),
    restart() {
      crowd = 0;
      until = Number.NEGATIVE_INFINITY;
    },
  };
};
