/** One cut of a network of real processes from its beginning to its end, judged by PROTOCOL §10's table: short in CI, long in the soak. */
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { StatusAnswer } from "../../../src/client/answers.ts";
import { quorumSize } from "../../../src/protocol/committee.ts";
import type { Testnet } from "../../../src/testnet/index.ts";
import { expectAllThere, startLoad } from "./load.ts";
import { assertLogsEqual, codeOf, indexesOf } from "./network.ts";
import { noticedMs } from "./watching.ts";
import { eventually, unchanged, until } from "./wait.ts";

export interface Cut {
  readonly name: string;
  readonly groups: readonly (readonly number[])[];
  readonly oneWay?: boolean;
  /** how long it lasts once everybody knows of it */
  readonly holdMs: number;
  /** writers, through all nodes; 8 when absent */
  readonly clients?: number;
  /** of each after a write; none when absent */
  readonly pauseMs?: number;
}

/** Milliseconds after the cut or the heal, unless named otherwise. */
export interface CutFigures {
  readonly name: string;
  readonly heldMs: number;
  /** until every node said how it is cut */
  readonly noticed: number;
  /** the longest refusal by a side without a quorum */
  readonly refused: number;
  /** sequences executed while it lasted, where there was a quorum */
  readonly executed: number;
  /** until a write was acknowledged */
  readonly firstWrite: number;
  /** until every node said `whole` */
  readonly whole: number;
  /** until every node had the document of both sides, and until it was anchored */
  readonly merged: number;
  readonly anchored: number;
  /** by which the highest view grew */
  readonly views: number;
  /** MiB by which resident memory grew while the cut lasted, of the largest node that could not go on */
  readonly grownMiB: number;
}

type Connectivity = StatusAnswer["connectivity"];

/** What a group of validators must say of itself. */
export const expectedState = (n: number, { groups, oneWay = false }: Cut, group: readonly number[]): Connectivity => {
  const q = quorumSize(n);
  // a one-way cut leaves the second group its links; the first ones are heard by nobody of it
  const largest = Math.max(...groups.map(({ length }) => length));
  if (group.length >= q) return "degraded";
  if (n - group.length >= q) return "minority";
  return oneWay && largest >= q ? "minority" : "split";
};

const statusesOf = (testnet: Testnet, indexes: readonly number[]): Promise<StatusAnswer[]> =>
  Promise.all(indexes.map((index) => testnet.client(index).status()));

const rssOf = async (testnet: Testnet, indexes: readonly number[]): Promise<number> => {
  const statuses = await statusesOf(testnet, indexes);
  return Math.max(...statuses.map(({ memory }) => memory.rss)) / (1024 * 1024);
};

const highestView = async (testnet: Testnet): Promise<number> =>
  Math.max(...(await statusesOf(testnet, indexesOf(testnet))).map(({ view }) => view));

const since = (start: number): number => Math.round(performance.now() - start);

const placesOf = async (testnet: Testnet, indexes: readonly number[]): Promise<readonly number[]> =>
  (await statusesOf(testnet, indexes)).map(({ sequence }) => sequence.executed);

/** Every group writes the document; the values that must all be there in the end. */
const editEverywhere = async (testnet: Testnet, document: string, { groups }: Cut): Promise<string[]> => {
  const values: string[] = [];
  for (const index of groups.flat()) {
    const value = `${index}`;
    await testnet.client(index).editShared(document, [
      { type: "set-add", path: ["by"], value },
      { type: "counter-add", path: ["edits"], amount: 1 },
    ]);
    values.push(value);
  }
  return values;
};

const mergedText = (values: readonly string[]): string =>
  JSON.stringify({ by: { set: values.toSorted() }, edits: { counter: values.length } });

let cuts = 0;

/** Cuts, holds, heals, and expects what §10 promises of each side, of the ledger and of a document that all sides write. */
export const liveThrough = async (testnet: Testnet, cut: Cut): Promise<CutFigures> => {
  const all = indexesOf(testnet);
  const n = all.length;
  const document = `cut-${(cuts += 1)}`;
  const without = cut.groups.filter((group) => expectedState(n, cut, group) !== "degraded");
  const [quorum] = cut.groups.filter((group) => expectedState(n, cut, group) === "degraded");
  const load = await startLoad(testnet, cut.clients ?? 8, undefined, cut.pauseMs);
  try {
    await load.more(20);
    const view = await highestView(testnet);
    const cutAt = performance.now();
    await testnet.partition(cut.groups, { oneWay: cut.oneWay === true });
    await until(`${cut.name}: every side knows how it is cut`, noticedMs, async () => {
      const seen = await Promise.all(cut.groups.map((group) => statusesOf(testnet, group)));
      return seen.every((group, at) => group.every(({ connectivity }) => connectivity === expectedState(n, cut, cut.groups[at] ?? [])));
    });
    const noticed = since(cutAt);

    const values = await editEverywhere(testnet, document, cut);
    // a side that hears the one with a quorum follows its ledger, and commits nothing itself
    const follows = cut.oneWay === true && quorum !== undefined;
    const places = (): Promise<(readonly number[])[]> => Promise.all(without.map((group) => placesOf(testnet, group)));
    // what was under way when they were cut is done
    const still = follows ? await places() : await unchanged("nothing moves", 10_000, places, (seen) => seen);
    const rss = await rssOf(testnet, without.flat());
    const before = quorum === undefined ? 0 : Math.max(...(await statusesOf(testnet, quorum)).map(({ sequence }) => sequence.executed));
    const heldFrom = performance.now();
    let refused = 0;
    while (performance.now() - heldFrom < cut.holdMs) {
      for (const group of without) {
        const asked = performance.now();
        expect([cut.name, await codeOf(testnet.client(group[0] as number).put("not", "here"))]).toEqual([cut.name, "no_quorum"]);
        refused = Math.max(refused, since(asked));
      }
      await delay(Math.min(500, cut.holdMs / 4));
    }
    const heldMs = since(heldFrom);
    if (!follows) expect([cut.name, await places()]).toEqual([cut.name, still]);
    const after = quorum === undefined ? 0 : Math.max(...(await statusesOf(testnet, quorum)).map(({ sequence }) => sequence.executed));
    // a write that was repeated may hear only now of what was committed before the cut; nothing later was
    const latest = Math.max(...still.flat());
    if (quorum === undefined) expect([cut.name, load.acknowledged.filter(({ sequence }) => sequence > latest)]).toEqual([cut.name, []]);
    else expect(after).toBeGreaterThan(before);
    const grownMiB = Math.round((await rssOf(testnet, without.flat())) - rss);

    const healedAt = performance.now();
    await testnet.heal();
    const whole = until(`${cut.name}: all are whole`, 20_000, async () =>
      (await statusesOf(testnet, all)).every(({ connectivity }) => connectivity === "whole"),
    ).then(() => since(healedAt));
    const merged = until(`${cut.name}: the document is one`, 20_000, async () => {
      const texts = await Promise.all(all.map((index) => testnet.client(index).sharedRaw(document)));
      return texts.every((bytes) => new TextDecoder().decode(bytes) === mergedText(values));
    }).then(() => since(healedAt));
    await load.more(20);
    const write = load.acknowledged.find(({ at }, index) => at > healedAt && (quorum === undefined || index >= 0));
    const times = await Promise.all([whole, merged]);
    const anchored = await eventually(`${cut.name}: the document is anchored`, 20_000, async () => {
      const shown = await Promise.all(all.map((index) => testnet.client(index).shared(document)));
      return shown.every((each) => each?.anchor?.current === true) ? since(healedAt) : undefined;
    });
    await load.stop();
    await assertLogsEqual(testnet, all, Math.max(1, Math.min(...still.flat(), before || Infinity)));
    await expectAllThere(testnet, all.at(-1) as number, load);
    return {
      name: cut.name,
      heldMs,
      noticed,
      refused,
      executed: after - before,
      firstWrite: Math.round((write?.at ?? Number.NaN) - healedAt),
      whole: times[0],
      merged: times[1],
      anchored,
      views: (await highestView(testnet)) - view,
      grownMiB,
    };
  } finally {
    await load.stop();
    await testnet.heal();
  }
};

/** For people: one line a cut. */
export const cutLine = (f: CutFigures): string =>
  `${f.name}: ${(f.heldMs / 1000).toFixed(1)} s; noticed ${f.noticed} ms, refused within ${f.refused} ms, ${f.executed} blocks meanwhile; ` +
  `after the heal: write ${f.firstWrite} ms, whole ${f.whole} ms, merged ${f.merged} ms, anchored ${f.anchored} ms; views +${f.views}, ${f.grownMiB} MiB`;
