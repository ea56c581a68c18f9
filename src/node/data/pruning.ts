/** Executed batches beyond those that are kept go, behind stable checkpoints, a little at a time (PROTOCOL §4). */
import { toSequence, type Sequence } from "../../protocol/ids.ts";
import type { Store, StoreOperation } from "../../storage/port.ts";
import type { History } from "./history.ts";
import { keys, put } from "./records.ts";

export interface Pruning {
  /** A checkpoint became stable: what lies more than the kept number of sequences behind it may go. */
  behind(stable: Sequence): void;
  /** Nothing up to this sequence is of use: what follows it was not executed here, and is not kept. */
  upTo(sequence: Sequence): void;
  /** the first sequence from which all are kept, or will be */
  oldest(): Sequence;
  /** Nothing more is begun. */
  stop(): void;
}

export interface PruningOptions {
  readonly store: Pick<Store, "write">;
  readonly history: Pick<History, "forget">;
  /** sequences kept behind the stable checkpoint; 0 keeps all */
  readonly retain: number;
  /** the last sequence that an earlier life let go */
  readonly pruned: Sequence;
  /** the last sequence that is missing in between: what is before it goes, too */
  readonly gap: Sequence;
}

/** One write: so many operations, or so many sequences looked at where most are gone already. The next one waits until it is on the disk. */
const CHUNK = 512;

/**
 * However far the stable checkpoint moves at once, after a long catch-up or because less is kept than before, everything behind it goes: in
 * writes of bounded size, one after the other, between which the node does its work. What a crash interrupts goes on at the next checkpoint.
 */
export const createPruning = ({ store, history, retain, pruned, gap }: PruningOptions): Pruning => {
  let done: number = pruned;
  let target: number = pruned;
  let working = false;
  let stopped = false;

  const takeChunk = (): StoreOperation[] => {
    const operations: StoreOperation[] = [];
    for (let looked = 0; done < target && looked < CHUNK && operations.length < CHUNK; looked += 1) {
      done += 1;
      operations.push(...history.forget(toSequence(done)));
    }
    operations.push(put(keys.meta("pruned"), new TextEncoder().encode(String(done))));
    return operations;
  };

  const work = (): void => {
    if (stopped || done >= target) return;
    working = true;
    // nothing depends on it: with the marker in the same write, a crash loses both or none
    store.write(takeChunk(), { durable: false }, (error) => {
      working = false;
      // a store that failed says so to everybody else who writes
      if (error === undefined) work();
    });
  };

  const upTo = (sequence: number): void => {
    target = Math.max(target, sequence);
    if (!working) work();
  };
  upTo(gap);

  return {
    upTo,
    oldest: () => toSequence(target + 1),
    behind(stable) {
      if (retain > 0) upTo(stable - retain);
    },
    stop() {
      stopped = true;
    },
  };
};
