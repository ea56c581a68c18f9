/** Waiting for conditions. */
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 50;

/**
 * Asks again until `check` neither throws nor returns undefined.
 *
 * @throws Error with what was seen last, once `limitMs` have passed or `signal` ends it
 */
export const eventually = async <T>(
  what: string,
  limitMs: number,
  check: () => Promise<T | undefined> | T | undefined,
  signal?: AbortSignal,
): Promise<T> => {
  const deadline = performance.now() + limitMs;
  for (;;) {
    let seen: unknown = "not yet";
    try {
      const value = await check();
      if (value !== undefined) return value;
    } catch (error) {
      seen = error;
    }
    if (signal?.aborted === true) throw new Error(`${what}: interrupted`);
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms (${String(seen)})`, { cause: seen });
    await delay(pollMs);
  }
};

/** `eventually` for a plain condition. */
export const until = async (
  what: string,
  limitMs: number,
  holds: () => Promise<boolean> | boolean,
  signal?: AbortSignal,
): Promise<void> => {
  await eventually(what, limitMs, async () => ((await holds()) ? true : undefined), signal);
};

/** longer than what is under way takes to arrive, also on a machine that is busy with other work */
const restMs = 500;

/**
 * Looks again until the same was seen for half a second.
 *
 * @param same what must not change of what is seen
 * @throws Error as `eventually` does
 */
export const unchanged = async <T>(
  what: string,
  limitMs: number,
  look: () => Promise<T>,
  same: (seen: T) => unknown,
  signal?: AbortSignal,
): Promise<T> => {
  let last: string | undefined;
  let since = 0;
  return eventually(
    what,
    limitMs,
    async () => {
      const seen = await look();
      const now = JSON.stringify(same(seen));
      if (now !== last) since = performance.now();
      last = now;
      if (performance.now() - since >= restMs) return seen;
      throw new Error(`last seen: ${now}`);
    },
    signal,
  );
};
