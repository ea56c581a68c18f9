/**
 * The replicated ledger around an application (PROTOCOL §3.5, §4, §9): executes batches in order, exactly once each, and can say what the state was at
 * the last checkpoints.
 *
 * The caller's duties:
 * 1. batches come in order of sequence, each one checked and committed;
 * 2. the `writes` of an execution go to the store in one atomic write, in the order of execution; then `written` is told;
 * 3. an error from `execute` is final: open the ledger again.
 */
import { highestNumberAt } from "../protocol/client-sequence.ts";
import type { Committee } from "../protocol/committee.ts";
import type { Digest, PublicKey, Sequence } from "../protocol/ids.ts";
import type { Parameters } from "../protocol/limits.ts";
import type { Store, StoreOperation } from "../storage/port.ts";
import { storeKey, tables } from "../storage/keys.ts";
import { logHashAfter } from "../wire/digests.ts";
import { resultsRootOf } from "./answers.ts";
import type { Answer, Outcome } from "./answers.ts";
import type { Application } from "./application.ts";
import { createCheckpoints, readReleased } from "./checkpoints.ts";
import { LedgerError } from "./errors.ts";
import { executeRequests } from "./executor.ts";
import type { OrderedRequest } from "./executor.ts";
import { answersHashAfter, decodeHead, encodeClock, encodeHead, initialClock, readClock, stateKeys } from "./head.ts";
import type { CheckpointRoots, Clock, Head } from "./head.ts";
import { openState, replaySessions } from "./open-state.ts";
import { createRecords } from "./records.ts";
import { createLedgerReader } from "./reader.ts";
import type { LedgerReader } from "./reader.ts";
import { createSessionTable, encodeUses, loadSessionOrder } from "./session-table.ts";
import { createSessionOrder, highestNumber, judgeNumber } from "./sessions.ts";
import { emptyStateRoot, rawToDigest } from "./state/hashing.ts";
import { clearState } from "./restore.ts";
import { createStateReceiver } from "./transfer/receiver.ts";
import type { StateReceiver } from "./transfer/receiver.ts";

export interface LedgerOptions {
  readonly store: Store;
  readonly application: Application;
  readonly parameters: Pick<Parameters, "checkpointInterval" | "maxSessions" | "sessionWindow">;
  /** whose claims anchor shared documents */
  readonly committee: Committee;
  /** logHash(0) of the network */
  readonly genesisLogHash: Digest;
  /** memory for pages of the state's tree, bytes; 48 MiB when absent: the working set of some 200,000 entries */
  readonly cacheBytes?: number;
  /** batches that may be executed and not written; beyond it `execute` throws `backlog`; 256 when absent */
  readonly maxUnwritten?: number;
}

/** A committed batch. */
export interface OrderedBatch {
  readonly sequence: Sequence;
  /** Unix milliseconds; means nothing in a batch without requests */
  readonly timestamp: number;
  readonly digest: Digest;
  readonly requests: readonly OrderedRequest[];
}

export interface Execution extends CheckpointRoots {
  /** one per request, in order */
  readonly answers: readonly Answer[];
  readonly resultsRoot: Digest;
  /** ledger time, Unix milliseconds */
  readonly timeMs: number;
  /** the state after this batch can be read until it is released */
  readonly checkpoint: boolean;
  /** all that must be written for this batch to be remembered */
  readonly writes: readonly StoreOperation[];
}

/** What a request with this number would be; `new`: it would be executed. */
export type Lookup = { readonly status: "new" } | Exclude<Outcome, { readonly status: "executed" }>;

export interface LedgerPosition extends CheckpointRoots {
  readonly timeMs: number;
  /** over every answer ever given; part of the state */
  readonly answersHash: Digest;
}

export interface Ledger extends LedgerReader {
  /** what was executed last */
  position(): LedgerPosition;
  /**
   * Of the state after what was executed last, or while that can not be read after the last checkpoint. Takes some of the hashing that the next checkpoint would.
   * @throws StoreError
   */
  root(): Digest;
  /**
   * Runs the next batch. Checkpoints are taken by itself at multiples of `checkpointInterval`; at most three are kept.
   * @throws LedgerError `wrong-sequence`, `backlog` (nothing happened); `application-failed`, StoreError (final: `failed` from then on)
   */
  execute(batch: OrderedBatch): Execution;
  /** The writes of every batch up to `sequence` are in the store. */
  written(sequence: Sequence): void;
  /**
   * @param nowMs the wall clock: a batch that is proposed now may carry that time
   */
  lookup(client: PublicKey, number: number, nowMs: number): Lookup;
  /** The highest number that this client used, or where its session is not known may have used: a higher one is new. 0 while the state is another's. */
  lastNumber(client: PublicKey): number;
  /**
   * Begins to make the state into another node's (PROTOCOL §7). Everything executed must be written. From then on nothing can be read or
   * executed until `adopt`, in later lives too; calling it again aims at another target and keeps what is there.
   * @param fresh what is there is not to be trusted: nothing of it is kept
   * @throws StoreError
   */
  receive(target: CheckpointRoots, fresh: boolean): Promise<StateReceiver>;
  /**
   * The receiver is complete: from now on the ledger has executed `target.sequence`. Durable when it resolves.
   * @throws StoreError
   */
  adopt(target: CheckpointRoots): Promise<void>;
  /** the state is on its way to another one */
  readonly incomplete: boolean;
  /** The checkpoint `sequence` and all older ones are no longer wanted. Resolves when what was kept for them is removed. */
  release(sequence: Sequence): Promise<void>;
  /** Lets go of memory for what can be read from the store again. */
  shrink(): void;
  /** Waits for its own work in the background. The store stays open. */
  close(): Promise<void>;
}

const headKey = storeKey(tables.ledgerHead);
const MiB = 1024 * 1024;

const readHead = (store: Store, genesisLogHash: Digest): Head => {
  const record = store.get(headKey);
  if (record === undefined) {
    const genesis = { sequence: 0 as Sequence, stateRoot: emptyStateRoot, logHash: genesisLogHash };
    return { genesisLogHash, ...genesis, clock: initialClock, tree: { root: emptyStateRoot, floor: 0 }, checkpoints: [genesis] };
  }
  const head = decodeHead(record);
  if (head === undefined) throw new LedgerError("wrong-ledger", "the ledger in the store has a layout that this version does not know");
  if (head.genesisLogHash !== genesisLogHash) throw new LedgerError("wrong-ledger", "the store holds the ledger of another network");
  return head;
};

const transferKey = storeKey(tables.transfer);

const writeDurably = (store: Store, operations: readonly StoreOperation[]): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable: true }, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** sessions that changed and are not in the state yet, bytes: beyond it they are written early, with the tree's pages */
const maxSessionBytes = 8 * MiB;

/**
 * Opens the ledger as it was last written; an empty store is the genesis state. Time and memory grow with the number of sessions, not with the state.
 * @throws LedgerError `wrong-ledger`, `wrong-root`; StoreError
 */
export const openLedger = async (options: LedgerOptions): Promise<Ledger> => {
  const { store, application, committee, parameters, genesisLogHash } = options;
  const maxUnwritten = options.maxUnwritten ?? 256;
  const records = createRecords(store);
  let head = readHead(store, genesisLogHash);
  let incomplete = store.get(transferKey) !== undefined;
  const { state, notes } = await openState(store, records, options.cacheBytes ?? 48 * MiB, incomplete ? undefined : head);
  let { clock } = head;
  let writtenUpTo: number = head.sequence;
  let failure: LedgerError | undefined;
  const checkpoints = createCheckpoints(store, head.checkpoints, readReleased(store));
  const loadSessions = async () => {
    const order = incomplete ? createSessionOrder([]) : await loadSessionOrder(store, records);
    return createSessionTable({ state, order, maxSessions: parameters.maxSessions, window: parameters.sessionWindow });
  };
  let sessions = await loadSessions();
  if (!incomplete) replaySessions(sessions, notes, head.tree.floor);

  const assertWorking = (): void => {
    if (failure !== undefined) throw failure;
    if (incomplete) throw new LedgerError("incomplete", "the state is being fetched from other nodes");
  };

  /** Gives the state the entries that are not written with their batch. */
  const settle = (): void => {
    sessions.settle();
    if (clock.sequence > 0) state.defer(stateKeys.clock, encodeClock(clock));
  };
  const writeTree = (sequence: Sequence) => {
    settle();
    const tree = { root: rawToDigest(state.root()), floor: clock.floor };
    return { tree, operations: state.writeTree(sequence, checkpoints.newest()?.sequence) };
  };

  const receive = async (target: CheckpointRoots, fresh: boolean): Promise<StateReceiver> => {
    // from the same write on, the pages in the store show what is in it
    const pages = incomplete ? [] : writeTree(head.sequence).operations;
    incomplete = true;
    state.reset();
    await writeDurably(store, [...pages, { type: "put", key: transferKey, value: new Uint8Array(0) }]);
    await checkpoints.clear();
    if (fresh) await clearState(store);
    return createStateReceiver({ store, target });
  };
  const adopt = async (target: CheckpointRoots): Promise<void> => {
    const { sequence, stateRoot, logHash } = target;
    const roots = { sequence, stateRoot, logHash };
    state.reset();
    clock = readClock(state);
    const adopted = { genesisLogHash, ...roots, clock, tree: { root: stateRoot, floor: clock.floor }, checkpoints: [roots] };
    await writeDurably(store, [
      { type: "put", key: headKey, value: encodeHead(adopted) },
      { type: "del", key: transferKey },
    ]);
    checkpoints.begin(roots);
    incomplete = false;
    sessions = await loadSessions();
    head = adopted;
    writtenUpTo = sequence;
  };

  /** The state after a batch that has requests. */
  const applyBatch = (batch: OrderedBatch) => {
    const timeMs = Math.max(clock.timeMs, batch.timestamp);
    const changes = state.begin(batch.sequence, checkpoints.newest()?.sequence);
    const sessionChanges = sessions.begin(batch.sequence, clock.floor);
    const context = { sequence: batch.sequence, timeMs, floor: clock.floor, application, committee };
    const answers = executeRequests(batch.requests, context, changes, sessionChanges);
    const resultsRoot = resultsRootOf(answers);
    const { floor, uses } = sessionChanges.commit();
    const answersHash = answersHashAfter(clock.answersHash, batch.sequence, resultsRoot);
    const next: Clock = { timeMs, sequence: batch.sequence, floor: Math.max(clock.floor, floor), answersHash };
    return { answers, resultsRoot, next, operations: changes.commit(), uses };
  };

  const executeNext = (batch: OrderedBatch): Execution => {
    const { sequence } = batch;
    const applied =
      batch.requests.length > 0
        ? applyBatch(batch)
        : { answers: [], resultsRoot: resultsRootOf([]), next: clock, operations: [], uses: [] };
    clock = applied.next;
    const checkpoint = sequence % parameters.checkpointInterval === 0;
    const pages = checkpoint || state.isFull || sessions.changedBytes > maxSessionBytes;
    const { tree, operations } = pages
      ? writeTree(sequence)
      : { tree: head.tree, operations: state.writeChanges(sequence, encodeUses(applied.uses)) };
    const roots = { sequence, stateRoot: checkpoint ? tree.root : head.stateRoot, logHash: logHashAfter(head.logHash, batch.digest) };
    if (checkpoint) checkpoints.add(roots);
    head = { genesisLogHash, ...roots, clock, tree, checkpoints: checkpoints.list() };
    const writes: StoreOperation[] = [...applied.operations, ...operations, { type: "put", key: headKey, value: encodeHead(head) }];
    records.add(sequence, writes);
    return { ...roots, answers: applied.answers, resultsRoot: applied.resultsRoot, timeMs: clock.timeMs, checkpoint, writes };
  };

  return {
    ...createLedgerReader({ store, records, state, settle, checkpoints, written: () => writtenUpTo, assertWorking }),
    position: () => ({
      sequence: head.sequence,
      stateRoot: head.stateRoot,
      logHash: head.logHash,
      timeMs: clock.timeMs,
      answersHash: clock.answersHash,
    }),
    root: () => {
      if (incomplete || failure !== undefined) return head.stateRoot;
      settle();
      return rawToDigest(state.root());
    },
    execute: (batch) => {
      assertWorking();
      if (batch.sequence !== head.sequence + 1)
        throw new LedgerError("wrong-sequence", `batch ${batch.sequence} can not follow ${head.sequence}`);
      if (records.unwritten >= maxUnwritten) throw new LedgerError("backlog", `${records.unwritten} executed batches are not written yet`);
      try {
        return executeNext(batch);
      } catch (error) {
        failure = new LedgerError("failed", `executing batch ${batch.sequence} failed: ${(error as Error).message}`, { cause: error });
        state.reset();
        throw error;
      }
    },
    written: (sequence) => {
      writtenUpTo = Math.max(writtenUpTo, sequence);
      records.written(sequence);
    },
    lookup: (client, number, nowMs) => {
      assertWorking();
      const judgement = judgeNumber(sessions.get(client), number, clock.floor, highestNumberAt(Math.max(clock.timeMs, nowMs)));
      return judgement === undefined || judgement.status === "executed" ? { status: "new" } : judgement;
    },
    lastNumber: (client) => {
      if (incomplete || failure !== undefined) return 0;
      const session = sessions.get(client);
      return session === undefined ? clock.floor : highestNumber(session);
    },
    receive,
    adopt,
    get incomplete() {
      return incomplete;
    },
    release: (sequence) => checkpoints.release(sequence),
    shrink: state.shrink,
    close: () => checkpoints.settled(),
  };
};
