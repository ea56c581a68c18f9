/** Answers to what peers fetch: from the store, at a bounded rate, so that a small question can not cause large work (PROTOCOL §3, §7). */
import type { Digest, PeerName, Sequence } from "../protocol/ids.ts";
import type { Receipt } from "../protocol/messages.ts";
import { limits } from "../protocol/limits.ts";
import type { Network } from "../network/port.ts";
import { encodeFrame } from "../wire/frames.ts";
import type { Counters } from "./counters.ts";
import type { History } from "./history.ts";

export interface Serving {
  batch(to: PeerName, digest: Digest): void;
  blocks(to: PeerName, from: Sequence, last: Sequence): void;
  receipt(to: PeerName, sequence: Sequence): void;
}

export interface ServingOptions {
  readonly history: History;
  /** this validator's own, and what computing it took, in bytes */
  readonly receipt: (sequence: Sequence) => { readonly receipt: Receipt | undefined; readonly costBytes: number };
  readonly network: Pick<Network, "send">;
  readonly counters: Counters;
  /** monotonic milliseconds */
  readonly now: () => number;
}

/** Bytes a peer may be sent on request: at once, and per second after that. Beyond it questions are dropped and counted. */
const BURST_BYTES = 32 * 1024 * 1024;
const BYTES_PER_MS = 16 * 1024;
/** peers whose budget is remembered; the one used longest ago is forgotten first */
const MAX_BUDGETS = 1_024;
/** what a question costs at least, so that questions without an answer are bounded too */
const QUESTION_BYTES = 4 * 1024;

export const createServing = ({ history, receipt, network, counters, now }: ServingOptions): Serving => {
  const budgets = new Map<PeerName, { left: number; at: number }>();

  const budgetOf = (peer: PeerName): { left: number; at: number } => {
    const at = now();
    const known = budgets.get(peer);
    const left = known === undefined ? BURST_BYTES : Math.min(BURST_BYTES, known.left + (at - known.at) * BYTES_PER_MS);
    const budget = { left, at };
    budgets.delete(peer);
    budgets.set(peer, budget);
    for (const name of budgets.keys()) {
      if (budgets.size <= MAX_BUDGETS) break;
      budgets.delete(name);
    }
    return budget;
  };

  const serve = (to: PeerName, answer: (budget: { left: number }) => Uint8Array | undefined): void => {
    const budget = budgetOf(to);
    if (budget.left < QUESTION_BYTES) return counters.count("dropped.serving-budget");
    budget.left -= QUESTION_BYTES;
    const frame = answer(budget);
    if (frame === undefined) return counters.count("served.nothing");
    budget.left -= frame.length;
    network.send(to, "sync", frame);
    counters.count("served.answers");
  };

  return {
    batch: (to, digest) =>
      serve(to, () => {
        const batch = history.batch(digest);
        return batch === undefined ? undefined : encodeFrame(batch);
      }),
    blocks: (to, from, last) =>
      serve(to, () => {
        const count = Math.min(last - from + 1, limits.maxBlocksPerAnswer);
        const blocks = count < 1 ? [] : history.certified(from, count, limits.maxAnswerBytes - limits.maxBatchBytes);
        return encodeFrame({ kind: "blocks", blocks });
      }),
    receipt: (to, sequence) =>
      serve(to, (budget) => {
        const { receipt: found, costBytes } = receipt(sequence);
        budget.left -= costBytes;
        return found === undefined ? undefined : encodeFrame(found);
      }),
  };
};
