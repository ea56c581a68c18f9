import { expect, it } from "vitest";
import { createCounters } from "../../../src/node/counters.ts";
import { boundStrangers } from "../../../src/node/pipeline/strangers.ts";
import type { PeerName } from "../../../src/protocol/ids.ts";
import { network } from "../support.ts";

const validator = network.committee.validators[1]?.peer as PeerName;
const [observer, flooder] = ["observer", "flooder"] as PeerName[] as [PeerName, PeerName];

/** Turns are given when the test says so. */
const create = () => {
  const counters = createCounters();
  const heard: PeerName[] = [];
  const memory = { short: false };
  const waiting: (() => void)[] = [];
  const hear = (from: PeerName): void => void heard.push(from);
  const { onFrame, onGossip } = boundStrangers(
    { onFrame: hear, onGossip: hear },
    {
      committee: network.committee,
      exhausted: () => memory.short,
      counters,
      turn: () => new Promise((resolve) => waiting.push(resolve)),
    },
  );
  const say = (from: PeerName, bytes = 1): void => onFrame(from, "sync", new Uint8Array(bytes));
  const giveTurns = async (count: number): Promise<readonly PeerName[]> => {
    for (let turn = 0; turn < count; turn += 1) {
      waiting.shift()?.();
      await new Promise(setImmediate);
    }
    return heard.splice(0);
  };
  return { counters, heard, memory, say, onGossip, giveTurns };
};

it("while memory is short validators alone are heard, and what others sent is counted", async () => {
  const { counters, memory, say, giveTurns } = create();
  const both = (): Promise<readonly PeerName[]> => {
    for (const from of [validator, observer]) say(from);
    return giveTurns(1);
  };
  expect(await both()).toEqual([validator, observer]);
  memory.short = true;
  expect(await both()).toEqual([validator]);
  expect(counters.read()).toEqual({ "dropped.short-of-memory": 1 });
  memory.short = false;
  expect(await both()).toEqual([validator, observer]);
});

it("validators are heard at once, others in turns, each of them after the others", async () => {
  const { counters, say, giveTurns } = create();
  for (let count = 0; count < 1_000; count += 1) say(flooder);
  say(observer);
  say(observer);
  say(validator);
  expect(await giveTurns(0)).toEqual([validator]);
  expect(await giveTurns(4)).toEqual([flooder, observer, flooder, observer]);
  expect(await giveTurns(100)).toHaveLength(62);
  expect(counters.read()).toEqual({ "dropped.strangers-backlog": 1_000 - 64 });
});

it("what waits is bounded in bytes, of each and of all together", async () => {
  const { counters, say, giveTurns } = create();
  const MiB = 1024 * 1024;
  say(flooder, 5 * MiB);
  say(flooder);
  expect(counters.read()).toEqual({ "dropped.strangers-backlog": 1 });
  for (let other = 0; other < 100; other += 1) say(`other ${other}` as PeerName, MiB);
  expect(counters.read()).toEqual({ "dropped.strangers-backlog": 1 + 100 - 27 });
  expect(await giveTurns(100)).toHaveLength(28);
  say(flooder, 5 * MiB);
  expect(await giveTurns(1)).toEqual([flooder]);
});

it("gossip waits with frames, and is ignored where there is no room", async () => {
  const { say, onGossip, giveTurns } = create();
  const verdicts: string[] = [];
  const gossip = (from: PeerName): void => onGossip(from, Uint8Array.of(1), (verdict) => verdicts.push(verdict));
  for (let count = 0; count < 63; count += 1) say(flooder);
  for (const from of [flooder, flooder, observer, validator]) gossip(from);
  expect([await giveTurns(0), verdicts]).toEqual([[validator], ["ignore"]]);
  expect(await giveTurns(2)).toEqual([flooder, observer]);
});
