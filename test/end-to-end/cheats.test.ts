/**
 * Seven validators, two of which cheat in each way in turn, told so at run time, also in the primary's seat; clients who check everything ask the
 * cheats, too. `npm run bench -- adversaries` has every way in the seat, and what it costs.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actNames } from "../../src/adversaries/cast.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { seatPrimary } from "../../src/cli/validate/logs.ts";
import { assertLogsEqual, networkFolder, startNetwork } from "./support/network.ts";
import { eventually } from "./support/wait.ts";
import { judgeWitnesses } from "../../src/cli/validate/judge.ts";
import { startWitnesses, type Witnesses } from "../../src/cli/validate/witnesses.ts";

const dir = networkFolder();
// neighbours: when one loses the primary's seat, the other one gets it
const cheats = [0, 1];
const honest = [2, 3, 4, 5, 6];
let testnet: Testnet;
let witnesses: Witnesses | undefined;

beforeAll(async () => {
  testnet = await startNetwork(dir, {
    nodes: 7,
    // often, so that lies about checkpoints are told
    parameters: { checkpointInterval: 32 },
    config: { log: { level: "warn" } },
    // the first two primaries, from their first proposal on
    byzantine: { 0: "equivocate", 1: "equivocate" },
  });
});
afterAll(() => witnesses?.stop());

const behave = async (way: string, neighbours = way): Promise<void> => {
  await Promise.all([testnet.byzantine(0, way), testnet.byzantine(1, neighbours)]);
  expect(testnet.state().nodes.map(({ behaviour }) => behaviour)).toEqual([way, neighbours, ...honest.map(() => "honest")]);
};
const progress = async (what: string, clients: Witnesses): Promise<void> => {
  const took = await clients.more(40, 90_000).catch((error: unknown) => {
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  });
  console.log(`${what}: 40 answers in ${Math.round(took)} ms`);
};
/** A history told two ways is found out by everybody, and everybody shows the same. */
const expectForksSeen = async (): Promise<void> => {
  for (const index of cheats) await testnet.client(index).editShared("forked", [{ type: "counter-add", path: ["votes"], amount: 1 }]);
  await eventually("all honest nodes know who forked his history", 20_000, async () => {
    const shown = await Promise.all(honest.map((index) => testnet.client(index).shared("forked")));
    const { nodes } = testnet.state();
    const keys = await testnet.client(2).validators();
    const culprits = cheats.map((index) => keys.find(({ peerId }) => peerId === nodes[index]?.peerId)?.validatorKey ?? "?").toSorted();
    const seen = shown.map((each) => JSON.stringify([each?.digest, each?.forkers.toSorted()]));
    expect(new Set(seen).size).toBe(1);
    expect(shown[0]?.forkers.toSorted()).toEqual(culprits);
    for (const index of honest) {
      const proofs = (await testnet.client(index).evidence()).filter(({ kind }) => kind === "forked-document");
      const named = proofs.map(({ document, culprits: [culprit] }) => `${document} by ${culprit?.validatorKey}`);
      expect(named.toSorted()).toEqual(culprits.map((key) => `forked by ${key}`));
    }
    return true;
  });
};

/** Who sends what has to be checked in vain is listened to less, or not at all, and nobody else is. */
const expectIsolated = async (): Promise<void> => {
  const culprits = cheats.map((index) => testnet.node(index).peerId).toSorted();
  await eventually("honest nodes do not talk to the cheats any more", 20_000, async () => {
    for (const index of honest) {
      const suspects = (await testnet.client(index).validators()).filter(({ standing }) => standing !== "good");
      expect(suspects.map(({ peerId }) => peerId).toSorted()).toEqual(culprits);
      for (const { because } of suspects) expect(because).toMatch(/\w/);
      const isolations = /^byz_network_total\{what="isolations"\} (\d+)$/m.exec(await testnet.client(index).metrics())?.[1];
      expect(Number(isolations)).toBeGreaterThan(1);
    }
    return true;
  });
};

/** They do something only as primaries, or while one is replaced. */
const seated = [
  ["slow-primary", "censor"],
  ["bad-new-view", "invalid-batch"],
] as const;
const anywhere = actNames.filter(
  (name) => name !== "honest" && name !== "flood" && !name.includes("=") && !seated.flat().some((each) => each === name),
);

describe("seven validators with two cheats", () => {
  it("go on in each way of cheating; what clients saw is linearizable, what was acknowledged is there, honest logs are equal", async () => {
    const clients = startWitnesses(testnet, { verifying: 7, plain: 5, trusted: honest });
    witnesses = clients;
    await progress("equivocate, as the first two primaries", clients);
    for (const way of anywhere) {
      await behave(way);
      await progress(way, clients);
      if (way === "fork-shared") await expectForksSeen();
    }
    for (const [first, second] of seated) {
      await behave("omit-prepared");
      await seatPrimary(testnet, 6, honest);
      await behave(first, second);
      await seatPrimary(testnet, 0, honest);
      await progress(`${first}, then ${second}, as primaries`, clients);
    }
    // last, as nobody talks to them for a while after it
    await behave("flood");
    await progress("flood", clients);
    await expectIsolated();
    await behave("honest");
    await progress("honest", clients);
    await clients.stop();
    expect(clients.distrusted.size, "the lies to clients were noticed").toBeGreaterThan(0);
    await assertLogsEqual(testnet, honest);
    expect(await judgeWitnesses(testnet, clients, honest)).toEqual([]);
  });
});
