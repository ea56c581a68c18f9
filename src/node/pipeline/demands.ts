/** How many of one peer's VIEW-CHANGEs are looked at (PROTOCOL §14): each has certificates to check, and an honest one repeats itself ever more slowly. */
import { createTokenBucket, type TokenBucket } from "../../network/libp2p/token-bucket.ts";
import type { PeerName } from "../../protocol/ids.ts";

/** in a second, and at once */
const PER_SECOND = 10;
const AT_ONCE = 20;
/** what one for a view that no honest validator can have come to, as far as is known here, counts for */
const FAR_FETCHED = 10;

export interface Demands {
  /** one came; whether it is to be decoded */
  came(peer: PeerName): boolean;
  /** it was for a view out of reach; whether it is to be checked */
  wasFarFetched(peer: PeerName): boolean;
}

/** One entry for each peer that ever sent a VIEW-CHANGE: validators, as nobody else may. `exceeded` is told of each that is dropped. */
export const createDemands = (now: () => number, exceeded: (peer: PeerName) => void): Demands => {
  const buckets = new Map<PeerName, TokenBucket>();
  const take = (peer: PeerName, amount: number): boolean => {
    const bucket = buckets.get(peer) ?? createTokenBucket(PER_SECOND, AT_ONCE, now);
    buckets.set(peer, bucket);
    if (bucket.take(amount)) return true;
    exceeded(peer);
    return false;
  };
  return { came: (peer) => take(peer, 1), wasFarFetched: (peer) => take(peer, FAR_FETCHED - 1) };
};
