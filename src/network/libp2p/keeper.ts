/**
 * Finds the network's nodes and keeps a connection to each one that is wanted. libp2p does neither by itself: it tells of a discovered
 * peer once, never dials it, and gives up on lost ones.
 *
 * Wanted are all validators and, for a node that is not one, a few others. Bounded by the validators, the bootstrap list and the address
 * book.
 */
import type { KadDHT } from "@libp2p/kad-dht";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { Connection, Libp2p, PeerId } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Address } from "../address.ts";
import type { NetworkCounters } from "../counters.ts";
import type { NetworkLimits, NetworkLog } from "../options.ts";
import type { AddressBook } from "./address-book.ts";

export interface KeeperInit {
  readonly libp2p: Libp2p;
  readonly dht: KadDHT;
  readonly self: PeerName;
  readonly bootstrap: readonly Address[];
  readonly book: AddressBook;
  readonly limits: NetworkLimits;
  readonly counters: NetworkCounters;
  readonly log: NetworkLog;
  /** milliseconds, monotonic */
  readonly now: () => number;
  readonly validators: () => ReadonlySet<PeerName>;
  readonly refuses: (peer: PeerName) => boolean;
}

export interface Keeper {
  connected(connection: Connection): void;
  disconnected(peer: PeerName): void;
  /** Every 100 ms: dials who is wanted and due, walks the DHT when due. */
  tick(): void;
  /** Looks at everything again at once. */
  hurry(): void;
  stop(): void;
}

interface Target {
  readonly id: PeerId;
  connectedAt?: number;
  nextDial: number;
  missingSince: number;
  failures: number;
  dialling: boolean;
}

interface BootstrapTarget {
  readonly address: Address;
  peer?: PeerName;
  nextDial: number;
  failures: number;
  dialling: boolean;
}

/** a connection that lived shorter than this was refused by the other side rather than lost */
const settledMs = 2000;
/** the peer with the smaller name dials at once, the other one only when that did not help */
const yieldMs = 1000;
/** dials of a bootstrap node while others are connected */
const lazyBootstrapMs = 5000;
const walkTimeoutMs = 3000;
/** walks do not back off this long after the start, or a change of the validators, while one of them is missing */
const hurryMs = 10_000;

/** The keeper of one node. */
export const createKeeper = (init: KeeperInit): Keeper => {
  const { libp2p, dht, self, book, limits, counters, log, now } = init;
  const targets = new Map<PeerName, Target>();
  const live = new Set<PeerName>();
  const stopping = new AbortController();
  const bootstraps = init.bootstrap.map(
    (address): BootstrapTarget => ({
      address,
      ...(address.peer === undefined ? {} : { peer: address.peer }),
      nextDial: 0,
      failures: 0,
      dialling: false,
    }),
  );
  let hurriedAt = now();
  let walking = false;
  let nextWalk = 0;
  let walkGap: number = limits.minWalkMs;
  let lastMissing = 0;

  const backoff = (failures: number): number =>
    Math.min(limits.maxDialBackoffMs, limits.minDialBackoffMs * 2 ** Math.min(Math.max(failures - 1, 0), 10)) * (0.75 + Math.random() / 2);
  const within = (ms: number): AbortSignal => AbortSignal.any([stopping.signal, AbortSignal.timeout(ms)]);

  const target = (peer: PeerName): Target => {
    const time = now();
    const found = targets.get(peer) ?? { id: peerIdFromString(peer), nextDial: 0, missingSince: time, failures: 0, dialling: false };
    targets.set(peer, found);
    return found;
  };

  /** Who should be connected: the validators, and for others than validators a few more. */
  const wanted = (): readonly PeerName[] => {
    const validators = init.validators();
    const names = [...validators].filter((peer) => peer !== self);
    if (validators.has(self)) return names;
    let room = limits.wantedStrangers - [...live].filter((peer) => !validators.has(peer)).length;
    for (const peer of book.peers()) {
      if (room <= 0) break;
      if (peer === self || validators.has(peer) || live.has(peer)) continue;
      names.push(peer);
      room -= 1;
    }
    return names;
  };

  const dial = async (peer: PeerName, entry: Target): Promise<void> => {
    const addresses = book.addresses(peer, entry.failures);
    if (addresses.length === 0) return;
    entry.dialling = true;
    counters.dials += 1;
    try {
      // by address: dialling a name alone would wait for a DHT look-up, which may itself wait for that very peer
      await libp2p.dial(
        addresses.map((text) => multiaddr(text)),
        { signal: within(limits.dialMs) },
      );
    } catch (error) {
      counters.dialFailures += 1;
      entry.failures += 1;
      entry.nextDial = now() + backoff(entry.failures);
      log("debug", "dial failed", { peer, addresses, error: String(error) });
    } finally {
      entry.dialling = false;
    }
  };

  const dialBootstrap = async (entry: BootstrapTarget): Promise<void> => {
    entry.dialling = true;
    counters.bootstrapDials += 1;
    try {
      const connection = await libp2p.dial(multiaddr(entry.address.text), { signal: within(limits.dialMs) });
      entry.peer = toPeerName(connection.remotePeer.toString());
      entry.failures = 0;
      entry.nextDial = now() + backoff(1);
    } catch (error) {
      counters.dialFailures += 1;
      entry.failures += 1;
      const wait = live.size === 0 ? backoff(entry.failures) : lazyBootstrapMs;
      entry.nextDial = now() + wait;
      log(entry.failures === 5 ? "warn" : "debug", "bootstrap node not reached", { address: entry.address.text, error: String(error) });
    } finally {
      entry.dialling = false;
    }
  };

  const dialMissing = (): number => {
    const time = now();
    let missing = 0;
    for (const peer of wanted()) {
      const entry = target(peer);
      if (live.has(peer) || init.refuses(peer)) continue;
      missing += 1;
      if (entry.dialling || entry.nextDial > time) continue;
      if (init.validators().has(self) && self > peer && time - entry.missingSince < yieldMs) continue;
      void dial(peer, entry);
    }
    for (const entry of bootstraps) {
      if (entry.dialling || entry.nextDial > time || entry.peer === self) continue;
      if (entry.peer !== undefined && (live.has(entry.peer) || init.refuses(entry.peer))) continue;
      void dialBootstrap(entry);
    }
    return missing;
  };

  /** In a small network every answer to "who is close to me" names everybody, and the asking makes us known to those asked. */
  const walk = async (): Promise<void> => {
    walking = true;
    counters.walks += 1;
    try {
      for await (const event of dht.getClosestPeers(libp2p.peerId.toMultihash().bytes, { signal: within(walkTimeoutMs) })) {
        if (event.name !== "PEER_RESPONSE") continue;
        for (const { id, multiaddrs } of event.closer) {
          const peer = toPeerName(id.toString());
          if (peer !== self && multiaddrs.length > 0) book.hint(peer, multiaddrs.map(String));
        }
      }
    } catch (error) {
      log("debug", "walk failed", { error: String(error) });
    } finally {
      walking = false;
    }
  };

  const walkIfDue = (missing: number): void => {
    if (walking || live.size === 0 || now() < nextWalk) return;
    const known = book.peers().length;
    void walk().finally(() => {
      // each walk opens a stream to every known peer: ever more seldom while nothing new turns up
      const fruitful = book.peers().length > known || missing > lastMissing;
      const young = missing > 0 && now() - hurriedAt < hurryMs;
      lastMissing = missing;
      walkGap = fruitful || young ? limits.minWalkMs : Math.min(limits.maxWalkMs, walkGap * 2);
      nextWalk = now() + walkGap;
    });
  };

  const forget = (): void => {
    const names = new Set(wanted());
    for (const [peer, entry] of targets) if (!names.has(peer) && !live.has(peer) && !entry.dialling) targets.delete(peer);
  };

  return {
    connected(connection) {
      const peer = toPeerName(connection.remotePeer.toString());
      live.add(peer);
      target(peer).connectedAt ??= now();
      if (connection.direction === "outbound") book.reached(peer, connection.remoteAddr.toString());
    },
    disconnected(peer) {
      live.delete(peer);
      const entry = target(peer);
      const time = now();
      const lived = time - (entry.connectedAt ?? time);
      delete entry.connectedAt;
      // a peer that refuses us takes the connection and closes it after the handshake: without a back-off we would spin
      entry.failures = lived < settledMs ? entry.failures + 1 : 0;
      entry.nextDial = lived < settledMs ? time + backoff(entry.failures) : 0;
      entry.missingSince = time;
    },
    tick() {
      const missing = dialMissing();
      walkIfDue(missing);
      if (targets.size > init.validators().size + 2 * limits.maxStrangers) forget();
    },
    hurry() {
      hurriedAt = now();
      walkGap = limits.minWalkMs;
      nextWalk = 0;
      for (const entry of targets.values()) entry.nextDial = 0;
    },
    stop() {
      stopping.abort();
    },
  };
};
