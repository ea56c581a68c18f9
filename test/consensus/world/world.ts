/** A deterministic little world of n replicas: virtual time, seeded chance, and judges. */
import type { ReplicaConfig, ReplicaSettings } from "../../../src/consensus/config.ts";
import { defaultSettings } from "../../../src/consensus/config.ts";
import { createCommittee } from "../../../src/protocol/committee.ts";
import type { PeerName, PublicKey, ReplicaIndex, Sequence } from "../../../src/protocol/ids.ts";
import { toEpoch } from "../../../src/protocol/ids.ts";
import { defaultParameters, type Parameters } from "../../../src/protocol/limits.ts";
import type { CheckpointCertificate, Request, Verified } from "../../../src/protocol/messages.ts";
import { createJudge, type Judge } from "./judge.ts";
import { createLinks, type LinkQuality, type Links } from "./links.ts";
import { createNode, type Behaviour, type NodeTimes, type WorldNode } from "./node.ts";
import { createNotary, type Notary } from "./notary.ts";
import { createRandom, type Random } from "./random.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
import { createVerifier, type Verifier } from "./verify.ts";

export interface WorldOptions {
  readonly n: number;
  readonly seed?: number;
  /** what judges do not hold to their word */
  readonly liars?: readonly number[];
  readonly parameters?: Partial<Parameters>;
  readonly settings?: Partial<ReplicaSettings>;
  readonly quality?: Partial<LinkQuality>;
  readonly times?: Partial<NodeTimes>;
  /** largest offset of a wall clock */
  readonly clockMs?: number;
  /** steps after which a run counts as one that never ends */
  readonly maxSteps?: number;
  /** keeps this many last lines of what happened */
  readonly traceLines?: number;
}

export interface World {
  readonly n: number;
  readonly nodes: readonly WorldNode[];
  readonly honest: readonly WorldNode[];
  readonly links: Links;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly notary: Notary;
  readonly verifier: Verifier;
  readonly judge: Judge;
  readonly parameters: Parameters;
  readonly genesis: CheckpointCertificate;
  node(index: number): WorldNode;
  lie(index: number, behaviour: Behaviour | undefined): void;
  /** Hands a new request to a node as its own client's; returns it. */
  request(index: number): Verified<Request>;
  /** @returns whether the condition came true before `limitMs` more had passed */
  runUntil(condition: () => boolean, limitMs: number): boolean;
  run(ms: number): void;
  /** Every honest node that is up executed it. */
  executedEverywhere(request: Request): boolean;
  readonly trace: readonly string[];
  readonly steps: number;
}

const perfect: LinkQuality = { delayMs: 2, jitterMs: 1, loss: 0, duplicate: 0, reorder: 0, gossipLoss: 0 };
const defaultTimes: NodeTimes = { flushMs: 2, executeMs: 0.5, heartbeatMs: 300, noticeMs: 300 };

export const indexes = (n: number): ReplicaIndex[] => Array.from({ length: n }, (_, index) => index as ReplicaIndex);

export const createWorld = (options: WorldOptions): World => {
  const { n } = options;
  const random = createRandom(options.seed ?? 1);
  const notary = createNotary();
  const committee = createCommittee(
    toEpoch(0),
    indexes(n).map((index) => ({
      index,
      publicKey: `key ${index}` as PublicKey,
      peer: `peer ${index}` as PeerName,
      moniker: `node ${index}`,
    })),
  );
  const parameters: Parameters = { ...defaultParameters, checkpointInterval: 8, ...options.parameters };
  const settings: ReplicaSettings = { ...defaultSettings, ...options.settings };
  const verifier = createVerifier(notary, committee, parameters.checkpointInterval);
  const liars = new Set((options.liars ?? []) as ReplicaIndex[]);
  const judge = createJudge(n, settings.poolRequests, verifier, liars);
  const schedule = createSchedule();
  const trace: string[] = [];
  const traceLines = options.traceLines ?? 0;
  const maxSteps = options.maxSteps ?? Number.POSITIVE_INFINITY;
  let steps = 0;
  const nodes: WorldNode[] = [];
  const links = createLinks(n, schedule, random.fork(), { ...perfect, ...options.quality }, (to, from, packet) =>
    nodes[to]?.receive(from, packet),
  );
  links.onChange = () => nodes.forEach((node) => node.links());
  const genesis: CheckpointCertificate = {
    epoch: committee.epoch,
    sequence: 0 as Sequence,
    stateRoot: notary.hash("genesis state"),
    logHash: notary.hash("genesis log"),
    epochRoot: notary.hash("epoch root"),
    signatures: [],
  };
  for (const self of indexes(n)) {
    const config: ReplicaConfig & { readonly self: ReplicaIndex } = {
      committee,
      self,
      parameters,
      settings,
      emptyBatch: notary.emptyBatch,
      epochRoot: genesis.epochRoot,
      createBatch: notary.createBatch,
    };
    nodes.push(
      createNode(config, {
        schedule,
        random: random.fork(),
        notary,
        verifier,
        links,
        judge,
        genesis,
        times: { ...defaultTimes, ...options.times },
        clockMs: Math.round(random.between(-1, 1) * (options.clockMs ?? 0)),
        log(line) {
          steps += 1;
          if (steps > maxSteps) judge.violation("effort", `more than ${maxSteps} steps`);
          if (traceLines === 0) return;
          trace.push(line());
          if (trace.length > 2 * traceLines) trace.splice(0, traceLines);
        },
      }),
    );
  }
  for (const node of nodes) node.start();

  let requests = 0;
  const node = (index: number): WorldNode => {
    const found = nodes[index];
    if (found === undefined) throw new RangeError(`no node ${index}`);
    return found;
  };
  const world: World = {
    n,
    nodes,
    honest: nodes.filter(({ index }) => !liars.has(index)),
    links,
    schedule,
    random,
    notary,
    verifier,
    judge,
    parameters,
    genesis,
    node,
    lie(index, behaviour) {
      node(index).behaviour = behaviour;
    },
    request(index) {
      requests += 1;
      const request = notary.createRequest(`client ${index}`, requests);
      node(index).submit(request);
      return request;
    },
    runUntil(condition, limitMs) {
      const limit = schedule.now + limitMs;
      while (!condition()) if (!schedule.runNext(limit)) return condition();
      return true;
    },
    run(ms) {
      const limit = schedule.now + ms;
      while (schedule.runNext(limit));
    },
    executedEverywhere: (request) => world.honest.every((one) => !one.isUp || one.hasExecuted(request.id)),
    trace,
    get steps() {
      return steps;
    },
  };
  return world;
};
