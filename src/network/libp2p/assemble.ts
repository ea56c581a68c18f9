/** Puts the parts of one node's network together; opens nothing. */
import type { PeerName } from "../../protocol/ids.ts";
import { toAddress } from "../address.ts";
import { createCounters } from "../counters.ts";
import type { LibraryFamily } from "../library.ts";
import { defaultNetworkLimits } from "../options.ts";
import type { NetworkOptions } from "../options.ts";
import { peerNameOf, toLibp2pKey } from "../peer-name.ts";
import type { Channel, ClientHandler, NetworkHandlers } from "../port.ts";
import { createAddressBook } from "./address-book.ts";
import type { AddressBook } from "./address-book.ts";
import { createAdmission } from "./admission.ts";
import type { Admission } from "./admission.ts";
import { createConnectionBounds } from "./connection-bounds.ts";
import type { ConnectionBounds } from "./connection-bounds.ts";
import { createHost } from "./host.ts";
import type { Host } from "./host.ts";
import { createKeeper } from "./keeper.ts";
import type { Keeper } from "./keeper.ts";
import { createLibraryMetrics } from "./library-metrics.ts";
import { createLinks } from "./links.ts";
import type { Links } from "./links.ts";
import type { Shared } from "./shared.ts";
import { createVisits } from "./visits.ts";
import type { Visits } from "./visits.ts";

/** What changes while the network runs, and is looked at by its parts. */
interface State {
  validators: ReadonlySet<PeerName>;
  /** peers whose frames a test network's one-way cut drops */
  inboundCut: ReadonlySet<PeerName>;
  /** absent before `start` and after `stop` */
  handlers?: NetworkHandlers;
  /** absent until the node answers clients */
  clients?: ClientHandler;
}

export interface Parts extends Shared {
  readonly self: PeerName;
  readonly state: State;
  readonly names: ReturnType<typeof protocolNames>;
  /** the node's handlers behind a guard: they do not throw */
  readonly callbacks: NetworkHandlers;
  readonly isValidator: (peer: PeerName) => boolean;
  readonly isCutFrom: (peer: PeerName) => boolean;
  /** Counts a blame, and closes the door when they add up. */
  readonly blame: (peer: PeerName, reason: string) => void;
  readonly host: Host;
  readonly admission: Admission;
  readonly bounds: ConnectionBounds;
  readonly links: Links;
  readonly visits: Visits;
  readonly book: AddressBook;
  readonly keeper: Keeper;
  readonly libraryFamilies: () => readonly LibraryFamily[];
}

/** a peer of another network is not talked to for this long */
const foreignMs = 30_000;

/** Every name on the wire begins with the network's, so that networks never mix (docs/wire.md). */
export const protocolNames = (genesisHash: string) => {
  const root = `/byz/${genesisHash.slice(0, 8)}`;
  return {
    kad: `${root}/kad/1`,
    topic: `${root}/proposals/1`,
    client: `${root}/client/1`,
    channel: { consensus: `${root}/consensus/1`, sync: `${root}/sync/1` } satisfies Record<Channel, string>,
  };
};

/** Handlers that count and tell of what the node's own throw, so that nothing in the network breaks. */
const guarded = (state: State, { counters, log }: Shared): NetworkHandlers => {
  const call = (name: string, action: (handlers: NetworkHandlers) => void): void => {
    if (state.handlers === undefined) return;
    try {
      action(state.handlers);
    } catch (error) {
      counters.handlerErrors += 1;
      log("warn", "a network handler threw", {
        handler: name,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  };
  return {
    onFrame: (from, channel, frame) => call("onFrame", (handlers) => handlers.onFrame(from, channel, frame)),
    onGossip: (from, data, verdict) => call("onGossip", (handlers) => handlers.onGossip(from, data, verdict)),
    onPeer: (peer, up) => call("onPeer", (handlers) => handlers.onPeer(peer, up)),
  };
};

const createShared = (options: NetworkOptions): Shared => ({
  limits: { ...defaultNetworkLimits, ...options.limits },
  counters: createCounters(),
  log: options.log ?? (() => undefined),
  now: () => performance.now(),
});

/**
 * Creates every part of a network.
 * @throws TypeError when the node key or an address is not valid
 */
export const assemble = async (options: NetworkOptions): Promise<Parts> => {
  const shared = createShared(options);
  const { counters, log } = shared;
  const key = toLibp2pKey(options.nodeKey);
  const self = peerNameOf(key);
  const names = protocolNames(options.genesisHash);
  const state: State = { validators: new Set(options.validators), inboundCut: new Set() };
  const isValidator = (peer: PeerName): boolean => state.validators.has(peer);
  const callbacks = guarded(state, shared);
  const admission = createAdmission({ ...shared, self, isValidator });
  const library = createLibraryMetrics();
  const host = await createHost({
    key,
    listen: options.listen.map((text) => toAddress(text).text),
    announce: (options.announce ?? []).map((text) => toAddress(text).text),
    gater: admission.gater,
    limits: shared.limits,
    kadProtocol: names.kad,
    topic: names.topic,
    refuses: admission.refuses,
    onRefusedStream: () => {
      counters.rejectedStreams += 1;
    },
    libraryLog: options.libraryLog,
    metrics: library.metrics,
  });
  const book = createAddressBook({ ...shared, directory: options.dataDirectory, isValidator });
  const isCutFrom = (peer: PeerName): boolean => state.inboundCut.has(peer) || admission.isCut(peer);

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
  const visits = createVisits({ ...shared, handler: () => state.clients, blame });
  const bounds = createConnectionBounds({ ...shared, isValidator });
  const links: Links = createLinks({
    ...shared,
    protocols: names.channel,
    isValidator,
    selfIsValidator: () => isValidator(self),
    isCut: { from: isCutFrom, to: admission.isCut },
    isVisiting: visits.isVisiting,
    connections: (id) => host.getConnections(id),
    onFrame: bounds.counting(callbacks.onFrame),
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
    ...shared,
    libp2p: host,
    dht: host.services.dht,
    self,
    bootstrap: (options.bootstrap ?? []).map(toAddress),
    book,
    validators: () => state.validators,
    refuses: admission.refuses,
  });
  const libraryFamilies = library.families;
  return {
    ...shared,
    libraryFamilies,
    self,
    state,
    names,
    callbacks,
    isValidator,
    isCutFrom,
    blame,
    host,
    admission,
    bounds,
    links,
    visits,
    book,
    keeper,
  };
};
