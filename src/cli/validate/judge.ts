/** What clients were told, held against what nodes have. */
import type { Testnet } from "../../testnet/testnet.ts";
import { type Call, contradictions } from "./linearizability.ts";
import { type LogEntry, logOf, placesIn, settled } from "./logs.ts";
import type { Witnesses } from "./witnesses.ts";

/** What a node has in the keys that the witnesses write. */
const heldBy = async (testnet: Testnet, index: number): Promise<Map<string, { readonly value: string; readonly version: number }>> => {
  const held = new Map<string, { readonly value: string; readonly version: number }>();
  for await (const { key, value, version } of testnet.client(index).listAll({ prefix: "witness/", consistency: "local", limit: 1000 }))
    held.set(key, { value, version });
  return held;
};

/** A write that is not where it was said to be. */
export interface Lost {
  readonly call: Call;
  readonly problem: string;
}

/** Acknowledged writes that this node does not have in the place and version that were named, or has not kept. */
export const lostWrites = async (testnet: Testnet, index: number, calls: readonly Call[], log: readonly LogEntry[]): Promise<Lost[]> => {
  const places = placesIn(log);
  const held = await heldBy(testnet, index);
  return calls.flatMap((call): Lost[] => {
    const { key, value, outcome } = call;
    if (outcome.type !== "written") return [];
    const place = places.get(outcome.request);
    if (place !== outcome.sequence)
      return [{ call, problem: `node ${index} has the write of ${value} at ${place}, acknowledged was ${outcome.sequence}` }];
    const now = held.get(key);
    const kept = now !== undefined && (now.version > outcome.version || (now.version === outcome.version && now.value === value));
    if (kept) return [];
    return [
      { call, problem: `node ${index} has ${JSON.stringify(now)} in ${key}, acknowledged was ${value} at version ${outcome.version}` },
    ];
  });
};

/**
 * What the witnesses were told is linearizable; and durable: every write that was acknowledged stands in the log of these nodes at the place that was
 * named, and the last one of each key is what they have.
 *
 * @returns what contradicts that; empty when nothing does
 */
export const judgeWitnesses = async (testnet: Testnet, { calls }: Witnesses, nodes: readonly number[]): Promise<string[]> => {
  const problems = contradictions(calls);
  const last = await settled(testnet, nodes);
  for (const index of nodes) {
    const lost = await lostWrites(testnet, index, calls, await logOf(testnet, index, 1, last));
    problems.push(...lost.map(({ problem }) => problem));
  }
  return problems;
};
