/** SIGKILL at random moments, under load: one node, several, or all at once, and back again. Without vitest: the long run uses it, too. */
import { setTimeout as delay } from "node:timers/promises";
import type { Testnet } from "../../../src/testnet/index.ts";
import type { Random } from "../../fuzz/random.ts";
import { indexesOf } from "../../../src/cli/validate/logs.ts";
import type { Witnesses } from "../../../src/cli/validate/witnesses.ts";

/** between an answer and the kill, at most */
const restMs = 500;
/** between the first and the last victim of one blow */
const spreadMs = 60;
/** answers between two blows */
const answersBetween = 25;

/** Whom a blow hits: mostly one, sometimes two, every fifth time everybody. */
const victimsOf = (random: Random, blow: number, indexes: readonly number[]): number[] => {
  const shuffled = indexes.map((index) => ({ index, rank: random.int(2 ** 30) })).toSorted((a, b) => a.rank - b.rank);
  const count = blow % 5 === 4 ? indexes.length : random.pick([1, 1, 1, 2]);
  return shuffled.slice(0, count).map(({ index }) => index);
};

export interface Blow {
  readonly victims: readonly number[];
  /** until there were as many answers again as between two blows, milliseconds */
  readonly backMs: number;
}

/** Strikes `blows` times; each time the victims are started again at once and the clients have to get answers again within `limitMs`. */
export const killAtRandom = async (
  testnet: Testnet,
  witnesses: Witnesses,
  { random, blows, limitMs = 60_000, struck }: { random: Random; blows: number; limitMs?: number; struck?: (blow: Blow) => void },
): Promise<number> => {
  let kills = 0;
  for (let blow = 0; blow < blows; blow += 1) {
    await delay(random.int(restMs));
    const victims = victimsOf(random, blow, indexesOf(testnet));
    await Promise.all(
      victims.map(async (index) => {
        await delay(random.int(spreadMs));
        await testnet.kill(index);
        kills += 1;
      }),
    );
    const began = performance.now();
    await Promise.all([...victims.map((index) => testnet.restart(index)), witnesses.more(answersBetween, limitMs)]);
    struck?.({ victims, backMs: performance.now() - began });
  }
  return kills;
};
