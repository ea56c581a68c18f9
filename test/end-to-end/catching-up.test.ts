/** Nodes that were away, or lost what they had: how they come back (PROTOCOL §6, §7). */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Testnet } from "../../src/testnet/index.ts";
import { expectAllThere, startLoad } from "./support/load.ts";
import type { Load } from "./support/load.ts";
import { assertLogsEqual, codeOf, indexesOf, networkFolder, primaryAsSeenBy, settled, startNetwork } from "./support/network.ts";
import { eventually, until } from "./support/wait.ts";

const checkpointInterval = 8;
const dir = networkFolder();
let testnet: Testnet;
let load: Load | undefined;

beforeAll(async () => {
  testnet = await startNetwork(dir, { parameters: { checkpointInterval } });
});
afterEach(async () => {
  await load?.stop();
  load = undefined;
});

const executed = async (index: number): Promise<number> => (await testnet.client(index).status()).sequence.executed;

/** Writes one after the other until this node has executed `sequences` more. */
const commitMore = async (through: number, sequences: number): Promise<void> => {
  const goal = (await executed(through)) + sequences;
  while ((await executed(through)) < goal) await testnet.client(through).put("more", String(goal));
};

/** A certificate from this block on bears this validator's vote. */
const votesFrom = async (through: number, validator: number, from: number): Promise<boolean> => {
  const blocks = await testnet.client(through).blocks({ from });
  return blocks.some(({ certificate }) => certificate.signatures.some(({ replica }) => replica === validator));
};

describe("a validator that was away", () => {
  it("catches up from the others' blocks when they went on far beyond its window, and nothing new needs to arrive", async () => {
    const away = 2;
    await testnet.kill(away);
    load = await startLoad(testnet, 16, [0, 1, 3]);
    const goal = (await executed(0)) + 6 * checkpointInterval;
    await until("the others are beyond its window", 30_000, async () => (await executed(0)) > goal);
    await load.stop();
    await testnet.restart(away);
    await settled(testnet, indexesOf(testnet));
    await testnet.ready();
    await assertLogsEqual(testnet);
    await expectAllThere(testnet, away, load);
    // and it is needed again: with another one gone, its vote is one of the three
    const gone = (await primaryAsSeenBy(testnet, away)) === 3 ? 0 : 3;
    await testnet.kill(gone);
    await eventually("commits with its vote", 30_000, async () => testnet.client(away).put("needs", "me"));
    await testnet.restart(gone);
    await testnet.ready();
  });
});

describe("a validator that lost its data and kept its key", () => {
  it("is passive, follows, and votes again after a later stable checkpoint", async () => {
    const forgetful = (await primaryAsSeenBy(testnet, 0)) === 1 ? 2 : 1;
    const before = await settled(testnet, indexesOf(testnet));
    await testnet.kill(forgetful);
    rmSync(join(testnet.node(forgetful).home, "data"), { recursive: true });
    await testnet.restart(forgetful);

    await until("it says so", 30_000, async () => (await testnet.client(forgetful).status()).passive === true);
    await until("it has the others' blocks", 60_000, async () => (await executed(forgetful)) >= before);
    await assertLogsEqual(testnet);
    expect(await testnet.client(forgetful).get("needs", { consistency: "local" })).toMatchObject({ value: "me" });

    for (const round of [1, 2, 3]) await testnet.client(0).put("while", `passive ${round}`);
    expect(await settled(testnet, indexesOf(testnet))).toBeGreaterThan(before);
    expect(await votesFrom(0, forgetful, before + 1)).toBe(false);

    await commitMore(0, 5 * checkpointInterval);
    await until("it may vote", 60_000, async () => (await testnet.client(forgetful).status()).passive !== true);
    await until("it votes", 60_000, async () => {
      await testnet.client(0).put("vote", "please");
      return votesFrom(0, forgetful, await executed(0));
    });
    await testnet.ready();
    await assertLogsEqual(testnet);
  });

  it("keeps the network from committing when it was needed: nobody counts a vote that could contradict a forgotten one", async () => {
    const [away, forgetful] = [3, 1];
    await testnet.kill(away);
    await testnet.kill(forgetful);
    rmSync(join(testnet.node(forgetful).home, "data"), { recursive: true });
    await testnet.restart(forgetful);
    await until("it is passive", 30_000, async () => (await testnet.client(forgetful).status()).passive === true);
    const at = await executed(0);
    expect(await codeOf(testnet.client(forgetful).put("too", "early"))).not.toBe("none");
    expect(await executed(0)).toBe(at);
    await testnet.restart(away);
    await eventually("commits with three that remember", 60_000, async () => testnet.client(0).put("now", "it does"));
    await settled(testnet, indexesOf(testnet));
    await assertLogsEqual(testnet);
  });
});
