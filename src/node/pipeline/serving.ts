/** Answers to what peers fetch: from the store, at a bounded rate, so that a small question can not cause large work (PROTOCOL §3, §7). */
import type { Digest, PeerName, Sequence } from "../../protocol/ids.ts";
import type { CheckpointCertificate, Receipt, StateAnswer, WantedPart } from "../../protocol/messages.ts";
import type { ServedPart } from "../../ledger/transfer/source.ts";
import { limits } from "../../protocol/limits.ts";
import type { Network } from "../../network/port.ts";
import { encodeFrame } from "../../wire/frames.ts";
import { sizeOfStateAnswer } from "../../wire/state.ts";
import type { Counters } from "../counters.ts";
import type { History } from "../data/history.ts";
import type { PastCheckpoints } from "../data/past-checkpoints.ts";

export interface Serving {
  batch(to: PeerName, digest: Digest): void;
  /** Where the first of them is gone, the answer is the stable checkpoint behind it. */
  blocks(to: PeerName, from: Sequence, last: Sequence): void;
  /** The latest of these checkpoints that is still kept, or the one of sequence 0. */
  checkpoint(to: PeerName, sequences: readonly Sequence[]): void;
  receipt(to: PeerName, sequence: Sequence): void;
  /** An answer without any part tells the peer that there is no time for it now. */
  state(to: PeerName, parts: readonly WantedPart[]): void;
}

export interface ServingOptions {
  readonly history: History;
  readonly stable: () => CheckpointCertificate;
  readonly past: Pick<PastCheckpoints, "latestOf">;
  /** the checkpoint of sequence 0 */
  readonly genesisCheckpoint: CheckpointCertificate;
  /** this validator's own, and what computing it took, in bytes */
  readonly receipt: (sequence: Sequence) => { readonly receipt: Receipt | undefined; readonly costBytes: number };
  /** a part of the state as of a checkpoint that is kept */
  readonly part: (wanted: WantedPart) => ServedPart;
  readonly network: Pick<Network, "send">;
  readonly counters: Counters;
  /** memory is short: no state is served, which others can */
  readonly exhausted?: () => boolean;
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
/** Bytes of state that all peers together are sent: finding them takes time that the ledger goes on in. */
const STATE_BURST_BYTES = 32 * 1024 * 1024;
const STATE_BYTES_PER_MS = 32 * 1024;
/** what a part costs beside its bytes: pages are looked up for it */
const PART_BYTES = 1024;

interface Budget {
  left: number;
  at: number;
}

export const createServing = (options: ServingOptions): Serving => {
  const { history, stable, receipt, part, network, counters, now } = options;
  const budgets = new Map<PeerName, Budget>();
  const stateBudget: Budget = { left: STATE_BURST_BYTES, at: now() };

  const budgetOf = (peer: PeerName): Budget => {
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

  const serve = (to: PeerName, answer: (budget: Budget) => Uint8Array | undefined): void => {
    const budget = budgetOf(to);
    if (budget.left < QUESTION_BYTES) return counters.count("dropped.serving-budget");
    budget.left -= QUESTION_BYTES;
    const frame = answer(budget);
    if (frame === undefined) return counters.count("served.nothing");
    budget.left -= frame.length;
    network.send(to, "sync", frame);
    counters.count("served.answers");
  };

  /** As many of the parts as fit into one answer. */
  const partsFor = (budget: Budget, wanted: readonly WantedPart[]): StateAnswer[] => {
    const at = now();
    stateBudget.left = Math.min(STATE_BURST_BYTES, stateBudget.left + (at - stateBudget.at) * STATE_BYTES_PER_MS);
    stateBudget.at = at;
    const answers: StateAnswer[] = [];
    if (options.exhausted?.() === true || Math.min(budget.left, stateBudget.left) < limits.maxStateAnswerBytes) return answers;
    let bytes = 0;
    for (const each of wanted) {
      const { answer, costBytes } = part(each);
      const size = sizeOfStateAnswer(answer);
      budget.left -= costBytes + PART_BYTES;
      stateBudget.left -= costBytes + PART_BYTES;
      if (answers.length > 0 && bytes + size > limits.maxStateAnswerBytes) break;
      answers.push(answer);
      bytes += size;
      if (bytes + limits.maxPartBytes > limits.maxStateAnswerBytes) break;
    }
    return answers;
  };

  return {
    state: (to, parts) => serve(to, (budget) => encodeFrame({ kind: "state", answers: partsFor(budget, parts) })),
    batch: (to, digest) =>
      serve(to, () => {
        const batch = history.batch(digest);
        return batch === undefined ? undefined : encodeFrame(batch);
      }),
    blocks: (to, from, last) =>
      serve(to, () => {
        const count = Math.min(last - from + 1, limits.maxBlocksPerAnswer);
        const blocks = count < 1 ? [] : history.certified(from, count, limits.maxAnswerBytes - limits.maxBatchBytes);
        if (blocks.length > 0) return encodeFrame({ kind: "blocks", blocks });
        const certificate = stable();
        // they are gone: what is left is the state that they led to
        return encodeFrame(certificate.sequence >= from ? { kind: "stable-checkpoint", certificate } : { kind: "blocks", blocks });
      }),
    checkpoint: (to, sequences) =>
      serve(to, () => {
        const certificate = options.past.latestOf(sequences) ?? options.genesisCheckpoint;
        return encodeFrame({ kind: "past-checkpoint", certificate });
      }),
    receipt: (to, sequence) =>
      serve(to, (budget) => {
        const { receipt: found, costBytes } = receipt(sequence);
        budget.left -= costBytes;
        return found === undefined ? undefined : encodeFrame(found);
      }),
  };
};
