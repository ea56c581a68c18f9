/**
 * The loop in the middle of the node: verified inputs into the replica, its effects out through `perform`, one timer for all that waits.
 * It knows ports only (store, network, clock, verifier), so that the same loop runs on libp2p and in the simulator.
 */
import type { Restored } from "../../consensus/config.ts";
import type { Effect } from "../../consensus/effect.ts";
import type { Input } from "../../consensus/input.ts";
import { createReplica, type Replica } from "../../consensus/replica.ts";
import { sooner } from "../../consensus/moments.ts";
import type { PeerName, PublicKey, ReplicaIndex } from "../../protocol/ids.ts";
import type { CheckpointCertificate, Request, Status, Verified } from "../../protocol/messages.ts";
import type { Network, NetworkHandlers } from "../../network/port.ts";
import type { Signer } from "../../signing/signer.ts";
import type { Verifier } from "../../signing/verifier.ts";
import type { StoreError } from "../../storage/port.ts";
import { encodeFrame } from "../../wire/frames.ts";
import { createAlarm } from "./alarm.ts";
import { type Audit, createAudit } from "./audit.ts";
import type { Clock } from "../clock.ts";
import { type Comparison, createComparison } from "./comparison.ts";
import type { Counters } from "../counters.ts";
import { createExecution, type ExecutionOptions } from "./execution.ts";
import { createFetcher, type Fetcher } from "./fetcher.ts";
import { createHeartbeat, type Heartbeat } from "./heartbeat.ts";
import type { History } from "../data/history.ts";
import { createInbound, type Inbound, type InboundOptions } from "./inbound.ts";
import { createJournal } from "./journal.ts";
import type { PastCheckpoints } from "../data/past-checkpoints.ts";
import { createPerform, type PerformOptions } from "./perform.ts";
import type { Pruning } from "../data/pruning.ts";
import type { Receipts } from "../desk/receipts.ts";
import { createPresence, type Presence, type PresenceOptions } from "./presence.ts";
import { createServing, type Serving, type ServingOptions } from "./serving.ts";
import { createTransferring, type Transferring } from "./transferring.ts";

/** Reads (input, effects) in one place: logs, metrics and events come from here, and from nowhere else. */
export type Observe = (input: Input, effects: readonly Effect[], replica: Replica) => void;

export interface EngineOptions
  extends
    Pick<PerformOptions, "replica" | "store" | "keeping" | "soon" | "evidence" | "refused" | "halted">,
    Pick<PresenceOptions, "episode" | "reconciliation" | "merged">,
    Pick<ServingOptions, "exhausted">,
    Pick<InboundOptions, "decoders"> {
  readonly signer?: Signer;
  readonly execution: ExecutionOptions;
  readonly restored: Restored;
  readonly pruning: Pick<Pruning, "oldest" | "upTo">;
  readonly network: Network;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly history: History;
  readonly past: PastCheckpoints;
  /** of sequence 0 */
  readonly genesisCheckpoint: CheckpointCertificate;
  readonly receipts: Receipts;
  readonly counters: Counters;
  readonly heartbeatMs: number;
  /** the store took its last write; nothing that depended on it was said */
  readonly storeFailed: (error: StoreError) => void;
  readonly observe?: Observe;
  /** a peer's message about shared documents */
  readonly documents?: (from: PeerName, bytes: Uint8Array) => void;
  /** a relayed request of this client and number needs no verification any more */
  readonly isSettled: (client: PublicKey, sequence: number) => boolean;
}

export interface Engine {
  readonly replica: Replica;
  readonly handlers: NetworkHandlers;
  /** call once, when the network can send */
  start(): void;
  /** a request of this node's own client */
  submit(request: Verified<Request>): void;
  readonly presence: Pick<Presence, "linked" | "connectivity" | "episodes" | "anchored">;
  /** what this node thinks of a validator, by what it sent lately */
  readonly opinionOf: Inbound["opinionOf"];
  readonly transferring: Pick<Transferring, "progress" | "fetched">;
  /** what is not durable or not said yet */
  readonly pending: number;
  /** nothing is stepped, timed or sent any more */
  stop(): void;
}

/** Settled requests dropped at one ring of the alarm; the next ring takes more. */
const SETTLED_AT_ONCE = 256;

/** Batches that the replica wants: from our own disk, or from those who have them. */
const batchFetcher = ({ replica, history, network, clock }: EngineOptions, step: (input: Input) => void): Fetcher =>
  createFetcher({
    local: (digest) => history.batch(digest),
    found: (batch) => step({ type: "batch", batch: batch as Verified<typeof batch> }),
    ask: (index, digest) => {
      const peer = replica.committee.validators[index]?.peer;
      if (peer !== undefined) network.send(peer, "sync", encodeFrame({ kind: "fetch-batch", digest }));
    },
    now: clock.now,
    timeoutMs: replica.settings.fetchTimeoutMs,
  });

/** Our past checkpoints against the others'. */
const comparisonOf = (options: EngineOptions, step: (input: Input) => void, refused: Inbound["refused"]): Comparison =>
  createComparison({
    ...options,
    committee: options.replica.committee,
    found: (ours, theirs) => step({ type: "conflicting-checkpoints", ours, theirs }),
    compared: () => step({ type: "compared" }),
    refused,
  });

/** What heartbeats say of the others' logs, against ours. */
const auditOf = (
  options: EngineOptions,
  replica: Replica,
  asked: Set<ReplicaIndex>,
  comparison: Comparison,
  step: (input: Input) => void,
): Audit =>
  createAudit({
    ...options,
    ...options.replica,
    asked,
    comparison,
    checkpointInterval: options.replica.parameters.checkpointInterval,
    position: () => ({ ...replica.status(), halted: replica.isHalted() }),
    now: options.clock.now,
    found: (ours, theirs) => step({ type: "conflicting-commits", ours, theirs }),
  });

/** What waits longest is looked up before anybody's patience ends: nobody relays, and no primary orders, what the ledger would refuse. */
const dropSettled = (replica: Replica, isSettled: EngineOptions["isSettled"], step: (input: Input) => void): void => {
  for (let dropped = 0; dropped < SETTLED_AT_ONCE; dropped += 1) {
    const settled = replica.oldestRequests().find(({ client, sequence }) => isSettled(client, sequence));
    if (settled === undefined) return;
    step({ type: "settled", request: settled.id });
  }
};

/** What was ordered while the state was fetched is not proposed again: every backup would refuse the whole batch. */
const dropAllSettled = (replica: Replica, isSettled: EngineOptions["isSettled"], step: (input: Input) => void): void => {
  for (const { id, client, sequence } of replica.pooled()) if (isSettled(client, sequence)) step({ type: "settled", request: id });
};

const transferringOf = (
  { execution, isSettled, storeFailed, clock }: EngineOptions,
  replica: Replica,
  step: (input: Input) => void,
  audit: Audit,
  isStopped: () => boolean,
): Transferring =>
  createTransferring({
    ledger: execution.ledger,
    adopted() {
      audit.transferred();
      dropAllSettled(replica, isSettled, step);
    },
    step,
    storeFailed: (error) => isStopped() || storeFailed(error),
    now: clock.now,
  });

const servingOf = (options: EngineOptions, replica: Replica): Serving => {
  const { execution, receipts, clock } = options;
  const stable = (): CheckpointCertificate => replica.describe().stable;
  return createServing({ ...options, stable, part: execution.ledger.part, receipt: receipts.serve, now: clock.now });
};

const presenceOf = (
  options: EngineOptions,
  replica: Replica,
  changed: (peers: readonly ReplicaIndex[]) => void,
  tell: () => void,
): Presence => {
  const { committee, self } = options.replica;
  const presence: Presence = createPresence({ ...options, committee, self, replica, changed: () => changed(presence.linked()), tell });
  return presence;
};

interface Receiving {
  readonly presence: Presence;
  readonly inbound: Inbound;
  readonly heartbeat: Heartbeat;
  readonly isStopped: () => boolean;
}

/** What the network calls; nothing any more once the engine has stopped. */
const handlersOf = ({ presence, inbound, heartbeat, isStopped }: Receiving): NetworkHandlers => ({
  onFrame(from, channel, frame) {
    if (isStopped()) return;
    presence.onFrame(from);
    inbound.frame(from, channel, frame);
  },
  onGossip: (from, data, verdict) => (isStopped() ? verdict("ignore") : inbound.gossip(from, data, verdict)),
  onPeer(peer, up) {
    if (isStopped()) return;
    presence.onPeer(peer, up);
    if (up) heartbeat.send(peer);
  },
});

export const createEngine = (options: EngineOptions): Engine => {
  const { network, clock, replica: config } = options;
  const replica = createReplica(config, options.restored);
  const inputs: Input[] = [];
  let stepping = false;
  let stopped = false;
  const isStopped = (): boolean => stopped;
  const journal = createJournal(options.store, options.storeFailed);
  const fetcher = batchFetcher(options, step);
  const alarm = createAlarm(clock, () => {
    fetcher.tick();
    dropSettled(replica, options.isSettled, step);
    step({ type: "tick" });
  });
  const presence = presenceOf(
    options,
    replica,
    (peers) => step({ type: "reachable", peers }),
    () => heartbeat.send(),
  );
  // whom we hear, also where nobody hears us: only so do both ends of a one-way link learn of it
  const status = (): Status => ({ ...replica.status(), reach: presence.hears(), oldest: options.pruning.oldest() });
  const heartbeat = createHeartbeat(status, network, clock, options.heartbeatMs);
  /** blocks that were asked of a peer and did not come yet */
  const asked = new Set<ReplicaIndex>();
  const comparison = comparisonOf(options, step, (from, failure) => inbound.refused(from, failure));
  const audit = auditOf(options, replica, asked, comparison, step);
  const transferring = transferringOf(options, replica, step, audit, isStopped);
  const performer = createPerform({
    ...options,
    execution: createExecution(options.execution, journal),
    step,
    journal,
    fetcher,
    sendStatus: () => heartbeat.send(),
    asked,
    evidence: (evidence) => {
      if ("culprit" in evidence) inbound.accused(evidence.culprit);
      options.evidence(evidence);
    },
    transferring,
    comparison,
    passedOver: options.pruning.upTo,
  });

  function step(input: Input): void {
    if (stopped) return;
    inputs.push(input);
    if (stepping) return;
    stepping = true;
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const effects = replica.step(next, { now: clock.now(), wall: clock.wall() });
      options.observe?.(next, effects, replica);
      presence.stepped(next, effects);
      performer.perform(effects);
    }
    stepping = false;
    journal.flush();
    alarm.set(sooner(replica.deadline(), fetcher.deadline()));
  }

  const inbound = createInbound({
    ...options,
    committee: config.committee,
    replica,
    openSlots: 2 * config.parameters.checkpointInterval,
    serving: servingOf(options, replica),
    step,
    fetcher,
    blocksArrived: (from) => asked.delete(from),
    audit,
    comparison,
    stateArrived: transferring.arrived,
    reachedBy: presence.reachedBy,
  });

  return {
    replica,
    handlers: handlersOf({ presence, inbound, heartbeat, isStopped }),
    start: () => {
      step({ type: "start" });
      for (const part of [presence, heartbeat]) part.start();
    },
    submit: (request) => step({ type: "request", request, local: true }),
    presence,
    opinionOf: inbound.opinionOf,
    transferring,
    get pending() {
      return journal.pending;
    },
    stop() {
      stopped = true;
      alarm.stop();
      heartbeat.stop();
      presence.stop();
    },
  };
};
