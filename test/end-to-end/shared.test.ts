/** Real processes: a document that both sides of a cut go on writing, and one text everywhere once it heals (PROTOCOL §11). */
import { beforeAll, describe, expect, it } from "vitest";
import type { Testnet } from "../../src/testnet/index.ts";
import { killWhatRuns } from "./support/command.ts";
import { codeOf, indexesOf, networkFolder, startNetwork } from "./support/network.ts";
import { until } from "./support/wait.ts";

const dir = networkFolder();
killWhatRuns();
let testnet: Testnet;
const observer = 4;

beforeAll(async () => {
  testnet = await startNetwork(dir, { nodes: 4, observers: 1 });
});

const url = (index: number, name: string): string => `${testnet.node(index).api}/v1/shared/${name}`;
const edit = async (index: number, name: string, ...changes: readonly unknown[]): Promise<number> => {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url(index, name), { method: "POST", headers, body: JSON.stringify({ changes }) });
  await response.arrayBuffer();
  return response.status;
};
const textAt = async (index: number, name: string): Promise<string> => (await fetch(`${url(index, name)}?raw=1`)).text();
const texts = (name: string, indexes: readonly number[] = indexesOf(testnet)): Promise<string[]> =>
  Promise.all(indexes.map((index) => textAt(index, name)));
const allShow = (name: string, text: string, indexes?: readonly number[], limitMs = 10_000): Promise<void> =>
  until(`all show ${text}`, limitMs, async () => (await texts(name, indexes)).every((each) => each === text));

describe("a shared document", () => {
  it("reaches every node, the observer included", async () => {
    expect(await edit(0, "plan", { type: "register-set", path: ["title"], value: "common" })).toBe(200);
    await allShow("plan", '{"title":{"register":["common"]}}');
    expect(await edit(observer, "plan", { type: "counter-add", path: ["votes"], amount: 1 })).toBe(400);
  });

  it("is written on both sides of two and two, where the ledger is not, and loses no edit", async () => {
    await testnet.partition([
      [0, 1, observer],
      [2, 3],
    ]);
    await until("the ledger refuses", 20_000, async () => (await codeOf(testnet.client(0).put("k", "v"))) === "no_quorum");
    for (let at = 0; at < 20; at++) {
      for (const index of [0, 1, 2, 3]) {
        expect(
          await edit(
            index,
            "plan",
            { type: "counter-add", path: ["votes"], amount: 1 },
            { type: "set-add", path: ["seen"], value: `n${index}` },
          ),
        ).toBe(200);
      }
    }
    await edit(1, "plan", { type: "register-set", path: ["title"], value: "left" });
    await edit(2, "plan", { type: "register-set", path: ["title"], value: "right" });
    await allShow("plan", '{"seen":{"set":["n0","n1"]},"title":{"register":["left"]},"votes":{"counter":40}}', [0, 1, observer]);
    await allShow("plan", '{"seen":{"set":["n2","n3"]},"title":{"register":["right"]},"votes":{"counter":40}}', [2, 3]);
    await testnet.heal();
    await allShow("plan", '{"seen":{"set":["n0","n1","n2","n3"]},"title":{"register":["left","right"]},"votes":{"counter":80}}');
  });

  it("is there again after a node was killed, with every edit that was answered, and its author goes on", async () => {
    for (let at = 0; at < 10; at++) await edit(3, "notes", { type: "counter-add", path: ["c"], amount: 1 });
    await testnet.kill(3);
    await testnet.restart(3);
    await until("the node answers", 20_000, async () => (await textAt(3, "notes")) === '{"c":{"counter":10}}');
    expect(await edit(3, "notes", { type: "counter-add", path: ["c"], amount: 1 })).toBe(200);
    await allShow("notes", '{"c":{"counter":11}}');
    const shown = (await (await fetch(url(0, "notes"))).json()) as { forkers: unknown };
    expect(shown.forkers).toEqual([]);
  });
});
