/**
 * A node is cut off while the others order a hundred thousand sequences, and catches up: with their batches while these are kept, with the state when they
 * are gone. No batch waits for company, so that there are as many sequences as the machine orders. `npm run soak:catch-up` (an hour or more;
 * BYZ_SOAK_SEQUENCES=5000 for minutes). The figures go into docs/performance.md.
 */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createHttpClient } from "../../src/client/http-client.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { networkFolder, settled, startNetwork } from "../end-to-end/support/network.ts";
import { eventually } from "../end-to-end/support/wait.ts";
import { forgetPeak, residentMiB } from "./support/memory.ts";

const sequences = Number(process.env["BYZ_SOAK_SEQUENCES"] ?? 100_000);
const clients = Number(process.env["BYZ_SOAK_CLIENTS"] ?? 16);
const away = 3;
const others = [0, 1, 2];
const before = 10_000;

const executed = async (testnet: Testnet, index: number): Promise<number> => (await testnet.client(index).status()).sequence.executed;

/** Writes until it is told to stop; what fails is written again. */
const startWriters = (testnet: Testnet): (() => Promise<void>) => {
  let stopped = false;
  const write = async (writer: number): Promise<void> => {
    const client = createHttpClient({ urls: [testnet.node(others[writer % others.length] as number).api], timeoutMs: 30_000 });
    for (let round = 0; !stopped; round += 1) {
      try {
        await client.put(`${writer}/${round % 1000}`, String(round));
      } catch {
        await delay(50);
      }
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, writer) => write(writer)));
  return async () => {
    stopped = true;
    await running;
  };
};

interface Pace {
  readonly sequences: number;
  readonly seconds: number;
  readonly perSecond: number;
}

const pace = (count: number, ms: number): Pace => ({ sequences: count, seconds: ms / 1000, perSecond: (count / ms) * 1000 });
const paceLine = (name: string, { sequences: count, seconds, perSecond }: Pace): string =>
  `${name}: ${count} sequences in ${seconds.toFixed(1)} s, ${perSecond.toFixed(1)} a second`;

const modes = [
  { name: "their batches", retainSequences: 10_000_000 },
  { name: "the state, for the batches are gone", retainSequences: 256 },
];

for (const { name, retainSequences } of modes) {
  describe(`a node that was cut off while ${sequences} sequences were ordered`, () => {
    const dir = networkFolder();

    it(`catches up with ${name}`, { timeout: 24 * 3_600_000 }, async () => {
      const testnet = await startNetwork(dir, { config: { storage: { retainSequences }, consensus: { maxBatchDelayMs: 0 } } });
      const stop = startWriters(testnet);
      try {
        await delay(3_000);
        const first = await executed(testnet, 0);
        await delay(before);
        const whole = pace((await executed(testnet, 0)) - first, before);
        await testnet.partition([others, [away]]);
        const cutAt = performance.now();
        const start = await executed(testnet, away);
        const cut = await eventually("enough is missed", 23 * 3_600_000, async () => {
          await delay(200);
          const count = (await executed(testnet, 0)) - start;
          return count >= sequences ? pace(count, performance.now() - cutAt) : undefined;
        });
        await stop();
        const goal = await settled(testnet, others);
        const { pid } = testnet.node(away);
        forgetPeak(pid ?? 0);
        const healed = performance.now();
        await testnet.heal();
        const caughtUp = await eventually("it is where the others are", 3_600_000, async () =>
          (await executed(testnet, away)) >= goal ? pace(goal - start, performance.now() - healed) : undefined,
        );
        // the promise is about the rate when it was cut; three nodes that share the processors of four go on at a higher one
        const [ratio, toTheOthers] = [whole, cut].map(({ perSecond }) => caughtUp.perSecond / perSecond) as [number, number];
        console.log(
          [
            paceLine("whole network", whole),
            paceLine("without it", cut),
            paceLine(`caught up with ${name}`, caughtUp),
            `${ratio.toFixed(1)} times as fast as was written when it was cut, ${toTheOthers.toFixed(1)} times as fast as the others then went on`,
            `peak RSS ${residentMiB(pid ?? 0, "peak")} MiB`,
          ].join("\n"),
        );
        await settled(testnet, [...others, away]);
        expect(ratio).toBeGreaterThanOrEqual(10);
      } finally {
        await stop();
      }
    });
  });
}
