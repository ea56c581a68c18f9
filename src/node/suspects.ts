/**
 * Validators that were blamed lately, and how much of what they send is still looked at (PROTOCOL §14, suspicion). An honest one never sends a bad
 * signature or a malformed frame on a channel of its own, so it has nothing to fear; a cheat can not make the others spend their time on checking.
 */
import { createTokenBucket, type TokenBucket } from "../network/libp2p/token-bucket.ts";
import type { PeerName } from "../protocol/ids.ts";

export interface Suspects {
  /** what this validator sent, or signed, was invalid beyond doubt */
  blamed(peer: PeerName): void;
  /** whether another frame of this peer is to be looked at; it counts as one that was */
  admits(peer: PeerName): boolean;
  /** what this node thinks of a validator; `throttled`: a suspect */
  opinionOf(peer: PeerName): Opinion;
}

export interface Opinion {
  /** 1 without blame, 0 for a suspect */
  readonly reputation: number;
  readonly standing: "good" | "throttled";
}

export interface SuspectsOptions {
  /** monotonic milliseconds */
  readonly now: () => number;
  /** f: suspicion alone never costs more than that many their say */
  readonly most: number;
}

/** blames within the window that make a suspect */
const STRIKES = 8;
/** how long a blame counts, and how long a suspect is one after the last, milliseconds */
const WINDOW_MS = 10_000;
/** frames of a suspect that are looked at: enough for its votes and heartbeats, should it mean them */
const FRAMES_PER_SECOND = 100;

interface Suspect {
  strikes: number;
  lastBlame: number;
  /** frames that may still be looked at */
  readonly allowance: TokenBucket;
}

/** Keeps one entry for each validator that was blamed. */
export const createSuspects = ({ now, most }: SuspectsOptions): Suspects => {
  const entries = new Map<PeerName, Suspect>();
  const isRecent = ({ lastBlame }: Suspect, time: number): boolean => time - lastBlame < WINDOW_MS;
  const isSuspect = (entry: Suspect, time: number): boolean => entry.strikes >= STRIKES && isRecent(entry, time);
  const fresh = (time: number): Suspect => ({
    strikes: 0,
    lastBlame: time,
    allowance: createTokenBucket(FRAMES_PER_SECOND, FRAMES_PER_SECOND, now),
  });

  return {
    blamed(peer) {
      const time = now();
      const known = entries.get(peer);
      const entry = known !== undefined && isRecent(known, time) ? known : fresh(time);
      entries.set(peer, entry);
      const suspects = [...entries.values()].filter((each) => isSuspect(each, time)).length;
      // no more suspects than there can be cheats: who would be one too many stays just below
      if (entry.strikes < STRIKES - 1 || suspects < most) entry.strikes = Math.min(STRIKES, entry.strikes + 1);
      entry.lastBlame = time;
    },
    admits(peer) {
      const entry = entries.get(peer);
      return entry === undefined || !isSuspect(entry, now()) || entry.allowance.take(1);
    },
    opinionOf(peer) {
      const time = now();
      const entry = entries.get(peer);
      const strikes = entry !== undefined && isRecent(entry, time) ? entry.strikes : 0;
      return { reputation: 1 - strikes / STRIKES, standing: strikes >= STRIKES ? "throttled" : "good" };
    },
  };
};
