/** The composition root: a node out of its parts, and its way up and down. */
import type { Api } from "../api/create-api.ts";
import type { ForkProof } from "../documents/fork.ts";
import type { Libp2pNetwork } from "../network/libp2p/create-network.ts";
import type { Network } from "../network/port.ts";
import type { PeerName } from "../protocol/ids.ts";
import type { StoreError } from "../storage/port.ts";
import { createWorkerPool, type WorkerPool } from "../signing/worker-pool.ts";
import { createAnchorReads } from "./desk/anchor-reads.ts";
import { createBackups } from "./data/backup.ts";
import { assembleNode, type Assembly } from "./assemble.ts";
import { createTestControls, disguiseOf } from "./cheating.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Counters } from "./counters.ts";
import type { Disguise } from "./disguise.ts";
import type { LogLevel } from "./feeds.ts";
import { createEnds, type StopReason } from "./ends.ts";
import { identify, type Identity, type NodeOptions } from "./home/identity.ts";
import { configuredApplication } from "./home/load-application.ts";
import { createLogSwitch, type LogSwitch } from "./observe/log-parts.ts";
import { openNodeData, type NodeData } from "./data/node-data.ts";
import { createNodeService } from "./node-service.ts";
import { type MemoryShares, memoryLimit, memoryShares } from "./memory/memory-budget.ts";
import { createObservation, type Observation } from "./observe/observation.ts";
import type { Logger } from "./observe/observe.ts";
import { openApi } from "./open-api.ts";
import { openNetwork } from "./open-network.ts";
import { createPartitionObserver } from "./observe/partitions.ts";
import { collectGarbage, machineMemory, readProcessMemory } from "./memory/process-memory.ts";
import { createReads } from "./desk/reads.ts";
import { replicaSettings } from "./home/replica-settings.ts";
import { createResources, type Resources } from "./memory/resources.ts";
import type { NodeService } from "./service.ts";
import { createSharing, type Sharing } from "./sharing/sharing.ts";
import { createSubmitter } from "./desk/submitter.ts";
import { packageVersion } from "./home/version.ts";

export interface RunningNode {
  readonly peerId: PeerName;
  readonly apiUrl: string;
  /** the same as the HTTP interface offers, in process */
  readonly service: NodeService;
  /** where other nodes can reach this one, with its peer id at the end */
  addresses(): readonly string[];
  /** resolves only when the node stops by itself */
  readonly stopped: Promise<StopReason>;
  /** Answers what it promised, then lets go of everything; idempotent. @param reason what the log says of it, like `SIGTERM` */
  stop(reason?: string): Promise<void>;
}

/** How often what waits is looked at. */
const TICK_MS = 100;

const openData = (
  { home, genesis, config }: NodeOptions,
  { committee, application, validatorKey }: Identity,
  shares: MemoryShares,
  damaged: (error: StoreError) => void,
): Promise<NodeData> =>
  openNodeData({
    damaged,
    shares,
    home,
    genesis,
    committee,
    application,
    validatorKey: validatorKey?.publicKey,
    retain: config.storage.history === "archive" ? 0 : config.storage.retainSequences,
    cacheBytes: config.storage.cacheBytes,
  });

/**
 * Makes a node and starts it; resolves once its channels and its HTTP interface listen.
 *
 * @throws NodeError, KeyFileError, HomeError, StoreError, RecordError, LedgerError, ListenError: nothing is left running
 */
export const createNode = async (options: NodeOptions): Promise<RunningNode> => {
  const { config, genesis } = options;
  const logSwitch = createLogSwitch(options.logger, config.log.level as LogLevel);
  const logger = logSwitch.of("node");
  const identity = identify(options, options.application ?? (await configuredApplication(options.home, config)));
  const disguise = disguiseOf(options, identity, systemClock);
  const { committee, self } = identity;
  const clock = systemClock;
  const { stopped, halted, storeFailed } = createEnds(logger);
  const limit = memoryLimit(config.node.memoryLimitMib, machineMemory());
  const shares = memoryShares(limit);
  const data = await openData(options, identity, shares, storeFailed);
  const { ledger, history } = data;
  const pool = createWorkerPool({ workers: config.verification.workers });
  const network = await openNetwork(options, logSwitch, identity, shares, disguise).catch(async (error: unknown) => {
    await letGo(data);
    throw error;
  });
  const sharing = await openSharing(data, identity, network, {
    logger,
    storeFailed,
    counters: () => counters,
    forked(proof) {
      const culprit = committee.validators[assembly.forked(proof) ?? -1]?.peer;
      if (culprit !== undefined) observation.events.tell({ type: "evidence", kind: "forked-document", culprit });
    },
  });
  const log = logSwitch.of("consensus");
  const observation = createObservation({ committee, clock, log, history, executed: ledger.position().sequence });
  const resources = watchMemory(limit, { data, observation, logger });
  const assembly = assembleNode({
    identity,
    parameters: genesis.parameters,
    settings: replicaSettings(config, shares.pool),
    data: { ...data, store: { ...data.store, ...observation.measures.measured(data.store) } },
    network,
    pool,
    clock,
    defer: setImmediate,
    soon: queueMicrotask,
    heartbeatMs: config.network.heartbeatIntervalMs,
    answerTimeoutMs: config.api.answerTimeoutMs,
    observe: observation.observe,
    exhausted: () => resources.exhausted,
    episode: createPartitionObserver({ committee, logger, tell: observation.events.tell }),
    halted,
    sharing,
    storeFailed,
  });
  const { counters } = assembly;
  const parts: Parts = { data, network, assembly, sharing, observation, resources, pool, logger, ticker: undefined, api: undefined };
  const service = offer(options, identity, parts, { clock, logSwitch, disguise });
  try {
    const admission = { admit: resources.admit, bodies: shares.bodies, answers: shares.answers };
    const apiUrl = await bringUp(parts, await openApi(options, logSwitch.of("api"), disguise?.service(service) ?? service, admission));
    const role = self === undefined ? "observer" : "validator";
    logger.info({ peerId: network.self, role, application: genesis.application, api: apiUrl, addresses: network.addresses() }, "running");
    return { peerId: network.self, apiUrl, service, addresses: () => network.addresses(), stopped, stop: createStop(parts) };
  } catch (error) {
    await shutDown(parts);
    throw error;
  }
};

/** The budget of a node whose parts exist; it is looked after once it is started. */
const watchMemory = (limit: number, { data, observation, logger }: Pick<Parts, "data" | "observation" | "logger">): Resources =>
  createResources({
    limit,
    read: readProcessMemory,
    collect: collectGarbage,
    shrink: data.ledger.shrink,
    now: systemClock.now,
    changed(change) {
      observation.events.tell({ type: "memory_breaker", ...change });
      if (change.breaker === "open") logger.warn(change, "short of memory: no new work is taken");
      else logger.info(change, change.breaker === "closed" ? "memory suffices again" : "memory may suffice again: a little work is taken");
    },
  });

/** What people, programs and the HTTP interface are offered of the parts. */
const offer = (
  { genesis, config }: NodeOptions,
  { committee, self }: Identity,
  { data, network, assembly, sharing, observation, resources, pool, logger }: Parts,
  around: { readonly clock: Clock; readonly logSwitch: LogSwitch; readonly disguise: Disguise | undefined },
): NodeService => {
  const { clock, logSwitch, disguise } = around;
  const { engine, desk, stable, counters } = assembly;
  const startedAt = clock.now();
  const service: NodeService = createNodeService({
    version: packageVersion(),
    genesis,
    moniker: config.node.moniker,
    committee,
    self,
    ...data,
    network,
    engine,
    submitter: createSubmitter(desk.gateway),
    ...desk,
    observable: observation.observable({
      replica: engine.replica,
      network,
      pool,
      counters,
      clock,
      logSwitch,
      transferring: engine.transferring,
      resources,
      service: () => service,
    }),
    reads: createReads(data.ledger, stable),
    backup: createBackups(data.store, genesis, clock.wall),
    transferring: engine.transferring,
    resources,
    now: clock.now,
    shared: sharing.documents,
    anchors: createAnchorReads(data.ledger, stable),
    ...createTestControls({ genesis, network, disguise, logger }),
    uptime: () => Math.floor((clock.now() - startedAt) / 1000),
  });
  return service;
};

/** Channels, consensus, answers; in this order. @returns the API's URL */
const bringUp = async (parts: Parts, api: Api): Promise<string> => {
  const { data, network, assembly, observation, resources, logger } = parts;
  parts.api = api;
  network.serveClients(api.exchange);
  if (data.restored.halted !== undefined) logger.error(data.restored.halted, "this replica stays halted");
  await network.start({
    ...assembly.handlers,
    onPeer: (peer, up) => {
      observation.events.peer(peer, up);
      assembly.handlers.onPeer(peer, up);
    },
  });
  assembly.engine.start();
  assembly.tick();
  resources.start();
  parts.ticker = setInterval(() => {
    assembly.tick();
    observation.events.tick(assembly.desk.standing.blocked);
  }, TICK_MS);
  return api.listen();
};

interface Surroundings {
  readonly logger: Logger;
  readonly storeFailed: (error: StoreError) => void;
  readonly counters: () => Counters;
  readonly forked: (proof: ForkProof) => void;
}

/** Of data that nothing was built upon yet: only what goes behind checkpoints may be at work. */
const letGo = async ({ pruning, store }: NodeData): Promise<void> => {
  pruning.stop();
  await store.close();
};

/** Lets go of network and store when the documents can not be opened. */
const openSharing = async (data: NodeData, identity: Identity, network: Network, around: Surroundings): Promise<Sharing> => {
  try {
    return await createSharing({
      ...around,
      store: data.store,
      identity,
      network,
      clock: systemClock,
      forked: (proof) => {
        const { document, author, sequence } = proof;
        around.logger.warn({ document, author, sequence }, "an author forked his history of a shared document");
        around.forked(proof);
      },
    });
  } catch (error) {
    await network.stop();
    await letGo(data);
    throw error;
  }
};

interface Parts {
  readonly data: NodeData;
  readonly network: Libp2pNetwork;
  readonly assembly: Assembly;
  readonly sharing: Sharing;
  readonly observation: Observation;
  readonly resources: Resources;
  readonly pool: WorkerPool;
  readonly logger: Logger;
  ticker: NodeJS.Timeout | undefined;
  api: Api | undefined;
}

/** In this order: no more questions; what was promised is answered; silence; the disk. */
const shutDown = async (parts: Parts): Promise<void> => {
  const { data, network, assembly, sharing, resources, pool, ticker, api, logger } = parts;
  const { engine, desk } = assembly;
  resources.stop();
  await api?.close();
  desk.gateway.close();
  desk.waiting.close();
  clearInterval(ticker);
  engine.stop();
  data.pruning.stop();
  await network.stop();
  await sharing.stop();
  await pool.close();
  await data.ledger.close().catch((error: unknown) => logger.warn({ err: error }, "old checkpoints were not removed"));
  await data.store.close();
};

const createStop = (parts: Parts): RunningNode["stop"] => {
  const stop = async (reason: string): Promise<void> => {
    parts.logger.info({ reason }, "stopping");
    await shutDown(parts);
    parts.logger.info({}, "stopped");
  };
  let running: Promise<void> | undefined;
  return (reason = "asked by its program") => (running ??= stop(reason));
};
