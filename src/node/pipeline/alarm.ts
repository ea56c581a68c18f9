/** One timer for many deadlines. */
import type { Clock } from "../clock.ts";

export interface Alarm {
  /** `ring` is due at this monotonic time at the latest; undefined: nothing is waited for. It may ring early, never late. */
  set(at: number | undefined): void;
  stop(): void;
}

/** Deadlines mostly move away as work gets done: a timer that is early is left alone, which saves one for every message. */
export const createAlarm = (clock: Clock, ring: () => void): Alarm => {
  let armedAt: number | undefined;
  let cancel: (() => void) | undefined;
  const stop = (): void => {
    cancel?.();
    cancel = undefined;
    armedAt = undefined;
  };
  return {
    set(at) {
      if (at === undefined) return stop();
      if (armedAt !== undefined && armedAt <= at) return;
      cancel?.();
      armedAt = at;
      cancel = clock.after(Math.max(0, at - clock.now()), () => {
        cancel = undefined;
        armedAt = undefined;
        ring();
      });
    },
    stop,
  };
};
