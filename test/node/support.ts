/** What the tests of the node's parts share: a disk that works when it is told to, and real batches. */
import { createTestNetwork, slotOf } from "../signing/network.ts";
import type { TestNetwork } from "../signing/network.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { createKeyValueStore } from "../../src/ledger/kv/application.ts";
import { createHistory, type History } from "../../src/node/data/history.ts";
import { createJournal, type Journal, type JournalStats } from "../../src/node/pipeline/journal.ts";
import { createKeeping, type Keeping } from "../../src/node/data/keeping.ts";
import { openPastCheckpoints, type PastCheckpoints } from "../../src/node/data/past-checkpoints.ts";
import { createPruning, type Pruning } from "../../src/node/data/pruning.ts";
import { toSequence } from "../../src/protocol/ids.ts";
import { defaultParameters } from "../../src/protocol/limits.ts";
import type { Batch, CommitCertificate, Request } from "../../src/protocol/messages.ts";
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from "../../src/storage/memory.ts";
import { createBatch } from "../../src/wire/requests.ts";

export const baseTime = 1_800_000_000_000;

export interface ManualDisk {
  readonly store: MemoryStore;
  /** finishes all writes under way, and those that they cause */
  finish(): void;
  /** writes under way */
  readonly busy: number;
}

export const createManualDisk = (options: Omit<MemoryStoreOptions, "schedule"> = {}): ManualDisk => {
  const tasks: (() => void)[] = [];
  return {
    store: createMemoryStore({ ...options, schedule: (task) => void tasks.push(task) }),
    finish() {
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task();
    },
    get busy() {
      return tasks.length;
    },
  };
};

export const network: TestNetwork = createTestNetwork(4);

const utf8 = new TextEncoder();

/** A signed request that puts `key`; numbered by the batch time, as clients do. */
export const putRequest = (number: number, key = `key ${number}`): Request =>
  network.request(baseTime * 1024 + number, {
    operations: [encodeOperation({ type: "put", key: utf8.encode(key), value: utf8.encode(`value ${number}`) })],
  });

export interface Block {
  readonly certificate: CommitCertificate;
  readonly batch: Batch;
}

/** A committed batch of one request, or of those given. */
export const blockAt = (sequence: number, requests: readonly Request[] = [putRequest(sequence)]): Block => {
  const batch = createBatch(baseTime + sequence, requests);
  return { batch, certificate: network.committed(slotOf(0, sequence, batch.digest)) };
};

export interface Rig {
  readonly disk: ManualDisk;
  readonly history: History;
  readonly past: PastCheckpoints;
  readonly keeping: Keeping;
  readonly pruning: Pruning;
  readonly journal: Journal;
  readonly stats: JournalStats;
  readonly ledger: Ledger;
}

/** The parts around the disk, as a node has them. */
export const createRig = async (options: { readonly retain?: number; readonly checkpointInterval?: number } = {}): Promise<Rig> => {
  const disk = createManualDisk();
  const history = createHistory(disk.store);
  const stats = { writes: 0, operations: 0 };
  const past = await openPastCheckpoints(disk.store, options.checkpointInterval ?? 8);
  return {
    disk,
    history,
    past,
    stats,
    keeping: createKeeping({ past, checkpointInterval: options.checkpointInterval ?? 8, accepted: [], prepared: [], ran: [] }),
    pruning: createPruning({ store: disk.store, history, retain: options.retain ?? 0, pruned: toSequence(0), gap: toSequence(0) }),
    journal: createJournal(
      disk.store,
      (error) => {
        throw error;
      },
      stats,
    ),
    ledger: await openLedger({
      store: disk.store,
      application: createKeyValueStore(),
      committee: network.committee,
      genesisLogHash: network.genesisCheckpoint.logHash,
      parameters: { ...defaultParameters, checkpointInterval: options.checkpointInterval ?? 8 },
    }),
  };
};
