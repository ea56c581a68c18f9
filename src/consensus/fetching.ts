/** Batches that gossip did not deliver are asked for by digest (PROTOCOL §3). */
import type { ReplicaIndex } from "../protocol/ids.ts";
import { currentPrimary, type Slot, type Turn } from "./state.ts";

/** Asks those whose votes name the batch, then the primary. The shell looks in its own store first. */
export const fetchMissingBatch = (turn: Turn, slot: Slot): void => {
  const { state, effects } = turn;
  const digest = slot.certificate?.digest ?? slot.proposal?.digest;
  if (digest === undefined || state.executedDigests.has(slot.sequence) || state.batches.has(digest)) return;
  const from = new Set<ReplicaIndex>();
  for (const { message } of [...slot.prepares.values(), ...slot.commits.values()]) if (message.digest === digest) from.add(message.replica);
  from.add(currentPrimary(state));
  if (state.config.self !== undefined) from.delete(state.config.self);
  effects.push({ type: "fetch-batch", digest, from: [...from] });
};
