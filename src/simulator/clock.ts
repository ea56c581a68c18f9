/** A node's two clocks over virtual time: the monotonic one drifts, the wall clock is off and jumps. */
import type { Clock } from "../node/clock.ts";
import type { Schedule } from "./schedule.ts";

export interface SimulatedClock {
  /** from now on its monotonic clock runs at so many milliseconds a real one */
  setRate(rate: number): void;
  /** how far the wall clock is from the truth, milliseconds */
  wallOffsetMs: number;
  /** The ports of one life: `run` is asked to run what a timer is for, in that life. */
  portsFor(run: (work: () => void) => void, boundary: () => void): Clock;
  /** monotonic milliseconds of this node */
  now(): number;
}

/** Unix milliseconds at which every universe begins: 2026-01-01. */
export const EPOCH_MS = 1_767_225_600_000;

export const createSimulatedClock = (schedule: Schedule): SimulatedClock => {
  let rate = 1;
  /** node milliseconds at virtual time `since` */
  let base = 0;
  let since = 0;
  const now = (): number => base + ((schedule.now - since) / 1000) * rate;
  const clock: SimulatedClock = {
    setRate(next) {
      base = now();
      since = schedule.now;
      rate = next;
    },
    wallOffsetMs: 0,
    now,
    portsFor: (run, boundary) => ({
      now,
      wall: () => Math.floor(EPOCH_MS + schedule.now / 1000 + clock.wallOffsetMs),
      after(delayMs, callback) {
        boundary();
        // a moment at least: a remainder that is lost in rounding must not ring for ever
        const event = schedule.after(delayMs > 0 ? Math.max(1, (delayMs * 1000) / rate) : 0, () => run(callback));
        return () => schedule.cancel(event);
      },
    }),
  };
  return clock;
};
