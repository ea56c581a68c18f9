/** Batches that gossip did not deliver are asked for by digest (PROTOCOL §3). */
import type { Digest, ReplicaIndex, Sequence } from "../protocol/ids.ts";
import { currentPrimary, type Slot, type State, type Turn } from "./state.ts";

/**
 * Its batch is the next to be executed. The next to be accepted is another one only while others are under way: were there always room for it, a primary
 * whose proposals nobody commits would fill the window.
 */
export const isNextInLine = (state: State, { sequence }: Slot): boolean => sequence === state.committedUpTo + 1;

/**
 * Asks those whose votes name the batch, those who prepared it in an earlier view, then the primary. The shell looks in its own store first.
 * While there is no room for batches, only the next in line is asked for. Returns whether it was.
 */
export const fetchMissingBatch = (turn: Turn, slot: Slot): boolean => {
  const { state, effects } = turn;
  const digest = slot.certificate?.digest ?? slot.proposal?.digest;
  if (digest === undefined || state.executedDigests.has(slot.sequence) || state.batches.has(digest)) return false;
  if (state.batches.isFull && !isNextInLine(state, slot)) return false;
  const from = new Set<ReplicaIndex>();
  for (const { message } of [...slot.prepares.values(), ...slot.commits.values()]) if (message.digest === digest) from.add(message.replica);
  if (slot.proposal?.carried === true) for (const replica of holdersOf(state, slot.sequence, digest)) from.add(replica);
  from.add(currentPrimary(state));
  if (state.config.self !== undefined) from.delete(state.config.self);
  effects.push({ type: "fetch-batch", digest, from: [...from] });
  return true;
};

/** The NEW-VIEW's certificates name who had it: those who say that it prepared there, and those who prepared it. */
const holdersOf = (state: State, sequence: Sequence, digest: Digest): ReplicaIndex[] =>
  (state.newView?.message.viewChanges ?? []).flatMap(({ message }) =>
    message.prepared
      .filter((one) => one.sequence === sequence && one.digest === digest)
      .flatMap((one) => [message.replica, ...one.prepares.map(({ replica }) => replica)]),
  );
