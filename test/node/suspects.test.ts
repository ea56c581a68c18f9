/** Whose frames are looked at (PROTOCOL §14, suspicion). */
import { describe, expect, it } from "vitest";
import { createSuspects } from "../../src/node/suspects.ts";
import type { PeerName } from "../../src/protocol/ids.ts";

const [a, b, c] = ["a", "b", "c"] as PeerName[] as [PeerName, PeerName, PeerName];

const build = (most: number) => {
  let time = 0;
  const suspects = createSuspects({ now: () => time, most });
  return {
    ...suspects,
    pass: (ms: number) => void (time += ms),
    blame: (peer: PeerName, times: number): void => {
      for (let at = 0; at < times; at += 1) suspects.blamed(peer);
    },
    /** of a thousand frames in a second */
    seen: (peer: PeerName): number => {
      let seen = 0;
      for (let at = 0; at < 1_000; at += 1) {
        time += 1;
        if (suspects.admits(peer)) seen += 1;
      }
      return seen;
    },
  };
};

describe("a peer", () => {
  it("is heard in full while it is not blamed, or seldom", () => {
    const { blame, seen, pass } = build(1);
    expect(seen(a)).toBe(1_000);
    blame(a, 7);
    expect(seen(a)).toBe(1_000);
    pass(10_000);
    blame(a, 7);
    expect(seen(a)).toBe(1_000);
  });

  it("that is blamed again and again is heard a little, until ten seconds after the last time", () => {
    const { blame, seen, pass } = build(1);
    blame(a, 8);
    expect(seen(a)).toBeLessThan(220);
    expect(seen(a)).toBeGreaterThan(90);
    expect(seen(b)).toBe(1_000);
    blame(a, 1);
    pass(9_000);
    expect(seen(a)).toBeLessThan(250);
    pass(1_000);
    expect(seen(a)).toBe(1_000);
  });

  it("has a reputation that falls with each blame, and comes back", () => {
    const { blame, opinionOf, pass } = build(1);
    expect(opinionOf(a)).toEqual({ reputation: 1, standing: "good" });
    blame(a, 2);
    expect(opinionOf(a)).toEqual({ reputation: 0.75, standing: "good" });
    blame(a, 6);
    expect(opinionOf(a)).toEqual({ reputation: 0, standing: "throttled" });
    pass(10_000);
    expect(opinionOf(a)).toEqual({ reputation: 1, standing: "good" });
  });

  it("is never one of more than f: a blame too many costs nobody his say", () => {
    const { blame, seen, pass } = build(1);
    blame(a, 8);
    blame(b, 50);
    blame(c, 50);
    expect(seen(a)).toBeLessThan(220);
    expect([b, c].filter((peer) => seen(peer) < 1_000).length).toBe(0);
    pass(10_000);
    blame(b, 8);
    expect(seen(b)).toBeLessThan(220);
    const alone = build(0);
    alone.blame(a, 100);
    expect(alone.seen(a)).toBe(1_000);
  });
});
