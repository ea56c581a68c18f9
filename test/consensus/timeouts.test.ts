/** How slow a primary may be, judged from what its backups see (PROTOCOL §5). */
import { describe, expect, it } from "vitest";
import { createPace, type Pace } from "../../src/consensus/timeouts.ts";

/** Rounds of one request each: known, proposed after `waitMs`, committed after `restMs` more. @returns how many until the primary is blamed */
const roundsUntilBlame = (pace: Pace, waitMs: number, restMs: number, rounds = 100): number | undefined => {
  let now = 1_000;
  for (let round = 1; round <= rounds; round += 1) {
    pace.waiting(now, true);
    now += waitMs;
    if (pace.proposed(now)) return round;
    now += restMs;
    pace.committed(now);
    pace.waiting(now, false);
  }
  return undefined;
};

describe("a primary's pace", () => {
  it("is nobody's fault while it is as good as the rest, however slow the network is", () => {
    for (const ms of [1, 20, 300, 5_000]) expect(roundsUntilBlame(createPace(1), ms, ms)).toBeUndefined();
  });

  it("is blamed within eight requests when it would halve what there could be, also without any history", () => {
    expect(roundsUntilBlame(createPace(1), 100, 20)).toBe(8);
    const pace = createPace(1);
    expect(roundsUntilBlame(pace, 10, 20)).toBeUndefined();
    pace.viewEntered();
    expect(roundsUntilBlame(pace, 60, 20)).toBe(8);
  });

  it("of a busy machine is no offence: pauses are forgiven, and so is less than what a request takes anyway", () => {
    expect(roundsUntilBlame(createPace(1), 45, 1)).toBeUndefined();
    const pace = createPace(1);
    roundsUntilBlame(pace, 100, 200);
    expect(roundsUntilBlame(pace, 300, 300)).toBeUndefined();
  });

  it("of f+1 slow primaries in a row one is honest: then the network is slow, and is accepted before long", () => {
    for (const f of [1, 2, 4]) {
      const pace = createPace(f);
      let views = 0;
      for (; roundsUntilBlame(pace, 300, 10) !== undefined; views += 1) pace.viewEntered();
      expect(views).toBeGreaterThan(f);
      expect(views).toBeLessThan(f + 8);
    }
  });

  it("of f cheats in a row does not make the next one's slowness pass", () => {
    const pace = createPace(2);
    expect(roundsUntilBlame(pace, 5, 20)).toBeUndefined();
    for (let cheat = 0; cheat < 2; cheat += 1) {
      pace.viewEntered();
      expect(roundsUntilBlame(pace, 100, 20)).toBe(8);
    }
    pace.viewEntered();
    expect(roundsUntilBlame(pace, 5, 20)).toBeUndefined();
    pace.viewEntered();
    expect(roundsUntilBlame(pace, 100, 20)).toBe(8);
  });
});
