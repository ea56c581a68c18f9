/** What a primary that is as slow as it dares costs (PROTOCOL §5): seven validators in virtual time, the first two primaries cheat. */
import { describe, expect, it } from "vitest";
import type { Request } from "../../src/protocol/messages.ts";
import { createWorld, type World } from "./world/world.ts";

const THINKING_MS = 40;

/** Clients with one request outstanding each, who think for a moment before the next: batches of all sizes, at all times. */
const createClients = (world: World, homes: readonly number[]) => {
  const outstanding = new Map<number, Request>();
  const thinking = new Map<number, number>();
  return {
    /** @returns requests executed in that time */
    run(ms: number): number {
      let done = 0;
      for (let passed = 0; passed < ms; passed += 1) {
        homes.forEach((home, client) => {
          const request = outstanding.get(client);
          if (request !== undefined && world.node(home).hasExecuted(request.id)) {
            done += 1;
            outstanding.delete(client);
            thinking.set(client, world.schedule.now + world.random.between(0, THINKING_MS));
          }
          if (!outstanding.has(client) && (thinking.get(client) ?? 0) <= world.schedule.now) outstanding.set(client, world.request(home));
        });
        world.run(1);
      }
      return done;
    },
  };
};

/** Says its proposals so much later. */
const drag = (world: World, index: number, delayMs: number): void =>
  world.lie(index, {
    name: "slow-primary",
    outgoing(packet, to) {
      if (packet.type !== "proposal") return [packet];
      world.schedule.after(delayMs, () => world.links.direct(world.node(index).index, to, packet));
      return [];
    },
  });

const viewOf = (world: World): number => Math.min(...world.honest.map(({ replica }) => replica.status().view));

describe("two primaries in a row that drag their feet", () => {
  const everywhere = [2, 3, 4, 5, 6];
  it.each([
    { delayMs: 70, clients: 1, at: everywhere },
    { delayMs: 100, clients: 12, at: everywhere },
    { delayMs: 600, clients: 12, at: everywhere },
    // all by one node: the others have nothing to judge by until it tells them
    { delayMs: 350, clients: 12, at: [4] },
  ])("by $delayMs ms are replaced once each: $clients clients at $at keep more than half of what they had", ({ delayMs, clients, at }) => {
    const world = createWorld({ n: 7, liars: [0, 1], parameters: { checkpointInterval: 64 } });
    const homes = Array.from({ length: clients }, (_, client) => at[client % at.length] as number);
    const { run } = createClients(world, homes);
    run(300);
    const honest = run(1_000);
    for (const index of [0, 1]) drag(world, index, delayMs);
    let waited = 0;
    for (; viewOf(world) < 2 && waited < 30_000; waited += 100) run(100);
    expect(viewOf(world)).toBe(2);
    expect(run(1_000)).toBeGreaterThan(honest / 2);
    // and the third one, who is honest, stays
    run(1_000);
    expect(viewOf(world)).toBe(2);
  });

  it("are left alone where everybody else is as slow", () => {
    const world = createWorld({ n: 7, liars: [0, 1], parameters: { checkpointInterval: 64 }, quality: { delayMs: 120, jitterMs: 20 } });
    const { run } = createClients(world, everywhere);
    run(4_000);
    for (const index of [0, 1]) drag(world, index, 100);
    run(4_000);
    expect(viewOf(world)).toBe(0);
  });
});
