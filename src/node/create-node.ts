/** The composition root: a node out of its parts, and its way up and down. */
import { createApi, type Api } from "../api/create-api.ts";
import { isLoopback } from "../api/guard.ts";
import { loadOrCreateToken } from "../api/token.ts";
import type { ReplicaSettings } from "../consensus/config.ts";
import { defaultSettings } from "../consensus/config.ts";
import type { HaltReason } from "../consensus/effect.ts";
import type { Application } from "../ledger/application.ts";
import { createKeyValueStore } from "../ledger/kv/application.ts";
import { decodeOperation, decodeResult } from "../ledger/kv/encoding.ts";
import { createLibp2pNetwork } from "../network/libp2p/create-network.ts";
import type { Network } from "../network/port.ts";
import type { Committee } from "../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../protocol/ids.ts";
import type { CheckpointCertificate, Request, Verified } from "../protocol/messages.ts";
import { createSigner, signRequest } from "../signing/signer.ts";
import { createVerifier } from "../signing/verifier.ts";
import { createWorkerPool } from "../signing/worker-pool.ts";
import { createBatch, emptyBatch } from "../wire/requests.ts";
import { createSignBytes } from "../wire/sign-bytes.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createCounters } from "./counters.ts";
import { createEngine, type Engine } from "./engine.ts";
import type { Executed } from "./execution.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { gatewayKeyOf } from "./gateway-key.ts";
import { type Genesis, genesisCommittee } from "./genesis.ts";
import { type Home, loadNodeKey, loadOrCreateClientKey, loadValidatorKey, peerIdOf } from "./home.ts";
import { createKeyValueReads } from "./key-value-reads.ts";
import { openNodeData, type NodeData } from "./node-data.ts";
import { createNodeService } from "./node-service.ts";
import { createObserve, type Logger } from "./observe.ts";
import { createStanding } from "./standing.ts";
import { createSubmission, verdictOf } from "./submission.ts";
import { barrierOperation, createSubmitter } from "./submitter.ts";
import { createWaiting } from "./waiting.ts";
import { packageVersion } from "./version.ts";

export interface NodeOptions {
  readonly home: Home;
  readonly config: Config;
  readonly genesis: Genesis;
  readonly logger: Logger;
  /** the built-in key-value store when absent; its name must be the genesis' */
  readonly application?: Application;
}

/** Why a node stopped by itself. */
export interface StopReason {
  readonly reason: "storage_failed" | HaltReason;
  readonly detail: string;
}

export interface RunningNode {
  readonly peerId: PeerName;
  readonly apiUrl: string;
  /** where other nodes can reach this one, with its peer id at the end */
  addresses(): readonly string[];
  /** resolves only when the node stops by itself */
  readonly stopped: Promise<StopReason>;
  /** Answers what it promised, then lets go of everything; idempotent. */
  stop(): Promise<void>;
}

/** A node that can not be made of what it was given. */
export class NodeError extends Error {
  readonly code: "wrong-application" | "wrong-record";
  constructor(code: NodeError["code"], message: string) {
    super(message);
    this.name = "NodeError";
    this.code = code;
  }
}

const replicaSettings = ({ consensus }: Config): ReplicaSettings => ({
  ...defaultSettings,
  pipelineDepth: consensus.pipelineDepth,
  maxBatchDelayMs: consensus.maxBatchDelayMs,
  requestTimeoutFloorMs: consensus.requestTimeoutFloorMs,
  requestTimeoutCeilingMs: consensus.requestTimeoutCeilingMs,
  repeatMs: consensus.retransmitIntervalMs,
  poolRequests: consensus.poolMaxRequests,
  poolBytes: consensus.poolMaxBytes,
});

/** Our place among the validators: by validator key, on the peer id that the record binds it to. @throws NodeError */
const placeOf = (committee: Committee, validatorKey: string | undefined, peer: PeerName): ReplicaIndex | undefined => {
  const own = committee.validators.find(({ publicKey }) => publicKey === validatorKey);
  if (own === undefined || own.peer === peer) return own?.index;
  throw new NodeError("wrong-record", `the genesis binds this validator key to the node key of ${own.peer}, and this home's is ${peer}`);
};

/** How often what waits is looked at. */
const TICK_MS = 100;
const GRACE_WITHOUT_QUORUM_MS = 2_000;
const MAX_WAITING = 16_384;

/**
 * Makes a node and starts it; resolves once its channels and its HTTP interface listen.
 *
 * @throws NodeError, KeyFileError, HomeError, StoreError, RecordError, LedgerError: nothing is left running
 */
export const createNode = async (options: NodeOptions): Promise<RunningNode> => {
  const { home, config, genesis, logger } = options;
  const application = options.application ?? createKeyValueStore();
  if (application.name !== genesis.application) {
    throw new NodeError("wrong-application", `the network runs the application ${genesis.application}, this node ${application.name}`);
  }
  const nodeKey = loadNodeKey(home);
  const validatorKey = loadValidatorKey(home);
  const gatewayKey = gatewayKeyOf(loadOrCreateClientKey(home));
  const committee = genesisCommittee(genesis);
  const self = placeOf(committee, validatorKey?.publicKey, peerIdOf(nodeKey));
  const clock = systemClock;
  const startedAt = clock.now();
  const counters = createCounters();
  const { promise: stopped, resolve: stopItself } = Promise.withResolvers<StopReason>();

  const data = await openNodeData({
    home,
    genesis,
    committee,
    application,
    validatorKey: self === undefined ? undefined : validatorKey?.publicKey,
    retain: config.storage.retainSequences,
    cacheBytes: config.storage.cacheBytes,
  });
  const { ledger, history, genesisCheckpoint } = data;
  const signBytes = createSignBytes(genesis.hash);
  const pool = createWorkerPool({ workers: config.verification.workers });
  const verifier = createVerifier({
    pool,
    signBytes,
    limits: genesis.parameters,
    committee: (epoch) => (epoch === committee.epoch ? committee : undefined),
    checkpointInterval: genesis.parameters.checkpointInterval,
    genesis: genesisCheckpoint,
  });
  const network = await openNetwork(options, committee, nodeKey.exportSeed()).catch(async (error: unknown) => {
    await data.store.close();
    throw error;
  });

  const standing = createStanding({ committee, self, checkpointInterval: genesis.parameters.checkpointInterval });
  const waiting = createWaiting({
    now: clock.now,
    timeoutMs: config.api.answerTimeoutMs,
    graceWithoutQuorumMs: GRACE_WITHOUT_QUORUM_MS,
    maxWaiting: MAX_WAITING,
  });
  let stable: CheckpointCertificate | undefined = data.restored.stable.sequence > 0 ? data.restored.stable : undefined;
  const refreshStanding = (): void => standing.update(engine.replica.describe(), engine.reachable(), { now: clock.now(), wall: clock.wall() });
  const unavailable = (): ReturnType<typeof standing.unavailable> => {
    refreshStanding();
    return standing.unavailable();
  };
  const order = (request: Verified<Request>): void => engine.submit(request);
  const submission = createSubmission({ ledger, history, verifier, waiting, unavailable, order, wall: clock.wall });
  const gateway = createGateway({
    sign: (sequence, operations) => signRequest(gatewayKey, signBytes, { sequence, operations }),
    submit: (request) => order(request as Verified<Request>),
    unavailable,
    now: clock.now,
    wall: clock.wall,
    defer: setImmediate,
    barrierOperation,
    sessionWindow: genesis.parameters.sessionWindow,
    limits: { requestTimeoutMs: config.api.answerTimeoutMs },
  });

  const executed = ({ sequence, answers, certificate }: Executed): void => {
    answers.forEach((answer, index) => {
      gateway.executed({ id: answer.id, sequence, verdict: verdictOf(answer.outcome), results: answer.results });
      submission.executed(answer, sequence, index, certificate);
    });
  };
  const engine: Engine = createEngine({
    replica: {
      committee,
      ...(self === undefined ? {} : { self }),
      parameters: genesis.parameters,
      settings: replicaSettings(config),
      emptyBatch,
      epochRoot: genesisCheckpoint.epochRoot,
      createBatch,
    },
    restored: data.restored,
    store: data.store,
    keeping: data.keeping,
    history,
    network,
    verifier,
    ...(self === undefined || validatorKey === undefined ? {} : { signer: createSigner(validatorKey, signBytes) }),
    clock,
    counters,
    heartbeatMs: config.network.heartbeatIntervalMs,
    observe: createObserve(logger, clock.now),
    isSettled: (client, sequence) => ledger.lookup(client, sequence).status !== "new",
    execution: { ledger, keeping: data.keeping, executed, stabilised: (certificate) => (stable = certificate) },
    evidence: (evidence) => counters.count(`evidence.${evidence.kind}`),
    refused: (id, reason) => {
      gateway.refused(id, reason);
      submission.refused(id, reason);
    },
    halted: (reason, detail) => {
      // a replica whose state diverged still serves reads and says so; the others must not go on
      if (reason !== "state-diverged") stopItself({ reason, detail });
    },
    storeFailed: (error) => {
      logger.error({ err: error }, "the store failed: nothing that depended on it was said");
      stopItself({ reason: "storage_failed", detail: error.message });
    },
  });
  const service = createNodeService({
    version: packageVersion(),
    genesis,
    moniker: config.node.moniker,
    committee,
    self,
    ledger,
    history,
    network,
    replica: engine.replica,
    submitter: createSubmitter(gateway),
    submission,
    standing,
    reads: createKeyValueReads(ledger, () => stable),
    isReachable: (index) => engine.reachable().includes(index),
    uptime: () => Math.floor((clock.now() - startedAt) / 1000),
    refreshStanding,
  });

  const parts: Parts = { data, network, engine, gateway, pool, logger, ticker: undefined, api: undefined, waiting };
  try {
    await network.start(engine.handlers);
    engine.start();
    refreshStanding();
    parts.ticker = setInterval(() => {
      refreshStanding();
      gateway.tick();
      waiting.tick(standing.unavailable() !== undefined);
    }, TICK_MS);
    parts.api = await openApi(options, service);
    const apiUrl = await parts.api.listen();
    const stop = once(() => shutDown(parts));
    logger.info({ peerId: network.self, role: self === undefined ? "observer" : "validator", api: apiUrl, addresses: network.addresses() }, "running");
    return { peerId: network.self, apiUrl, addresses: () => network.addresses(), stopped, stop };
  } catch (error) {
    await shutDown(parts);
    throw error;
  }
};

const openNetwork = ({ config, genesis, home, logger }: NodeOptions, committee: Committee, nodeKey: Uint8Array): Promise<Network> =>
  createLibp2pNetwork({
    genesisHash: genesis.hash,
    nodeKey,
    listen: config.network.listen,
    announce: config.network.announce,
    bootstrap: config.network.bootstrap,
    validators: committee.validators.map(({ peer }) => peer),
    dataDirectory: home.data,
    limits: { maxStrangers: config.network.maxObservers, deadMs: config.network.deadPeerMs },
    log: (level, message, fields) => logger[level](fields, message),
  });

const openApi = async ({ config, home, logger }: NodeOptions, service: ReturnType<typeof createNodeService>): Promise<Api> => {
  const { host, port } = splitHostPort(config.api.listen);
  return createApi({
    service,
    host,
    port,
    ...(isLoopback(host) ? {} : { token: await loadOrCreateToken(home.apiToken) }),
    keyValue: { decodeOperation, decodeResult },
    limits: { maxConnections: config.api.maxConnections, requestTimeoutMs: config.api.bodyTimeoutMs },
    onError: (error) => logger.error({ err: error }, "a fault while answering"),
  });
};

const splitHostPort = (value: string): { host: string; port: number } => {
  const at = value.lastIndexOf(":");
  return { host: value.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(value.slice(at + 1)) };
};

interface Parts {
  readonly data: NodeData;
  readonly network: Network;
  readonly engine: Engine;
  readonly gateway: Gateway;
  readonly waiting: ReturnType<typeof createWaiting>;
  readonly pool: ReturnType<typeof createWorkerPool>;
  readonly logger: Logger;
  ticker: NodeJS.Timeout | undefined;
  api: Api | undefined;
}

/** In this order: no more questions; what was promised is answered; silence; the disk. */
const shutDown = async ({ data, network, engine, gateway, waiting, pool, ticker, api, logger }: Parts): Promise<void> => {
  await api?.close();
  gateway.close();
  waiting.close();
  clearInterval(ticker);
  engine.stop();
  await network.stop();
  await pool.close();
  await data.ledger.close().catch((error: unknown) => logger.warn({ err: error }, "old checkpoints were not removed"));
  await data.store.close();
};

const once = (work: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
};

