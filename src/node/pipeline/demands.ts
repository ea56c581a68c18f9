/**
 * How many of one validator's VIEW-CHANGEs and heartbeats are looked at (PROTOCOL §14): the former have certificates to check, and an honest one repeats itself
 * ever more slowly; each of the latter goes through the whole replica.
 */
import { createTokenBucket, type TokenBucket } from "../../network/libp2p/token-bucket.ts";
import type { PeerName } from "../../protocol/ids.ts";

/** in a second, and at once */
interface Rate {
  readonly perSecond: number;
  readonly atOnce: number;
}

const viewChanges: Rate = { perSecond: 10, atOnce: 20 };
/** what one for a view that no honest validator can have come to, as far as is known here, counts for */
const FAR_FETCHED = 10;
/** several times what an honest one sends when it beats as often as it may; at once, what comes together after we stood still for a minute */
const heartbeats: Rate = { perSecond: 50, atOnce: 400 };

type Take = (peer: PeerName, amount: number) => boolean;

/** One entry for each peer that it is asked about. `exceeded` is told of each that is refused. */
const createRate = ({ perSecond, atOnce }: Rate, now: () => number, exceeded: (peer: PeerName) => void): Take => {
  const buckets = new Map<PeerName, TokenBucket>();
  return (peer, amount) => {
    const bucket = buckets.get(peer) ?? createTokenBucket(perSecond, atOnce, now);
    buckets.set(peer, bucket);
    if (bucket.take(amount)) return true;
    exceeded(peer);
    return false;
  };
};

export interface Demands {
  /** one came; whether it is to be decoded */
  came(peer: PeerName): boolean;
  /** it was for a view out of reach; whether it is to be checked */
  wasFarFetched(peer: PeerName): boolean;
}

/** Of peers that ever sent a VIEW-CHANGE: validators, as nobody else may. `exceeded` is told of each that is dropped. */
export const createDemands = (now: () => number, exceeded: (peer: PeerName) => void): Demands => {
  const take = createRate(viewChanges, now, exceeded);
  return { came: (peer) => take(peer, 1), wasFarFetched: (peer) => take(peer, FAR_FETCHED - 1) };
};

/** Asked about validators only. @returns whether another heartbeat of this one is to be decoded; `exceeded` is told of each that is not */
export const createHeartbeats = (now: () => number, exceeded: (peer: PeerName) => void): ((peer: PeerName) => boolean) => {
  const take = createRate(heartbeats, now, exceeded);
  return (peer) => take(peer, 1);
};
