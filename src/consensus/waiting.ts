/** What this replica waits for, and since when: the ground of every demand for another view (PROTOCOL §5). */
import { nextSequence } from "../protocol/ids.ts";
import { oldestOf, type Lane } from "./lanes.ts";
import type { State } from "./state.ts";

/**
 * Since when a source's oldest request waits to be ordered: since it is the oldest, so that a long queue that moves is no offence (Castro & Liskov, §4.4), a
 * request that is passed over is one. Each source has a timer of its own: no primary starves one while it serves another.
 */
export const headWaitsSince = (state: State, lane: Lane): number => Math.max(oldestOf(lane).since, lane.headSince, state.timersFrom);

/**
 * When the oldest known work began to wait: a source's oldest request, or the primary's proposal for the next sequence. Votes alone do not
 * count: a single liar could keep every replica waiting for a slot that no primary proposed.
 */
export const waitingSince = (state: State): number | undefined => {
  let since = Number.POSITIVE_INFINITY;
  for (const lane of state.pool.lanes()) since = Math.min(since, headWaitsSince(state, lane));
  const next = state.slots.get(nextSequence(state.committedUpTo));
  if (next?.proposal !== undefined) since = Math.min(since, Math.max(next.seenAt, state.progressAt, state.timersFrom));
  return since === Number.POSITIVE_INFINITY ? undefined : since;
};

/** When what waits is overdue; however well a queue moves, no request waits longer than the ceiling. */
export const commitDue = (state: State): number | undefined => {
  const since = waitingSince(state);
  if (since === undefined) return undefined;
  const oldest = state.pool.oldest()?.since ?? Number.POSITIVE_INFINITY;
  const ceiling = Math.max(oldest, state.timersFrom) + state.config.settings.requestTimeoutCeilingMs;
  return Math.min(since + state.patience.requestTimeout(), ceiling);
};

/** Longest a live process is late for a deadline, milliseconds; a later one was stopped, and its patience did not run meanwhile. */
const PAUSE_MS = 1_000;

/** A process that stood still must not hold the lost time against anybody: what waited is given its time again. */
export const forgivePause = (state: State, now: number, due: () => number | undefined): void => {
  const silence = now - state.lastNow;
  if (silence > PAUSE_MS) {
    const deadline = due();
    if (deadline !== undefined && now - Math.max(deadline, state.lastNow) > PAUSE_MS) {
      state.timersFrom = now;
      state.progressAt = now;
      state.repeatAt = now;
      if (state.newViewDeadline !== undefined) state.newViewDeadline += silence;
    }
  }
  state.lastNow = now;
};
