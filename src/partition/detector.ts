/**
 * An accrual failure detector: how surprising is a peer's silence, given how its heartbeats came so far (PROTOCOL §10)? Its answer grows with
 * time instead of flipping at a fixed limit, so a link that is always late is not called dead, and a steady one is missed soon.
 */

export interface DetectorOptions {
  /** the pace of heartbeats; nobody is expected to be faster, milliseconds */
  readonly heartbeatMs: number;
  /** −log₁₀ of the chance that a living peer is silent for so long, from which on it is suspected */
  readonly threshold?: number;
}

export interface Detector {
  /** any frame: a peer that sends something lives, even if its heartbeat waits behind a long answer */
  heard(now: number): void;
  /** a heartbeat: heard, and one more sample of its pace */
  beat(now: number): void;
  /** our own event loop stood still: what the peer sent meanwhile was waiting here, that was not its silence */
  stalled(lagMs: number): void;
  /** −log₁₀ of the chance that a living peer is silent until `now` */
  suspicion(now: number): number;
  isSuspect(now: number): boolean;
}

/** heartbeats whose intervals are remembered; the oldest is forgotten */
const MAX_SAMPLES = 64;
/** before so many intervals nothing is known of a peer's pace, and both ends may be busy with handshakes */
const MIN_SAMPLES = 3;
/** of the heartbeat's pace: bounds of the deviation. The first is what jitter costs anyway, the last bounds detection at about 4 s. */
const MIN_DEVIATION = 0.6;
const FIRST_DEVIATION = 1.5;
const MAX_DEVIATION = 2;
/** with the bounds above a steady peer is suspected after about 4.1 heartbeats of silence, an unknown one after about 9 */
const THRESHOLD = 8;

/** How heartbeats came, milliseconds. */
interface Pace {
  readonly mean: number;
  readonly deviation: number;
}

/** −log₁₀ of the upper tail of the normal distribution, by the logistic approximation: within a few per cent up to 8 deviations. */
const tail = (deviations: number): number => {
  const exponent = deviations * (1.5976 + 0.070566 * deviations * deviations);
  return Math.log1p(Math.exp(Math.min(exponent, 600))) / Math.LN10;
};

export const createDetector = ({ heartbeatMs, threshold = THRESHOLD }: DetectorOptions, since: number): Detector => {
  const intervals: number[] = [];
  let lastBeat = since;
  let lastHeard = since;
  /** of the intervals; undefined when one came since it was measured */
  let pace: Pace | undefined;

  const measure = (): Pace => {
    if (intervals.length < MIN_SAMPLES) return { mean: heartbeatMs, deviation: FIRST_DEVIATION * heartbeatMs };
    const mean = intervals.reduce((sum, each) => sum + each, 0) / intervals.length;
    const variance = intervals.reduce((sum, each) => sum + (each - mean) ** 2, 0) / intervals.length;
    const deviation = Math.min(Math.max(Math.sqrt(variance), MIN_DEVIATION * heartbeatMs), MAX_DEVIATION * heartbeatMs);
    return { mean: Math.min(Math.max(mean, heartbeatMs), 2 * heartbeatMs), deviation };
  };

  const suspicion = (now: number): number => {
    pace ??= measure();
    const { mean, deviation } = pace;
    const late = (now - lastHeard - mean) / deviation;
    return late <= 0 ? 0 : tail(late);
  };

  return {
    heard(now) {
      lastHeard = Math.max(lastHeard, now);
    },
    beat(now) {
      // an outage says nothing about the peer's pace: counted, it would make the next one seem likely
      if (suspicion(now) < threshold) {
        intervals.push(Math.max(0, now - lastBeat));
        pace = undefined;
      }
      if (intervals.length > MAX_SAMPLES) intervals.shift();
      lastBeat = now;
      lastHeard = Math.max(lastHeard, now);
    },
    stalled(lagMs) {
      lastHeard += lagMs;
      lastBeat += lagMs;
    },
    suspicion,
    isSuspect: (now) => suspicion(now) >= threshold,
  };
};
