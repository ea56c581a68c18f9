/**
 * Gossip of proposals. One topic; unsigned envelopes, since what is gossiped is signed inside; nothing is forwarded before the node's
 * verdict. Correctness never depends on it (PROTOCOL §3): what gossip loses is fetched by digest on the direct channels.
 */
import { StrictNoSign, TopicValidatorResult, gossipsub } from "@libp2p/gossipsub";
import type { GossipSub, GossipsubOpts } from "@libp2p/gossipsub";
import type { Connection, PeerId } from "@libp2p/interface";
import { hash } from "node:crypto";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import { limits as protocolLimits } from "../../protocol/limits.ts";
import type { GossipVerdict, NetworkHandlers } from "../port.ts";
import type { Shared } from "./shared.ts";
import { createTokenBucket } from "./token-bucket.ts";
import type { TokenBucket } from "./token-bucket.ts";

const MiB = 1024 * 1024;

/** The gossipsub service for one topic, with the settings that docs/network.md explains. */
export const gossipService = (topic: string, refuses: (peer: PeerName) => boolean): ReturnType<typeof gossipsub> => {
  const options: Partial<GossipsubOpts> = {
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ data }) => hash("sha256", data, "buffer"),
    allowedTopics: [topic],
    emitSelf: false,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    // a proposal reaches every subscriber of a small network in one hop; the mesh repairs
    floodPublish: true,
    D: 6,
    Dlo: 4,
    Dhi: 12,
    Dout: 2,
    Dlazy: 6,
    heartbeatInterval: 700,
    pruneBackoff: 5000,
    // spelt so in the library
    unsubcribeBackoff: 2000,
    graftFloodThreshold: 500,
    seenTTL: 60_000,
    // who has a message is not offered it again (`forwardLess`): to say so to everybody costs more than it spares
    idontwantMinDataSize: Number.POSITIVE_INFINITY,
    maxInboundDataLength: 4 * MiB,
    maxOutboundBufferSize: 16 * MiB,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    // there is one topic, so one of each is what a peer of ours says at a time
    decodeRpcLimits: {
      maxSubscriptions: 4,
      maxMessages: 32,
      maxIhaveMessageIDs: 1024,
      maxIwantMessageIDs: 1024,
      maxIdontwantMessageIDs: 1024,
      maxControlMessages: 4,
      maxPeerInfos: 16,
    },
    scoreParams: {
      // several nodes may share one address: test networks, one data centre
      IPColocationFactorWeight: 0,
      appSpecificScore: (peer) => (refuses(toPeerName(peer)) ? -1000 : 0),
      appSpecificWeight: 1,
      behaviourPenaltyWeight: -1,
      behaviourPenaltyThreshold: 6,
      retainScore: 60_000,
      topics: {},
    },
    scoreThresholds: { gossipThreshold: -10, publishThreshold: -50, graylistThreshold: -80, acceptPXThreshold: 1_000_000 },
  };
  return gossipsub(options);
};

export interface GossipInit extends Shared {
  readonly pubsub: GossipSub;
  readonly topic: string;
  readonly isCut: (peer: PeerName) => boolean;
  /** a client, which takes no part in gossip */
  readonly isVisiting: (peer: PeerName) => boolean;
  readonly connections: () => readonly Connection[];
  readonly onGossip: NetworkHandlers["onGossip"];
  readonly isValidator: (peer: PeerName) => boolean;
  readonly onRejected: (from: PeerName) => void;
}

export interface Gossip {
  /** Sends to all who are subscribed; nothing happens while nobody is. The same bytes are sent once a minute at most. */
  publish(data: Uint8Array): void;
  /**
   * gossipsub forgets a peer for good when one of its streams breaks, though the connection lives on. Such connections are cut off, and
   * the keeper dials again.
   */
  guard(): void;
  stop(): void;
}

/** Parts of the implementation that tell whether a peer's two streams stand. */
interface StreamTables {
  readonly streamsInbound: ReadonlyMap<string, unknown>;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
}

/** The part of the implementation that passes messages on. */
interface Forwarding {
  forwardMessage?: (id: string, message: { readonly data?: Uint8Array }, from?: string, exclude?: ReadonlySet<string>) => void;
}

/**
 * The publisher sends to all whom it reaches: among validators that know each other nothing is left to pass on, and two copies of each message for every
 * one that is needed would go round. Without the member used here, gossipsub works as it comes.
 */
const forwardLess = (pubsub: GossipSub): ((data: Uint8Array, held: readonly PeerName[]) => void) => {
  const inside = pubsub as unknown as Forwarding;
  const { forwardMessage } = inside;
  const holders = new WeakMap<Uint8Array, ReadonlySet<string>>();
  if (typeof forwardMessage !== "function") return () => undefined;
  inside.forwardMessage = (id, message, from, exclude) => {
    const held = message.data === undefined ? undefined : holders.get(message.data);
    forwardMessage.call(pubsub, id, message, from, held === undefined ? exclude : new Set([...held, ...(exclude ?? [])]));
  };
  return (data, held) => void holders.set(data, new Set<string>(held));
};

/** What gossipsub reads from. */
interface Reading {
  pipePeerReadStream(peer: PeerId, messages: AsyncIterable<{ readonly byteLength: number }>): Promise<void>;
}

export interface GossipRates extends Shared {
  readonly pubsub: GossipSub;
  readonly isValidator: (peer: PeerName) => boolean;
  /** whether the rate of one that is no validator lets one more message through */
  readonly mayBring: (from: PeerName, bytes: number) => boolean;
}

/**
 * Bounds how many of gossipsub's messages, control and data, are looked at, before it is started: it decodes and does whatever comes, and 30 bytes may cost as
 * much as 1 KiB. What a peer's rate does not let through is dropped and counted.
 */
export const boundGossip = ({ pubsub, isValidator, mayBring, limits, counters, now }: GossipRates): void => {
  const inside = pubsub as unknown as Reading;
  const { pipePeerReadStream } = inside;
  /** one for each that is, or was, a validator */
  const rates = new Map<PeerName, TokenBucket>();
  const mayValidatorBring = (from: PeerName): boolean => {
    const rate = rates.get(from) ?? createTokenBucket(limits.validatorGossipPerSecond, limits.validatorGossipBurst, now);
    rates.set(from, rate);
    if (rate.take(1)) return true;
    counters.droppedRate += 1;
    return false;
  };
  const few = async function* (from: PeerName, messages: AsyncIterable<{ readonly byteLength: number }>) {
    for await (const message of messages)
      if (isValidator(from) ? mayValidatorBring(from) : mayBring(from, message.byteLength)) yield message;
  };
  inside.pipePeerReadStream = (peer, messages) => pipePeerReadStream.call(pubsub, peer, few(toPeerName(peer.toString()), messages));
};

const results: Record<GossipVerdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/** Subscribes to the topic and asks `onGossip` about each message before it goes on. */
export const createGossip = (init: GossipInit): Gossip => {
  const { pubsub, topic, limits, counters, log, now } = init;
  const tables = pubsub as GossipSub & StreamTables;
  const brokenSince = new Map<string, number>();
  const hold = forwardLess(pubsub);
  /** of validators, and of everybody else, so that these do not keep those from being heard */
  const undecided = { trusted: 0, strangers: 0 };

  const ask = (from: PeerName, data: Uint8Array): Promise<GossipVerdict | "late"> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve("late"), limits.gossipVerdictMs);
      init.onGossip(from, data, (verdict, held) => {
        clearTimeout(timer);
        if (held !== undefined) hold(data, held);
        resolve(verdict);
      });
    });

  const judge = async (id: PeerId, data: Uint8Array): Promise<TopicValidatorResult> => {
    const from = toPeerName(id.toString());
    if (init.isCut(from)) {
      counters.droppedCut += 1;
      return TopicValidatorResult.Ignore;
    }
    if (data.byteLength > protocolLimits.maxGossipBytes || data.byteLength === 0) {
      counters.gossipOversize += 1;
      init.onRejected(from);
      return TopicValidatorResult.Reject;
    }
    const kind = init.isValidator(from) ? "trusted" : "strangers";
    if (undecided[kind] >= limits.maxUndecidedGossip) {
      counters.gossipUndecided += 1;
      return TopicValidatorResult.Ignore;
    }
    undecided[kind] += 1;
    const verdict = await ask(from, data);
    undecided[kind] -= 1;
    if (verdict === "late") {
      counters.gossipUndecided += 1;
      return TopicValidatorResult.Ignore;
    }
    if (verdict === "accept") counters.gossipAccepted += 1;
    else if (verdict === "ignore") counters.gossipIgnored += 1;
    else {
      counters.gossipRejected += 1;
      init.onRejected(from);
    }
    return results[verdict];
  };

  const isWhole = (peer: string, known: ReadonlySet<string>): boolean =>
    known.has(peer) && tables.streamsOutbound.has(peer) && tables.streamsInbound.has(peer);

  const guard = (): void => {
    const known = new Set(pubsub.getPeers().map(String));
    const broken = new Map<string, Connection[]>();
    for (const connection of init.connections()) {
      const peer = connection.remotePeer.toString();
      const young = Date.now() - connection.timeline.open < limits.firstDeadMs;
      if (!young && connection.status === "open" && !isWhole(peer, known) && !init.isVisiting(toPeerName(peer)))
        broken.set(peer, [...(broken.get(peer) ?? []), connection]);
    }
    for (const peer of brokenSince.keys()) if (!broken.has(peer)) brokenSince.delete(peer);
    for (const [peer, connections] of broken) {
      const since = brokenSince.get(peer) ?? now();
      brokenSince.set(peer, since);
      if (now() - since <= limits.gossipGraceMs) continue;
      brokenSince.delete(peer);
      counters.disconnectedGossip += 1;
      log("info", "peer disconnected by us", { peer, reason: "its gossip streams are gone" });
      for (const connection of connections) connection.abort(new Error("gossip streams lost"));
    }
  };

  pubsub.topicValidators.set(topic, (peer, message) => judge(peer, message.data));
  pubsub.subscribe(topic);

  return {
    publish(data) {
      if (data.byteLength === 0 || data.byteLength > protocolLimits.maxGossipBytes) {
        counters.gossipOversize += 1;
        log("warn", "not gossiped: too large", { bytes: data.byteLength, maxBytes: protocolLimits.maxGossipBytes });
        return;
      }
      if (pubsub.getSubscribers(topic).length === 0) {
        // published to nobody it would count as seen, and could not be published again
        counters.gossipPublishFailures += 1;
        return;
      }
      counters.gossipPublished += 1;
      pubsub.publish(topic, data).catch((error: unknown) => {
        counters.gossipPublishFailures += 1;
        log("debug", "gossip failed", { error: String(error) });
      });
    },
    guard,
    stop() {
      pubsub.topicValidators.delete(topic);
    },
  };
};
