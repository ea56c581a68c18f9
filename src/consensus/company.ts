/**
 * Company for a batch that has a free pipeline before it (PROTOCOL §3.2). Clients who ask again once they are answered fall into two halves: one waits while
 * the other is ordered, and each batch is half as large as it could be. So when everything in flight has committed, a primary counts on those who were in it,
 * and lets who waits already wait for them: not at all when everybody is there, no longer than a few batches take, and hardly ever where nobody comes back.
 */
import type { ReplicaSettings } from "./config.ts";

/** What is worth waiting for: a round of verification, answers and new requests of all clients takes twice as long as a batch where the machine is the limit. */
const ROUNDS = 4;
/**
 * Clients; fewer gain little by going together, and who comes as he pleases is not kept waiting for them. The gateways of a small network are fewer, too: what they
 * send next is none of it their last answer's echo, and more of it comes with the next batch.
 */
const LEAST_CROWD = 8;
/** Commits that pass without a wait after one in vain: 1, and twice as many after each further one, up to this. */
const MOST_PASSED = 64;

/** Longest wait for company when the last batch took so long to commit, milliseconds. */
export const longestGathering = (roundMs: number, { maxBatchDelayMs }: Pick<ReplicaSettings, "maxBatchDelayMs">): number =>
  Math.min(maxBatchDelayMs / 2, ROUNDS * roundMs);

export interface Company {
  /** A request was admitted; so many clients have one in the pool now, those in flight included. */
  came(clients: number): void;
  /** A batch was cut, while so many clients had a request in the pool. */
  cut(now: number, clients: number): void;
  /** Nothing is in flight any more. */
  committed(now: number): void;
  /** Monotonic milliseconds until which so many clients wait for others while nothing is in flight; −∞ when all who are expected are there. */
  until(clients: number): number;
  /** Another view: nobody is expected. */
  restart(): void;
}

export const createCompany = (settings: Pick<ReplicaSettings, "maxBatchDelayMs">): Company => {
  /** most clients that were here at once since the latest cut */
  let crowd = 0;
  let cutAt = 0;
  let expected = 0;
  let until = Number.NEGATIVE_INFINITY;
  /** commits to let pass, and how many the next wait in vain costs */
  let [passing, cost] = [0, 1];

  return {
    came(clients) {
      crowd = Math.max(crowd, clients);
    },
    cut(now, clients) {
      const inVain = until <= now && 4 * clients < 3 * expected;
      if (until !== Number.NEGATIVE_INFINITY) {
        passing = inVain ? cost : 0;
        cost = inVain ? Math.min(2 * cost, MOST_PASSED) : 1;
      }
      until = Number.NEGATIVE_INFINITY;
      crowd = clients;
      cutAt = now;
    },
    committed(now) {
      if (passing > 0) passing -= 1;
      else if (crowd >= LEAST_CROWD) {
        expected = crowd;
        until = now + longestGathering(now - cutAt, settings);
      }
    },
    until: (clients) => (clients < expected ? until : Number.NEGATIVE_INFINITY),
    restart() {
      crowd = 0;
      until = Number.NEGATIVE_INFINITY;
    },
  };
};
