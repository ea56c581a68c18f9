import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectivityOf, MAX_BROKEN_LINKS, type Connectivity } from "../../src/partition/connectivity.ts";
import { quorumSize } from "../../src/protocol/committee.ts";
import type { ReplicaIndex } from "../../src/protocol/ids.ts";

type Arrives = (from: number, to: number) => boolean;

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
const indexes = (values: readonly number[]): Set<ReplicaIndex> => new Set(values as ReplicaIndex[]);

/** What a node knows of links that have been as they are for a while. */
const seenBy = (self: number | undefined, n: number, arrives: Arrives): Connectivity => {
  const hears = upTo(n).filter((peer) => peer !== self && (self === undefined || arrives(peer, self)));
  const reports = hears.map((peer) => [peer, indexes(upTo(n).filter((from) => from !== peer && arrives(from, peer)))] as const);
  const deaf = self === undefined ? [] : hears.filter((peer) => !arrives(self, peer));
  return connectivityOf({
    n,
    quorum: quorumSize(n),
    self: self as ReplicaIndex | undefined,
    hears: indexes(hears),
    reports: new Map(reports as [ReplicaIndex, Set<ReplicaIndex>][]),
    deaf: indexes(deaf),
  });
};

/** Every way to put n validators on sides, as the side of each. */
const splitsOf = (n: number): number[][] => {
  const grow = (sides: readonly number[]): number[][] =>
    sides.length === n
      ? [[...sides]]
      : upTo(Math.max(-1, ...sides) + 2)
          .slice(0, n)
          .flatMap((side) => grow([...sides, side]));
  return grow([]);
};

const sameSide =
  (sides: readonly number[]): Arrives =>
  (from, to) =>
    sides[from] === sides[to];

const everySplit = (n: number): void => {
  const quorum = quorumSize(n);
  for (const sides of splitsOf(n)) {
    const sizes = upTo(n).map((side) => sides.filter((each) => each === side).length);
    for (const self of upTo(n)) {
      const own = upTo(n).filter((index) => sides[index] === sides[self]);
      const seen = seenBy(self, n, sameSide(sides));
      const able = seen.state === "whole" || seen.state === "degraded";
      expect([sides, self, able]).toEqual([sides, self, own.length >= quorum]);
      expect(seen.state === "whole").toBe(own.length === n);
      expect(seen.sides[0]).toEqual(own);
      expect(seen.reached).toEqual(own);
      expect(seen.broken).toEqual([]);
      expect(seen.sides.flat().toSorted((a, b) => a - b)).toEqual(upTo(n));
      // whom nobody here hears may be one side: that it has a quorum can not be denied, that it has none can be known
      if (!able) expect(seen.state).toBe(n - own.length >= quorum ? "minority" : "split");
      if (sizes.some((size, side) => side !== sides[self] && size >= quorum)) expect(seen.state).toBe("minority");
    }
  }
};

describe("of cuts without links between the sides", () => {
  it("exactly those that leave q connected validators let them commit: every split of 4", () => everySplit(4));
  it("every split of 5, where q is 4", () => everySplit(5));
  it("every split of 6, where q is 4", () => everySplit(6));
  it("every split of 7", () => everySplit(7));

  it("the table of the protocol holds", () => {
    const state = (sides: readonly number[], self: number): string => seenBy(self, sides.length, sameSide(sides)).state;
    expect([state([0, 0, 0, 1], 0), state([0, 0, 0, 1], 3)]).toEqual(["degraded", "minority"]);
    expect([state([0, 0, 1, 1], 0), state([0, 0, 1, 1], 2)]).toEqual(["split", "split"]);
    expect([state([0, 0, 0, 0, 0, 1, 1], 0), state([0, 0, 0, 0, 0, 1, 1], 6)]).toEqual(["degraded", "minority"]);
    expect([state([0, 0, 0, 0, 1, 1, 1], 0), state([0, 0, 0, 0, 1, 1, 1], 6)]).toEqual(["split", "split"]);
    // from the side of two the other five can not be told from one side
    expect([state([0, 0, 0, 1, 1, 2, 2], 0), state([0, 0, 0, 1, 1, 2, 2], 6)]).toEqual(["split", "minority"]);
  });
});

describe("a link that works in one direction only", () => {
  const oneWay =
    (first: readonly number[], second: readonly number[]): Arrives =>
    (from, to) =>
      !(first.includes(from) && second.includes(to));

  it("separates like a cut, and is shown by those who hear", () => {
    const [hearing, unhearing] = [seenBy(0, 4, oneWay([0, 1], [2, 3])), seenBy(2, 4, oneWay([0, 1], [2, 3]))];
    expect(hearing).toMatchObject({
      state: "split",
      sides: [
        [0, 1],
        [2, 3],
      ],
      reached: [0, 1],
    });
    expect(hearing.broken).toEqual([0, 1].flatMap((from) => [2, 3].map((to) => ({ from, to }))));
    expect(unhearing).toMatchObject({ state: "split", reached: [2, 3], broken: [] });
  });

  it("leaves a validator that nobody hears, or that hears nobody, without a quorum and the others with one", () => {
    expect(seenBy(3, 4, oneWay([3], [0, 1, 2]))).toMatchObject({ state: "minority", reached: [3] });
    expect(seenBy(0, 4, oneWay([3], [0, 1, 2])).state).toBe("degraded");
    expect(seenBy(3, 4, oneWay([0, 1, 2], [3]))).toMatchObject({ state: "minority", reached: [3] });
    expect(seenBy(0, 4, oneWay([0, 1, 2], [3])).state).toBe("degraded");
  });

  it("between two of four stops nobody, is shown by everybody, and nobody calls it whole", () => {
    for (const self of [0, 1, 2, 3]) {
      const seen = seenBy(self, 4, oneWay([0], [3]));
      expect(seen).toMatchObject({ state: "degraded", sides: [[0, 1, 2, 3]] });
      // 3 does not know whether 0 hears it, and neither direction is known to work: it misses 0 all the same
      expect(seen.broken).toContainEqual({ from: 0, to: 3 });
    }
  });
});

describe("partial connectivity", () => {
  it("with a bridge lets nobody commit when no quorum is linked throughout", () => {
    // 0 – 1 – 2 with 0 and 2 cut off from each other, 3 gone: 1 reaches three of four, and no vote set can be complete
    const links = [[0, 1], [1, 2]]; // prettier-ignore
    const arrives: Arrives = (from, to) => links.some((link) => link.includes(from) && link.includes(to));
    expect(seenBy(1, 4, arrives)).toMatchObject({ state: "split", sides: [[0, 1, 2], [3]], reached: [0, 1, 2] });
    expect(seenBy(1, 4, arrives).broken).toEqual([{ from: 0, to: 2 }, { from: 2, to: 0 }]); // prettier-ignore
  });

  it("does not take one whom nobody hears for linked with one of whom others tell", () => {
    const links = [[0, 1], [1, 2]]; // prettier-ignore
    const arrives: Arrives = (from, to) => links.some((link) => link.includes(from) && link.includes(to));
    expect(seenBy(0, 4, arrives)).toMatchObject({ state: "split", sides: [[0, 1, 2], [3]], reached: [0, 1] });
  });

  it("lets a ring of seven not commit, and one in which everybody misses one neighbour do", () => {
    const distance = (a: number, b: number): number => Math.min((a - b + 7) % 7, (b - a + 7) % 7);
    expect(seenBy(0, 7, (from, to) => distance(from, to) <= 1).state).toBe("split");
    expect(seenBy(0, 7, (from, to) => distance(from, to) <= 2).state).toBe("degraded");
  });
});

describe("an observer", () => {
  it("is no part of the graph: it follows those who can commit", () => {
    expect(seenBy(undefined, 4, () => true)).toMatchObject({ state: "whole", reached: [0, 1, 2, 3], sides: [[0, 1, 2, 3]] });
    const three = connectivityOf({ n: 4, quorum: 3, self: undefined, hears: indexes([0, 1, 2]), reports: new Map(), deaf: indexes([]) });
    expect(three).toMatchObject({ state: "degraded", reached: [0, 1, 2] });
    const none = connectivityOf({ n: 4, quorum: 3, self: undefined, hears: indexes([]), reports: new Map(), deaf: indexes([]) });
    expect(none).toMatchObject({ state: "minority", reached: [] });
    const two = connectivityOf({ n: 4, quorum: 3, self: undefined, hears: indexes([0, 3]), reports: new Map(), deaf: indexes([]) });
    expect(two).toMatchObject({
      state: "split",
      sides: [
        [0, 3],
        [1, 2],
      ],
    });
  });
});

describe("whatever peers say", () => {
  const knowledge = fc.integer({ min: 1, max: 12 }).chain((n) => {
    const some = fc.subarray(upTo(n)).map(indexes);
    return fc.record({
      n: fc.constant(n),
      self: fc.nat(n - 1),
      hears: some,
      reports: fc.array(some, { minLength: n, maxLength: n }),
      deaf: some,
    });
  });

  it("sides are a partition, our own first; we order only with a quorum of links of our own; nothing is beyond its bound", () => {
    fc.assert(
      fc.property(knowledge, ({ n, self, hears, reports, deaf }) => {
        const others = indexes([...hears].filter((index) => index !== self));
        const quorum = quorumSize(n);
        const seen = connectivityOf({
          n,
          quorum,
          self: self as ReplicaIndex,
          hears: others,
          reports: new Map(reports.map((report, index) => [index as ReplicaIndex, report])),
          deaf,
        });
        expect(seen.sides.flat().toSorted((a, b) => a - b)).toEqual(upTo(n));
        expect(seen.sides[0]).toContain(self);
        expect(seen.broken.length).toBeLessThanOrEqual(MAX_BROKEN_LINKS);
        if (seen.state === "whole") expect(seen.reached).toHaveLength(n);
        if (seen.state === "degraded") expect(seen.reached.length).toBeGreaterThanOrEqual(quorum);
      }),
    );
  });

  it("f liars can not make the honest ones, who are all linked, stop", () => {
    fc.assert(
      fc.property(fc.constantFrom(4, 7, 10), fc.infiniteStream(fc.boolean()), (n, truth) => {
        const f = Math.floor((n - 1) / 3);
        const honest = (index: number): boolean => index >= f;
        const said = new Map(upTo(n).map((index) => [index, upTo(n).filter(() => truth.next().value)]));
        const arrives: Arrives = (from, to) => honest(to) || (said.get(to) ?? []).includes(from);
        for (const self of upTo(n).filter(honest)) expect(["whole", "degraded"]).toContain(seenBy(self, n, arrives).state);
      }),
    );
  });
});
