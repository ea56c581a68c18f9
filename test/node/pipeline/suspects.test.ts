/** Whose frames are looked at (PROTOCOL §14, suspicion). */
import { describe, expect, it } from "vitest";
import { createSuspects } from "../../../src/node/pipeline/suspects.ts";
import type { PeerName } from "../../../src/protocol/ids.ts";

const [a, b, c] = ["a", "b", "c"] as PeerName[] as [PeerName, PeerName, PeerName];

const build = (most: number) => {
  let time = 0;
  const isolations: [PeerName, number][] = [];
  let needed: PeerName | undefined;
  const suspects = createSuspects({
    now: () => time,
    most,
    canSpare: (peer) => peer !== needed,
    isolate: (peer, ms) => void isolations.push([peer, ms]),
  });
  return {
    ...suspects,
    isolations,
    need: (peer: PeerName | undefined) => void (needed = peer),
    /** so many frames at one moment */
    flood: (peer: PeerName, frames: number): void => {
      for (let at = 0; at < frames; at += 1) suspects.admits(peer);
    },
    pass: (ms: number) => void (time += ms),
    blame: (peer: PeerName, times: number): void => {
      for (let at = 0; at < times; at += 1) suspects.blamed(peer, "bad-signature");
    },
    /** of five hundred frames in a second */
    seen: (peer: PeerName): number => {
      let seen = 0;
      for (let at = 0; at < 500; at += 1) {
        time += 2;
        if (suspects.admits(peer)) seen += 1;
      }
      return seen;
    },
  };
};

describe("a peer", () => {
  it("is heard in full while it is not blamed, or seldom", () => {
    const { blame, seen, pass } = build(1);
    expect(seen(a)).toBe(500);
    blame(a, 7);
    expect(seen(a)).toBe(500);
    pass(10_000);
    blame(a, 7);
    expect(seen(a)).toBe(500);
  });

  it("that is blamed again and again is heard a little, until ten seconds after the last time", () => {
    const { blame, seen, pass } = build(1);
    blame(a, 8);
    const first = seen(a);
    expect(first).toBeLessThan(220);
    expect(first).toBeGreaterThan(90);
    expect(seen(b)).toBe(500);
    blame(a, 1);
    pass(9_000);
    expect(seen(a)).toBeLessThan(220);
    pass(1_000);
    expect(seen(a)).toBe(500);
  });

  it("has a reputation that falls with each blame, and comes back", () => {
    const { blame, opinionOf, pass } = build(1);
    expect(opinionOf(a)).toEqual({ reputation: 1, standing: "good" });
    blame(a, 2);
    expect(opinionOf(a)).toEqual({ reputation: 0.75, standing: "good" });
    blame(a, 6);
    expect(opinionOf(a)).toEqual({ reputation: 0, standing: "throttled", because: "bad-signature" });
    pass(10_000);
    expect(opinionOf(a)).toEqual({ reputation: 1, standing: "good" });
  });

  it("is never one of more than f: a blame too many costs nobody his say", () => {
    const { blame, seen, pass } = build(1);
    blame(a, 8);
    blame(b, 50);
    blame(c, 50);
    expect(seen(a)).toBeLessThan(220);
    expect([b, c].filter((peer) => seen(peer) < 500).length).toBe(0);
    pass(10_000);
    blame(b, 8);
    expect(seen(b)).toBeLessThan(220);
    const alone = build(0);
    alone.blame(a, 100);
    expect(alone.seen(a)).toBe(500);
  });

  it("that exceeds what it may say is blamed for every tenth time", () => {
    const { exceeded, isSuspect, pass } = build(1);
    for (let at = 0; at < 79; at += 1) exceeded(a, "too often");
    expect(isSuspect(a)).toBe(false);
    exceeded(a, "too often");
    expect([isSuspect(a), isSuspect(b)]).toEqual([true, false]);
    pass(10_000);
    expect(isSuspect(a)).toBe(false);
    for (let at = 0; at < 79; at += 1) exceeded(a, "too often");
    expect(isSuspect(a)).toBe(false);
  });
});

describe("a flood", () => {
  it("of a suspect closes its connections, for ever longer, up to forty seconds", () => {
    const { blame, flood, isolations, opinionOf, pass } = build(1);
    blame(a, 8);
    flood(a, 600);
    expect([isolations, opinionOf(a).standing]).toEqual([[], "throttled"]);
    flood(a, 1);
    expect([isolations, opinionOf(a).standing]).toEqual([[[a, 5_000]], "isolated"]);
    expect(opinionOf(a).because).toBe("bad-signature, and a flood after it");
    for (const ms of [10_000, 20_000, 40_000, 40_000]) {
      // it comes back as a suspect, whether or not it is blamed again
      pass(isolations.at(-1)?.[1] ?? 0);
      expect(opinionOf(a).standing).toBe("throttled");
      flood(a, 601);
      expect(isolations.at(-1)).toEqual([a, ms]);
    }
    pass(40_000 + 10_000);
    expect(opinionOf(a)).toEqual({ reputation: 1, standing: "good" });
    blame(a, 8);
    flood(a, 601);
    expect(isolations.at(-1)).toEqual([a, 5_000]);
  });

  it("closes nothing while the peer's vote may be needed", () => {
    const { blame, flood, isolations, need, opinionOf } = build(1);
    blame(a, 8);
    need(a);
    flood(a, 2_000);
    expect([isolations, opinionOf(a).standing]).toEqual([[], "throttled"]);
    need(undefined);
    flood(a, 501);
    expect(isolations).toEqual([[a, 5_000]]);
  });

  it("of one that is blamed for nothing closes nothing: it may be the load", () => {
    const { flood, isolations, blame } = build(1);
    blame(a, 7);
    for (const peer of [a, b]) flood(peer, 100_000);
    expect(isolations).toEqual([]);
  });

  it("never closes the connections of more than f", () => {
    const { blame, flood, isolations, pass } = build(2);
    for (const peer of [a, b, c]) blame(peer, 50);
    for (const peer of [a, b, c]) flood(peer, 100_000);
    expect(new Set(isolations.map(([peer]) => peer))).toEqual(new Set([a, b]));
    pass(1_000);
    blame(c, 50);
    flood(c, 100_000);
    expect(isolations.every(([peer]) => peer !== c)).toBe(true);
  });
});
