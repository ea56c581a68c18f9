/** How slow a primary may be, judged from what its backups see (PROTOCOL §5). */
import { describe, expect, it } from "vitest";
import { createPace, type Pace, type ProposalTiming } from "../../src/consensus/pace.ts";

const create = (f = 1): Pace => createPace({ f, maxBatchDelayMs: 320, pipelineDepth: 8 });

/** A little world of one primary: its batches one after the other, or several in flight. */
const createRounds = (pace: Pace, several = false) => {
  let now = 1_000;
  let sequence = 0;
  return {
    enter: (): void => pace.restart(now),
    /** One request each, or `several`: proposed after `waitMs`, committed after `restMs` more. @returns how many until the primary is blamed */
    untilBlame(waitMs: number, restMs: number, rounds = 100): number | undefined {
      for (let round = 1; round <= rounds; round += 1) {
        sequence += 1;
        now += waitMs;
        pace.proposed({ sequence, now, waitedMs: waitMs, inFlight: 0, several, full: false });
        if (pace.isSlow) return round;
        now += restMs;
        pace.committed(sequence, now, 0);
      }
      return undefined;
    },
    /** `depth` batches are always in flight, and each waited so long before it was. @returns whether the primary is blamed */
    crowded(depth: number, waitedMs: number, everyMs: number, more: Partial<ProposalTiming> = {}): boolean {
      const first = sequence + 1;
      for (let round = 0; round < 100 && !pace.isSlow; round += 1) {
        sequence += 1;
        now += everyMs;
        const committed = sequence - depth;
        if (committed >= first) pace.committed(committed, now, depth - 1);
        const inFlight = Math.min(depth - 1, sequence - first);
        pace.proposed({ sequence, now, waitedMs: sequence - first < depth ? 0 : waitedMs, inFlight, several: true, full: false, ...more });
      }
      return pace.isSlow;
    },
  };
};

const roundsUntilBlame = (pace: Pace, waitMs: number, restMs: number): number | undefined => createRounds(pace).untilBlame(waitMs, restMs);

describe("a primary's pace", () => {
  it("is nobody's fault while it is as good as the rest, however slow the network is", () => {
    for (const ms of [1, 20, 300, 5_000]) expect(roundsUntilBlame(create(), ms, ms)).toBeUndefined();
  });

  it("is blamed within eight requests when it would halve what there could be, also without any history", () => {
    expect(roundsUntilBlame(create(), 100, 20)).toBe(8);
    const pace = create();
    const { enter, untilBlame } = createRounds(pace);
    expect(untilBlame(10, 20)).toBeUndefined();
    enter();
    expect(untilBlame(60, 20)).toBe(8);
  });

  it("is blamed again and again until another primary is there", () => {
    const pace = create();
    const { enter, untilBlame } = createRounds(pace);
    untilBlame(10, 20, 96);
    expect(untilBlame(100, 20)).toBe(8);
    for (let request = 1; request <= 20; request += 1) expect(untilBlame(100, 20)).toBe(1);
    enter();
    expect(pace.isSlow).toBe(false);
  });

  it("of a busy machine is no offence: pauses are forgiven, and so is less than what a request takes anyway", () => {
    expect(roundsUntilBlame(create(), 45, 1)).toBeUndefined();
    const { untilBlame } = createRounds(create());
    untilBlame(100, 200);
    expect(untilBlame(300, 300)).toBeUndefined();
  });

  it("may wait for company while nothing is in flight, for four rounds and half the longest delay; nobody's company is a batch of one", () => {
    for (const [waitMs, restMs, several, blamed] of [
      [100, 15, true, false],
      [130, 15, true, true],
      [100, 15, false, true],
      [220, 60, true, false],
      [500, 60, true, true],
    ] as const) {
      const { untilBlame } = createRounds(create(), several);
      untilBlame(10, restMs, 16);
      expect([waitMs, several, untilBlame(waitMs, restMs) !== undefined]).toEqual([waitMs, several, blamed]);
    }
  });

  it("is forgiven one late batch of eight, not two", () => {
    for (const late of [1, 2]) {
      const pace = create();
      const { untilBlame } = createRounds(pace);
      untilBlame(10, 20);
      for (let round = 0; round < 10 && !pace.isSlow; round += 1) {
        untilBlame(10, 20, 8 - late);
        untilBlame(400, 20, late);
      }
      expect(pace.isSlow).toBe(late === 2);
    }
  });

  it("may gather company while batches are in flight, and wait for room; not more", () => {
    const { untilBlame, crowded } = createRounds(create());
    untilBlame(10, 20);
    expect(crowded(3, 3 * 40, 30)).toBe(false);
    expect(crowded(8, 2_000, 30)).toBe(false);
    expect(crowded(3, 2_000, 30, { full: true })).toBe(false);
    expect(crowded(3, 400, 30)).toBe(true);
  });

  it("counts while nothing is in flight, however full the batches are", () => {
    const pace = create();
    const { untilBlame } = createRounds(pace);
    untilBlame(10, 20);
    let now = 1_000_000;
    for (let sequence = 1_000; sequence < 1_008; sequence += 1) {
      now += 500;
      pace.proposed({ sequence, now, waitedMs: 400, inFlight: 0, several: true, full: true });
      pace.committed(sequence, now + 20, 0);
    }
    expect(pace.isSlow).toBe(true);
  });

  it("is not judged by batches of which no request was known here", () => {
    const pace = create();
    createRounds(pace).untilBlame(10, 20);
    for (let sequence = 1_000; sequence < 1_100; sequence += 1)
      pace.proposed({ sequence, now: 1_000 * sequence, waitedMs: undefined, inFlight: 0, several: false, full: false });
    expect(pace.isSlow).toBe(false);
  });

  it("of f+1 slow primaries in a row one is honest: then the network is slow, and is accepted before long", () => {
    for (const f of [1, 2, 4]) {
      const { enter, untilBlame } = createRounds(create(f));
      let views = 0;
      for (; untilBlame(300, 10) !== undefined; views += 1) enter();
      expect(views).toBeGreaterThan(f);
      expect(views).toBeLessThan(f + 8);
    }
  });

  it("of f cheats in a row does not make the next one's slowness pass", () => {
    const { enter, untilBlame } = createRounds(create(2));
    expect(untilBlame(5, 20)).toBeUndefined();
    for (let cheat = 0; cheat < 2; cheat += 1) {
      enter();
      expect(untilBlame(100, 20)).toBe(8);
    }
    enter();
    expect(untilBlame(5, 20)).toBeUndefined();
    enter();
    expect(untilBlame(100, 20)).toBe(8);
  });

  it("that gets worse little by little is blamed before it is thrice as slow as it could be", () => {
    const { enter, untilBlame } = createRounds(create());
    untilBlame(20, 40);
    enter();
    let waitMs = 20;
    while (waitMs < 10_000 && untilBlame(waitMs, 40) === undefined) waitMs *= 1.02;
    expect(waitMs + 40).toBeLessThan(3 * (20 + 40));
  });
});
