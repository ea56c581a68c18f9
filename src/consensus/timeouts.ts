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

/** Samples per verdict. */
const SAMPLES = 8;
/** What no primary is blamed for, milliseconds: a pause of garbage collection, a busy disk. */
const FORGIVEN_MS = 50;
/** Of the best that a request took: a primary that wastes more than this halves what there could be. */
const WASTED = 1.5;

/**
 * Tells a primary that drags its feet from one that is busy: it only counts the time in which requests wait and nothing is in flight, which is the
 * primary's doing alone. The yardstick is the best that a request took in any view, the wait and the rest together; before there is any, twice
 * what the others need from the proposal on.
 */
export interface Pace {
  /** requests wait and nothing is in flight (or no longer so) */
  waiting(now: number, isWaiting: boolean): void;
  /** a proposal came; true if the primary is plainly slower than history, or than its peers */
  proposed(now: number): boolean;
  /** something was committed */
  committed(now: number): void;
  viewEntered(): void;
}

/** @param f of f+1 primaries in a row one is honest: when all of them seem slow, it is the network, and the yardstick gives way */
export const createPace = (f: number): Pace => {
  let since: number | undefined;
  let proposedAt: number | undefined;
  let waits = { sum: 0, count: 0 };
  let commits = { sum: 0, count: 0 };
  let best: number | undefined;
  let slowInARow = 0;
  const forget = (): void => {
    waits = { sum: 0, count: 0 };
    commits = { sum: 0, count: 0 };
  };
  const judge = (): boolean => {
    const wait = waits.sum / waits.count;
    const rest = commits.count === 0 ? 0 : commits.sum / commits.count;
    forget();
    const yardstick = best ?? 2 * rest;
    const slow = wait > FORGIVEN_MS && wait > WASTED * yardstick;
    slowInARow = slow ? slowInARow + 1 : 0;
    // it forgets slowly, too, so that a network that became slower for good is accepted in the end
    best = Math.min(wait + rest, slowInARow > f ? 2 * yardstick + 1 : slow ? yardstick : 1.05 * yardstick + 0.1);
    return slow;
  };
  return {
    waiting(now, isWaiting) {
      if (!isWaiting) since = undefined;
      else since ??= now;
    },
    proposed(now) {
      if (since === undefined) return false;
      waits.sum += now - since;
      waits.count += 1;
      since = undefined;
      proposedAt = now;
      return waits.count >= SAMPLES && judge();
    },
    committed(now) {
      if (proposedAt === undefined) return;
      commits.sum += now - proposedAt;
      commits.count += 1;
      proposedAt = undefined;
    },
    viewEntered() {
      since = proposedAt = undefined;
      forget();
    },
  };
};
