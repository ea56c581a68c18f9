/**
 * The loop in the middle of the node: verified inputs into the replica, its effects out through `perform`, one timer for all that waits.
 * It knows ports only (store, network, clock, verifier), so that the same loop runs on libp2p and in the simulator.
 */
import type { Restored } from "../consensus/config.ts";
import type { Effect } from "../consensus/effect.ts";
import type { Input } from "../consensus/input.ts";
import { createReplica, type Replica } from "../consensus/replica.ts";
import type { PublicKey, ReplicaIndex } from "../protocol/ids.ts";
import type { Request, Verified } from "../protocol/messages.ts";
import type { Network, NetworkHandlers } from "../network/port.ts";
import type { Signer } from "../signing/signer.ts";
import type { Verifier } from "../signing/verifier.ts";
import type { StoreError } from "../storage/port.ts";
import { encodeFrame } from "../wire/frames.ts";
import { createAlarm } from "./alarm.ts";
import type { Clock } from "./clock.ts";
import type { Counters } from "./counters.ts";
import { createExecution, type ExecutionOptions } from "./execution.ts";
import { createFetcher } from "./fetcher.ts";
import { createHeartbeat } from "./heartbeat.ts";
import type { History } from "./history.ts";
import { createInbound } from "./inbound.ts";
import { createJournal } from "./journal.ts";
import { createPerform, type PerformOptions } from "./perform.ts";
import type { Receipts } from "./receipts.ts";
import { createServing } from "./serving.ts";

/** Reads (input, effects) in one place: logs, metrics and events come from here, and from nowhere else. */
export type Observe = (input: Input, effects: readonly Effect[], replica: Replica) => void;

export interface EngineOptions extends Pick<PerformOptions, "replica" | "store" | "keeping" | "evidence" | "refused" | "halted"> {
  readonly signer?: Signer;
  readonly execution: ExecutionOptions;
  readonly restored: Restored;
  readonly network: Network;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly history: History;
  readonly receipts: Receipts;
  readonly counters: Counters;
  readonly heartbeatMs: number;
  /** the store took its last write; nothing that depended on it was said */
  readonly storeFailed: (error: StoreError) => void;
  readonly observe?: Observe;
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
  /** validators with a live channel, this one excluded */
  reachable(): readonly ReplicaIndex[];
  /** what is not durable or not said yet */
  readonly pending: number;
  /** nothing is stepped, timed or sent any more */
  stop(): void;
}

const earliest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

export const createEngine = (options: EngineOptions): Engine => {
  const { network, clock, counters, verifier, history } = options;
  const { committee, self } = options.replica;
  const replica = createReplica(options.replica, options.restored);
  const inputs: Input[] = [];
  let stepping = false;
  let stopped = false;

  const journal = createJournal(options.store, options.storeFailed);
  const fetcher = createFetcher({
    local: (digest) => history.batch(digest),
    found: (batch) => step({ type: "batch", batch: batch as Verified<typeof batch> }),
    ask: (index, digest) => {
      const peer = committee.validators[index]?.peer;
      if (peer !== undefined) network.send(peer, "sync", encodeFrame({ kind: "fetch-batch", digest }));
    },
    now: clock.now,
    timeoutMs: options.replica.settings.fetchTimeoutMs,
  });

  const alarm = createAlarm(clock, () => {
    fetcher.tick();
    step({ type: "tick" });
  });
  const heartbeat = createHeartbeat(replica, network, clock, options.heartbeatMs);
  /** blocks that were asked of a peer and did not come yet */
  const asked = new Set<ReplicaIndex>();
  const performer = createPerform({
    ...options,
    execution: createExecution(options.execution, journal),
    step: (input) => step(input),
    journal,
    fetcher,
    sendStatus: () => heartbeat.send(),
    asked,
  });

  const step = (input: Input): void => {
    if (stopped) return;
    inputs.push(input);
    if (stepping) return;
    stepping = true;
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const effects = replica.step(next, { now: clock.now(), wall: clock.wall() });
      options.observe?.(next, effects, replica);
      performer.perform(effects);
    }
    stepping = false;
    performer.endTurn();
    journal.flush();
    alarm.set(earliest(replica.deadline(), fetcher.deadline()));
  };

  const reachable = (): ReplicaIndex[] =>
    committee.validators.filter(({ index, peer }) => index !== self && network.isUp(peer)).map(({ index }) => index);

  const inbound = createInbound({
    committee,
    replica,
    verifier,
    network,
    serving: createServing({ history, receipt: options.receipts.serve, network, counters, now: clock.now }),
    receipts: options.receipts,
    counters,
    step,
    isSettled: options.isSettled,
    batchArrived: (digest) => fetcher.arrived(digest),
    blocksArrived: (from) => asked.delete(from),
  });

  return {
    replica,
    handlers: {
      onFrame: (from, channel, frame) => {
        if (!stopped) inbound.frame(from, channel, frame);
      },
      onGossip: (from, data, verdict) => (stopped ? verdict("ignore") : inbound.gossip(from, data, verdict)),
      onPeer: (peer, up) => {
        if (stopped) return;
        step({ type: "reachable", peers: reachable() });
        if (up) heartbeat.send(peer);
      },
    },
    start() {
      step({ type: "start" });
      step({ type: "reachable", peers: reachable() });
      heartbeat.start();
    },
    submit: (request) => step({ type: "request", request, local: true }),
    reachable,
    get pending() {
      return journal.pending;
    },
    stop() {
      stopped = true;
      alarm.stop();
      heartbeat.stop();
    },
  };
};
