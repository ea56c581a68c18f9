/** A rate with a burst: `take` succeeds while there are tokens, which come back at a steady pace. */
export interface TokenBucket {
  take(amount: number): boolean;
}

/** Starts full. `now` in milliseconds, monotonic. */
export const createTokenBucket = (perSecond: number, burst: number, now: () => number): TokenBucket => {
  let tokens = burst;
  let at = now();
  return {
    take(amount) {
      const time = now();
      tokens = Math.min(burst, tokens + ((time - at) * perSecond) / 1000);
      at = time;
      if (tokens < amount) return false;
      tokens -= amount;
      return true;
    },
  };
};
