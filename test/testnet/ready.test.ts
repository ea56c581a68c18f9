/** Waiting until a network can commit. The nodes' answers are played; who waits is real. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { identify } from "../../src/testnet/process-identity.ts";
import { executedByAny, waitExecuted, waitReady } from "../../src/testnet/ready.ts";
import type { TestnetNode } from "../../src/testnet/state.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** What a node answers, each time that it is asked; the last answer holds on. */
const play = async (
  index: number,
  answers: readonly boolean[],
  executed: readonly number[] = [0],
): Promise<TestnetNode & { readonly asked: () => number }> => {
  let asked = 0;
  const server = createServer(({ url }, response) => {
    if (url === "/v1/status") {
      response.end(JSON.stringify({ sequence: { executed: executed[Math.min(asked, executed.length - 1)] } }));
      asked += 1;
      return;
    }
    const ready = answers[Math.min(asked, answers.length - 1)] === true;
    asked += 1;
    const checks = [{ name: "quorum", ok: ready, ...(ready ? {} : { reason: "too few" }) }];
    response.writeHead(ready ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify({ ready, checks }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const identity = identify(process.pid);
  return {
    index,
    role: "validator",
    peerId: `peer ${index}`,
    api: `http://127.0.0.1:${port}`,
    p2p: "/ip4/127.0.0.1/tcp/1",
    pid: process.pid,
    started: identity?.started ?? null,
    home: "nowhere",
    behaviour: "honest",
    asked: () => asked,
  };
};

const wait = async (nodes: readonly TestnetNode[], timeoutMs = 10_000): Promise<void> =>
  waitReady(nodes, { timeoutMs, until: "ready", current: (index) => nodes[index] as TestnetNode });

describe("a network is ready", () => {
  it("when all its nodes are at once: who was before the others came is asked again", async () => {
    const early = await play(0, [true, false, false, true]);
    const late = await play(1, [false, true, true, true]);
    await wait([early, late]);
    expect([early.asked(), late.asked()]).toEqual([4, 4]);
  });

  it("never, with the name and the reason of who is not", async () => {
    const nodes = [await play(0, [true]), await play(1, [false])];
    await expect(wait(nodes, 300)).rejects.toMatchObject({
      code: "not_ready",
      message: expect.stringMatching(/node 1 \(quorum: too few\)/) as string,
    });
  });
});

describe("a node that is added", () => {
  it("has executed what was ordered before, though one that is nearly there counts as in sync", async () => {
    const [first, liar, added] = [await play(0, [true], [142]), await play(1, [true], [10 ** 9]), await play(4, [true], [70, 128, 142])];
    const goal = await executedByAny([first, { ...liar, behaviour: "lie-to-clients" }, { ...added, role: "observer" }]);
    expect(goal).toBe(142);
    await waitExecuted(added, goal, 10_000);
    expect(added.asked()).toBe(3);
    await expect(waitExecuted(added, 143, 200)).rejects.toMatchObject({ code: "not_ready" });
  });
});
