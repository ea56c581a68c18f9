/** `kill -9` at random moments: nothing that was acknowledged is lost, nothing that was seen becomes unseen. `npm run kills` goes on for longer. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Testnet } from "../../src/testnet/index.ts";
import { createRandom } from "../fuzz/random.ts";
import { killAtRandom } from "./support/kills.ts";
import { assertLogsEqual, networkFolder, startNetwork } from "./support/network.ts";
import { judgeWitnesses } from "../../src/cli/validate/judge.ts";
import { startWitnesses, type Witnesses } from "../../src/cli/validate/witnesses.ts";

const dir = networkFolder();
let testnet: Testnet;
let witnesses: Witnesses | undefined;

beforeAll(async () => {
  // checkpoints often, so that kills hit them, too
  testnet = await startNetwork(dir, { parameters: { checkpointInterval: 16 }, config: { log: { level: "warn" } } });
});
afterAll(() => witnesses?.stop());

describe("four validators that are killed at random moments", () => {
  it("lose nothing; what clients saw is linearizable; the logs are equal", async () => {
    witnesses = startWitnesses(testnet, { verifying: 6, plain: 6 });
    await witnesses.more(50);
    const seed = Math.floor(Math.random() * 2 ** 32);
    console.log(`seed ${seed}`);
    const kills = await killAtRandom(testnet, witnesses, {
      random: createRandom(seed),
      blows: 5,
      struck: ({ victims, backMs }) => console.log(`killed ${victims.join(", ")}: answers again after ${Math.round(backMs)} ms`),
    });
    await witnesses.stop();
    await testnet.ready();
    console.log(`${kills} kills, ${witnesses.calls.length} calls, ${witnesses.answered} answered`);
    await assertLogsEqual(testnet);
    expect(await judgeWitnesses(testnet, witnesses, [0, 1, 2, 3])).toEqual([]);
  });
});
