/**
 * Whoever left its view and was not followed comes back with the next view change, and until then has no vote: those who wanted the next view with it
 * may have taken that back, or forgotten it when they were killed. So the others ask for the next view after a while, for its sake. A liar gets no more of
 * it than one view change in `RARELY_MS`, and a few at first (PROTOCOL §5).
 */
import type { ReplicaIndex, View } from "../protocol/ids.ts";
import { demandNextView } from "./demand.ts";
import { sooner } from "./moments.ts";
import { mayVote, type Peer, type State, type Turn } from "./state.ts";

/** How long its VIEW-CHANGE has to stand, milliseconds: longer than a view change takes that others join. */
const STRANDED_MS = 10_000;
/** Views above the others' in which one may wait: one came back with a VIEW-CHANGE above all that it may have forgotten (`amnesia.ts`). */
const STRANDED_VIEWS = 2;
/** For one validator's sake at most so often, milliseconds, in the long run. */
const RARELY_MS = 600_000;
/** But so many times soon after the first: one that is restored, found damaged, and restored again is needed each time. */
const SOON_AGAIN = 2;

/** Its VIEW-CHANGE to a view above ours has come. */
export const noteStranded = ({ state, time }: Turn, replica: ReplicaIndex): void => {
  const peer = state.peers.get(replica);
  if (peer !== undefined && state.active) peer.strandedSince ??= time.now;
};

/** We left the view, too, or came to the next one: nobody is left behind it now. Who had us do so has used up its turn. */
export const forgetStranded = ({ state, time }: Turn): void => {
  for (const peer of state.peers.values()) {
    if (peer.strandedSince !== undefined && time.now - peer.strandedSince > STRANDED_MS / 2)
      peer.fetchedUntil = Math.max(peer.fetchedUntil, time.now) + RARELY_MS;
    peer.strandedSince = undefined;
  }
};

/** When the next view will be asked for because of it; undefined when it is not between views, or not heard, or when that is not ours to ask. */
const dueFor = (state: State, { reachable, status, strandedSince, fetchedUntil }: Peer): number | undefined => {
  if (strandedSince === undefined || !reachable || status === undefined || status.view <= state.view || status.active) return undefined;
  if (!mayVote(state) || !state.active || state.demand > state.view) return undefined;
  return Math.max(strandedSince + STRANDED_MS, fetchedUntil - SOON_AGAIN * RARELY_MS);
};

export const stragglerDue = (state: State): number | undefined => {
  let first: number | undefined;
  // asked after every step, and nearly always in vain
  for (const peer of state.peers.values()) if (peer.strandedSince !== undefined) first = sooner(first, dueFor(state, peer));
  return first;
};

/** It is fetched where it waits, so that it is there once the others are; one that says it is further up than anybody honest can be, from the next view. */
export const fetchStraggler = (turn: Turn): void => {
  const { state, time } = turn;
  let there = Number.POSITIVE_INFINITY;
  for (const peer of state.peers.values())
    if ((dueFor(state, peer) ?? Number.POSITIVE_INFINITY) <= time.now) there = Math.min(there, peer.status?.view ?? there);
  if (there === Number.POSITIVE_INFINITY) return;
  demandNextView(turn, "straggler", (there <= state.view + STRANDED_VIEWS ? there : state.view + 1) as View);
};
