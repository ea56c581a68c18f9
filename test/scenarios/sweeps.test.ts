/** Not one script, but all of a kind: every cut of four to seven, every kind of message lost for long, everything said ten times, every primary cut off in turn. */
import { describe, expect, it } from "vitest";
import type { ReplicaIndex } from "../../src/protocol/ids.ts";
import { createWorld, indexes, type World } from "../consensus/world/world.ts";
import { createStage, kindOf, type Stage } from "./stage.ts";

const quiet = { quality: { delayMs: 2, jitterMs: 0 } };

/** The smallest number of which any two groups of n share an honest one. */
const quorums = new Map([
  [4, 3],
  [5, 4],
  [6, 4],
  [7, 5],
]);

/** Everybody in two sides, with #0 on the first; each way once. */
const halvesOf = (n: number): ReplicaIndex[][][] =>
  Array.from({ length: 2 ** (n - 1) }, (_, pattern) => {
    const isFirst = (index: number): boolean => index === 0 || ((pattern >>> (index - 1)) & 1) === 1;
    return [indexes(n).filter(isFirst), indexes(n).filter((index) => !isFirst(index))];
  });

/** Who has executed something once a request was made on each side. */
const committersOf = (world: World, sides: readonly (readonly ReplicaIndex[])[]): number[] => {
  world.links.split(sides);
  world.run(1_000);
  const requests = sides.flatMap(([first]) => (first === undefined ? [] : [world.request(first)]));
  world.run(6_000);
  const committed = world.nodes.filter(({ replica }) => replica.status().executed > 0).map(({ index }) => index);
  world.links.heal();
  expect(
    world.runUntil(() => requests.every(world.executedEverywhere), 5_000),
    "and all of it is executed once healed",
  ).toBe(true);
  return committed;
};

describe("a cut network", () => {
  it.each([...quorums])("of %i commits on the side that has %i, wherever the primary is, and on no other", (n, q) => {
    for (const sides of halvesOf(n)) {
      const able = sides.filter((side) => side.length >= q).flat();
      expect(committersOf(createWorld({ n, ...quiet }), sides), JSON.stringify(sides)).toEqual(able.sort((a, b) => a - b));
    }
  });

  it("of seven in 3, 2 and 2 commits nowhere", () => {
    for (const order of [indexes(7), indexes(7).reverse()])
      expect(committersOf(createWorld({ n: 7, ...quiet }), [order.slice(0, 3), order.slice(3, 5), order.slice(5)])).toEqual([]);
  });
});

/** Requests at all nodes but the first, which may be crashed and forget them. */
const load = (stage: Stage, count: number, pauseMs: number): ReturnType<Stage["request"]>[] =>
  Array.from({ length: count }, (_, number) => {
    const request = stage.world.request(1 + (number % 3));
    stage.world.run(pauseMs);
    return request;
  });

const kinds = [
  "pre-prepare",
  "prepare",
  "commit",
  "checkpoint",
  "view-change",
  "new-view",
  "relay",
  "fetch-batch",
  "batch",
  "fetch-blocks",
  "blocks",
  "stable",
  "status",
];

describe("messages of one kind that are lost for half a minute", () => {
  it.each(kinds)("%s: nothing that is stored grows, and all is well within seconds of their return", (kind) => {
    const stage = createStage("", { n: 4, parameters: { checkpointInterval: 4 } });
    const { world } = stage;
    stage.intercept("", (packet) => (kindOf(packet) === kind ? [] : [packet]));
    const requests = load(stage, 20, 500);
    world.node(0).crash();
    world.run(5_000);
    world.node(0).start();
    world.run(15_000);
    for (const { replica } of world.nodes) expect(replica.sizes().slots).toBeLessThanOrEqual(2 * 4);
    stage.intercept("", undefined);
    expect(
      world.runUntil(() => stage.agree(...requests), 3_000),
      "all agree",
    ).toBe(true);
    const last = world.request(1);
    expect(
      world.runUntil(() => stage.agree(last), 3_000),
      "and go on",
    ).toBe(true);
  });
});

describe("whatever is said", () => {
  it("may arrive ten times: nobody says more for it", () => {
    const saidWith = (times: number): ReadonlyMap<string, number> => {
      const stage = createStage("", { n: 4, parameters: { checkpointInterval: 4 } });
      const said = new Map<string, number>();
      stage.intercept("", (packet) => {
        said.set(kindOf(packet), (said.get(kindOf(packet)) ?? 0) + 1);
        return Array.from({ length: times }, () => packet);
      });
      const requests = load(stage, 12, 60);
      stage.world.node(0).crash();
      requests.push(...load(stage, 6, 400));
      stage.world.node(0).start();
      expect(stage.world.runUntil(() => stage.agree(...requests), 20_000)).toBe(true);
      expect(stage.view(1), "there was a view change, and one only").toBe(1);
      return said;
    };
    const [once, often] = [saidWith(1), saidWith(10)];
    expect([...often.keys()].sort()).toEqual([...once.keys()].sort());
    for (const [kind, count] of often) expect(count, kind).toBeLessThanOrEqual(1.5 * (once.get(kind) ?? 0) + 8);
  });
});

describe("a primary that is cut off as soon as it leads", () => {
  it.each([4, 7])("twenty times in a row, among %i, is replaced each time, and all go on at once when healed", (n) => {
    const stage = createStage("", { n });
    const { world } = stage;
    const highest = (): number =>
      Math.max(...world.nodes.map(({ replica }) => replica.status()).map(({ view, active }) => (active ? view : 0)));
    const requests: ReturnType<Stage["request"]>[] = [];
    for (let view = 0; view < 20; view += 1) {
      requests.push(world.request((view + 1) % n));
      expect(
        world.runUntil(() => highest() >= view, 60_000),
        `view ${view} begins`,
      ).toBe(true);
      world.links.heal();
      const primary = (highest() % n) as ReplicaIndex;
      world.links.split([[primary], indexes(n).filter((index) => index !== primary)]);
    }
    world.links.heal();
    expect(
      world.runUntil(() => stage.agree(...requests), 60_000),
      "progress within a minute of healing (PROTOCOL §5)",
    ).toBe(true);
    expect(highest()).toBeLessThan(20 + n);
    expect(world.judge.evidence.size).toBe(0);
  });
});
