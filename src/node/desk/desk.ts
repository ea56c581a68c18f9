/** What turns operations and signed requests into answers, around the engine (PROTOCOL §3.6, §9). */
import type { Digest } from "../../protocol/ids.ts";
import type { Verified, Request } from "../../protocol/messages.ts";
import type { RejectionReason } from "../../protocol/rejections.ts";
import type { Network } from "../../network/port.ts";
import { createSigner, signRequest } from "../../signing/signer.ts";
import type { Verifier } from "../../signing/verifier.ts";
import { createProveAnswer, type ProveAnswer } from "./answer-proofs.ts";
import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Engine } from "../pipeline/engine.ts";
import type { Executed } from "../pipeline/execution.ts";
import { createExecutions } from "./executions.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import type { Identity } from "../home/identity.ts";
import type { NodeData } from "../data/node-data.ts";
import { createReceipts, type Receipts } from "./receipts.ts";
import type { Failure } from "../service.ts";
import { createStanding, type Standing } from "../observe/standing.ts";
import { createSubmission, type Submission, verdictOf } from "./submission.ts";
import { createWaiting, type Waiting } from "./waiting.ts";
import type { Parameters } from "../../protocol/limits.ts";

const GRACE_WITHOUT_QUORUM_MS = 2_000;
/** for so long a look at where the node stands answers for the next requests, too: many come at once */
const STANDING_MS = 5;
const MAX_WAITING = 16_384;

export interface Desk {
  readonly gateway: Gateway;
  readonly submission: Submission;
  readonly waiting: Waiting;
  readonly standing: Standing;
  readonly receipts: Receipts;
  readonly proveAnswer: ProveAnswer;
  refreshStanding(): void;
  executed(batch: Executed): void;
  refused(id: Digest, reason: RejectionReason): void;
}

export interface DeskOptions {
  readonly identity: Identity;
  readonly parameters: Parameters;
  readonly data: NodeData;
  readonly verifier: Verifier;
  readonly network: Network;
  readonly counters: Counters;
  readonly clock: Clock;
  /** asked only once the engine exists */
  readonly engine: () => Engine;
  /** runs a callback after what this turn of the event loop still brings */
  readonly defer: (callback: () => void) => void;
  /** how long a client's answer is waited for, milliseconds */
  readonly timeoutMs: number;
}

/** Receipts and proofs of answers: no work until a client asks for one. */
const createProofs = ({ identity, data, network, clock, counters }: DeskOptions): Pick<Desk, "receipts" | "proveAnswer"> => {
  const { committee, self, validatorKey, signBytes } = identity;
  const executions = createExecutions(data.history, data.genesisCheckpoint.logHash);
  const receipts = createReceipts({
    committee,
    ...(self === undefined ? {} : { self }),
    ...(validatorKey === undefined ? {} : { signer: createSigner(validatorKey, signBytes) }),
    trust: { signBytes, committee: (epoch) => (epoch === committee.epoch ? committee : undefined) },
    executions,
    network,
    clock,
    counters,
  });
  return { receipts, proveAnswer: createProveAnswer(executions, receipts) };
};

export const createDesk = (options: DeskOptions): Desk => {
  const { identity, parameters, data, verifier, clock, engine, defer, timeoutMs } = options;
  const { committee, self, gatewayKey, signBytes } = identity;
  const { checkpointInterval, sessionWindow } = parameters;
  const standing = createStanding({ committee, self, checkpointInterval });
  let standingAt = Number.NEGATIVE_INFINITY;
  const refreshStanding = (): void => {
    standingAt = clock.now();
    standing.update(engine().replica.describe(), engine().presence.connectivity(), { now: standingAt, wall: clock.wall() });
  };
  const unavailable = (): Failure | undefined => {
    if (clock.now() - standingAt >= STANDING_MS) refreshStanding();
    return standing.unavailable();
  };
  const order = (request: Verified<Request>): void => engine().submit(request);
  const waiting = createWaiting({ now: clock.now, timeoutMs, graceWithoutQuorumMs: GRACE_WITHOUT_QUORUM_MS, maxWaiting: MAX_WAITING });
  const submission = createSubmission({ ...data, verifier, waiting, unavailable, order, wall: clock.wall });
  const gateway = createGateway({
    sign: (sequence, operations) => signRequest(gatewayKey, signBytes, { sequence, operations }),
    submit: order,
    unavailable,
    now: clock.now,
    wall: clock.wall,
    lastNumber: () => data.ledger.lastNumber(gatewayKey.publicKey),
    defer,
    sessionWindow,
    limits: { requestTimeoutMs: timeoutMs },
  });
  return {
    gateway,
    submission,
    waiting,
    standing,
    ...createProofs(options),
    refreshStanding,
    executed({ sequence, answers, certificate }) {
      for (const [index, answer] of answers.entries()) {
        gateway.executed({ id: answer.id, sequence, verdict: verdictOf(answer.outcome), results: answer.results });
        submission.executed(answer, sequence, index, certificate);
      }
    },
    refused(id, reason) {
      gateway.refused(id, reason);
      submission.refused(id, reason);
    },
  };
};
