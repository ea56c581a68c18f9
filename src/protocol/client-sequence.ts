/**
 * How a client numbers its requests (PROTOCOL §9). A replica remembers which of the last `window` numbers below a client's highest executed one
 * were executed, and refuses those further below; so what is outstanding at once must lie within one window, in whatever order it executes.
 */

export interface ClientSequence {
  /**
   * The next number. While others are outstanding it is the one after the last; else at least Unix milliseconds · 1024, so that a client that
   * forgot its last number, or that the network forgot, is still above all it ever used.
   * @returns undefined when the number would leave the window of the lowest outstanding one: wait until that one is settled
   */
  next(unixMs: number): number | undefined;
  /** The request with this number has its answer, or is given up. */
  settle(sequence: number): void;
  /** the last number given out */
  readonly last: number;
}

/** Numbers per millisecond: more than a client can use. */
export const sequencesPerMillisecond = 1024;

/**
 * @param init.window `Parameters.sessionWindow`
 * @param init.last the last number that was used, where it is remembered
 */
export const createClientSequence = (init: { readonly window: number; readonly last?: number }): ClientSequence => {
  /** ascending by insertion; never more than `window` entries */
  const outstanding = new Set<number>();
  let last = init.last ?? 0;
  return {
    next(unixMs) {
      const [lowest] = outstanding;
      const candidate = lowest === undefined ? Math.max(last + 1, Math.floor(unixMs) * sequencesPerMillisecond) : last + 1;
      if (lowest !== undefined && candidate - lowest >= init.window) return undefined;
      last = candidate;
      outstanding.add(candidate);
      return candidate;
    },
    settle(sequence) {
      outstanding.delete(sequence);
    },
    get last() {
      return last;
    },
  };
};
