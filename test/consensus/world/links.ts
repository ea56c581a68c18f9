/** The network of a world: links that delay, lose, duplicate and reorder, and can be cut one way or both. */
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import type { Packet } from "./packets.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

export interface LinkQuality {
  readonly delayMs: number;
  /** mean of what is added at random */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplicate: number;
  /** direct streams keep their order unless this strikes: a connection that was replaced */
  readonly reorder: number;
  readonly gossipLoss: number;
}

export interface Links {
  quality: LinkQuality;
  direct(from: ReplicaIndex, to: ReplicaIndex, packet: Packet): void;
  gossip(from: ReplicaIndex, packet: Packet): void;
  cut(from: ReplicaIndex, to: ReplicaIndex): void;
  /** Cuts every link between different groups. */
  split(groups: readonly (readonly ReplicaIndex[])[]): void;
  heal(): void;
  isUp(from: ReplicaIndex, to: ReplicaIndex): boolean;
  onChange: () => void;
  readonly delivered: number;
}

export const createLinks = (
  n: number,
  schedule: Schedule,
  random: Random,
  quality: LinkQuality,
  deliver: (to: ReplicaIndex, from: ReplicaIndex, packet: Packet) => void,
): Links => {
  const down = new Set<number>();
  const lastArrival = new Map<number, number>();
  let delivered = 0;
  const key = (from: number, to: number): number => from * n + to;
  const arrive = (from: ReplicaIndex, to: ReplicaIndex, packet: Packet, at: number): void =>
    schedule.at(at, () => {
      if (down.has(key(from, to))) return;
      delivered += 1;
      deliver(to, from, packet);
    });
  const latency = (): number => links.quality.delayMs + random.exponential(links.quality.jitterMs);
  const links: Links = {
    quality,
    direct(from, to, packet) {
      if (down.has(key(from, to)) || random.chance(links.quality.loss)) return;
      let at = schedule.now + latency();
      if (!random.chance(links.quality.reorder)) {
        at = Math.max(at, lastArrival.get(key(from, to)) ?? 0);
        lastArrival.set(key(from, to), at);
      }
      arrive(from, to, packet, at);
      if (random.chance(links.quality.duplicate)) arrive(from, to, packet, at + latency());
    },
    gossip(from, packet) {
      for (let to = 0; to < n; to += 1) {
        if (to === from || random.chance(links.quality.gossipLoss)) continue;
        arrive(from, to as ReplicaIndex, packet, schedule.now + latency() + latency());
      }
    },
    cut(from, to) {
      down.add(key(from, to));
      links.onChange();
    },
    split(groups) {
      const side = new Map(groups.flatMap((group, index) => group.map((replica) => [replica, index] as const)));
      for (let from = 0; from < n; from += 1) {
        for (let to = 0; to < n; to += 1) {
          if (side.get(from as ReplicaIndex) !== side.get(to as ReplicaIndex)) down.add(key(from, to));
        }
      }
      links.onChange();
    },
    heal() {
      down.clear();
      links.onChange();
    },
    isUp: (from, to) => !down.has(key(from, to)),
    onChange: () => undefined,
    get delivered() {
      return delivered;
    },
  };
  return links;
};
