/**
 * How patient to be (PROTOCOL §5): the request timeout follows the observed latency like TCP's retransmission timer (RFC 6298),
 * doubles with each view change in a row without progress, and stays between a floor and a ceiling.
 */
import type { ReplicaSettings } from "./config.ts";

export interface Patience {
  /** a request this node knew of was executed after `latencyMs` */
  observe(latencyMs: number): void;
  /** one more view change without progress */
  backOff(): void;
  progress(): void;
  /** milliseconds */
  requestTimeout(): number;
  readonly backOffs: number;
}

export const createPatience = (settings: Pick<ReplicaSettings, "requestTimeoutFloorMs" | "requestTimeoutCeilingMs">): Patience => {
  let mean: number | undefined;
  let deviation = 0;
  let backOffs = 0;
  const { requestTimeoutFloorMs: floor, requestTimeoutCeilingMs: ceiling } = settings;
  return {
    observe(latencyMs) {
      if (mean === undefined) {
        mean = latencyMs;
        deviation = latencyMs / 2;
        return;
      }
      deviation += (Math.abs(latencyMs - mean) - deviation) / 4;
      mean += (latencyMs - mean) / 8;
    },
    backOff() {
      backOffs += 1;
    },
    progress() {
      backOffs = 0;
    },
    requestTimeout() {
      const base = Math.min(ceiling, Math.max(floor, (mean ?? 0) + 4 * deviation));
      return Math.min(ceiling, base * 2 ** Math.min(backOffs, 20));
    },
    get backOffs() {
      return backOffs;
    },
  };
};

/** Samples per verdict, and what makes a primary plainly slow: both must hold. */
const SAMPLES = 8;
const SLOWER_THAN_BEST = 8;
const SLOW_MS = 250;

/**
 * Tells a primary that drags its feet from one that is busy: it only counts the time in which requests wait and nothing is in flight,
 * which is the primary's doing alone, and compares its mean with the best that was seen in any view.
 */
export interface Pace {
  /** requests wait and nothing is in flight (or no longer so) */
  waiting(now: number, isWaiting: boolean): void;
  /** a proposal came; true if the primary is plainly slower than history */
  proposed(now: number): boolean;
  viewEntered(): void;
}

export const createPace = (): Pace => {
  let since: number | undefined;
  let sum = 0;
  let count = 0;
  let best: number | undefined;
  return {
    waiting(now, isWaiting) {
      if (!isWaiting) since = undefined;
      else since ??= now;
    },
    proposed(now) {
      if (since === undefined) return false;
      sum += now - since;
      since = undefined;
      count += 1;
      if (count < SAMPLES) return false;
      const mean = sum / count;
      sum = 0;
      count = 0;
      const slow = best !== undefined && mean > SLOW_MS && mean > SLOWER_THAN_BEST * best;
      // the yardstick forgets slowly, so that a network that became slower for good is accepted in the end
      best = best === undefined ? mean : Math.min(mean, slow ? best * 2 : best * 1.05 + 0.1);
      return slow;
    },
    viewEntered() {
      since = undefined;
      sum = 0;
      count = 0;
    },
  };
};
