/**
 * How fast universes run here, judges on, one thread: `npm run bench -- simulator`. Deliveries a second of processor time (of all threads, the compiler's
 * and the collector's included), the best of three rounds: other work on the machine makes them slower, never faster.
 */
import process from "node:process";
import type { ScenarioName } from "../../src/simulator/scenarios.ts";
import { simulate, type SimulateOptions } from "../../src/simulator/simulate.ts";

interface Kind {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly nodes?: number;
  readonly runs: number;
}

const kinds: readonly Kind[] = [
  { name: "calm, 4 validators", scenario: "calm", nodes: 4, runs: 6 },
  { name: "calm, 7 validators", scenario: "calm", nodes: 7, runs: 3 },
  { name: "liars, 7 validators", scenario: "liars", nodes: 7, runs: 2 },
  { name: "brief", scenario: "brief", runs: 150 },
  { name: "twins", scenario: "twins", runs: 300 },
];

interface Rate {
  readonly deliveries: number;
  readonly steps: number;
}

const measure = async (options: SimulateOptions): Promise<Rate> => {
  const before = process.cpuUsage();
  const { deliveries, steps } = await simulate({ ...options, workers: 1 });
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  return { deliveries: deliveries / seconds, steps: steps / seconds };
};

for (const { name, ...kind } of kinds) {
  let best: Rate = { deliveries: 0, steps: 0 };
  for (let round = 0n; round < 3n; round += 1n) {
    const found = await measure({ seed: 1000n * round, ...kind });
    if (found.deliveries > best.deliveries) best = found;
  }
  const [deliveries, steps] = [best.deliveries, best.steps].map((rate) => String(Math.round(rate)).padStart(8));
  console.log(`${name.padEnd(24)} ${deliveries} deliveries/s ${steps} events/s`);
}
