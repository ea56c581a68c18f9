import { describe, expect, it } from "vitest";
import type { Connectivity, ConnectivityState } from "../../src/partition/connectivity.ts";
import { createEpisodes, MAX_EPISODES, MAX_PHASES, type EpisodeEvent, type Merge } from "../../src/partition/episodes.ts";
import type { ReplicaIndex } from "../../src/protocol/ids.ts";

const links = (state: ConnectivityState, sides: readonly (readonly number[])[]): Connectivity => ({
  state,
  sides: sides as readonly (readonly ReplicaIndex[])[],
  reached: (sides[0] ?? []) as ReplicaIndex[],
  broken: [],
});
const whole = links("whole", [[0, 1, 2, 3]]);
const split = links("split", [[0, 1], [2, 3]]); // prettier-ignore
const degraded = links("degraded", [[0, 1, 2], [3]]);
const minority = links("minority", [[0], [1, 2, 3]]);

const nothing: Merge = { documents: [], conflicts: [] };

const createWorld = () => {
  const episodes = createEpisodes(0);
  const events: EpisodeEvent[] = [];
  const world = {
    now: 0,
    executed: 10,
    behind: 0,
    stalledAt: undefined as number | undefined,
    merged: true,
    merge: () => nothing as Merge,
  };
  return {
    episodes,
    events,
    world,
    run(ms: number, connectivity: Connectivity): void {
      for (const end = world.now + ms; world.now < end;) {
        world.now += 100;
        events.push(...episodes.update({ ...world, wall: 1_000_000 + world.now, connectivity }));
      }
    },
    kinds: () => events.map(({ type }) => type),
  };
};

describe("a partition", () => {
  it("is not over before the documents have come together, but whoever never stops writing does not keep it open", () => {
    const { episodes, run, world, kinds } = createWorld();
    const conflict = { kind: "concurrent-values", document: "plan", detail: "t", resolution: "both" };
    world.merge = () => ({ documents: [{ name: "plan", ours: 2, theirs: 3 }], conflicts: [conflict] });
    run(1000, whole);
    run(2000, split);
    world.merged = false;
    run(3000, whole);
    expect(kinds()).toEqual(["opened", "changed"]);
    world.merged = true;
    run(100, whole);
    expect(kinds()).toEqual(["opened", "changed", "closed"]);
    expect(episodes.list()).toMatchObject([{ documents: [{ name: "plan", ours: 2, theirs: 3 }], conflicts: [conflict] }]);
    world.merged = false;
    run(2000, split);
    run(9900, whole);
    expect(episodes.list().at(-1)?.until).toBeUndefined();
    run(200, whole);
    expect(episodes.list().at(-1)?.until).toBeDefined();
  });

  it("is told what the ledger made of its documents, the latest one that waits for it", () => {
    const { episodes, run, world } = createWorld();
    world.merge = () => ({ documents: [{ name: "plan", ours: 1, theirs: 1 }], conflicts: [] });
    run(1000, whole);
    for (let turn = 0; turn < 2; turn += 1) {
      run(1000, split);
      run(1500, whole);
    }
    const anchor = { digest: "d", sequence: 9 };
    episodes.anchored("other", anchor);
    episodes.anchored("plan", anchor);
    expect(episodes.list().map(({ documents }) => documents?.[0]?.anchor)).toEqual([undefined, anchor]);
    episodes.anchored("plan", { ...anchor, sequence: 10 });
    expect(episodes.list().map(({ documents }) => documents?.[0]?.anchor?.sequence)).toEqual([10, 9]);
  });

  it("opens, changes and closes, and its report says when, who was where, and what it took to catch up", () => {
    const { episodes, run, world, kinds } = createWorld();
    run(1000, whole);
    run(2000, minority);
    expect(episodes.list()).toMatchObject([{ since: 1_001_100, state: "minority", sides: [[0], [1, 2, 3]], sequences: { since: 10 } }]);
    expect(episodes.list()[0]?.until).toBeUndefined();
    run(500, split);
    world.behind = 7;
    run(300, degraded);
    episodes.transferred(7, 900);
    world.executed = 17;
    world.behind = 0;
    run(2000, whole);
    expect(kinds()).toEqual(["opened", "changed", "changed", "changed", "closed"]);
    expect(episodes.list()).toMatchObject([
      {
        since: 1_001_100,
        until: 1_003_900,
        state: "minority",
        sides: [[0], [1, 2, 3]],
        sequences: { since: 10, until: 17 },
        catchUp: { sequences: 7, bytes: 900, milliseconds: 300 },
        conflicts: [],
      },
    ]);
    expect(episodes.list()[0]?.phases.map(({ state }) => state)).toEqual(["minority", "split", "degraded", "whole"]);
  });

  it("is not over before this node has what the others had when it came back", () => {
    const { run, world, kinds } = createWorld();
    run(1000, whole);
    run(1000, minority);
    world.behind = 100;
    run(10_000, whole);
    expect(kinds()).not.toContain("closed");
    world.executed = 110;
    run(200, whole);
    expect(kinds().at(-1)).toBe("closed");
  });

  it("is not made of a moment, of a start, or of this process's own absence", () => {
    const { run, world, kinds } = createWorld();
    run(5000, minority);
    run(1000, whole);
    run(300, minority);
    run(1000, whole);
    world.stalledAt = world.now;
    run(3000, minority);
    run(1000, whole);
    expect(kinds()).toEqual([]);
  });

  it("is one when links flap, with a bounded memory of how", () => {
    const { episodes, run, kinds } = createWorld();
    run(1000, whole);
    for (let turn = 0; turn < 200; turn += 1) {
      run(500, split);
      run(300, whole);
    }
    run(2000, whole);
    expect(kinds().filter((kind) => kind !== "changed")).toEqual(["opened", "closed"]);
    expect(episodes.list()).toHaveLength(1);
    expect(episodes.list()[0]?.phases).toHaveLength(MAX_PHASES);
  });

  it("is remembered until many later ones", () => {
    const { episodes, run } = createWorld();
    run(1000, whole);
    for (let turn = 0; turn < MAX_EPISODES + 20; turn += 1) {
      run(1000, split);
      run(1500, whole);
    }
    const kept = episodes.list();
    expect(kept.length).toBe(MAX_EPISODES);
    expect(new Set(kept.map(({ id }) => id)).size).toBe(kept.length);
    expect(kept.at(-1)?.id.endsWith(`-${MAX_EPISODES + 20}`)).toBe(true);
  });

  it("holds each conflict once", () => {
    const { episodes, run } = createWorld();
    run(1000, whole);
    run(1000, split);
    const conflict = { kind: "conflicting-commit", detail: "sequence 9", resolution: "stopped" };
    episodes.conflict(conflict);
    episodes.conflict(conflict);
    expect(episodes.list()[0]?.conflicts).toEqual([conflict]);
  });
});
