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
