/** Real interfaces in network namespaces: packets that are lost, late and cut off, not connections that are told to close (PROTOCOL §10; docs/partitions.md). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StatusAnswer } from "../../src/client/answers.ts";
import { codeOf, temporaryFolder } from "./support/network.ts";
import { askMachine, type Namespaces, startNamespaces } from "./support/namespaces.ts";
import { until } from "./support/wait.ts";
import { noticedMs } from "./support/watching.ts";

const machine = askMachine();
if (machine.reason !== undefined) console.log(`skipped: this machine allows no network namespaces (${machine.reason})`);
else if (machine.losing === undefined) console.log("loss is skipped: this machine has neither netem nor nftables");

describe.skipIf(machine.reason !== undefined)("four validators in network namespaces", () => {
  const dir = temporaryFolder();
  let net: Namespaces;
  const all = [0, 1, 2, 3];
  const statuses = (indexes: readonly number[] = all): Promise<StatusAnswer[]> =>
    Promise.all(indexes.map((index) => net.client(index).status()));
  const since = (start: number): number => Math.round(performance.now() - start);
  const is = async (states: Readonly<Record<number, StatusAnswer["connectivity"]>>, limitMs: number): Promise<number> => {
    const start = performance.now();
    await until(JSON.stringify(states), limitMs, async () => {
      const seen = await statuses(Object.keys(states).map(Number));
      return seen.every(({ connectivity }, at) => connectivity === Object.values(states)[at]);
    });
    return since(start);
  };
  const whole = { 0: "whole", 1: "whole", 2: "whole", 3: "whole" } as const;
  /** One log, everywhere, and it goes on. */
  const goesOn = async (key: string): Promise<void> => {
    for (const index of all) await net.client(index).put(`${key}/${index}`, key);
    await until("all stand at one place", 10_000, async () => {
      const seen = await statuses();
      return new Set(seen.map(({ sequence, logHash }) => `${sequence.executed} ${logHash}`)).size === 1;
    });
  };
  const lasting = async (name: string, work: () => Promise<void>): Promise<void> => {
    const start = performance.now();
    await work();
    console.log(`${name}: ${since(start)} ms`);
  };

  beforeAll(async () => {
    net = await startNamespaces(dir, machine);
    await is(whole, 60_000);
  });
  afterAll(async () => net?.stop());

  it.skipIf(machine.losing === undefined)("order over links that are late and lose 3 % of the packets", async () => {
    for (const index of all) net.lose(index, 3);
    const [before] = await statuses([0]);
    await lasting("40 writes through 3 % loss", async () => {
      for (let round = 0; round < 10; round += 1)
        await Promise.all(all.map((index) => net.client(index).put(`lossy/${round}/${index}`, "there")));
    });
    await goesOn("lossy");
    for (const index of all) net.lose(index, 0);
    expect((await statuses([0]))[0]?.view).toBeLessThanOrEqual((before?.view ?? 0) + 1);
    await is(whole, 20_000);
  });

  it("miss one whose cable is out, which refuses at once; it catches up when it is in again", async () => {
    net.cable(3, false);
    const noticed = await is({ 0: "degraded", 1: "degraded", 2: "degraded", 3: "minority" }, noticedMs);
    expect(await codeOf(net.client(3).put("not", "here"))).toBe("no_quorum");
    for (let round = 0; round < 20; round += 1) await net.client(round % 3).put(`unplugged/${round}`, "there");
    await net.client(3).editShared("cable", [{ type: "set-add", path: ["by"], value: "3" }]);
    await net.client(0).editShared("cable", [{ type: "set-add", path: ["by"], value: "0" }]);
    net.cable(3, true);
    const healed = await is(whole, 15_000);
    console.log(`a cable out: noticed after ${noticed} ms, whole ${healed} ms after it was in again`);
    await goesOn("unplugged");
    await until("the document is one", 10_000, async () => {
      const texts = await Promise.all(all.map((index) => net.client(index).sharedRaw("cable")));
      return texts.every((bytes) => new TextDecoder().decode(bytes) === '{"by":{"set":["0","3"]}}');
    });
  });

  it("commit nowhere while the trunk between two and two is out, and everywhere soon after", async () => {
    const [before] = await statuses([0]);
    net.trunk(false);
    const noticed = await is({ 0: "split", 1: "split", 2: "split", 3: "split" }, noticedMs);
    const codes = await Promise.all(all.map((index) => codeOf(net.client(index).put("not", "anywhere"))));
    expect(codes).toEqual(all.map(() => "no_quorum"));
    net.trunk(true);
    const start = performance.now();
    await until("a write", 15_000, async () => (await codeOf(net.client(2).put("after", "the cut"))) === "none");
    const wrote = since(start);
    await is(whole, 15_000);
    console.log(`a trunk out: noticed after ${noticed} ms, a write ${wrote} ms after it was in again, whole after ${since(start)} ms`);
    await goesOn("trunk");
    expect((await statuses([0]))[0]?.view).toBeLessThanOrEqual((before?.view ?? 0) + 3);
  });

  it.skipIf(machine.losing === undefined)("do without one of whom nothing arrives, though it receives everything", async () => {
    net.lose(1, 100);
    const noticed = await is({ 0: "degraded", 1: "minority", 2: "degraded", 3: "degraded" }, 10_000);
    for (let round = 0; round < 10; round += 1) await net.client(3).put(`unheard/${round}`, "there");
    expect(await codeOf(net.client(1).put("not", "here"))).toBe("no_quorum");
    net.lose(1, 0);
    const healed = await is(whole, 15_000);
    console.log(`one-way loss: noticed after ${noticed} ms, whole ${healed} ms after it ended`);
    await goesOn("unheard");
  });
});
