import { describe, expect, it } from "vitest";
import { createMonitor, type Monitor } from "../../src/partition/monitor.ts";
import type { ReplicaIndex } from "../../src/protocol/ids.ts";
import { createTestNetwork } from "../signing/network.ts";

const { committee } = createTestNetwork(4);
const index = (value: number): ReplicaIndex => value as ReplicaIndex;
const self = index(0);
const others = [1, 2, 3].map(index);

/** A monitor of validator 0, its clock, and peers that send heartbeats every 350 ms while `alive` says so. */
const createWorld = () => {
  const monitor: Monitor = createMonitor({ committee, self, heartbeatMs: 350, tickMs: 100 }, 0);
  let now = 0;
  const reach = new Map(others.map((peer) => [peer, [0, 1, 2, 3].map(index).filter((each) => each !== peer)]));
  const alive = new Set(others);
  const beat = (): void => {
    for (const peer of others) if (alive.has(peer)) monitor.step({ type: "heartbeat", peer, reach: reach.get(peer) ?? [] }, now);
  };
  const link = (peer: ReplicaIndex, up: boolean): boolean => monitor.step({ type: "link", peer, up }, now);
  for (const peer of others) link(peer, true);
  return {
    monitor,
    alive,
    reach,
    link,
    /** the process itself stands still */
    stall: (ms: number) => {
      now += ms;
    },
    run(ms: number): void {
      for (const end = now + ms; now < end;) {
        now += 50;
        if (now % 350 === 0) beat();
        if (now % 100 === 0) monitor.step({ type: "tick" }, now);
      }
    },
    state: () => monitor.connectivity().state,
  };
};

describe("the monitor", () => {
  it("is whole while everybody's heartbeats come, and says within 2 s whose do not", () => {
    const world = createWorld();
    world.run(7000);
    expect(world.state()).toBe("whole");
    world.alive.delete(index(2));
    world.run(2000);
    expect(world.monitor.hears()).toEqual([1, 3]);
    expect(world.state()).toBe("degraded");
    world.alive.add(index(2));
    world.run(700);
    expect(world.state()).toBe("whole");
  });

  it("takes a closed channel for what it is, at once", () => {
    const world = createWorld();
    world.run(3500);
    for (const peer of [2, 3].map(index)) expect(world.link(peer, false)).toBe(true);
    // as far as we know the others are still linked with each other, until they say otherwise
    expect(world.state()).toBe("minority");
    world.alive.delete(index(2));
    world.alive.delete(index(3));
    world.reach.set(index(1), [self]);
    world.run(350);
    expect(world.state()).toBe("split");
    expect(world.monitor.connectivity().sides).toEqual([[0, 1], [2, 3]]); // prettier-ignore
    expect(world.link(index(3), false)).toBe(false);
  });

  it("believes a peer that heard us and says that it does not any more, and grants a new one some time", () => {
    const world = createWorld();
    world.reach.set(index(1), [index(2), index(3)]);
    world.run(1400);
    expect(world.monitor.connectivity().reached).toEqual([0, 1, 2, 3]);
    world.run(1400);
    expect(world.monitor.connectivity()).toMatchObject({ state: "degraded", reached: [0, 2, 3], broken: [{ from: 0, to: 1 }] });

    world.reach.set(index(2), [index(1), index(3)]);
    world.run(350);
    expect(world.monitor.connectivity().reached).toEqual([0, 3]);
    expect(world.state()).toBe("minority");
    expect(world.monitor.hears()).toEqual([1, 2, 3]);
  });

  it("believes it at once when it heard us on this very link, however new that is", () => {
    const world = createWorld();
    world.run(350);
    world.reach.set(index(1), [index(2), index(3)]);
    world.run(350);
    expect(world.monitor.connectivity().reached).toEqual([0, 2, 3]);
  });

  it("does not call its own standing still a partition of the others", () => {
    const world = createWorld();
    world.run(3500);
    world.stall(30_000);
    world.monitor.step({ type: "tick" }, 33_500);
    expect(world.state()).toBe("whole");
    expect(world.monitor.stalledAt).toBe(33_500);
    world.run(1000);
    expect(world.state()).toBe("whole");
  });

  it("counts any frame as a sign of life of a busy peer whose heartbeat is late", () => {
    const world = createWorld();
    world.run(3500);
    world.alive.delete(index(1));
    for (let at = 0; at < 4000; at += 500) {
      world.run(500);
      world.monitor.step({ type: "frame", peer: index(1) }, 3500 + at + 500);
    }
    expect(world.state()).toBe("whole");
  });
});
