/**
 * Group commit: what is to be durable gathers while the disk is busy and goes down in one write; what depends on it is done after it,
 * in order (PROTOCOL §3, "nothing is sent before what it promises is durable").
 */
import type { Store, StoreError, StoreOperation } from "../../storage/port.ts";

export interface Journal {
  /** to be durable, together with everything else of this turn or not at all */
  save(operations: readonly StoreOperation[]): void;
  /** runs once everything saved so far is durable; at once when it is. Actions run in the order they came in. */
  after(action: () => void): void;
  /** ends a turn: what it saved may go to the disk */
  flush(): void;
  /** writes and actions not done yet */
  readonly pending: number;
}

export interface JournalStats {
  writes: number;
  operations: number;
}

/** @param failed the store took its last write: nothing that depended on it was or will be done */
export const createJournal = (store: Pick<Store, "write">, failed: (error: StoreError) => void, stats?: JournalStats): Journal => {
  let operations: StoreOperation[] = [];
  let actions: (() => void)[] = [];
  let writing = 0;
  let running = false;
  let broken = false;

  const run = (ready: readonly (() => void)[]): void => {
    running = true;
    for (const action of ready) action();
    running = false;
  };

  const flush = (): void => {
    // what an action causes waits for the actions before it: order is kept
    if (writing > 0 || running || broken) return;
    while (actions.length > 0 && operations.length === 0) {
      const ready = actions;
      actions = [];
      run(ready);
    }
    if (operations.length === 0) return;
    const group = { operations, actions };
    operations = [];
    actions = [];
    writing = group.actions.length + 1;
    if (stats !== undefined) {
      stats.writes += 1;
      stats.operations += group.operations.length;
    }
    store.write(group.operations, { durable: true }, (error) => {
      writing = 0;
      if (error !== undefined) {
        broken = true;
        return failed(error);
      }
      run(group.actions);
      flush();
    });
  };

  return {
    save(added) {
      if (!broken) for (const operation of added) operations.push(operation);
    },
    after(action) {
      if (!broken) actions.push(action);
    },
    flush,
    get pending() {
      return writing + operations.length + actions.length;
    },
  };
};
