/** Seven validators, two of which cheat in each way in turn, told so at run time; clients who check everything ask the cheats, too. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actNames } from "../../src/adversaries/cast.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { assertLogsEqual, networkFolder, startNetwork } from "./support/network.ts";
import { judgeWitnesses, startWitnesses, type Witnesses } from "./support/witnesses.ts";

const dir = networkFolder();
const cheats = [1, 4] as const;
const honest = [0, 2, 3, 5, 6];
let testnet: Testnet;
let witnesses: Witnesses | undefined;

beforeAll(async () => {
  // checkpoints often, so that lies about them are told
  testnet = await startNetwork(dir, {
    nodes: 7,
    parameters: { checkpointInterval: 32 },
    config: { log: { level: "warn" } },
    byzantine: { 1: "equivocate" },
  });
});
afterAll(() => witnesses?.stop());

const ways = actNames.filter((name) => name !== "honest" && !name.includes("="));

describe("seven validators with two cheats", () => {
  it("go on in each way of cheating; what clients saw is linearizable, what was acknowledged is there, honest logs are equal", async () => {
    witnesses = startWitnesses(testnet, { verifying: 7, plain: 5, trusted: honest });
    await witnesses.more(100);
    for (const way of ways) {
      await Promise.all(cheats.map((index) => testnet.byzantine(index, way)));
      expect(testnet.state().nodes.map(({ behaviour }) => behaviour)).toEqual(
        testnet.state().nodes.map(({ index }) => (cheats.includes(index as 1 | 4) ? way : "honest")),
      );
      const took = await witnesses.more(100).catch((error: unknown) => {
        throw new Error(`${way}: ${String(error)}`, { cause: error });
      });
      console.log(`${way}: 100 answers in ${Math.round(took)} ms`);
    }
    await Promise.all(cheats.map((index) => testnet.byzantine(index, "honest")));
    await witnesses.more(50);
    await witnesses.stop();
    expect(witnesses.distrusted.size, "the lies to clients were noticed").toBeGreaterThan(0);
    await assertLogsEqual(testnet, honest);
    expect(await judgeWitnesses(testnet, witnesses, honest)).toEqual([]);
  });
});
