/** Opens a home's data: the store, the ledger and what consensus left there (PROTOCOL §6). */
import { join } from "node:path";
import type { Halt, Restored } from "../../consensus/config.ts";
import { RECENT_REQUESTS } from "../../consensus/state.ts";
import type { Application } from "../../ledger/application.ts";
import { openLedger, type Ledger } from "../../ledger/ledger.ts";
import { emptyStateRoot } from "../../ledger/state/hashing.ts";
import type { Committee } from "../../protocol/committee.ts";
import { toSequence, type Digest, type PublicKey } from "../../protocol/ids.ts";
import type { Parameters } from "../../protocol/limits.ts";
import type { CheckpointCertificate } from "../../protocol/messages.ts";
import { openLevelStore } from "../../storage/level.ts";
import type { Store, StoreError } from "../../storage/port.ts";
import { epochRoot, genesisLogHash } from "../../wire/digests.ts";
import { watchDamage } from "./damage.ts";
import { openEvidence, type EvidenceStore } from "./evidence.ts";
import type { Genesis } from "../home/genesis.ts";
import { createHistory, type History } from "./history.ts";
import { consumeBirth, readBirth } from "../home/home-keys.ts";
import { type Home } from "../home/layout.ts";
import { createKeeping, type Keeping } from "./keeping.ts";
import type { MemoryShares } from "../memory/memory-budget.ts";
import { openPastCheckpoints, type PastCheckpoints } from "./past-checkpoints.ts";
import { createPruning, type Pruning } from "./pruning.ts";
import { found, isFounded, recover } from "./recovery.ts";

export interface NodeData {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly history: History;
  readonly keeping: Keeping;
  readonly pruning: Pruning;
  readonly evidence: EvidenceStore;
  readonly past: PastCheckpoints;
  readonly restored: Restored;
  /** the checkpoint of sequence 0, which the genesis vouches for */
  readonly genesisCheckpoint: CheckpointCertificate;
}

export interface NodeDataOptions {
  readonly home: Home;
  readonly genesis: Genesis;
  readonly committee: Committee;
  readonly application: Application;
  /** absent on an observer */
  readonly validatorKey: PublicKey | undefined;
  /** sequences of history kept behind the stable checkpoint; 0 keeps all */
  readonly retain: number;
  /** of the store */
  readonly cacheBytes: number;
  /** of the memory budget; the defaults of ledger and store when absent */
  readonly shares?: Pick<MemoryShares, "state" | "storeWrites">;
  /** a damaged record was met after the opening */
  readonly damaged: (error: StoreError) => void;
}

/** The checkpoint of sequence 0: no signatures, the genesis vouches for it. */
export const genesisCheckpointOf = (genesisHash: Digest, committee: Committee): CheckpointCertificate => ({
  epoch: committee.epoch,
  sequence: toSequence(0),
  stateRoot: emptyStateRoot,
  logHash: genesisLogHash(genesisHash),
  epochRoot: epochRoot(committee),
  signatures: [],
});

/** What `openDataIn` needs beside a founded store. */
export interface StoredDataOptions {
  readonly genesisHash: Digest;
  readonly parameters: Parameters;
  readonly committee: Committee;
  readonly application: Application;
  readonly retain: number;
  /** memory for pages and entries of the state, bytes; the ledger's default when absent */
  readonly stateBytes?: number;
}

/** Data on which agreement was found broken orders nothing any more, in no later life either (PROTOCOL §10). */
const haltOf = ({ fork }: EvidenceStore): Halt | undefined =>
  fork && {
    reason: "conflicting-commit",
    detail: `sequence ${fork.second.sequence} has two ${fork.kind === "conflicting-commits" ? "commit" : "checkpoint"} certificates; both are kept as evidence`,
  };

/**
 * Opens the ledger, and what consensus left, in any store that was founded for this network. The store stays the caller's.
 *
 * @throws StoreError `corrupt` when the data is damaged
 * @throws RecordError, LedgerError when the data belongs to another network or does not say what it should
 */
export const openDataIn = async (store: Store, options: StoredDataOptions): Promise<NodeData> => {
  const { genesisHash, parameters, committee } = options;
  const genesisCheckpoint = genesisCheckpointOf(genesisHash, committee);
  const ledger = await openLedger({
    store,
    application: options.application,
    committee,
    parameters,
    genesisLogHash: genesisCheckpoint.logHash,
    ...(options.stateBytes === undefined ? {} : { cacheBytes: options.stateBytes }),
  });
  const history = createHistory(store);
  const { sequence, logHash, timeMs } = ledger.position();
  const recovered = await recover({
    store,
    history,
    genesisHash,
    epoch: committee.epoch,
    genesis: genesisCheckpoint,
    checkpointInterval: parameters.checkpointInterval,
    executed: { sequence, logHash, timestamp: timeMs, incomplete: ledger.incomplete },
    recentRequests: RECENT_REQUESTS,
  });
  const past = await openPastCheckpoints(store, parameters.checkpointInterval);
  const keeping = createKeeping({ ...recovered, past, checkpointInterval: parameters.checkpointInterval });
  const evidence = await openEvidence(store, committee);
  const pruning = createPruning({ store, history, retain: options.retain, pruned: recovered.pruned, gap: recovered.gap });
  const restored = { ...recovered.restored, halted: haltOf(evidence) };
  return { store, ledger, history, keeping, pruning, evidence, past, restored, genesisCheckpoint };
};

/**
 * @throws StoreError `locked` when another process has the home, `corrupt` when the data is damaged
 * @throws RecordError, LedgerError when the data belongs to another network or does not say what it should
 */
export const openNodeData = async (options: NodeDataOptions): Promise<NodeData> => {
  const { home, genesis, validatorKey } = options;
  let opened = false;
  const files = await openLevelStore(join(home.data, "store"), {
    cacheBytes: options.cacheBytes,
    ...(options.shares === undefined ? {} : { writeBufferBytes: options.shares.storeWrites }),
  });
  // what is met before is thrown to the caller
  const store = watchDamage(files, (error) => opened && options.damaged(error));
  try {
    if (!isFounded(store)) {
      // a validator key without the data it was born with may have voted on anything: it starts passive
      await found(store, genesis.hash, validatorKey !== undefined && readBirth(home, validatorKey));
    }
    consumeBirth(home);
    const data = await openDataIn(store, {
      ...options,
      genesisHash: genesis.hash,
      parameters: genesis.parameters,
      ...(options.shares === undefined ? {} : { stateBytes: options.shares.state }),
    });
    opened = true;
    return data;
  } catch (error) {
    await store.close();
    throw error;
  }
};
