/**
 * Validators that were blamed lately, and how much of what they send is still looked at (PROTOCOL §14, suspicion). An honest one never sends a bad
 * signature or a malformed frame on a channel of its own, nor more than it may, so it has nothing to fear; a cheat can not make the others spend their
 * time on checking, nor, by going on, on reading.
 */
import { createTokenBucket, type TokenBucket } from "../../network/libp2p/token-bucket.ts";
import type { PeerName } from "../../protocol/ids.ts";

export interface Suspects {
  /** what this validator sent, or signed, was invalid beyond doubt; `because`: in a few words, for people */
  blamed(peer: PeerName, because: string): void;
  /** it said something more often than anybody has reason to: a tenth of a blame */
  exceeded(peer: PeerName, because: string): void;
  /** whether another frame of this peer is to be looked at; it counts as one that was */
  admits(peer: PeerName): boolean;
  /** nothing is done because this peer asks for it */
  isSuspect(peer: PeerName): boolean;
  /** what this node thinks of a validator; `throttled`: a suspect; `isolated`: not talked to */
  opinionOf(peer: PeerName): Opinion;
}

export interface Opinion {
  /** 1 without blame, 0 for a suspect */
  readonly reputation: number;
  readonly standing: "good" | "throttled" | "isolated";
  /** why it is not good: what the latest blame was for, and whether a flood came after it */
  readonly because?: string;
}

export interface SuspectsOptions {
  /** monotonic milliseconds */
  readonly now: () => number;
  /** f: suspicion alone never costs more than that many their say */
  readonly most: number;
  /** false while this peer's vote may be needed: it is only throttled then */
  readonly canSpare: (peer: PeerName) => boolean;
  /** refuses all connections of this peer for so long */
  readonly isolate: (peer: PeerName, ms: number) => void;
}

/** blames within the window that make a suspect */
const STRIKES = 8;
/** how long a blame counts, and how long a suspect is one after the last, milliseconds */
const WINDOW_MS = 10_000;
/** what counts as one blame */
const EXCESSES = 10;
/** frames of a suspect that are looked at: enough for its votes and heartbeats, should it mean them */
const FRAMES_PER_SECOND = 100;
/** frames beyond that, at once and in a second, with which a suspect is not even listened to any more */
const OVERFLOW_AT_ONCE = 500;
const OVERFLOW_PER_SECOND = 50;
/** the first isolation, and the longest; each is twice as long as the one before */
const ISOLATION_MS = 5_000;
const MAX_ISOLATION_MS = 40_000;

interface Suspect {
  strikes: number;
  excesses: number;
  /** or the end of the last isolation */
  lastBlame: number;
  /** frames that may still be looked at */
  readonly allowance: TokenBucket;
  /** frames beyond it that may still come */
  overflow: TokenBucket;
  isolatedUntil: number;
  isolationMs: number;
  because: string;
}

/** Keeps one entry for each validator that was blamed. */
export const createSuspects = ({ now, most, canSpare, isolate }: SuspectsOptions): Suspects => {
  const entries = new Map<PeerName, Suspect>();
  const isRecent = ({ lastBlame }: Suspect, time: number): boolean => time - lastBlame < WINDOW_MS;
  const isSuspect = (entry: Suspect | undefined, time: number): entry is Suspect =>
    entry !== undefined && entry.strikes >= STRIKES && isRecent(entry, time);
  const createOverflow = (): TokenBucket => createTokenBucket(OVERFLOW_PER_SECOND, OVERFLOW_AT_ONCE, now);
  const fresh = (time: number): Suspect => ({
    strikes: 0,
    excesses: 0,
    lastBlame: time,
    allowance: createTokenBucket(FRAMES_PER_SECOND, FRAMES_PER_SECOND, now),
    overflow: createOverflow(),
    isolatedUntil: Number.NEGATIVE_INFINITY,
    isolationMs: ISOLATION_MS,
    because: "",
  });
  /** the peer's, forgotten where the last blame is long ago */
  const entryOf = (peer: PeerName, time: number): Suspect => {
    const known = entries.get(peer);
    const entry = known !== undefined && isRecent(known, time) ? known : fresh(time);
    entries.set(peer, entry);
    return entry;
  };
  const blamed = (peer: PeerName, because: string): void => {
    const time = now();
    const entry = entryOf(peer, time);
    entry.because = because;
    const suspects = [...entries.values()].filter((each) => isSuspect(each, time)).length;
    // no more suspects than there can be cheats: who would be one too many stays just below
    if (entry.strikes < STRIKES - 1 || suspects < most) entry.strikes = Math.min(STRIKES, entry.strikes + 1);
    entry.lastBlame = Math.max(entry.lastBlame, time);
  };
  const overflowed = (peer: PeerName, entry: Suspect, time: number): void => {
    if (entry.overflow.take(1)) return;
    entry.overflow = createOverflow();
    if (!canSpare(peer)) return;
    entry.isolatedUntil = time + entry.isolationMs;
    // it comes back as a suspect
    entry.lastBlame = entry.isolatedUntil;
    isolate(peer, entry.isolationMs);
    entry.isolationMs = Math.min(MAX_ISOLATION_MS, 2 * entry.isolationMs);
  };

  return {
    blamed,
    exceeded(peer, because) {
      const entry = entryOf(peer, now());
      entry.excesses += 1;
      if (entry.excesses % EXCESSES === 0) blamed(peer, because);
    },
    admits(peer) {
      const time = now();
      const entry = entries.get(peer);
      if (!isSuspect(entry, time) || entry.allowance.take(1)) return true;
      overflowed(peer, entry, time);
      return false;
    },
    isSuspect: (peer) => isSuspect(entries.get(peer), now()),
    opinionOf(peer) {
      const time = now();
      const entry = entries.get(peer);
      if (entry === undefined || !isRecent(entry, time)) return { reputation: 1, standing: "good" };
      const reputation = 1 - entry.strikes / STRIKES;
      if (entry.strikes < STRIKES) return { reputation, standing: "good" };
      if (time >= entry.isolatedUntil) return { reputation, standing: "throttled", because: entry.because };
      return { reputation, standing: "isolated", because: `${entry.because}, and a flood after it` };
    },
  };
};
