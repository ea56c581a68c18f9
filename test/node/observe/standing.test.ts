import { describe, expect, it } from "vitest";
import type { ReplicaSummary } from "../../../src/consensus/describe.ts";
import { type Connectivity, connectivityOf } from "../../../src/partition/connectivity.ts";
import { createStanding } from "../../../src/node/observe/standing.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import { createTestNetwork } from "../../signing/network.ts";
import { network } from "../support.ts";

const atRest = {
  active: true,
  primary: 0 as ReplicaIndex,
  behind: 0,
  halted: undefined,
  pool: { requests: 0, bytes: 0, oldestSince: undefined },
  requestTimeoutMs: 1000,
  next: { sequence: 1, proposed: false, prepares: [], commits: [] },
} as unknown as ReplicaSummary;
const indexes = (...values: number[]): ReplicaIndex[] => values as ReplicaIndex[];

const self = 0 as ReplicaIndex;
const linked = (up: readonly number[], { n, quorum } = network.committee, deaf: readonly number[] = []): Connectivity =>
  connectivityOf({ n, quorum, self, hears: new Set(indexes(...up)), reports: new Map(), deaf: new Set(indexes(...deaf)) });

const standingOf = (up: readonly number[], change: Partial<ReplicaSummary> = {}, now = 0, committee = network.committee) => {
  const standing = createStanding({ committee, self, checkpointInterval: 8 });
  standing.update({ ...atRest, ...change }, linked(up, committee), { now, wall: 5000 });
  return standing;
};

describe("a node of four", () => {
  it.each([
    [[1, 2, 3], "whole", 1],
    [[1, 2], "degraded", 2],
    [[1], "split", 2],
    [[], "minority", 2],
  ])("that reaches %j knows its side", (up, connectivity, sides) => {
    const standing = standingOf(up);
    expect(standing).toMatchObject({ connectivity, reachable: up.length + 1 });
    expect(standing.sides).toHaveLength(sides);
    expect(standing.sides[0]).toContain("peer-0");
    expect(standing.unavailable()?.code).toBe(up.length + 1 >= 3 ? undefined : "no_quorum");
  });

  it("names whom it waits for, and since when", () => {
    expect(standingOf([1]).blocked).toEqual({ reason: "no_quorum", since: 5000, waitingFor: ["peer-2", "peer-3"] });
    expect(standingOf([1, 2, 3], { active: false, primary: 2 as ReplicaIndex }).blocked).toMatchObject({
      reason: "view_change",
      waitingFor: ["peer-2"],
    });
    const pool = { requests: 1, bytes: 1, oldestSince: 100 };
    expect(standingOf([1, 2, 3], { pool }, 1000).blocked).toBeUndefined();
    expect(standingOf([1, 2, 3], { pool }, 1100).blocked).toMatchObject({ reason: "no_proposal", waitingFor: ["peer-0"] });
    const next = { sequence: 1, proposed: true, prepares: [], commits: indexes(0, 3) };
    expect(standingOf([1, 2, 3], { pool, next }, 1100).blocked).toMatchObject({
      reason: "missing_votes",
      waitingFor: ["peer-1", "peer-2"],
    });
  });

  it("keeps the time at which a trouble began until another one takes its place", () => {
    const standing = standingOf([1]);
    standing.update(atRest, linked([2]), { now: 1, wall: 6000 });
    expect(standing.blocked).toMatchObject({ reason: "no_quorum", since: 5000, waitingFor: ["peer-1", "peer-3"] });
    standing.update({ ...atRest, active: false }, linked([1, 2, 3]), { now: 2, wall: 7000 });
    expect(standing.blocked).toMatchObject({ reason: "view_change", since: 7000 });
    standing.update(atRest, linked([1, 2, 3]), { now: 3, wall: 8000 });
    expect(standing.blocked).toBeUndefined();
  });

  it("that nobody hears says so, and refuses at once what could not be ordered", () => {
    const standing = createStanding({ committee: network.committee, self, checkpointInterval: 8 });
    standing.update(atRest, linked([1, 2, 3], network.committee, [1, 2, 3]), { now: 0, wall: 5000 });
    expect(standing).toMatchObject({ connectivity: "minority", reachable: 1 });
    expect(standing.brokenLinks).toEqual([1, 2, 3].map((to) => ({ from: "peer-0", to: `peer-${to}` })));
    expect(standing.unavailable()).toMatchObject({ code: "no_quorum", details: { connectivity: "minority" } });
  });

  it("takes no writes while it is more than a checkpoint behind, or has halted", () => {
    expect(standingOf([1, 2, 3], { behind: 8 }).unavailable()).toBeUndefined();
    expect(standingOf([1, 2, 3], { behind: 9 })).toMatchObject({ syncing: true });
    expect(standingOf([1, 2, 3], { behind: 9 }).unavailable()?.code).toBe("syncing");
    const halted = standingOf([1, 2, 3], { halted: { reason: "conflicting-commit", detail: "at 8" } });
    expect(halted.unavailable()?.code).toBe("internal");
    expect(halted.checks().find(({ name }) => name === "consensus")).toMatchObject({ ok: false });
  });

  it("is ready when every check is well", () => {
    expect(
      standingOf([1, 2, 3])
        .checks()
        .every(({ ok }) => ok),
    ).toBe(true);
    expect(
      standingOf([1])
        .checks()
        .filter(({ ok }) => !ok)
        .map(({ name }) => name),
    ).toEqual(["quorum", "committing"]);
  });
});

describe("a node of seven", () => {
  it("tells a cut that leaves the others a quorum from one that leaves nobody one", () => {
    const { committee } = createTestNetwork(7);
    expect(standingOf([1], {}, 0, committee).connectivity).toBe("minority");
    expect(standingOf([1, 2], {}, 0, committee).connectivity).toBe("split");
    expect(standingOf([1, 2, 3, 4], {}, 0, committee).connectivity).toBe("degraded");
  });
});
