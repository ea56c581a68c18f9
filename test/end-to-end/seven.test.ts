/** Seven processes: how they find each other, cuts (PROTOCOL §10; docs/partitions.md), and the loss of two primaries in a row. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { Testnet } from "../../src/testnet/index.ts";
import { cutLine, liveThrough } from "./support/cuts.ts";
import { expectAllThere, startLoad } from "./support/load.ts";
import type { Load } from "./support/load.ts";
import { assertLogsEqual, codeOf, indexesOf, networkFolder, primaryAsSeenBy, startNetwork } from "./support/network.ts";
import { promised, type Promised } from "./support/promised.ts";
import { eventually, until } from "./support/wait.ts";
import { watching } from "./support/watching.ts";

const dir = networkFolder();
let testnet: Testnet;
let watch: ReturnType<typeof watching>;
let load: Load | undefined;
/** when the last of the seven processes had been started, and when all of them had loaded what they are made of, which is the machine's to hurry with */
let started = 0;
let answering: Promise<number>;
let keepsFromStart: Promised;
const allAnswer = async (): Promise<number> => {
  const { client, state } = Testnet.open(dir);
  await until("all answer", 60_000, async () => {
    await Promise.all(state().nodes.map(({ index }) => client(index).status()));
    return true;
  });
  return performance.now();
};

beforeAll(async () => {
  testnet = await startNetwork(dir, {
    nodes: 7,
    progress: () => {
      started = performance.now();
      answering = allAnswer();
      answering.catch(() => undefined);
      keepsFromStart = promised(Testnet.open(dir));
    },
  });
  watch = watching(testnet);
});
afterEach(async () => {
  await load?.stop();
  load = undefined;
  await testnet.heal();
});

const isConnectedToAll = async (index: number): Promise<boolean> => {
  const { nodes } = testnet.state();
  const client = testnet.client(index);
  const peers = new Set((await client.peers()).map(({ peerId }) => peerId));
  const reached = (await client.validators()).filter(({ reachable }) => reachable);
  return reached.length === 7 && nodes.every(({ index: other, peerId }) => other === index || peers.has(peerId));
};

describe("seven processes", () => {
  it("that were given only the first one's address all know and reach each other within 10 s", async () => {
    await until("everybody reaches everybody", 40_000, async () =>
      (await Promise.all(indexesOf(testnet).map(isConnectedToAll))).every((connected) => connected),
    );
    const now = performance.now();
    const took = now - (await answering);
    console.log(
      `seven processes reach each other ${Math.round(now - started)} ms after the last was started, ${Math.round(took)} ms after it answered`,
    );
    keepsFromStart("all reach each other", took, 10_000);
  });

  it("commit on the larger side of 5 | 2 and nowhere of 4 | 3, and are whole with equal logs after the heal", async () => {
    await watch.whole(20_000);
    await testnet.partition([[0, 1, 2, 3, 4], [5, 6]]); // prettier-ignore
    await watch.noticed([[0, 1, 2, 3, 4], [5, 6]], ["degraded", "minority"]); // prettier-ignore
    await eventually("the five commit", 10_000, () => testnet.client(4).put("five", "of seven"));
    expect(await codeOf(testnet.client(5).put("two", "of seven"))).toBe("no_quorum");

    await testnet.partition([[0, 1, 2, 3], [4, 5, 6]]); // prettier-ignore
    await watch.noticed([[0, 1, 2, 3], [4, 5, 6]], ["split", "split"]); // prettier-ignore
    const before = await watch.still();
    expect(await Promise.all([0, 6].map((index) => codeOf(testnet.client(index).put("nobody", "commits"))))).toEqual([
      "no_quorum",
      "no_quorum",
    ]);
    expect((await watch.statuses()).map(({ sequence }) => sequence)).toEqual(before.map(({ sequence }) => sequence));

    await testnet.heal();
    console.log(`4 | 3 of seven: whole ${Math.round(await watch.whole())} ms after the heal`);
    await eventually("all commit", 20_000, () => testnet.client(6).put("seven", "of seven"));
    await assertLogsEqual(testnet);
    expect(await testnet.client(5).get("five", { consistency: "local" })).toMatchObject({ value: "of seven" });
  });

  it("commit on no side of 3 | 2 | 2, and what all sides wrote into a document is one and anchored after the heal", async () => {
    const keeps = promised(testnet);
    const figures = await liveThrough(testnet, { name: "3 | 2 | 2", groups: [[0, 1, 2], [3, 4], [5, 6]], holdMs: 1500 }); // prettier-ignore
    console.log(cutLine(figures));
    keeps("all are whole after the heal", figures.whole, 5000);
  });

  it("commit again within 3 s when two primaries are killed one after the other; nothing is lost; the logs are equal", async () => {
    load = await startLoad(testnet);
    await load.more(100);
    const killed: number[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const alive = indexesOf(testnet).filter((index) => !killed.includes(index));
      const primary = await primaryAsSeenBy(testnet, alive.at(-1) as number);
      const keeps = promised(testnet);
      const at = performance.now();
      await testnet.kill(primary);
      killed.push(primary);
      await load.more(200);
      const gap = load.longestGap(at);
      console.log(`longest gap after the kill of primary ${turn + 1}: ${Math.round(gap)} ms`);
      keeps("writes go on", gap, 3000);
    }
    expect(new Set(killed).size).toBe(2);

    await Promise.all(killed.map((index) => testnet.restart(index)));
    await testnet.ready();
    await load.stop();
    await assertLogsEqual(testnet);
    for (const index of killed) await expectAllThere(testnet, index, load);
  });
});
