import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDetector } from "../../src/partition/detector.ts";

const heartbeatMs = 350;

/** Heartbeats at these intervals, from 0 on. @returns the detector and the time of the last one */
const after = (intervals: readonly number[]) => {
  const detector = createDetector({ heartbeatMs }, 0);
  let now = 0;
  for (const interval of intervals) {
    now += interval;
    detector.beat(now);
  }
  return { detector, now };
};
const steady = Array.from({ length: 20 }, () => heartbeatMs);
/** how long after the last heartbeat the peer is suspected */
const patienceAfter = (intervals: readonly number[]): number => {
  const { detector, now } = after(intervals);
  let silence = 0;
  while (!detector.isSuspect(now + silence)) silence += 10;
  return silence;
};

describe("the failure detector", () => {
  it("misses a steady peer within 1.5 s, and not before three heartbeats are missing", () => {
    expect(patienceAfter(steady)).toBeLessThanOrEqual(1500);
    expect(patienceAfter(steady)).toBeGreaterThan(3 * heartbeatMs);
  });

  it("is patient with a peer whose heartbeats come unevenly, and with one it hardly knows", () => {
    const uneven = steady.map((_, index) => (index % 2 === 0 ? 50 : 1500));
    expect(patienceAfter(uneven)).toBeGreaterThan(2 * patienceAfter(steady));
    expect(patienceAfter([])).toBeGreaterThan(patienceAfter(steady));
    expect(patienceAfter([])).toBeLessThan(4000);
  });

  it("never suspects a peer that keeps within twice the pace, and any peer within 5 s of silence", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 * heartbeatMs }), { maxLength: 80 }), (intervals) => {
        const detector = createDetector({ heartbeatMs }, 0);
        let now = 0;
        for (const interval of intervals) {
          now += interval;
          expect(detector.isSuspect(now)).toBe(false);
          detector.beat(now);
        }
        expect(detector.isSuspect(now + 5000)).toBe(true);
      }),
    );
  });

  it("grows more suspicious with time, by any sign of life less", () => {
    const { detector, now } = after(steady);
    const levels = [500, 800, 1100, 1400].map((silence) => detector.suspicion(now + silence));
    expect(levels).toEqual(levels.toSorted((a, b) => a - b));
    expect(new Set(levels).size).toBe(4);
    detector.heard(now + 1400);
    expect(detector.suspicion(now + 1400)).toBe(0);
  });

  it("does not hold it against a peer that we stood still ourselves", () => {
    const { detector, now } = after(steady);
    detector.stalled(60_000);
    expect(detector.isSuspect(now + 60_100)).toBe(false);
    expect(detector.isSuspect(now + 62_000)).toBe(true);
  });

  it("misses a peer as soon as before when it was gone for a while and came back", () => {
    expect(patienceAfter([...steady, 20_000, ...steady])).toBe(patienceAfter(steady));
  });

  it("forgets old habits: after 64 steady heartbeats a once uneven peer is missed as soon as any", () => {
    const uneven = steady.map((_, index) => (index % 2 === 0 ? 50 : 1500));
    expect(patienceAfter([...uneven, ...Array.from({ length: 64 }, () => heartbeatMs)])).toBe(patienceAfter(steady));
  });
});
