/** Four real processes that are cut and healed (PROTOCOL §10; docs/partitions.md); seven: `seven.test.ts`. The tests build on each other's ledger. */
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { defaultNetworkLimits } from "../../src/network/options.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { byz, killWhatRuns } from "./support/command.ts";
import { expectAllThere, startLoad } from "./support/load.ts";
import type { Load } from "./support/load.ts";
import { assertLogsEqual, codeOf, indexesOf, networkFolder, primaryAsSeenBy, startNetwork } from "./support/network.ts";
import { cutLine, liveThrough } from "./support/cuts.ts";
import { promised } from "./support/promised.ts";
import { eventually, until } from "./support/wait.ts";
import { noticedMs, watching } from "./support/watching.ts";

killWhatRuns();

const refused = ["no_quorum", "outcome_unknown"];
/** how long two and two stay apart under load: longer than a request's patience, its grace without a quorum, and a view's */
const splitMs = 6_000;
/** how long a link counts as new to the network: its end may be busy with handshakes */
const newLinkMs = defaultNetworkLimits.firstDeadMs;
/** how long a node that starts opens no report (docs/partitions.md) */
const startingMs = 10_000;

describe("four validators", () => {
  const dir = networkFolder();
  let testnet: Testnet;
  let load: Load | undefined;
  let watch: ReturnType<typeof watching>;
  const others = (index: number): number[] => [0, 1, 2, 3].filter((each) => each !== index);

  beforeAll(async () => {
    testnet = await startNetwork(dir, { parameters: { checkpointInterval: 32 } });
    watch = watching(testnet);
    await watch.whole();
  });
  afterEach(async () => {
    await load?.stop();
    load = undefined;
    await testnet.heal();
    await watch.whole();
  });

  it("cut 3 | 1 with the primary in the three: these go on, the one says why it does not, and catches up", async () => {
    const alone = (await primaryAsSeenBy(testnet, 0)) === 3 ? 2 : 3;
    await testnet.client(alone).put("before", "the cut");
    const keeps = promised(testnet);
    const cut = await byz(["testnet", "partition", others(alone).join(), String(alone), "--dir", dir, "--json"]);
    expect(cut.status).toBe(0);
    expect(JSON.parse(cut.stdout)).toMatchObject({ cut: { groups: [others(alone), [alone]], oneWay: false } });
    const took = await watch.noticed([others(alone), [alone]], ["degraded", "minority"]);
    keeps("links that are closed are noticed", took, 2000);

    const asked = performance.now();
    expect(await codeOf(testnet.client(alone).put("not", "here"))).toBe("no_quorum");
    expect(await codeOf(testnet.client(alone).get("before"))).toBe("no_quorum");
    keeps("two refusals", performance.now() - asked, 500);
    expect(await testnet.client(alone).get("before", { consistency: "local" })).toMatchObject({ value: "the cut" });
    const status = await testnet.client(alone).status();
    expect(status.blocked).toMatchObject({ reason: "no_quorum" });
    expect(status.blocked?.waitingFor.toSorted()).toEqual(watch.names(others(alone)).toSorted());
    const { ready, checks } = await testnet.client(alone).ready();
    expect([ready, checks.find(({ name }) => name === "quorum")]).toMatchObject([false, { ok: false }]);

    load = await startLoad(testnet, 8, others(alone));
    await load.more(150);
    await load.stop();
    const { sequence } = await testnet.client(alone).status();

    expect((await byz(["testnet", "heal", "--dir", dir])).status).toBe(0);
    const healed = await watch.whole();
    console.log(`3 | 1: noticed after ${Math.round(took)} ms, whole again ${Math.round(healed)} ms after the heal`);
    await assertLogsEqual(testnet);
    await expectAllThere(testnet, alone, load);
    const report = await watch.lastReport(alone);
    expect(report).toMatchObject({
      state: "minority",
      sides: [watch.names([alone]), expect.any(Array)],
      sequences: { since: sequence.executed },
    });
    expect(report.sides[1]?.toSorted()).toEqual(watch.names(others(alone)).toSorted());
    expect(report.catchUp?.sequences).toBeGreaterThan(0);
    expect(report.catchUp?.bytes).toBeGreaterThan(0);
    expect(await watch.lastReport(others(alone)[0] as number)).toMatchObject({ state: "degraded", catchUp: { sequences: 0 } });
    const shown = await byz(["partitions", "--api", testnet.node(alone).api]);
    expect(shown.stdout).toMatch(new RegExp(`sides +node-${alone} \\| node-`));
  });

  it("cut 3 | 1 with the primary alone: the three replace it, it commits nothing and does not climb, and follows when healed", async () => {
    const alone = await primaryAsSeenBy(testnet, 0);
    load = await startLoad(testnet, 8, others(alone));
    await load.more(50);
    const keeps = promised(testnet);
    const cut = performance.now();
    await testnet.partition([others(alone), [alone]]);
    await load.more(200);
    const gap = load.longestGap(cut);
    const [isolated] = await watch.statuses([alone]);
    await load.more(50);
    expect((await watch.statuses([alone]))[0]).toMatchObject({ view: isolated?.view, sequence: isolated?.sequence as object });
    await testnet.heal();
    const healed = await watch.whole();
    console.log(`primary cut off: longest gap ${Math.round(gap)} ms, whole again ${Math.round(healed)} ms after the heal`);
    keeps("the primary is replaced", gap, 4000);
    await load.stop();
    await assertLogsEqual(testnet);
    await expectAllThere(testnet, alone, load);
    expect(new Set(await watch.views()).size).toBe(1);
  });

  it("cut 2 | 2 under load: nobody commits, nothing is lost, no view climbs, and writes go on within 3 s of the heal", async () => {
    load = await startLoad(testnet);
    await load.more(200);
    await testnet.partition([[0, 1], [2, 3]]); // prettier-ignore
    await watch.noticed([[0, 1], [2, 3]], ["split", "split"]); // prettier-ignore
    const before = await watch.still();
    const failures = load.failures.get("no_quorum") ?? 0;
    const cut = performance.now();
    await until("the load was refused for some seconds", 20_000, () => {
      const refusals = (load?.failures.get("no_quorum") ?? 0) - failures;
      return performance.now() - cut > splitMs && refusals >= 16;
    });
    const after = await watch.statuses();
    expect(after.map(({ sequence, view }) => [sequence, view])).toEqual(before.map(({ sequence, view }) => [sequence, view]));
    // what two committed as they were cut may be answered late, by them, to a client that asked the others first
    const stood = Math.max(...before.map(({ sequence }) => sequence.executed));
    expect(load.acknowledged.filter(({ at, sequence }) => at > cut && sequence > stood)).toEqual([]);
    expect([...load.failures.keys()].filter((code) => !refused.includes(code))).toEqual([]);

    const keeps = promised(testnet);
    await testnet.heal();
    const healed = performance.now();
    await load.more(100);
    const first = (load.acknowledged.find(({ at }) => at > healed)?.at ?? Number.NaN) - healed;
    const whole = await watch.whole();
    console.log(
      `2 | 2 for ${Math.round(healed - cut)} ms: first write ${Math.round(first)} ms after the heal, whole at most ${Math.round(whole)} ms later`,
    );
    keeps("a write after the heal", first, 3000);
    await load.stop();
    const last = await assertLogsEqual(testnet);
    expect(last).toBeGreaterThan(Math.max(...before.map(({ sequence }) => sequence.executed)));
    await Promise.all(indexesOf(testnet).map((index) => expectAllThere(testnet, index, load as Load)));
    expect(Math.max(...(await watch.views()))).toBeLessThanOrEqual(Math.max(...before.map(({ view }) => view)) + 2);
  });

  it("one of whom is not heard, though it hears: it says so, it is missed by nobody, and a restart does not lift the cut", async () => {
    const unheard = (await primaryAsSeenBy(testnet, 0)) === 1 ? 2 : 1;
    const [before] = await watch.statuses([unheard]);
    await testnet.partition([[unheard], others(unheard)], { oneWay: true });
    const took = await watch.noticed([others(unheard), [unheard]], ["degraded", "minority"]);
    console.log(`a one-way link: noticed at both ends after ${Math.round(took)} ms`);
    expect((await testnet.client(unheard).status()).brokenLinks).toEqual(
      expect.arrayContaining(watch.names(others(unheard)).map((to) => ({ from: testnet.node(unheard).peerId, to }))),
    );
    expect(await codeOf(testnet.client(unheard).put("not", "heard"))).toBe("no_quorum");
    await testnet.client(others(unheard)[0] as number).put("without", "it");
    await eventually("it follows what it hears", 10_000, () => testnet.client(unheard).get("without", { consistency: "local" }));

    const restarted = others(unheard)[1] as number;
    await testnet.restart(restarted);
    await eventually("it is cut again", 10_000, async () => {
      const [status] = await watch.statuses([restarted]);
      return status?.connectivity === "degraded" && !status.sides[0]?.includes(testnet.node(unheard).peerId) ? true : undefined;
    });
    expect((await watch.statuses([unheard]))[0]?.view).toBe(before?.view);
    await testnet.heal();
    console.log(`a one-way link: whole ${Math.round(await watch.whole())} ms after the heal`);
    await testnet.client(unheard).put("heard", "again");
    await assertLogsEqual(testnet);
  });

  it("cut into three, or one-way between two and two: nobody commits, all is refused at once, and comes together", async () => {
    for (const cut of [
      { name: "2 | 1 | 1", groups: [[0, 1], [2], [3]], holdMs: 1500 }, // prettier-ignore
      { name: "2 → 2", groups: [[0, 1], [2, 3]], oneWay: true, holdMs: 1500 }, // prettier-ignore
    ]) {
      const keeps = promised(testnet);
      const figures = await liveThrough(testnet, cut);
      console.log(cutLine(figures));
      keeps("a refusal", figures.refused, 1000);
      keeps("all are whole after the heal", figures.whole, 5000);
      keeps("a write after the heal", figures.firstWrite, 5000);
    }
  });

  it("cut and healed twenty times in a row: they end whole, with equal logs, and views do not explode", async () => {
    load = await startLoad(testnet, 8);
    await load.more(20);
    const views = await watch.views();
    for (let turn = 0; turn < 20; turn += 1) {
      await testnet.partition(turn % 2 === 0 ? [[0, 1], [2, 3]] : [[0, 2], [1, 3]]); // prettier-ignore
      // the length of the phases is what is tested: around the time that a detector and a view's patience take
      await delay(50 + 30 * turn);
      await testnet.heal();
      await delay(300 - 12 * turn);
    }
    const keeps = promised(testnet);
    const healed = performance.now();
    await load.more(50);
    const whole = await watch.whole();
    console.log(
      `flapping: views ${views.join()} → ${(await watch.views()).join()}, writes for ${Math.round(performance.now() - healed)} ms`,
    );
    keeps("all are whole after the last heal", whole, 5000);
    await load.stop();
    await assertLogsEqual(testnet);
    await Promise.all(indexesOf(testnet).map((index) => expectAllThere(testnet, index, load as Load)));
    expect(Math.max(...(await watch.views()))).toBeLessThanOrEqual(Math.max(...views) + 10);
    const last = await watch.lastReport(0);
    expect(last.phases.length).toBeGreaterThan(2);
  });

  it("one of whom stands still for a while: the others miss it, and it does not take its own absence for a partition", async () => {
    // the last one: a new link is given more time, and what a node misses while it starts is no partition yet
    await until("the links are settled", 20_000, async () => {
      const peers = await Promise.all(indexesOf(testnet).map((index) => testnet.client(index).peers()));
      const started = (await watch.statuses()).every(({ uptimeSeconds }) => uptimeSeconds > startingMs / 1000);
      return started && peers.flat().every(({ connectedSince }) => Date.now() - connectedSince > newLinkMs);
    });
    const still = (await primaryAsSeenBy(testnet, 0)) === 2 ? 1 : 2;
    const witness = others(still)[0] as number;
    const [reported, ownReports] = await Promise.all(
      [witness, still].map(async (index) => (await testnet.client(index).partitions()).length),
    );
    await testnet.pause(still);
    const since = performance.now();
    await until("the others miss it", noticedMs, async () =>
      (await watch.statuses(others(still))).every(({ connectivity, quorum }) => connectivity === "degraded" && quorum.reachable === 3),
    );
    console.log(`silence: noticed after ${Math.round(performance.now() - since)} ms`);
    await testnet.client(witness).put("one", "stands still");
    // what lasts only a moment is no partition
    await until("it is reported", 10_000, async () => (await testnet.client(witness).partitions()).length > (reported ?? 0));
    await testnet.resume(still);
    await watch.whole();
    const report = await watch.lastReport(witness);
    expect(report).toMatchObject({ state: "degraded", sides: [expect.any(Array), watch.names([still])] });
    expect(await testnet.client(still).partitions()).toHaveLength(ownReports ?? 0);
  });

  it("are not cut by what makes no sense: it is refused and changes nothing", async () => {
    for (const groups of ["0,1", "0,1 1,2", "0,9 1"]) {
      const ran = await byz(["testnet", "partition", ...groups.split(" "), "--dir", dir, "--json"]);
      expect([groups, ran.status]).toEqual([groups, 2]);
    }
    expect(testnet.state().cut).toBeNull();
    expect((await watch.statuses()).every(({ connectivity }) => connectivity === "whole")).toBe(true);
  });
});
