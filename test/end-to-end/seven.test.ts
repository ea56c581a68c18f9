/** Seven processes: how they find each other, and the loss of two primaries in a row. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Testnet } from "../../src/testnet/index.ts";
import { expectAllThere, startLoad } from "./support/load.ts";
import type { Load } from "./support/load.ts";
import { assertLogsEqual, indexesOf, networkFolder, primaryAsSeenBy, startNetwork } from "./support/network.ts";
import { until } from "./support/wait.ts";

const dir = networkFolder();
let testnet: Testnet;
let load: Load | undefined;
/** when the last of the seven processes had been started */
let allStarted = 0;

beforeAll(async () => {
  testnet = await startNetwork(dir, {
    nodes: 7,
    progress: () => {
      allStarted = performance.now();
    },
  });
});
afterEach(async () => {
  await load?.stop();
  load = undefined;
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
    await until("everybody reaches everybody", 10_000, async () =>
      (await Promise.all(indexesOf(testnet).map(isConnectedToAll))).every((connected) => connected),
    );
    const took = performance.now() - allStarted;
    console.log(`seven processes reach each other ${Math.round(took)} ms after the last was started`);
    expect(took).toBeLessThan(10_000);
  });

  it("commit again within 3 s when two primaries are killed one after the other; nothing is lost; the logs are equal", async () => {
    load = await startLoad(testnet);
    await load.more(100);
    const killed: number[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const alive = indexesOf(testnet).filter((index) => !killed.includes(index));
      const primary = await primaryAsSeenBy(testnet, alive.at(-1) as number);
      const at = performance.now();
      await testnet.kill(primary);
      killed.push(primary);
      await load.more(200);
      const gap = load.longestGap(at);
      console.log(`longest gap after the kill of primary ${turn + 1}: ${Math.round(gap)} ms`);
      expect(gap).toBeLessThan(3000);
    }
    expect(new Set(killed).size).toBe(2);

    await Promise.all(killed.map((index) => testnet.restart(index)));
    await testnet.ready();
    await load.stop();
    await assertLogsEqual(testnet);
    for (const index of killed) await expectAllThere(testnet, index, load);
  });
});
