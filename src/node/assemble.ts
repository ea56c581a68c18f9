/**
 * A node between its ports: verifier, engine and desk around opened data. The system's ports are given by `create-node`, virtual ones by the
 * simulator: what runs between them is the same.
 */
import { createTurns } from "../api/turns.ts";
import type { ReplicaSettings } from "../consensus/config.ts";
import type { HaltReason } from "../consensus/effect.ts";
import type { ForkProof } from "../documents/fork.ts";
import type { Evidence } from "../protocol/evidence.ts";
import type { ReplicaIndex } from "../protocol/ids.ts";
import type { Parameters } from "../protocol/limits.ts";
import type { CheckpointCertificate } from "../protocol/messages.ts";
import type { Network, NetworkHandlers } from "../network/port.ts";
import type { EpisodeEvent } from "../partition/episodes.ts";
import type { VerificationPool } from "../signing/pool.ts";
import { createSigner } from "../signing/signer.ts";
import { createVerifier } from "../signing/verifier.ts";
import type { StoreError } from "../storage/port.ts";
import type { FrameDecoders } from "../wire/frames.ts";
import { createBatch, emptyBatch } from "../wire/requests.ts";
import type { Clock } from "./clock.ts";
import { type Counters, createCounters } from "./counters.ts";
import { createDesk, type Desk } from "./desk/desk.ts";
import { createEngine, type Engine, type Observe } from "./pipeline/engine.ts";
import type { Identity } from "./home/identity.ts";
import { createMerging } from "./sharing/merging.ts";
import type { NodeData } from "./data/node-data.ts";
import type { Sharing } from "./sharing/sharing.ts";
import { boundStrangers, restFromStrangers } from "./pipeline/strangers.ts";

export interface AssemblyOptions {
  readonly identity: Identity;
  readonly parameters: Parameters;
  readonly settings: ReplicaSettings;
  readonly data: NodeData;
  readonly network: Network;
  readonly pool: VerificationPool;
  /** valid signatures remembered, a power of two; the verifier's default when absent */
  readonly seenEntries?: number;
  /** in place of random bytes, where the same must happen each time */
  readonly seenSalt?: Uint8Array;
  /** where several nodes are in one process, a frame may be decoded once for all who get it */
  readonly decoders?: FrameDecoders;
  readonly clock: Clock;
  /** runs a callback after what this turn of the event loop still brings */
  readonly defer: (callback: () => void) => void;
  /** runs a callback after what runs now, before the next event */
  readonly soon: (callback: () => void) => void;
  readonly heartbeatMs: number;
  /** how long a client's answer is waited for, milliseconds */
  readonly answerTimeoutMs: number;
  readonly observe?: Observe;
  /** memory is short: nothing is done for those who can ask another node */
  readonly exhausted?: () => boolean;
  /** shared documents; without them a node orders, and nothing else */
  readonly sharing?: Sharing;
  /** a partition opened, changed or closed */
  readonly episode?: (event: EpisodeEvent) => void;
  readonly halted: (reason: HaltReason, detail: string) => void;
  readonly storeFailed: (error: StoreError) => void;
}

export interface Assembly {
  readonly engine: Engine;
  readonly handlers: NetworkHandlers;
  readonly desk: Desk;
  readonly counters: Counters;
  /** an author was found to have forked his history of a shared document: kept as evidence; undefined where he is no validator */
  forked(proof: ForkProof): ReplicaIndex | undefined;
  /** the last stable checkpoint whose state can be read here; undefined before the first */
  stable(): CheckpointCertificate | undefined;
  /** What waits, and what documents have to say. Call it about ten times a second once the engine runs. */
  tick(): void;
}

/** Keeps and counts what proves misbehaviour, of consensus and of documents. */
const createProofs = ({ data, clock, identity: { committee }, storeFailed }: AssemblyOptions, counters: Counters) => {
  const keep = (evidence: Evidence): void => {
    counters.count(`evidence.${evidence.kind}`);
    data.evidence.keep(evidence, Math.round(clock.wall()), storeFailed);
  };
  const forked: Assembly["forked"] = ({ author, operations: [first, second] }) => {
    const culprit = committee.validators.find(({ publicKey }) => publicKey === author)?.index;
    if (culprit !== undefined) keep({ kind: "forked-document", epoch: committee.epoch, culprit, first, second });
    return culprit;
  };
  return { keep, forked };
};

/** Peers' comings and goings concern the documents, too. */
const handlersOf = (
  { exhausted = () => false, identity: { committee }, clock, defer }: AssemblyOptions,
  handlers: NetworkHandlers,
  counters: Counters,
  merging: ReturnType<typeof createMerging> | undefined,
): NetworkHandlers => ({
  ...handlers,
  ...boundStrangers(handlers, { committee, exhausted, counters, turn: createTurns({ ...clock, defer, rest: restFromStrangers }) }),
  onPeer(peer, up) {
    handlers.onPeer(peer, up);
    merging?.onPeer(peer, up);
  },
});

/** Nothing runs yet: start the network with the handlers, then the engine. */
export const assembleNode = (options: AssemblyOptions): Assembly => {
  const { identity, parameters, data, network, clock, sharing, defer, soon, answerTimeoutMs: timeoutMs } = options;
  const { committee, self, validatorKey, signBytes } = identity;
  const { ledger, keeping, restored } = data;
  const verifier = createVerifier({
    pool: options.pool,
    signBytes,
    limits: parameters,
    committee: (epoch) => (epoch === committee.epoch ? committee : undefined),
    checkpointInterval: parameters.checkpointInterval,
    genesis: data.genesisCheckpoint,
    ...(options.seenEntries === undefined ? {} : { seenEntries: options.seenEntries }),
    ...(options.seenSalt === undefined ? {} : { seenSalt: options.seenSalt }),
  });
  const counters = createCounters();
  const proofs = createProofs(options, counters);
  const desk = createDesk({ identity, parameters, data, verifier, network, counters, clock, engine: () => engine, defer, timeoutMs });
  const merging =
    sharing === undefined ? undefined : createMerging({ sharing, identity, parameters, data, desk, engine: () => engine, clock });
  const stabilised = (certificate: CheckpointCertificate): void => {
    stable = certificate;
    data.pruning.behind(certificate.sequence);
  };
  let stable: CheckpointCertificate | undefined = restored.stable.sequence > 0 ? restored.stable : undefined;
  const engine: Engine = createEngine({
    replica: {
      committee,
      ...(self === undefined ? {} : { self }),
      parameters,
      settings: options.settings,
      emptyBatch,
      epochRoot: data.genesisCheckpoint.epochRoot,
      createBatch,
    },
    ...data,
    ...desk,
    network,
    verifier,
    ...(validatorKey === undefined ? {} : { signer: createSigner(validatorKey, signBytes) }),
    clock,
    counters,
    soon,
    heartbeatMs: options.heartbeatMs,
    ...(options.decoders === undefined ? {} : { decoders: options.decoders }),
    ...(options.observe === undefined ? {} : { observe: options.observe }),
    ...(options.exhausted === undefined ? {} : { exhausted: options.exhausted }),
    ...(sharing === undefined ? {} : { documents: sharing.receive }),
    ...(merging === undefined ? {} : { reconciliation: merging.reconciliation, merged: merging.merged }),
    ...(options.episode === undefined ? {} : { episode: options.episode }),
    isSettled: (client, sequence) => !ledger.incomplete && ledger.lookup(client, sequence, clock.wall()).status !== "new",
    execution: { ledger, keeping, executed: desk.executed, stabilised },
    evidence: proofs.keep,
    halted: options.halted,
    storeFailed: options.storeFailed,
  });
  return {
    engine,
    handlers: handlersOf(options, engine.handlers, counters, merging),
    desk,
    counters,
    forked: proofs.forked,
    stable: () => stable,
    tick() {
      desk.refreshStanding();
      desk.gateway.tick();
      desk.waiting.tick(desk.standing.unavailable() !== undefined);
      merging?.tick();
    },
  };
};
