/**
 * How a client numbers its requests (PROTOCOL §9). The ledger remembers the `window` highest numbers that a client used, and refuses as stale any
 * other that is not above the highest it forgot. So a request stays acceptable, in whatever order requests execute and however far apart their
 * numbers are, while fewer than `window` were numbered after it.
 */

export interface ClientSequence {
  /**
   * The next number: above the last one, and at least Unix milliseconds · 1024, so that a client that forgot its last number, or that the network
   * forgot, is still above all it ever used.
   * @param above what the ledger knows of this client, or forgot of others: a lower number it would refuse. Whoever fills the table of sessions with numbers
   * that are far ahead lifts that above what the clock says, by a day at most
   * @returns undefined when `window` numbers were given out since the oldest outstanding one: wait until that one is settled
   */
  next(unixMs: number, above?: number): number | undefined;
  /** The request with this number has its answer, or is given up. */
  settle(sequence: number): void;
  /** the last number given out */
  readonly last: number;
}

/** Numbers per millisecond: more than a client can use. */
export const sequencesPerMillisecond = 1024;

const dayMs = 86_400_000;

/**
 * The highest client number that may run at this ledger time: no farther ahead than a day. It bounds what an eviction can lift the floor to. The ledger
 * refuses a higher one and, as it does not remember it, could be asked again for ever: no honest validator orders it.
 */
export const highestNumberAt = (ledgerTimeMs: number): number =>
  Math.min((ledgerTimeMs + dayMs) * sequencesPerMillisecond, Number.MAX_SAFE_INTEGER);

/**
 * @param init.window `Parameters.sessionWindow`
 * @param init.last the last number that was used, where it is remembered
 */
export const createClientSequence = (init: { readonly window: number; readonly last?: number }): ClientSequence => {
  /** number → how many were given out before it, in order; never more than `window` entries */
  const outstanding = new Map<number, number>();
  let given = 0;
  let last = init.last ?? 0;
  return {
    next(unixMs, above = 0) {
      const [oldest] = outstanding.values();
      if (oldest !== undefined && given - oldest >= init.window) return undefined;
      last = Math.max(last + 1, Math.floor(unixMs) * sequencesPerMillisecond, above + 1);
      outstanding.set(last, given);
      given += 1;
      return last;
    },
    settle(sequence) {
      outstanding.delete(sequence);
    },
    get last() {
      return last;
    },
  };
};
