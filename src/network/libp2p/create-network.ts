/** The network over libp2p: composes host, admission, links, gossip, keeper and address book into the port. */
import type { Connection, PeerId } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import { toAddress } from "../address.ts";
import { createCounters } from "../counters.ts";
import type { NetworkCounters } from "../counters.ts";
import { defaultNetworkLimits } from "../options.ts";
import type { NetworkLimits, NetworkLog, NetworkOptions } from "../options.ts";
import { peerNameFromNodeKey, toLibp2pKey } from "../peer-name.ts";
import type { Channel, Network, NetworkHandlers, PeerInfo } from "../port.ts";
import { createAddressBook } from "./address-book.ts";
import type { AddressBook } from "./address-book.ts";
import { createAdmission } from "./admission.ts";
import type { Admission } from "./admission.ts";
import { createGossip } from "./gossip.ts";
import type { Gossip } from "./gossip.ts";
import { createHost } from "./host.ts";
import type { Host } from "./host.ts";
import { createKeeper } from "./keeper.ts";
import type { Keeper } from "./keeper.ts";
import { channels, createLinks } from "./links.ts";
import type { Links } from "./links.ts";

/** The network over libp2p, with what only this implementation has. */
export interface Libp2pNetwork extends Network {
  /** what was counted so far, a copy */
  counters(): NetworkCounters;
  /**
   * Cuts the links to these peers, for test networks: connections are dropped and refused, frames are lost in both directions. Replaces
   * the cut before; an empty list heals. `"inbound"` only drops what these peers send, so that a one-way cut can be made.
   */
  setCut(peers: readonly PeerName[], direction?: "both" | "inbound"): void;
  /** Resets all gossip streams and nothing else, for tests of how gossip recovers. */
  breakGossip(): void;
}

const tickMs = 100;
const gossipGuardTicks = 5;
const stopMs = 250;
/** a peer of another network is not talked to for this long */
const foreignMs = 30_000;

const protocolNames = (genesisHash: string) => {
  const root = `/byz/${genesisHash.slice(0, 8)}`;
  return {
    kad: `${root}/kad/1`,
    topic: `${root}/proposals/1`,
    channel: { consensus: `${root}/consensus/1`, sync: `${root}/sync/1` } satisfies Record<Channel, string>,
  };
};

interface Parts {
  readonly host: Host;
  readonly admission: Admission;
  readonly links: Links;
  readonly book: AddressBook;
  readonly keeper: Keeper;
  readonly limits: NetworkLimits;
  readonly counters: NetworkCounters;
  readonly log: NetworkLog;
}

/** Handlers behind a guard: one that throws is counted and told of, and nothing in the network breaks. */
const guarded = (handlers: () => NetworkHandlers | undefined, counters: NetworkCounters, log: NetworkLog): NetworkHandlers => {
  const call = (name: string, action: (handlers: NetworkHandlers) => void): void => {
    const present = handlers();
    if (present === undefined) return;
    try {
      action(present);
    } catch (error) {
      counters.handlerErrors += 1;
      log("warn", "a network handler threw", { handler: name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  };
  return {
    onFrame: (from, channel, frame) => call("onFrame", (present) => present.onFrame(from, channel, frame)),
    onGossip: (from, data, verdict) => call("onGossip", (present) => present.onGossip(from, data, verdict)),
    onPeer: (peer, up) => call("onPeer", (present) => present.onPeer(peer, up)),
  };
};

/** Follows libp2p's events: places, links and addresses of each connection. */
const follow = ({ host, admission, links, keeper, book, counters }: Parts): void => {
  const unplaced = new Set<string>();
  host.addEventListener("connection:open", ({ detail: connection }) => {
    if (connection.status !== "open") return;
    if (!admission.opened(connection)) {
      counters.disconnectedPlaces += 1;
      unplaced.add(connection.id);
      connection.abort(new Error("no place left"));
      return;
    }
    keeper.connected(connection);
    links.connected(connection);
  });
  host.addEventListener("connection:close", ({ detail: connection }) => {
    if (unplaced.delete(connection.id)) return;
    admission.closed(connection);
  });
  host.addEventListener("peer:disconnect", ({ detail: id }) => {
    const peer = toPeerName(id.toString());
    keeper.disconnected(peer);
    links.disconnected(peer);
  });
  host.addEventListener("peer:identify", ({ detail }) => {
    const addresses = detail.signedPeerRecord?.addresses ?? detail.listenAddrs;
    book.said(toPeerName(detail.peerId.toString()), addresses.map(String));
  });
  host.addEventListener("peer:discovery", ({ detail: { id, multiaddrs } }) => {
    if (multiaddrs.length > 0) book.hint(toPeerName(id.toString()), multiaddrs.map(String));
  });
};

/** One timer for all upkeep; measures how late it runs, since a node that stood still must not take its own silence for others'. */
const createUpkeep = ({ links, keeper, book, limits }: Parts, gossip: Gossip, now: () => number) => {
  let last = now();
  let ticks = 0;
  const timer = setInterval(() => {
    const time = now();
    const late = time - last - tickMs;
    last = time;
    ticks += 1;
    keeper.tick();
    links.tick(late > tickMs ? late : 0);
    if (ticks % gossipGuardTicks === 0) gossip.guard();
    book.save(limits.addressBookMs);
  }, tickMs);
  return (): void => clearInterval(timer);
};

const describePeers = ({ host, links, book }: Parts, isValidator: (peer: PeerName) => boolean, now: () => number): PeerInfo[] => {
  const offset = Date.now() - now();
  const infos: PeerInfo[] = [];
  for (const [peer, { id, since }] of links.peers()) {
    const connections = host.getConnections(id);
    const rtts = connections.map(({ rtt }) => rtt).filter((rtt) => rtt !== undefined);
    const known = book.addresses(peer);
    infos.push({
      peer,
      addresses: known.length > 0 ? known : connections.map(({ remoteAddr }) => remoteAddr.toString()),
      validator: isValidator(peer),
      direction: connections[0]?.direction ?? "inbound",
      ...(rtts.length === 0 ? {} : { rttMs: Math.min(...rtts) }),
      connectedSince: Math.round(since + offset),
      queuedBytes: links.queuedBytes(peer),
    });
  }
  return infos;
};

const silentLog: NetworkLog = () => undefined;

/**
 * Creates the network; nothing is opened before `start`.
 * @throws TypeError when the node key or an address is not valid
 */
export const createLibp2pNetwork = async (options: NetworkOptions): Promise<Libp2pNetwork> => {
  const limits: NetworkLimits = { ...defaultNetworkLimits, ...options.limits };
  const log = options.log ?? silentLog;
  const now = (): number => performance.now();
  const counters = createCounters();
  const key = await toLibp2pKey(options.nodeKey);
  const self = await peerNameFromNodeKey(options.nodeKey);
  const bootstrap = (options.bootstrap ?? []).map(toAddress);
  const listen = options.listen.map((text) => toAddress(text).text);
  const announce = (options.announce ?? []).map((text) => toAddress(text).text);
  const names = protocolNames(options.genesisHash);
  let validators: ReadonlySet<PeerName> = new Set(options.validators);
  let handlers: NetworkHandlers | undefined;
  let inboundCut: ReadonlySet<PeerName> = new Set();
  const isValidator = (peer: PeerName): boolean => validators.has(peer);
  const callbacks = guarded(() => handlers, counters, log);

  const admission = createAdmission({ self, limits, isValidator, counters, now });
  const isCut = (peer: PeerName): boolean => inboundCut.has(peer) || admission.isCut(peer);
  const host = await createHost({ key, listen, announce, gater: admission.gater, limits, kadProtocol: names.kad, topic: names.topic, refuses: admission.refuses });
  const book = createAddressBook({ directory: options.dataDirectory, isValidator, log, now });

  const shut = (peer: PeerName, reason: string): void => {
    counters.disconnectedBanned += 1;
    log("info", "peer refused for a while", { peer, reason });
    links.disconnect(peer, reason);
  };
  const blame = (peer: PeerName, reason: string): void => {
    counters.blames += 1;
    log("debug", "blame", { peer, reason });
    if (admission.blame(peer)) shut(peer, reason);
  };
  const links: Links = createLinks({
    limits,
    counters,
    log,
    now,
    protocols: names.channel,
    isValidator,
    selfIsValidator: () => validators.has(self),
    isCut: { from: isCut, to: admission.isCut },
    connections: (id: PeerId): readonly Connection[] => host.getConnections(id),
    onFrame: callbacks.onFrame,
    onPeer: callbacks.onPeer,
    onMalformed: blame,
    onFlood: (peer) => {
      counters.disconnectedFlood += 1;
      if (admission.ban(peer)) shut(peer, "flood");
    },
    onForeign: (peer) => {
      counters.disconnectedForeign += 1;
      admission.refuseFor(peer, foreignMs);
      links.disconnect(peer, "another network");
    },
  });
  const keeper = createKeeper({
    libp2p: host,
    dht: host.services.dht,
    self,
    bootstrap,
    book,
    limits,
    counters,
    log,
    now,
    validators: () => validators,
    refuses: admission.refuses,
  });
  const parts: Parts = { host, admission, links, book, keeper, limits, counters, log };
  let gossip: Gossip | undefined;
  let stopUpkeep = (): void => undefined;
  let stopped: Promise<void> | undefined;

  const shutDown = async (): Promise<void> => {
    stopUpkeep();
    handlers = undefined;
    book.save(0);
    keeper.stop();
    gossip?.stop();
    links.stop();
    // libp2p waits for each connection to close in order, and takes no signal
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, stopMs);
    });
    const stopping = Promise.resolve(host.stop()).catch((error: unknown) => log("debug", "libp2p did not stop cleanly", { error: String(error) }));
    await Promise.race([stopping, bound]);
    clearTimeout(timer);
    for (const connection of host.getConnections()) connection.abort(new Error("stopping"));
  };

  return {
    self,
    addresses: () => host.getMultiaddrs().map(String),
    send: links.send,
    publish: (data) => gossip?.publish(data),
    peers: () => describePeers(parts, isValidator, now),
    isUp: links.isUp,
    setValidators(peers) {
      validators = new Set(peers);
      links.validatorsChanged();
      keeper.hurry();
    },
    blame,
    counters: () => ({ ...counters }),
    setCut(peers, direction = "both") {
      inboundCut = new Set(direction === "inbound" ? peers : []);
      admission.setCut(direction === "both" ? peers : []);
      if (direction === "both") for (const peer of peers) links.disconnect(peer, "cut");
      keeper.hurry();
    },
    breakGossip() {
      for (const { streams } of host.getConnections()) {
        for (const stream of streams) if (stream.protocol.includes("meshsub")) stream.abort(new Error("broken on purpose"));
      }
    },
    async start(given) {
      handlers = given;
      follow(parts);
      for (const channel of channels) {
        await host.handle(names.channel[channel], (stream, connection) => links.accept(stream, connection, channel), {
          // a new one may come before the old one is known to be gone
          maxInboundStreams: 2,
          maxOutboundStreams: 2,
        });
      }
      await host.start();
      gossip = createGossip({
        pubsub: host.services.pubsub,
        topic: names.topic,
        limits,
        counters,
        log,
        now,
        isCut,
        connections: () => host.getConnections(),
        onGossip: callbacks.onGossip,
        onRejected: (peer) => blame(peer, "rejected gossip"),
      });
      stopUpkeep = createUpkeep(parts, gossip, now);
      keeper.tick();
    },
    stop: () => (stopped ??= shutDown()),
  };
};
