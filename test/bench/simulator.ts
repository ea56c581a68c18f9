/**
 * How fast universes run here, judges on, one thread: `npm run bench -- simulator`. Deliveries a second of processor time (of all threads, the compiler's
 * and the collector's included), the best of three rounds once the thread is warm: a search goes on for hours, and the compiler is busy with the first hundred
 * thousand deliveries. Other work on the machine makes them slower, never faster. Of the deliveries it says how many there are to a sequence that is ordered, and how many events to a delivery: the mix.
 */
import process from "node:process";
import { runCrew } from "../../src/simulator/crew.ts";
import type { SeedRequest } from "../../src/simulator/seed.ts";
import type { ScenarioName } from "../../src/simulator/scenarios.ts";

interface Kind {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly nodes?: number;
  /** seeds before the first round */
  readonly warmUp: number;
  /** seeds in a round */
  readonly runs: number;
}

const kinds: readonly Kind[] = [
  { name: "calm, 4 validators", scenario: "calm", nodes: 4, warmUp: 24, runs: 6 },
  { name: "calm, 7 validators", scenario: "calm", nodes: 7, warmUp: 9, runs: 3 },
  { name: "liars, 7 validators", scenario: "liars", nodes: 7, warmUp: 8, runs: 2 },
  { name: "brief", scenario: "brief", warmUp: 150, runs: 150 },
  { name: "twins", scenario: "twins", warmUp: 300, runs: 300 },
];

const ROUNDS = 3;

const requestsOf = function* ({ scenario, nodes, warmUp, runs }: Kind): Generator<SeedRequest> {
  for (const [round, count] of [warmUp, ...Array.from({ length: ROUNDS }, () => runs)].entries())
    for (let run = 0; run < count; run += 1) {
      const seed = BigInt(1000 * round + run);
      yield { seed, scenario, ...(nodes === undefined ? {} : { nodes }) };
    }
};

interface Round {
  readonly seconds: number;
  readonly deliveries: number;
  readonly steps: number;
  readonly ordered: number;
}

/** All rounds on one thread, the one that warms up included. */
const measure = async (kind: Kind): Promise<Round[]> => {
  const rounds: Round[] = [];
  let before = process.cpuUsage();
  let [runs, deliveries, steps, ordered] = [0, 0, 0, 0];
  const result: Parameters<typeof runCrew>[0]["result"] = (found) => {
    runs += 1;
    deliveries += found.deliveries;
    steps += found.steps;
    ordered += found.ordered;
    if (runs < (rounds.length === 0 ? kind.warmUp : kind.runs)) return true;
    const { user, system } = process.cpuUsage(before);
    rounds.push({ seconds: (user + system) / 1e6, deliveries, steps, ordered });
    [runs, deliveries, steps, ordered] = [0, 0, 0, 0];
    before = process.cpuUsage();
    return true;
  };
  await runCrew({ workers: 1, requests: requestsOf(kind), result });
  return rounds;
};

for (const kind of kinds) {
  const [, ...rounds] = await measure(kind);
  const [best] = rounds.toSorted((a, b) => b.deliveries / b.seconds - a.deliveries / a.seconds);
  if (best === undefined) throw new Error(`${kind.name}: no round`);
  const { seconds, deliveries, steps, ordered } = best;
  const [rate, events] = [deliveries, steps].map((count) => String(Math.round(count / seconds)).padStart(8));
  const mix = `${(deliveries / ordered).toFixed(0)} deliveries a sequence, ${(steps / deliveries).toFixed(1)} events a delivery`;
  console.log(`${kind.name.padEnd(24)} ${rate} deliveries/s ${events} events/s (${mix})`);
}
