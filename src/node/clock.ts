/** Time as the node sees it: a port, and the system's own behind it. */

export interface Clock {
  /** monotonic milliseconds */
  now(): number;
  /** Unix milliseconds */
  wall(): number;
  /** runs `callback` once, after `delayMs`; returns what cancels it */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
