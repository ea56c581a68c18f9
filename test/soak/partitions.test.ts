/**
 * Every kind of cut at its full length, on networks of real processes with default detectors: `npm run soak:partitions` (some 20 minutes). BYZ_SOAK_SECONDS
 * shortens the long cut, 600 s by default. The figures go into docs/partitions.md.
 */
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import type { Testnet } from "../../src/testnet/index.ts";
import { type Cut, type CutFigures, cutLine, liveThrough } from "../end-to-end/support/cuts.ts";
import { startLoad } from "../end-to-end/support/load.ts";
import { assertLogsEqual, indexesOf, networkFolder, startNetwork } from "../end-to-end/support/network.ts";
import { until } from "../end-to-end/support/wait.ts";

const longSeconds = Number(process.env["BYZ_SOAK_SECONDS"] ?? 600);
const second = 1000;

const expectKept = (figures: CutFigures): void => {
  console.log(cutLine(figures));
  expect(figures.noticed).toBeLessThan(4_000);
  expect(figures.refused).toBeLessThan(1_000);
  expect(figures.whole).toBeLessThan(5_000);
  // a link that was one-way, and nodes that missed much, take their time; the promise is about 2 | 2
  expect(figures.firstWrite).toBeLessThan(3_000);
  expect(figures.views).toBeLessThanOrEqual(4);
  expect(figures.grownMiB).toBeLessThan(64);
};

const ready = async (testnet: Testnet): Promise<void> => {
  const all = indexesOf(testnet);
  await until("all are whole", 30_000, async () => {
    const seen = await Promise.all(all.map((index) => testnet.client(index).status()));
    return seen.every(({ connectivity, uptimeSeconds }) => connectivity === "whole" && uptimeSeconds > 10);
  });
};

describe("four validators", () => {
  const dir = networkFolder();
  let testnet: Testnet;
  beforeAll(async () => {
    testnet = await startNetwork(dir, {});
    await ready(testnet);
  });

  const shapes: readonly Cut[] = [
    { name: "3 | 1", groups: [[0, 1, 2], [3]], holdMs: 5 * second },
    { name: "1 | 3, the first alone", groups: [[0], [1, 2, 3]], holdMs: 5 * second },
    { name: "2 | 1 | 1", groups: [[0, 1], [2], [3]], holdMs: 5 * second }, // prettier-ignore
    { name: "1 → 3", groups: [[1], [0, 2, 3]], oneWay: true, holdMs: 5 * second },
    { name: "3 → 1", groups: [[0, 2, 3], [1]], oneWay: true, holdMs: 5 * second },
    { name: "2 → 2", groups: [[0, 1], [2, 3]], oneWay: true, holdMs: 5 * second }, // prettier-ignore
    { name: "2 | 2", groups: [[0, 1], [2, 3]], holdMs: 60 * second, clients: 16 }, // prettier-ignore
  ];
  for (const cut of shapes) it(`${cut.name} for ${cut.holdMs / second} s`, async () => expectKept(await liveThrough(testnet, cut)));

  it("twenty cuts in a row end whole, with views and memory bounded", async () => {
    const load = await startLoad(testnet, 8);
    const look = async () => {
      const seen = await Promise.all(indexesOf(testnet).map((index) => testnet.client(index).status()));
      return { view: Math.max(...seen.map(({ view }) => view)), rss: Math.max(...seen.map(({ memory }) => memory.rss)) / 1048576 };
    };
    const before = await look();
    for (let turn = 0; turn < 20; turn += 1) {
      const cut = [[[0, 1], [2, 3]], [[0, 2], [1, 3]], [[0, 3], [1], [2]]][turn % 3] ?? []; // prettier-ignore
      await testnet.partition(cut);
      await delay(200 + 200 * turn);
      await testnet.heal();
      await delay(100 + 100 * (turn % 5));
    }
    const healed = performance.now();
    await ready(testnet);
    const whole = Math.round(performance.now() - healed);
    await load.more(50);
    await load.stop();
    await assertLogsEqual(testnet);
    const after = await look();
    console.log(
      `twenty cuts: whole ${whole} ms after the last, views +${after.view - before.view}, ${Math.round(after.rss - before.rss)} MiB`,
    );
    expect(whole).toBeLessThan(5_000);
    expect(after.view - before.view).toBeLessThanOrEqual(20);
    expect(after.rss - before.rss).toBeLessThan(96);
  });

  it(`3 | 1 for ${longSeconds} s`, async () =>
    expectKept(
      await liveThrough(testnet, { name: "3 | 1", groups: [[0, 1, 3], [2]], holdMs: longSeconds * second, clients: 4, pauseMs: 200 }),
    ));
});

describe("seven validators", () => {
  const dir = networkFolder();
  let testnet: Testnet;
  beforeAll(async () => {
    testnet = await startNetwork(dir, { nodes: 7 });
    await ready(testnet);
  });

  const shapes: readonly Cut[] = [
    { name: "5 | 2", groups: [[0, 1, 2, 3, 4], [5, 6]], holdMs: 5 * second }, // prettier-ignore
    { name: "4 | 3", groups: [[0, 1, 2, 3], [4, 5, 6]], holdMs: 5 * second }, // prettier-ignore
    { name: "3 | 2 | 2", groups: [[0, 1, 2], [3, 4], [5, 6]], holdMs: 5 * second }, // prettier-ignore
    { name: "2 → 5", groups: [[0, 1], [2, 3, 4, 5, 6]], oneWay: true, holdMs: 5 * second }, // prettier-ignore
  ];
  for (const cut of shapes) it(`${cut.name} for ${cut.holdMs / second} s`, async () => expectKept(await liveThrough(testnet, cut)));
});
