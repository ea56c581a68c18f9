/**
 * The network of a simulated universe: endpoints by peer name (two of them may share one), directed links that delay, lose, repeat, reorder,
 * clog and break, gossip that floods. Who is up for whom follows from the links, some time later.
 */
import type { PeerName } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Channel, GossipVerdict, Network, PeerInfo } from "../network/port.ts";
import { createCables, createEndpoint, type Endpoint, type EndpointProcess } from "./cables.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

/** How good the links are; times in virtual microseconds, chances from 0 to 1. */
export interface LinkQuality {
  readonly minDelayUs: number;
  readonly meanDelayUs: number;
  readonly loss: number;
  readonly duplicate: number;
  /** chance that with a frame an old one of anybody's is delivered again */
  readonly replay: number;
  readonly gossipLoss: number;
  /** chance that an accepting peer passes gossip on */
  readonly forward: number;
  /** frames on one link keep their order */
  readonly inOrder: boolean;
  /** how long it takes at most to notice that a link or a process is gone, or back */
  readonly noticeUs: number;
}

export interface LinkWatch {
  /** a frame is about to leave this endpoint, once for all the peers that get it */
  readonly said: (endpoint: number, channel: Channel | "gossip", frame: Uint8Array) => void;
  readonly delivered: (from: number, to: number, frame: Uint8Array) => void;
  readonly blamed: (endpoint: number, peer: PeerName, reason: string) => void;
}

export interface LinksOptions {
  readonly schedule: Schedule;
  readonly latency: Random;
  readonly loss: Random;
  /** of each endpoint, by its number */
  readonly peers: readonly PeerName[];
  readonly watch: LinkWatch;
  /** whether a link lets this frame through; for scripted scenarios */
  readonly filter?: (from: number, to: number, channel: Channel | "gossip", frame: Uint8Array) => boolean;
}

export interface Links {
  /** from now on */
  improve(quality: LinkQuality): void;
  attach(endpoint: number, process: EndpointProcess): Network;
  /** the process is gone, and with it what it had not sent; `lossy`: also what was on its way from it */
  detach(endpoint: number, lossy: boolean): void;
  /** breaks or mends one direction */
  setCut(from: number, to: number, cut: boolean): void;
  isCut(from: number, to: number): boolean;
  heal(): void;
  /** nothing arrives over this link before then, and then all at once */
  clog(from: number, to: number, untilUs: number): void;
  /** every frame from or to this endpoint takes so much longer until then */
  slow(endpoint: number, byUs: number, untilUs: number): void;
  /** every frame over this link takes so much longer, from now on */
  lag(from: number, to: number, byUs: number): void;
  /** consensus frames with this first byte are lost until then */
  loseKind(kind: number, untilUs: number): void;
  readonly delivered: number;
  /** frames that links did something to */
  readonly troubles: Readonly<Record<LinkTrouble, number>>;
}

export type LinkTrouble = "lost" | "duplicated" | "replayed" | "overtaken" | "clogged" | "cut" | "gossip-lost";

interface Past {
  readonly from: number;
  readonly to: number;
  readonly channel: Channel;
  readonly frame: Uint8Array;
}

const HISTORY = 512;

/** Endpoints that are all linked; none is attached. */
export const createLinks = (options: LinksOptions, initial: LinkQuality): Links => {
  const { schedule, latency, loss, watch } = options;
  const endpoints = options.peers.map(createEndpoint);
  const count = endpoints.length;
  const cables = createCables(count);
  const byPeer = new Map<PeerName, Endpoint[]>();
  for (const endpoint of endpoints) byPeer.set(endpoint.peer, [...(byPeer.get(endpoint.peer) ?? []), endpoint]);
  const history: Past[] = [];
  const troubles: Record<LinkTrouble, number> = { lost: 0, duplicated: 0, replayed: 0, overtaken: 0, clogged: 0, cut: 0, "gossip-lost": 0 };
  let quality = initial;
  let delivered = 0;
  const isCut = (from: Endpoint, to: Endpoint): boolean => cables.cut[from.number * count + to.number] === 1;

  /* ---------------------------------------------------------------- who is up for whom */

  /** A channel needs both directions while it is made; one that breaks in one direction is noticed as any other. */
  const isLinked = (a: Endpoint, b: Endpoint): boolean =>
    a !== b && a.handlers !== undefined && b.handlers !== undefined && !isCut(a, b) && !isCut(b, a);
  const reaches = (from: Endpoint, peer: PeerName): boolean => (byPeer.get(peer) ?? []).some((to) => isLinked(from, to));

  const notice = (endpoint: Endpoint, peer: PeerName): void => {
    const up = reaches(endpoint, peer);
    if (endpoint.handlers === undefined || up === endpoint.up.has(peer)) return;
    if (up) endpoint.up.set(peer, schedule.now);
    else endpoint.up.delete(peer);
    endpoint.handlers.onPeer(peer, up);
  };
  const noticeLater = (endpoint: Endpoint, peer: PeerName): void => {
    const { life, process } = endpoint;
    if (process === undefined || endpoint.noticing.has(peer) || reaches(endpoint, peer) === endpoint.up.has(peer)) return;
    endpoint.noticing.add(peer);
    schedule.after(latency.between(0, quality.noticeUs), () =>
      process.run(() => {
        if (endpoint.life !== life) return;
        endpoint.noticing.delete(peer);
        notice(endpoint, peer);
      }),
    );
  };
  const noticeAll = (): void => {
    for (const endpoint of endpoints) for (const other of endpoints) if (other.peer !== endpoint.peer) noticeLater(endpoint, other.peer);
  };

  /* ---------------------------------------------------------------- frames */

  const arrive = (from: Endpoint, to: Endpoint, channel: Channel, frame: Uint8Array, sentAt: number): void => {
    const { process } = to;
    if (process === undefined || isCut(from, to) || sentAt < from.lostBefore) return;
    process.run(() => {
      delivered += 1;
      watch.delivered(from.number, to.number, frame);
      to.handlers?.onFrame(from.peer, channel, frame);
    });
  };
  const delay = (): number => quality.minDelayUs + latency.exponential(quality.meanDelayUs);
  const hasTrouble = (trouble: LinkTrouble, chance: number): boolean => {
    if (chance === 0 || !loss.chance(chance)) return false;
    troubles[trouble] += 1;
    return true;
  };
  /** @returns when a frame that leaves now arrives */
  const travel = (from: Endpoint, to: Endpoint, inOrder: boolean): number => {
    const { at, clogged, overtakes } = cables.arrival(from.number, to.number, schedule.now, delay(), inOrder);
    if (clogged) troubles.clogged += 1;
    if (overtakes) troubles.overtaken += 1;
    return at;
  };
  const isLost = (from: Endpoint, to: Endpoint, channel: Channel, frame: Uint8Array): boolean => {
    if (isCut(from, to)) troubles.cut += 1;
    else if (channel === "consensus" && cables.losesKind(frame[0] as number, schedule.now)) troubles.lost += 1;
    else return hasTrouble("lost", quality.loss);
    return true;
  };
  const transmit = (from: Endpoint, to: Endpoint, channel: Channel, frame: Uint8Array): void => {
    if (isLost(from, to, channel, frame) || options.filter?.(from.number, to.number, channel, frame) === false) return;
    const sentAt = schedule.now;
    const once = (): void => void schedule.at(travel(from, to, quality.inOrder), () => arrive(from, to, channel, frame, sentAt));
    once();
    if (hasTrouble("duplicated", quality.duplicate)) once();
    if (quality.replay > 0) replay({ from: from.number, to: to.number, channel, frame });
  };
  const replay = (past: Past): void => {
    if (history.length < HISTORY) history.push(past);
    else history[loss.int(HISTORY)] = past;
    if (!hasTrouble("replayed", quality.replay)) return;
    const old = loss.pick(history);
    const [from, to] = [endpoints[old.from] as Endpoint, endpoints[old.to] as Endpoint];
    schedule.after(delay(), () => arrive(from, to, old.channel, old.frame, schedule.now));
  };
  const send = (from: Endpoint, peer: PeerName, channel: Channel, frame: Uint8Array): boolean => {
    from.process?.boundary();
    if (from.handlers === undefined || !from.up.has(peer) || frame.length === 0 || frame.length > limits.maxFrameBytes) return false;
    if (frame !== from.lastSaid) watch.said(from.number, channel, frame);
    from.lastSaid = frame;
    for (const to of byPeer.get(peer) ?? []) if (to !== from) transmit(from, to, channel, frame);
    return true;
  };

  /* ---------------------------------------------------------------- gossip */

  const gossip = (from: Endpoint, data: Uint8Array): void => {
    for (const to of endpoints) {
      if (to.peer === from.peer || to.seen.has(data) || !from.up.has(to.peer) || isCut(from, to)) continue;
      if (hasTrouble("gossip-lost", quality.gossipLoss)) continue;
      if (options.filter?.(from.number, to.number, "gossip", data) === false) continue;
      const sentAt = schedule.now;
      schedule.at(travel(from, to, false), () => arriveGossip(from, to, data, sentAt));
    }
  };
  const arriveGossip = (from: Endpoint, to: Endpoint, data: Uint8Array, sentAt: number): void => {
    const { process } = to;
    if (process === undefined || isCut(from, to) || sentAt < from.lostBefore) return;
    process.run(() => {
      if (to.seen.has(data)) return;
      to.seen.add(data);
      delivered += 1;
      watch.delivered(from.number, to.number, data);
      let answered = false;
      to.handlers?.onGossip(from.peer, data, (verdict: GossipVerdict) => {
        if (answered) return;
        answered = true;
        if (verdict === "accept" && loss.chance(quality.forward)) gossip(to, data);
      });
    });
  };

  /* ---------------------------------------------------------------- endpoints */

  const networkOf = (endpoint: Endpoint, process: EndpointProcess): Network => {
    const life = endpoint.life;
    const infoOf = ([peer, since]: readonly [PeerName, number]): PeerInfo => ({
      peer,
      addresses: [],
      validator: true,
      direction: "outbound",
      connectedSince: since / 1000,
      queuedBytes: 0,
    });
    return {
      self: endpoint.peer,
      addresses: () => [],
      send: (to, channel, frame) => endpoint.life === life && send(endpoint, to, channel, frame),
      publish(data) {
        process.boundary();
        if (endpoint.life !== life || data.length > limits.maxGossipBytes) return;
        watch.said(endpoint.number, "gossip", data);
        endpoint.seen.add(data);
        gossip(endpoint, data);
      },
      peers: () => [...endpoint.up].map(infoOf),
      isUp: (peer) => endpoint.up.has(peer),
      setValidators: () => undefined,
      blame: (peer, reason) => watch.blamed(endpoint.number, peer, reason),
      // links are the plan's alone; who was blamed wrongly is found before this
      isolate: () => undefined,
      start(handlers) {
        endpoint.handlers = handlers;
        noticeAll();
        return Promise.resolve();
      },
      stop: () => Promise.resolve(),
    };
  };

  return {
    improve(next) {
      quality = next;
    },
    attach(number, process) {
      const endpoint = endpoints[number] as Endpoint;
      endpoint.life += 1;
      endpoint.process = process;
      return networkOf(endpoint, process);
    },
    detach(number, lossy) {
      const endpoint = endpoints[number] as Endpoint;
      endpoint.life += 1;
      endpoint.process = undefined;
      endpoint.handlers = undefined;
      endpoint.up.clear();
      endpoint.noticing.clear();
      if (lossy) endpoint.lostBefore = schedule.now + 1;
      noticeAll();
    },
    setCut(from, to, cut) {
      cables.cut[from * count + to] = cut ? 1 : 0;
      noticeAll();
    },
    isCut: (from, to) => cables.cut[from * count + to] === 1,
    heal() {
      cables.heal();
      noticeAll();
    },
    ...cables.troubles,
    troubles,
    get delivered() {
      return delivered;
    },
  };
};
