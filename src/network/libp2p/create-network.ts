/** The network port over libp2p: starts and stops the parts, follows libp2p's events, and answers the node. */
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { NetworkCounters } from "../counters.ts";
import { toListenError } from "../error.ts";
import type { LibraryFamily } from "../library.ts";
import type { NetworkOptions } from "../options.ts";
import type { ClientHandler, Network, NetworkHandlers, PeerInfo } from "../port.ts";
import { assemble } from "./assemble.ts";
import type { Parts } from "./assemble.ts";
import { genesisProtocol, genesisStreams, giveGenesis } from "./founding.ts";
import { boundGossip, createGossip } from "./gossip.ts";
import type { Gossip } from "./gossip.ts";
import { channels } from "./peer-link.ts";

/** The network over libp2p, with what only this implementation has. */
export interface Libp2pNetwork extends Network {
  /** what was counted so far, a copy */
  counters(): NetworkCounters;
  /** what libp2p's parts count, as they registered it so far */
  libraryFamilies(): readonly LibraryFamily[];
  /** Answers clients' questions from now on. */
  serveClients(handler: ClientHandler): void;
  /**
   * Cuts the links to these peers, for test networks: connections are dropped and refused, frames are lost in both directions. Replaces
   * the cut before; an empty list heals. `"inbound"` only drops what these peers send, so that a one-way cut can be made.
   */
  setCut(peers: readonly PeerName[], direction?: "both" | "inbound"): void;
}

const tickMs = 100;
const gossipGuardTicks = 5;
/** what `stop` waits for libp2p, which gives each connection 500 ms and takes no signal */
const stopMs = 250;

/** Keeps places, links and addresses in step with libp2p's connections. */
const follow = ({ host, admission, bounds, links, keeper, book, counters }: Parts): void => {
  const unplaced = new Set<string>();
  host.addEventListener("connection:open", ({ detail: connection }) => {
    if (connection.status !== "open") return;
    if (!admission.opened(connection)) {
      counters.disconnectedPlaces += 1;
      unplaced.add(connection.id);
      connection.abort(new Error("no place left"));
      return;
    }
    bounds.opened(connection);
    keeper.connected(connection);
    links.connected(connection);
  });
  host.addEventListener("connection:close", ({ detail: connection }) => {
    bounds.closed(connection);
    if (!unplaced.delete(connection.id)) admission.closed(connection);
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
const startUpkeep = ({ bounds, links, keeper, book, limits, now }: Parts, gossip: Gossip): (() => void) => {
  let last = now();
  let ticks = 0;
  const timer = setInterval(() => {
    const time = now();
    const lateMs = time - last - tickMs;
    last = time;
    ticks += 1;
    keeper.tick();
    links.tick(lateMs > tickMs ? lateMs : 0);
    bounds.tick();
    if (ticks % gossipGuardTicks === 0) gossip.guard();
    book.save(limits.addressBookMs);
  }, tickMs);
  return () => clearInterval(timer);
};

const describePeers = ({ host, links, book, isValidator, now }: Parts): PeerInfo[] => {
  const offset = Date.now() - now();
  return Array.from(links.all(), (link) => {
    const connections = host.getConnections(link.id);
    const rtts = connections.map(({ rtt }) => rtt).filter((rtt) => rtt !== undefined);
    const known = book.addresses(link.name);
    return {
      peer: link.name,
      addresses: known.length > 0 ? known : connections.map(({ remoteAddr }) => remoteAddr.toString()),
      validator: isValidator(link.name),
      direction: connections[0]?.direction ?? "inbound",
      ...(rtts.length === 0 ? {} : { rttMs: Math.min(...rtts) }),
      connectedSince: Math.round(link.since + offset),
      queuedBytes: link.queuedBytes(),
    };
  });
};

const startGossip = (parts: Parts): Gossip =>
  createGossip({
    ...parts,
    pubsub: parts.host.services.pubsub,
    topic: parts.names.topic,
    isCut: parts.isCutFrom,
    isVisiting: parts.visits.isVisiting,
    connections: () => parts.host.getConnections(),
    onGossip: parts.callbacks.onGossip,
    onRejected: (peer) => parts.blame(peer, "rejected gossip"),
  });

const stopHost = async ({ host, log }: Parts): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, stopMs);
  });
  const stopping = Promise.resolve(host.stop()).catch((error: unknown) =>
    log("debug", "libp2p did not stop cleanly", { error: String(error) }),
  );
  await Promise.race([stopping, bound]);
  clearTimeout(timer);
  for (const connection of host.getConnections()) connection.abort(new Error("stopping"));
};

/**
 * Creates the network; nothing is opened before `start`, which throws a `ListenError` when an address can not be listened on. After `stop` what libp2p leaves behind may keep the process alive for some two
 * seconds: a command that is done calls `process.exit`.
 * @throws TypeError when the node key or an address is not valid
 */
export const createLibp2pNetwork = async (options: NetworkOptions): Promise<Libp2pNetwork> => {
  const parts = await assemble(options);
  const { self, state, names, host, admission, links, book, keeper, counters } = parts;
  let gossip: Gossip | undefined;
  let stopUpkeep = (): void => undefined;
  let stopped: Promise<void> | undefined;

  const start = async (handlers: NetworkHandlers): Promise<void> => {
    state.handlers = handlers;
    follow(parts);
    boundGossip({ ...parts, pubsub: host.services.pubsub, mayBring: links.mayBring });
    for (const channel of channels) {
      await host.handle(names.channel[channel], (stream, connection) => links.accept(stream, connection, channel), {
        // a new one may come before the old one is known to be gone
        maxInboundStreams: 2,
        maxOutboundStreams: 2,
      });
    }
    await host.handle(names.client, parts.visits.accept, { maxInboundStreams: parts.limits.maxClientStreamsPerPeer });
    await host.handle(genesisProtocol, giveGenesis(options.genesis), genesisStreams);
    try {
      await host.start();
    } catch (error) {
      delete state.handlers;
      await stopHost(parts);
      throw toListenError(options.listen, error);
    }
    gossip = startGossip(parts);
    stopUpkeep = startUpkeep(parts, gossip);
    keeper.tick();
  };

  const stop = async (): Promise<void> => {
    stopUpkeep();
    delete state.handlers;
    book.save(0);
    keeper.stop();
    gossip?.stop();
    links.stop();
    await stopHost(parts);
  };

  return {
    self,
    addresses: () => host.getMultiaddrs().map(String),
    send: links.send,
    publish: (data) => gossip?.publish(data),
    peers: () => describePeers(parts),
    isUp: links.isUp,
    setValidators(peers) {
      state.validators = new Set(peers);
      links.validatorsChanged();
      keeper.hurry();
    },
    blame: parts.blame,
    isolate(peer, ms) {
      admission.isolate(peer, ms);
      counters.isolations += 1;
      links.disconnect(peer, "isolated");
    },
    counters: () => ({ ...counters }),
    libraryFamilies: parts.libraryFamilies,
    serveClients(handler) {
      state.clients = handler;
    },
    setCut(peers, direction = "both") {
      state.inboundCut = new Set(direction === "inbound" ? peers : []);
      admission.setCut(direction === "both" ? peers : []);
      if (direction === "both") for (const peer of peers) links.disconnect(peer, "cut");
      keeper.hurry();
    },
    start,
    stop: () => (stopped ??= stop()),
  };
};
