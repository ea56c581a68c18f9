/**
 * Asks the DHT who is close to us. In a small network every answer names everybody, and the asking makes us known to those asked. Each
 * walk opens a stream to every known peer: ever more seldom while nothing new turns up.
 */
import type { KadDHT } from "@libp2p/kad-dht";
import type { Libp2p } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import type { AddressBook } from "./address-book.ts";
import type { Shared } from "./shared.ts";

export interface WalkerInit extends Shared {
  readonly libp2p: Libp2p;
  readonly dht: KadDHT;
  readonly self: PeerName;
  readonly book: AddressBook;
  readonly isValidator: (peer: PeerName) => boolean;
  readonly within: (ms: number) => AbortSignal;
}

export interface Walker {
  /** Walks when due; `missing` is the number of wanted peers that are not connected. */
  tick(missing: number): void;
  /** Walks soon, and does not back off for a while. */
  hurry(): void;
}

const walkTimeoutMs = 3000;
/** walks do not back off this long after the start, or a change of the validators, while one of them is missing */
const hurryMs = 10_000;

/** The walker of one node. */
export const createWalker = (init: WalkerInit): Walker => {
  const { libp2p, dht, self, book, limits, counters, log, now } = init;
  let hurriedAt = now();
  let walking = false;
  let next = 0;
  let gap: number = limits.minWalkMs;
  let lastMissing = 0;

  const walk = async (): Promise<void> => {
    counters.walks += 1;
    try {
      for await (const event of dht.getClosestPeers(libp2p.peerId.toMultihash().bytes, { signal: init.within(walkTimeoutMs) })) {
        if (event.name !== "PEER_RESPONSE") continue;
        const trusted = init.isValidator(toPeerName(event.from.toString()));
        for (const { id, multiaddrs } of event.closer) {
          const peer = toPeerName(id.toString());
          if (peer !== self && multiaddrs.length > 0) book.hint(peer, multiaddrs.map(String), trusted);
        }
      }
    } catch (error) {
      log("debug", "walk failed", { error: String(error) });
    }
  };

  return {
    tick(missing) {
      if (walking || now() < next) return;
      walking = true;
      const known = book.peers().length;
      void walk().finally(() => {
        const fruitful = book.peers().length > known || missing > lastMissing;
        const young = missing > 0 && now() - hurriedAt < hurryMs;
        walking = false;
        lastMissing = missing;
        gap = fruitful || young ? limits.minWalkMs : Math.min(limits.maxWalkMs, gap * 2);
        next = now() + gap;
      });
    },
    hurry() {
      hurriedAt = now();
      gap = limits.minWalkMs;
      next = 0;
    },
  };
};
