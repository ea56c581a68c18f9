/**
 * The gateway orders what plain HTTP users send: it coalesces their operations into requests under the node's own key, one signature for many
 * operations and still one answer each (PROTOCOL §9), and lets all waiting linearizable reads share one ordered barrier.
 *
 * Free of I/O: clocks, the signature and the way into the pipeline are given; answers come in through `executed` and `refused`.
 *
 * - A request is cut as soon as a slot is free, at the end of the turn, so that what arrives together travels together.
 * - Operations submitted together stay together and in order, in one request.
 * - Every callback is called exactly once.
 */
import type { Digest, Sequence } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { Request, Verified } from "../../protocol/messages.ts";
import type { RejectionReason } from "../../protocol/rejections.ts";
import { createClientSequence } from "../../protocol/client-sequence.ts";
import { requestOverheadBytes } from "../../wire/sizes.ts";
import {
  closingFailure,
  failureOfRejection,
  failureOfOwnVerdict,
  queueFullFailure,
  type RequestVerdict,
  tooLongInQueueFailure,
  unknownOutcome,
} from "./failures.ts";
import { createGatewayQueue, type Ordered, sizeOf, type QueueBounds, type Submission } from "./gateway-queue.ts";
import { oncePerTurn } from "../once-per-turn.ts";
import { createSlots, deliverSlot, failSlot, refuseAll, type WaitingRead } from "./gateway-slots.ts";
import { type Failure, failed, type Outcome } from "../service.ts";

export interface GatewayLimits extends QueueBounds {
  /** requests ordered at once; what comes meanwhile waits and is coalesced */
  readonly maxOutstanding: number;
  // per request `maxOperationsPerRequest` and `maxBytesPerRequest`, unless one submission alone holds more;
  // waiting `maxQueuedOperations` and `maxQueuedBytes`, beyond which a submission is refused as `overloaded`
  /** reads waiting for a barrier that is not cut yet; beyond it `overloaded` */
  readonly maxWaitingReads: number;
  /** in the queue, before anything was ordered: then `overloaded` */
  readonly queueTimeoutMs: number;
  /** from the cut to the answer: then `outcome_unknown` */
  readonly requestTimeoutMs: number;
  /** the same while there is no quorum: it makes no sense to wait long */
  readonly graceWithoutQuorumMs: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  maxOutstanding: 8,
  maxOperationsPerRequest: 256,
  maxBytesPerRequest: 256 * 1024,
  maxQueuedOperations: 16_384,
  maxQueuedBytes: 16 * 1024 * 1024,
  maxWaitingReads: 16_384,
  queueTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  graceWithoutQuorumMs: 2_000,
};

/** While anything waits, `tick` is due this often, so that a lost quorum is noticed. */
const pollMs = 100;
export interface GatewayOptions {
  /** builds and signs a request under the gateway key */
  sign(sequence: number, operations: readonly Uint8Array[]): Verified<Request>;
  /** hands a request to the pipeline; a refusal comes through `refused`, perhaps before this returns */
  submit(request: Verified<Request>): void;
  /** why nothing can be ordered now (`no_quorum`, `syncing`), if so; cheap: asked for each submission */
  unavailable(): Failure | undefined;
  /** monotonic milliseconds */
  now(): number;
  /** Unix milliseconds */
  wall(): number;
  /** the highest number that the ledger knows of the gateway key, or that one it forgot may have had */
  lastNumber(): number;
  /** runs `callback` once, after what this turn of the event loop still brings (`setImmediate`) */
  defer(callback: () => void): void;
  /** `Parameters.sessionWindow` */
  readonly sessionWindow: number;
  readonly limits?: Partial<GatewayLimits>;
}

export interface ExecutedRequest {
  readonly id: Digest;
  readonly sequence: Sequence;
  readonly verdict: RequestVerdict;
  /** one per operation; empty unless executed */
  readonly results: readonly Uint8Array[];
}

export interface GatewayStats {
  readonly outstanding: number;
  readonly queuedOperations: number;
  readonly queuedBytes: number;
  readonly waitingReads: number;
  /** since the start */
  readonly requests: number;
  readonly operations: number;
  readonly barriers: number;
  readonly timedOut: number;
}

export interface Gateway {
  /** Orders these operations together and in this order. `answer` may be called before this returns, when they are refused. */
  submit(operations: readonly Uint8Array[], answer: (outcome: Outcome<Ordered>) => void): void;
  /** Answers once a request that was cut after this call is executed here: a local read then is linearizable. */
  barrier(answer: (outcome: Outcome<Sequence>) => void): void;
  /** A request was executed here, durably. Those of others are ignored. */
  executed(request: ExecutedRequest): void;
  /** The pipeline does not, or no longer, hold a request. Those of others are ignored. */
  refused(id: Digest, reason: RejectionReason): void;
  /** Time passed, or connectivity changed. */
  tick(): void;
  /** when `tick` is due at the latest, by `now`; undefined while nothing waits */
  deadline(): number | undefined;
  /** Answers everything that waits; refuses everything after. */
  close(): void;
  stats(): GatewayStats;
}

/** Never to be accepted, whatever the load. */
const unacceptable = (operations: readonly Uint8Array[], bytes: number): Failure | undefined => {
  if (operations.length === 0) return { code: "invalid_request", message: "a request holds at least one operation" };
  if (operations.length > limits.maxOperationsPerRequest) {
    return {
      code: "too_large",
      message: `${operations.length} operations are more than the ${limits.maxOperationsPerRequest} of one request`,
    };
  }
  if (bytes + requestOverheadBytes <= limits.maxRequestBytes) return undefined;
  return { code: "too_large", message: `${bytes} bytes of operations do not fit into a request of ${limits.maxRequestBytes} bytes` };
};

/** An operation without bytes: the ledger answers it and changes nothing, whatever the application. */
const barrier = new Uint8Array(0);

/** A write serves as a barrier too: any ordered operation separates what came before a read from what comes after it. */
const operationsOf = (submissions: readonly Submission[]): readonly Uint8Array[] =>
  submissions.length > 0 ? submissions.flatMap(({ operations }) => operations) : [barrier];

export const createGateway = (options: GatewayOptions): Gateway => {
  const bounds: GatewayLimits = { ...defaultGatewayLimits, ...options.limits };
  const numbers = createClientSequence({ window: options.sessionWindow });
  const schedulePump = oncePerTurn(options.defer, () => pump());
  /** at most `maxOutstanding` */
  const slots = createSlots(({ number }) => {
    numbers.settle(number);
    schedulePump();
  });
  const queue = createGatewayQueue(bounds);
  /** bounded by `maxWaitingReads` */
  const reads: WaitingRead[] = [];
  let closed = false;
  let lastTick = options.now();
  const counts = { requests: 0, operations: 0, barriers: 0, timedOut: 0 };

  /** Answers what waits and came before `time`. */
  const refuseOlderThan = (time: number, failure: Failure) => {
    const old = reads.findIndex(({ since }) => since >= time);
    refuseAll(failure, queue.takeOlderThan(time), reads.splice(0, old === -1 ? reads.length : old));
  };
  const giveUpSlots = (time: number) => {
    for (const slot of slots.releaseUpTo(time)) {
      counts.timedOut += 1;
      failSlot(slot, unknownOutcome(slot.id));
    }
  };

  /** @returns false when the session's window is full */
  const cut = (): boolean => {
    const number = numbers.next(options.wall(), options.lastNumber());
    if (number === undefined) return false;
    const submissions = queue.take();
    const operations = operationsOf(submissions);
    const request = options.sign(number, operations);
    slots.add({ id: request.id, number, since: options.now(), submissions, reads: reads.splice(0) });
    counts.requests += 1;
    counts.operations += operations.length;
    if (submissions.length === 0) counts.barriers += 1;
    options.submit(request);
    return true;
  };

  const refusal = (): Failure | undefined => (closed ? closingFailure : options.unavailable());
  const pump = () => {
    const failure = queue.length + reads.length > 0 ? refusal() : undefined;
    if (failure !== undefined) refuseOlderThan(Infinity, failure);
    while (queue.length + reads.length > 0 && slots.size < bounds.maxOutstanding && cut());
  };

  return {
    submit(operations, answer): void {
      const bytes = sizeOf(operations);
      const failure = unacceptable(operations, bytes) ?? refusal();
      if (failure !== undefined) return answer(failed(failure));
      if (!queue.add({ operations, bytes, since: options.now(), answer })) return answer(failed(queueFullFailure));
      schedulePump();
    },
    barrier(answer): void {
      const failure = refusal();
      if (failure !== undefined) return answer(failed(failure));
      if (reads.length >= bounds.maxWaitingReads) return answer(failed(queueFullFailure));
      reads.push({ since: options.now(), answer });
      schedulePump();
    },
    executed(request): void {
      const slot = slots.release(request.id);
      if (slot === undefined) return;
      if (request.verdict === "executed") deliverSlot(slot, request.sequence, request.results);
      else failSlot(slot, failureOfOwnVerdict(request.verdict, request.id));
    },
    refused(id, reason): void {
      // it is on its way, or has just run: the answer comes with its execution
      if (reason === "already-pending" || reason === "already-executed") return;
      const slot = slots.release(id);
      if (slot !== undefined) failSlot(slot, failureOfRejection(reason, id));
    },
    tick(): void {
      if (closed) return;
      const now = (lastTick = options.now());
      const patienceMs = options.unavailable() === undefined ? bounds.requestTimeoutMs : bounds.graceWithoutQuorumMs;
      giveUpSlots(now - patienceMs);
      refuseOlderThan(now - bounds.queueTimeoutMs, tooLongInQueueFailure);
      pump();
    },
    deadline() {
      return slots.size + queue.length + reads.length > 0 ? lastTick + pollMs : undefined;
    },
    close(): void {
      if (closed) return;
      closed = true;
      refuseOlderThan(Infinity, closingFailure);
      giveUpSlots(Infinity);
    },
    stats: () => ({
      outstanding: slots.size,
      queuedOperations: queue.operations,
      queuedBytes: queue.bytes,
      waitingReads: reads.length,
      ...counts,
    }),
  };
};
