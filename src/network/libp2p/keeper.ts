/**
 * Keeps a connection to each peer that is wanted. libp2p does not: it tells of a discovered peer once, never dials it, and gives up on
 * lost ones.
 *
 * Wanted are all validators and, for a node that is not one, a few others. Bounded by the validators and the address book.
 */
import type { KadDHT } from "@libp2p/kad-dht";
import { multiaddr } from "@multiformats/multiaddr";
import type { Connection, Libp2p } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { Address } from "../address.ts";
import type { AddressBook } from "./address-book.ts";
import { createBootstrapDialer } from "./bootstrap.ts";
import type { Shared } from "./shared.ts";
import { createWalker } from "./walker.ts";

export interface KeeperInit extends Shared {
  readonly libp2p: Libp2p;
  readonly dht: KadDHT;
  readonly self: PeerName;
  readonly bootstrap: readonly Address[];
  readonly book: AddressBook;
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
  connectedAt?: number;
  nextDial: number;
  /** since when we could dial it and have not reached it */
  missingSince: number;
  failures: number;
  dialling: boolean;
}

/** a connection that lived shorter than this was refused by the other side rather than lost */
const settledMs = 2000;
/** of two validators the one with the smaller name dials at once, the other only when that did not help: one connection, not two */
const yieldMs = 1000;
/** failures in a row after which a peer that is not a validator is forgotten */
const failuresBeforeForgetting = 5;

/** The keeper of one node. */
export const createKeeper = (init: KeeperInit): Keeper => {
  const { libp2p, self, book, limits, counters, log, now } = init;
  const targets = new Map<PeerName, Target>();
  const live = new Set<PeerName>();
  const stopping = new AbortController();
  const isValidator = (peer: PeerName): boolean => init.validators().has(peer);
  const within = (ms: number): AbortSignal => AbortSignal.any([stopping.signal, AbortSignal.timeout(ms)]);
  const patience = (failures: number): AbortSignal => within(Math.min(limits.maxDialMs, limits.minDialMs * (failures + 1)));
  const backoff = (failures: number): number => {
    const doubled = limits.minDialBackoffMs * 2 ** Math.min(Math.max(failures - 1, 0), 10);
    return Math.min(limits.maxDialBackoffMs, doubled) * (0.75 + Math.random() / 2);
  };
  const settled = (peer: PeerName): boolean => peer === self || live.has(peer) || init.refuses(peer);
  const bootstraps = createBootstrapDialer({ ...init, addresses: init.bootstrap, settled, backoff, patience });
  const walker = createWalker({ ...init, isValidator, within });

  const target = (peer: PeerName): Target => {
    const found = targets.get(peer) ?? { nextDial: 0, missingSince: now(), failures: 0, dialling: false };
    targets.set(peer, found);
    return found;
  };

  const wanted = (): readonly PeerName[] => {
    const validators = init.validators();
    const names = [...validators].filter((peer) => peer !== self);
    if (validators.has(self)) return names;
    const strangers = [...live].filter((peer) => !validators.has(peer)).length;
    const others = book.peers().filter((peer) => !settled(peer) && !validators.has(peer));
    return [...names, ...others.slice(0, Math.max(0, limits.wantedStrangers - strangers))];
  };

  const failed = (peer: PeerName, entry: Target, error: unknown): void => {
    counters.dialFailures += 1;
    entry.failures += 1;
    entry.nextDial = now() + backoff(entry.failures);
    log("debug", "dial failed", { peer, error: String(error) });
    if (isValidator(peer) || entry.failures < failuresBeforeForgetting) return;
    book.forget(peer);
    targets.delete(peer);
  };

  const dial = async (peer: PeerName, entry: Target): Promise<void> => {
    entry.dialling = true;
    counters.dials += 1;
    try {
      // by address: dialling a name alone would wait for a DHT look-up, which may itself wait for that very peer
      const addresses = book.addresses(peer, entry.failures).map((text) => multiaddr(text));
      await libp2p.dial(addresses, { signal: patience(entry.failures) });
    } catch (error) {
      failed(peer, entry, error);
    } finally {
      entry.dialling = false;
    }
  };

  const dialIfDue = (peer: PeerName): void => {
    const entry = target(peer);
    if (entry.dialling || init.refuses(peer)) return;
    if (book.addresses(peer).length === 0) {
      entry.missingSince = now();
      return;
    }
    const yields = isValidator(self) && isValidator(peer) && self > peer && now() - entry.missingSince < yieldMs;
    if (!yields && entry.nextDial <= now()) void dial(peer, entry);
  };

  return {
    connected(connection) {
      const peer = toPeerName(connection.remotePeer.toString());
      live.add(peer);
      target(peer).connectedAt ??= now();
      if (connection.direction === "outbound") book.reached(peer, connection.remoteAddr.toString());
    },
    disconnected(peer) {
      if (!live.delete(peer)) return;
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
      const missing = wanted().filter((peer) => !live.has(peer));
      for (const peer of missing) dialIfDue(peer);
      bootstraps.tick(live.size === 0);
      if (live.size > 0) walker.tick(missing.length);
      const needed = new Set(missing);
      for (const [peer, entry] of targets) if (!live.has(peer) && !needed.has(peer) && !entry.dialling) targets.delete(peer);
    },
    hurry() {
      walker.hurry();
      for (const entry of targets.values()) entry.nextDial = 0;
    },
    stop() {
      stopping.abort();
    },
  };
};
