/**
 * Networks in memory, for tests: the same port without sockets. A hub joins them; when and in which order things arrive is decided by the
 * scheduler it is given, so that a test that steps its own clock sees the same order each time.
 */
import { hash } from "node:crypto";
import type { PeerName } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { createCounters } from "./counters.ts";
import type { NetworkCounters } from "./counters.ts";
import { defaultNetworkLimits } from "./options.ts";
import type { Channel, Network, NetworkHandlers } from "./port.ts";

/** Runs `deliver` later (or at once); must keep the order of calls with equal `from` and `to`. */
type DeliveryScheduler = (deliver: () => void, from: PeerName, to: PeerName) => void;

export interface MemoryHubOptions {
  /** a microtask each, in order, when absent */
  readonly schedule?: DeliveryScheduler;
  /** bytes under way to one peer on one channel, after which frames are dropped; that of the libp2p network when absent */
  readonly queueBytes?: number;
}

interface MemoryNetwork extends Network {
  counters(): NetworkCounters;
}

export interface MemoryHub {
  /** A network that is up with all others of the hub as soon as both have started. */
  createMemoryNetwork(self: PeerName, validators: readonly PeerName[]): MemoryNetwork;
  /** Cuts the links between members of different groups, in both directions; peers in no group keep all theirs. Replaces the cut before. */
  partition(groups: readonly (readonly PeerName[])[]): void;
  heal(): void;
}

interface Member {
  readonly self: PeerName;
  readonly counters: NetworkCounters;
  readonly up: Set<PeerName>;
  readonly queued: Map<string, number>;
  readonly seen: Set<string>;
  since: number;
  validators: ReadonlySet<PeerName>;
  handlers?: NetworkHandlers;
}

const microtask: DeliveryScheduler = (deliver) => queueMicrotask(deliver);
const maxFrameBytes: Record<Channel, number> = {
  consensus: defaultNetworkLimits.maxConsensusFrameBytes,
  sync: defaultNetworkLimits.maxSyncFrameBytes,
};

/** A hub without members. */
export const createMemoryHub = ({ schedule = microtask, queueBytes }: MemoryHubOptions = {}): MemoryHub => {
  const members = new Map<PeerName, Member>();
  let sideByPeer = new Map<PeerName, number>();
  /** by who refuses whom; one for each pair at most */
  const isolated = new Map<string, NodeJS.Timeout>();

  const isCut = (one: PeerName, other: PeerName): boolean => {
    const [first, second] = [sideByPeer.get(one), sideByPeer.get(other)];
    if (first !== undefined && second !== undefined && first !== second) return true;
    return isolated.size > 0 && (isolated.has(`${one} ${other}`) || isolated.has(`${other} ${one}`));
  };
  const isLinked = (one: Member, other: Member): boolean =>
    one !== other && one.handlers !== undefined && other.handlers !== undefined && !isCut(one.self, other.self);

  /** Brings every pair's state up to date and tells both ends of what changed. */
  const refresh = (): void => {
    for (const one of members.values()) {
      for (const other of members.values()) {
        if (one === other) continue;
        const linked = isLinked(one, other);
        if (linked === one.up.has(other.self)) continue;
        if (linked) one.up.add(other.self);
        else one.up.delete(other.self);
        one.handlers?.onPeer(other.self, linked);
      }
    }
  };

  const mayUse = (from: Member, to: Member, channel: Channel): boolean =>
    channel === "sync" || [from, to].every(({ validators }) => validators.has(from.self) && validators.has(to.self));

  const send = (from: Member, to: PeerName, channel: Channel, frame: Uint8Array): boolean => {
    const peer = members.get(to);
    if (peer === undefined || !from.up.has(to) || !mayUse(from, peer, channel)) {
      from.counters.droppedNoChannel += 1;
      return false;
    }
    if (frame.byteLength === 0 || frame.byteLength > maxFrameBytes[channel]) {
      from.counters.droppedOversize += 1;
      return false;
    }
    const key = `${channel} ${to}`;
    const waiting = from.queued.get(key) ?? 0;
    const bound = queueBytes ?? (channel === "consensus" ? defaultNetworkLimits.consensusQueueBytes : defaultNetworkLimits.syncQueueBytes);
    if (waiting > 0 && waiting + frame.byteLength > bound) {
      from.counters.droppedQueueFull += 1;
      return false;
    }
    from.queued.set(key, waiting + frame.byteLength);
    from.counters.framesOut += 1;
    from.counters.bytesOut += frame.byteLength;
    // a copy, as over a wire: neither end sees what the other does to its bytes
    const bytes = new Uint8Array(frame);
    schedule(
      () => {
        from.queued.set(key, (from.queued.get(key) ?? 0) - bytes.byteLength);
        if (!isLinked(from, peer)) {
          from.counters.droppedWithStream += 1;
          return;
        }
        peer.counters.framesIn += 1;
        peer.counters.bytesIn += bytes.byteLength;
        peer.handlers?.onFrame(from.self, channel, bytes);
      },
      from.self,
      to,
    );
    return true;
  };

  /** Floods: each member that accepts a message passes it on to those it is linked to; each sees it once. */
  const gossip = (from: Member, data: Uint8Array, id: string): void => {
    for (const peer of members.values()) {
      if (peer === from || !isLinked(from, peer)) continue;
      schedule(
        () => {
          if (!isLinked(from, peer) || peer.seen.has(id)) return;
          remember(peer, id);
          let answered = false;
          peer.handlers?.onGossip(from.self, new Uint8Array(data), (verdict) => {
            if (answered) return;
            answered = true;
            peer.counters[verdict === "accept" ? "gossipAccepted" : verdict === "ignore" ? "gossipIgnored" : "gossipRejected"] += 1;
            if (verdict === "accept") gossip(peer, data, id);
          });
        },
        from.self,
        peer.self,
      );
    }
  };

  const publish = (from: Member, data: Uint8Array): void => {
    if (data.byteLength === 0 || data.byteLength > limits.maxGossipBytes) {
      from.counters.gossipOversize += 1;
      return;
    }
    const id = hash("sha256", data);
    if (from.handlers === undefined || from.seen.has(id)) return;
    remember(from, id);
    from.counters.gossipPublished += 1;
    gossip(from, new Uint8Array(data), id);
  };

  const createMemoryNetwork = (self: PeerName, validators: readonly PeerName[]): MemoryNetwork => {
    const member: Member = {
      self,
      counters: createCounters(),
      up: new Set(),
      queued: new Map(),
      seen: new Set(),
      since: 0,
      validators: new Set(validators),
    };
    return {
      self,
      counters: () => ({ ...member.counters }),
      addresses: () => [`/memory/${self}`],
      send: (to, channel, frame) => send(member, to, channel, frame),
      publish: (data) => publish(member, data),
      isUp: (peer) => member.up.has(peer),
      peers: () =>
        [...member.up].map((peer) => ({
          peer,
          addresses: [`/memory/${peer}`],
          validator: member.validators.has(peer),
          direction: self < peer ? "outbound" : "inbound",
          connectedSince: member.since,
          queuedBytes: (member.queued.get(`consensus ${peer}`) ?? 0) + (member.queued.get(`sync ${peer}`) ?? 0),
        })),
      setValidators(peers) {
        member.validators = new Set(peers);
      },
      blame() {
        member.counters.blames += 1;
      },
      isolate(peer, ms) {
        const key = `${self} ${peer}`;
        member.counters.isolations += 1;
        clearTimeout(isolated.get(key));
        const back = setTimeout(() => {
          isolated.delete(key);
          refresh();
        }, ms);
        isolated.set(key, back.unref());
        refresh();
      },
      start(handlers) {
        if (members.get(self)?.handlers !== undefined) return Promise.reject(new Error(`${self} is already on the hub`));
        member.handlers = handlers;
        members.set(self, member);
        refresh();
        return Promise.resolve();
      },
      stop() {
        delete member.handlers;
        if (members.get(self) === member) {
          refresh();
          members.delete(self);
        }
        member.up.clear();
        return Promise.resolve();
      },
    };
  };

  return {
    createMemoryNetwork,
    partition(groups) {
      sideByPeer = new Map(groups.flatMap((group, side) => group.map((peer): [PeerName, number] => [peer, side])));
      refresh();
    },
    heal() {
      sideByPeer = new Map();
      refresh();
    },
  };
};

/** messages that a member remembers, so that none comes back; the oldest is forgotten */
const maxSeen = 256;

const remember = (member: Member, id: string): void => {
  member.seen.add(id);
  const oldest = member.seen.size > maxSeen ? member.seen.values().next().value : undefined;
  if (oldest !== undefined) member.seen.delete(oldest);
};
