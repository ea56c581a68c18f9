/**
 * Four validators under load from 16 clients, while processes are killed, frozen and stopped, in the end at random moments (`npm run kills` goes on with that
 * for longer). The tests build on each other's ledger.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startWitnesses, type Witnesses } from "../../src/cli/validate/witnesses.ts";
import { judgeWitnesses } from "../../src/cli/validate/judge.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { createRandom } from "../fuzz/random.ts";
import { killWhatRuns, start } from "./support/command.ts";
import { killAtRandom } from "./support/kills.ts";
import { expectAllThere, startLoad } from "./support/load.ts";
import type { Load } from "./support/load.ts";
import { assertLogsEqual, codeOf, networkFolder, primaryAsSeenBy, startNetwork } from "./support/network.ts";
import { promised } from "./support/promised.ts";
import { eventually, until } from "./support/wait.ts";

const dir = networkFolder();
killWhatRuns();
let testnet: Testnet;
let load: Load | undefined;
let witnesses: Witnesses | undefined;

beforeAll(async () => {
  // checkpoints often: what they let go must not be missed after a crash, and kills at random moments are to hit them, too
  testnet = await startNetwork(dir, { parameters: { checkpointInterval: 16 } });
});
afterAll(() => witnesses?.stop());
afterEach(async () => {
  await load?.stop();
  load = undefined;
});

const others = (index: number): number[] => [0, 1, 2, 3].filter((each) => each !== index);

describe("four validators under load", () => {
  it("commit again within 3 s when the primary is killed; nothing acknowledged is lost; the logs are equal", async () => {
    load = await startLoad(testnet);
    await load.more(200);
    const primary = await primaryAsSeenBy(testnet, 1);
    const keeps = promised(testnet);
    const killed = performance.now();
    await testnet.kill(primary);
    await load.more(300);
    const gap = load.longestGap(killed);
    console.log(`longest gap after the kill of the primary: ${Math.round(gap)} ms`);
    keeps("writes go on", gap, 3000);

    await testnet.restart(primary);
    await testnet.ready();
    await load.more(100);
    await load.stop();
    await assertLogsEqual(testnet);
    await expectAllThere(testnet, primary, load);
  });

  it("have everything that was acknowledged when all are killed at once", async () => {
    load = await startLoad(testnet);
    await load.more(300);
    await Promise.all([0, 1, 2, 3].map((index) => testnet.kill(index)));
    const stopped = load.stop();
    await Promise.all([0, 1, 2, 3].map((index) => testnet.restart(index)));
    await testnet.ready();
    await stopped;
    await Promise.all([0, 1, 2, 3].map((index) => expectAllThere(testnet, index, load as Load)));
    await assertLogsEqual(testnet);
  });

  it("go on without one, refuse without two, and resume within 5 s of its return", async () => {
    await testnet.kill(3);
    await testnet.client(0).put("with", "three");
    // the one that answered has it; this one may need the other two to hear of it
    await eventually("the other one that is left has it", 10_000, () => testnet.client(1).get("with", { consistency: "local" }));
    await testnet.kill(2);
    await until("two of four are missed by the other two", 10_000, async () => {
      const left = await Promise.all([0, 1].map((index) => testnet.client(index).status()));
      return left.every(({ quorum }) => quorum.reachable === 2);
    });

    const keeps = promised(testnet);
    const asked = performance.now();
    expect(await codeOf(testnet.client(0).put("with", "two"))).toBe("no_quorum");
    expect(await codeOf(testnet.client(1).get("with"))).toBe("no_quorum");
    keeps("two refusals", performance.now() - asked, 1000);
    expect(await testnet.client(1).get("with", { consistency: "local" })).toMatchObject({ value: "three" });
    // the other one may still speak of the two that are gone: until then this one takes them for a side of their own
    await until("both know that nobody can commit", 10_000, async () => {
      const { connectivity, blocked } = await testnet.client(0).status();
      return connectivity === "split" && blocked?.reason === "no_quorum";
    });
    expect((await testnet.client(0).ready()).ready).toBe(false);

    await testnet.restart(2);
    const back = performance.now();
    await eventually("writes again", 20_000, async () => testnet.client(0).put("with", "three again"));
    keeps("writes go on with three", performance.now() - back, 5000);
    expect(await testnet.client(2).get("with")).toMatchObject({ value: "three again", version: 2 });

    await testnet.restart(3);
    await testnet.ready();
    await assertLogsEqual(testnet);
  });

  it("lose nothing when a node is asked to stop: it answers what is under way and exits with 0", async () => {
    const stopped = (await primaryAsSeenBy(testnet, 0)) === 1 ? 2 : 1;
    await testnet.kill(stopped);
    const node = start(["start", "--home", testnet.node(stopped).home]);
    await testnet.ready(others(stopped));
    await eventually("it is back", 20_000, async () => ((await testnet.client(stopped).ready()).ready ? true : undefined));

    load = await startLoad(testnet, 16, [stopped]);
    await load.more(200);
    const asked = performance.now();
    node.child.kill("SIGTERM");
    const ended = await node.ended;
    expect(ended.status).toBe(0);
    // a testnet kills who takes longer
    expect(performance.now() - asked).toBeLessThan(5000);
    // each client has a write under way nearly always; only one that crossed the end of its connection may be without an answer
    await until("answers after it was asked to stop", 5000, () => (load?.acknowledged.filter(({ at }) => at > asked).length ?? 0) >= 8);
    const quiet = load.stop();
    await testnet.restart(stopped);
    await testnet.ready();
    await quiet;
    await expectAllThere(testnet, stopped, load);
    await assertLogsEqual(testnet);
  });

  it("replace a primary that is frozen, and take it back without harm", async () => {
    const frozen = await primaryAsSeenBy(testnet, 0);
    load = await startLoad(testnet, 16, others(frozen));
    await load.more(100);
    await testnet.pause(frozen);
    const { view } = await testnet.client(others(frozen)[0] as number).status();
    await load.more(300);
    await testnet.resume(frozen);
    await load.more(100);
    await until("the old primary follows the others", 15_000, async () => {
      const status = await testnet.client(frozen).status();
      return status.view > view && status.primary !== status.peerId && !status.syncing;
    });
    await load.stop();
    await testnet.client(frozen).put("through", "the old primary");
    await assertLogsEqual(testnet);
    await expectAllThere(testnet, frozen, load);
  });

  it("lose nothing when they are killed at random moments; what clients saw is linearizable; the logs are equal", async () => {
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

  it("refuse new work where memory is short, go on voting there, and take it again when that has passed", async () => {
    const primary = await primaryAsSeenBy(testnet, 0);
    const [short, frozen, asked] = others(primary) as [number, number, number];
    const { home, api } = testnet.node(short);
    const config = join(home, "config.toml");
    writeFileSync(config, readFileSync(config, "utf8").replace("# memory_limit_mib = 0", "memory_limit_mib = 160"));
    await testnet.restart(short);
    await testnet.ready();
    const memory = async () => (await testnet.client(short).status()).memory;
    expect(await memory()).toMatchObject({ limit: 160 * 1024 * 1024, breaker: "closed" });
    // where the system tells: V8's heap fits the limit
    const commandLine = `/proc/${testnet.node(short).pid}/cmdline`;
    if (existsSync(commandLine)) expect(readFileSync(commandLine, "utf8")).toContain("--max-old-space-size=96");

    const burst = startBurst(api);
    try {
      await until("it is short of memory", 60_000, async () => (await memory()).breaker === "open");
      const refusal = await eventually("it refuses", 60_000, () => burst.refusals.find(({ reason }) => reason === "memory"));
      expect(refusal).toMatchObject({ status: 503, code: "overloaded" });
      expect(refusal.retryAfter).toBeGreaterThanOrEqual(2);
      // of four, with one frozen, nothing commits without its vote
      await testnet.pause(frozen);
      // a request that comes while it is busy with the burst may take a change of the view, and on a busy machine another one
      await eventually("it votes while it refuses", 120_000, async () => {
        const before = await testnet.client(short).status();
        await testnet.client(asked).put("beside", "the burst");
        const after = await testnet.client(short).status();
        const refused = before.memory.breaker === "open" && after.memory.breaker === "open";
        return refused && after.sequence.committed > before.sequence.committed ? true : undefined;
      });
      await testnet.resume(frozen);
    } finally {
      await burst.stop();
    }
    await until("it has memory again", 60_000, async () => (await memory()).breaker === "closed");
    // the one that was frozen may catch up from it meanwhile
    await eventually("it takes work again", 60_000, () => testnet.client(short).put("after", "the burst"));
    const metrics = await testnet.client(short).metrics();
    expect(metrics).toMatch(/^byz_memory_refused_total [1-9]/m);
    expect(metrics).toMatch(/^byz_memory_openings_total [1-9]/m);
    expect(testnet.logs(short, 1_000)).toMatch(/"breaker":"open".*short of memory/);
    await testnet.ready();
    await until("all have the same log", 20_000, async () => {
      const seen = await Promise.all([0, 1, 2, 3].map((index) => testnet.client(index).status()));
      return new Set(seen.map(({ logHash }) => logHash)).size === 1;
    });
  });
});

/** One refusal as a plain HTTP client sees it. */
interface Refused {
  readonly status: number;
  readonly retryAfter: number;
  readonly code: string | undefined;
  readonly reason: string | undefined;
}

/** What sends them has the same machine as the node that is to vote meanwhile. */
const pauseAfterRefusalMs = 20;

/** Writes large values through one node, many at once, as fast as they are answered; remembers the refusals. */
const startBurst = (api: string) => {
  const refusals: Refused[] = [];
  const stopped = new AbortController();
  const value = Buffer.alloc(1_000_000, 7);
  const write = async (writer: number): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        const answer = await fetch(`${api}/v1/kv/burst-${writer}`, { method: "PUT", body: value, signal: stopped.signal });
        const { code, reason } = (await answer.json()) as Pick<Refused, "code" | "reason">;
        if (answer.ok) continue;
        refusals.push({ status: answer.status, retryAfter: Number(answer.headers.get("retry-after")), code, reason });
        await delay(pauseAfterRefusalMs);
      } catch {
        // it was stopped; or its connection was cut, which happens to who talks over a refusal
      }
    }
  };
  const writers = Array.from({ length: 32 }, (_, writer) => write(writer));
  return {
    refusals,
    async stop(): Promise<void> {
      stopped.abort();
      await Promise.all(writers);
    },
  };
};
