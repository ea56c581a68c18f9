/**
 * The breaker of the memory budget: pure. Samples of pressure and time go in, a state comes out, and now and then the wish that garbage be collected.
 *
 * V8 lets garbage lie, so a high sample alone means little: the breaker asks for a collection, and opens when the sample after it is high as well. It opens
 * without asking only when there is no time left. Open, it waits for pressure to fall below a lower mark, and at least `holdMs`; then it lets a bounded number
 * of requests through for `trialMs`, and closes if that did no harm.
 */

export type BreakerState = "closed" | "open" | "half-open";

export interface BreakerRule {
  /** pressure from which on it opens, if a collection does not help */
  readonly openAt: number;
  /** pressure from which on it opens at once */
  readonly urgentAt: number;
  /** pressure at which it may let something through again */
  readonly closeAt: number;
  /** it stays open for so long at least; also the pause between collections meanwhile, milliseconds */
  readonly holdMs: number;
  /** it stays half-open for so long before it closes, milliseconds */
  readonly trialMs: number;
}

export const breakerRule: BreakerRule = { openAt: 0.88, urgentAt: 0.96, closeAt: 0.8, holdMs: 2_000, trialMs: 2_000 };

export interface Breaker {
  readonly state: BreakerState;
  /** when it came into this state, monotonic milliseconds */
  readonly since: number;
  /** the last sample was high, and a collection was asked for: the next one shows what is needed */
  readonly asked: boolean;
  /** when a collection was last asked for */
  readonly collectedAt: number;
}

export interface MemorySample {
  /** memory in use, as a fraction of the limit */
  readonly pressure: number;
  /** monotonic milliseconds; never less than at the sample before */
  readonly now: number;
}

export interface BreakerStep {
  readonly breaker: Breaker;
  /** garbage should be collected before the next sample */
  readonly collect: boolean;
}

export const closedBreaker = (now: number): Breaker => ({
  state: "closed",
  since: now,
  asked: false,
  collectedAt: Number.NEGATIVE_INFINITY,
});

const enter = (breaker: Breaker, state: BreakerState, now: number): Breaker => ({ ...breaker, state, since: now, asked: false });

const collecting = (breaker: Breaker, now: number): BreakerStep => ({ breaker: { ...breaker, collectedAt: now }, collect: true });

const whileOpen = (breaker: Breaker, { pressure, now }: MemorySample, { closeAt, holdMs }: BreakerRule): BreakerStep => {
  const held = now - breaker.since >= holdMs;
  if (held && pressure <= closeAt) return { breaker: enter(breaker, "half-open", now), collect: false };
  // nothing new comes, so nothing else would make V8 look for what can go
  if (pressure > closeAt && now - breaker.collectedAt >= holdMs) return collecting(breaker, now);
  return { breaker, collect: false };
};

/** The state after one more sample. */
export const afterSample = (breaker: Breaker, sample: MemorySample, rule: BreakerRule = breakerRule): BreakerStep => {
  if (breaker.state === "open") return whileOpen(breaker, sample, rule);
  const { pressure, now } = sample;
  const isHigh = pressure >= rule.openAt;
  if (pressure >= rule.urgentAt || (isHigh && breaker.asked)) return collecting(enter(breaker, "open", now), now);
  if (isHigh) return collecting({ ...breaker, asked: true }, now);
  const done = breaker.state === "half-open" && now - breaker.since >= rule.trialMs;
  return { breaker: done ? enter(breaker, "closed", now) : { ...breaker, asked: false }, collect: false };
};
