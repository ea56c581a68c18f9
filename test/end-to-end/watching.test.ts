/** Changes are followed through a real network: from node to node, while the one that tells them is killed. */
import { beforeAll, describe, expect, it } from "vitest";
import { watchEvents } from "../../src/client/watch-events.ts";
import { ClientError } from "../../src/client/errors.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { networkFolder, startNetwork } from "./support/network.ts";
import { eventually, until } from "./support/wait.ts";

const dir = networkFolder();
let testnet: Testnet;
beforeAll(async () => {
  testnet = await startNetwork(dir, {});
});

const writes = 10_000;
const perTransaction = 50;

describe("a watcher", () => {
  it("misses and repeats nothing over 10,000 events, with reconnections and a killed node", async () => {
    const apis = testnet.state().nodes.map(({ api }) => api);
    const stop = new AbortController();
    const seen: string[] = [];
    let breaks = 0;
    const follow = async (): Promise<void> => {
      // node 0 first: it is the one that is killed
      const options = { urls: apis, prefix: "w/", from: 0, signal: stop.signal, onBreak: () => void (breaks += 1) };
      for await (const event of watchEvents(options)) if (event.type === "put") seen.push(event.value);
    };
    const following = follow();
    let next = 0;
    /** one at a time, conditional, so that each is written once however often it is tried */
    const write = async (): Promise<void> => {
      const first = next;
      const node = testnet.client(1 + ((first / perTransaction) % 3));
      const compare = [{ key: "marker", version: first / perTransaction }];
      const puts = Array.from(
        { length: perTransaction },
        (_, index) => ({ type: "put", key: `w/${index}`, value: String(first + index) }) as const,
      );
      await eventually("a transaction", 60_000, async () => {
        try {
          return await node.txn({ compare, success: [{ type: "put", key: "marker", value: "" }, ...puts], failure: [] });
        } catch (error) {
          if (error instanceof ClientError && ["no_quorum", "outcome_unknown", "syncing"].includes(error.code)) return undefined;
          throw error;
        }
      });
      next += perTransaction;
    };
    while (next < writes / 4) await write();
    await until("the watcher follows", 30_000, () => seen.length > 0);
    await testnet.kill(0);
    while (next < writes / 2) await write();
    await testnet.restart(0);
    await testnet.kill(1);
    await testnet.restart(1);
    await testnet.ready();
    while (next < writes) await write();
    await until("everything is seen", 60_000, () => seen.length >= writes);
    stop.abort();
    await following;
    expect(breaks).toBeGreaterThan(0);
    expect(seen).toEqual(Array.from({ length: writes }, (_, index) => String(index)));
  });
});
