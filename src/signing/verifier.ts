/**
 * The only maker of `Verified<M>` besides our own signer (PROTOCOL §2): structure first, signatures after, each signature once.
 *
 * Every method calls back exactly once (never after the pool was closed), perhaps before it returns, and not in the order of the calls. What comes back is the
 * same object, with the proof in its type.
 */
import type { InvalidBatchReason } from "../protocol/evidence.ts";
import type { Parameters } from "../protocol/limits.ts";
import type {
  Batch,
  CertifiedBatch,
  Checkpoint,
  CheckpointCertificate,
  Commit,
  CommitCertificate,
  PrePrepare,
  Prepare,
  Request,
  Signed,
  SignedNewView,
  Verified,
  ViewChange,
} from "../protocol/messages.ts";
import { batchProblem } from "./batch-rules.ts";
import type { SignatureCheck } from "./check.ts";
import { createCheckRunner } from "./check-runner.ts";
import type { CheckRunnerOptions } from "./check-runner.ts";
import { failure } from "./failures.ts";
import type { VerificationFailure } from "./failures.ts";
import { createKnownKeys } from "./known-keys.ts";
import type { KnownKeys } from "./known-keys.ts";
import { createKnownViewChanges } from "./known-view-changes.ts";
import { planCheckpoint, planCheckpointCertificate, planCommitCertificate, planNewView, planViewChange, planVote } from "./plans.ts";
import type { Plan, ViewTrust } from "./plans.ts";
import type { Urgency } from "./pool.ts";

export type Outcome<T> =
  | { readonly status: "verified"; readonly value: Verified<T> }
  | { readonly status: "refused"; readonly failure: VerificationFailure };

export type BatchOutcome =
  | { readonly status: "verified"; readonly batch: Verified<Batch> }
  | { readonly status: "invalid-batch"; readonly reason: InvalidBatchReason };

export type ProposalOutcome =
  | { readonly status: "verified"; readonly signed: Verified<Signed<PrePrepare>>; readonly batch: Verified<Batch> }
  /** the primary signed a batch that no state could make valid: proof against it */
  | {
      readonly status: "invalid-batch";
      readonly signed: Verified<Signed<PrePrepare>>;
      readonly batch: Batch;
      readonly reason: InvalidBatchReason;
    }
  | { readonly status: "refused"; readonly failure: VerificationFailure };

export interface BlocksOutcome {
  /** all of them, or those before the first that was refused */
  readonly blocks: readonly Verified<CertifiedBatch>[];
  readonly failure?: VerificationFailure;
}

export type VerifiableVote = PrePrepare | Prepare | Commit | Checkpoint;

export interface VerifierOptions extends ViewTrust, CheckRunnerOptions {
  readonly limits: Pick<Parameters, "maxBatchBytes" | "maxBatchRequests">;
  /** good client keys; shared with others or its own of the default size */
  readonly knownKeys?: KnownKeys;
}

export interface Verifier {
  verifyVote<M extends VerifiableVote>(signed: Signed<M>, done: (outcome: Outcome<Signed<M>>) => void): void;
  /** One entry for each request, in order: itself, or undefined when its signature or its client's key is bad. */
  verifyRequests(requests: readonly Request[], done: (verified: readonly (Verified<Request> | undefined)[]) => void): void;
  /** The header first, the batch's own rules, then its requests' signatures. */
  verifyProposal(signed: Signed<PrePrepare>, batch: Batch, done: (outcome: ProposalOutcome) => void): void;
  /** A batch that was asked for by digest. */
  verifyBatch(batch: Batch, done: (outcome: BatchOutcome) => void): void;
  verifyViewChange(signed: Signed<ViewChange>, done: (outcome: Outcome<Signed<ViewChange>>) => void): void;
  verifyNewView(signed: SignedNewView, done: (outcome: Outcome<SignedNewView>) => void): void;
  verifyCheckpointCertificate(certificate: CheckpointCertificate, done: (outcome: Outcome<CheckpointCertificate>) => void): void;
  verifyCommitCertificate(certificate: CommitCertificate, done: (outcome: Outcome<CommitCertificate>) => void): void;
  /**
   * Ordered batches with their commit certificates. Their requests' signatures are not looked at again: q COMMITs contain f+1 honest validators that
   * did.
   */
  verifyBlocks(blocks: readonly CertifiedBatch[], done: (outcome: BlocksOutcome) => void): void;
  /** signatures that are being checked now */
  readonly pending: number;
}

/** Plans with more signatures than this have their sender's own checked before the rest is begun. */
const stagedAbove = 8;

export const createVerifier = (options: VerifierOptions): Verifier => {
  const { knownKeys = createKnownKeys() } = options;
  const runner = createCheckRunner(options);
  const knownViewChanges = createKnownViewChanges();

  const runPlan = (plan: Plan, urgency: Urgency, done: (refused: VerificationFailure | undefined) => void): void => {
    if ("failure" in plan) return done(plan.failure);
    const run = (checks: typeof plan.checks, then: () => void): void =>
      runner.run(checks, urgency, (verdicts) => {
        const bad = checks[verdicts.indexOf(false)];
        if (bad === undefined) then();
        else done(failure(bad.reason));
      });
    const finish = (): void => done(undefined);
    if (plan.checks.length <= stagedAbove) run(plan.checks, finish);
    else run(plan.checks.slice(0, 1), () => run(plan.checks.slice(1), finish));
  };

  const settle = <T>(value: T, plan: Plan, urgency: Urgency, done: (outcome: Outcome<T>) => void): void =>
    runPlan(plan, urgency, (refused) =>
      done(refused === undefined ? { status: "verified", value: value as Verified<T> } : { status: "refused", failure: refused }),
    );

  const requestCheck = (request: Request): SignatureCheck => ({
    publicKey: request.bytes.subarray(0, 32),
    message: options.signBytes.ofRequest(request),
    signature: request.signature,
    keyIsGood: knownKeys.has(request.client),
  });

  const runRequests = (requests: readonly Request[], done: (verdicts: readonly boolean[]) => void): void =>
    runner.run(requests.map(requestCheck), "bulk", (verdicts) => {
      requests.forEach((request, index) => {
        if (verdicts[index] === true) knownKeys.add(request.client);
      });
      done(verdicts);
    });

  const runBatch = (batch: Batch, gapAllowed: boolean, done: (problem: InvalidBatchReason | undefined) => void): void => {
    const problem = batchProblem(batch, options.limits, gapAllowed);
    if (problem !== undefined) return done(problem);
    runRequests(batch.requests, (verdicts) => done(verdicts.includes(false) ? "bad-request-signature" : undefined));
  };

  const verifyProposal: Verifier["verifyProposal"] = (signed, batch, done) => {
    if (batch.digest !== signed.message.digest) return done({ status: "refused", failure: failure("digest-mismatch") });
    settle(signed, planVote(options, signed), "urgent", (header) => {
      if (header.status === "refused") return done(header);
      runBatch(batch, signed.message.view > 0, (reason) =>
        done(
          reason === undefined
            ? { status: "verified", signed: header.value, batch: batch as Verified<Batch> }
            : { status: "invalid-batch", signed: header.value, batch, reason },
        ),
      );
    });
  };

  /** A block's own plan: the certificate speaks of this very batch. */
  const planBlock = (block: CertifiedBatch): Plan =>
    block.batch.digest === block.certificate.digest
      ? planCommitCertificate(options, block.certificate)
      : { failure: failure("digest-mismatch") };

  const verifyBlocks: Verifier["verifyBlocks"] = (blocks, done) => {
    const refused: (VerificationFailure | undefined)[] = blocks.map(() => undefined);
    let open = blocks.length;
    const finish = (): void => {
      const end = refused.findIndex((each) => each !== undefined);
      const why = refused[end];
      const good = (end < 0 ? blocks : blocks.slice(0, end)) as readonly Verified<CertifiedBatch>[];
      done(why === undefined ? { blocks: good } : { blocks: good, failure: why });
    };
    if (open === 0) return finish();
    for (const [index, block] of blocks.entries()) {
      runPlan(planBlock(block), "bulk", (problem) => {
        refused[index] = problem;
        open -= 1;
        if (open === 0) finish();
      });
    }
  };

  return {
    verifyVote: (signed, done) => {
      const { message } = signed;
      const plan =
        message.kind === "checkpoint"
          ? planCheckpoint(options, signed as Signed<Checkpoint>)
          : planVote(options, signed as Signed<Exclude<VerifiableVote, Checkpoint>>);
      settle(signed, plan, "urgent", done);
    },
    verifyRequests: (requests, done) =>
      runRequests(requests, (verdicts) =>
        done(requests.map((request, index) => (verdicts[index] === true ? (request as Verified<Request>) : undefined))),
      ),
    verifyProposal,
    verifyBatch: (batch, done) =>
      runBatch(batch, true, (reason) =>
        done(reason === undefined ? { status: "verified", batch: batch as Verified<Batch> } : { status: "invalid-batch", reason }),
      ),
    verifyViewChange: (signed, done) => {
      // it is repeated until its view begins
      if (knownViewChanges.has(signed)) return done({ status: "verified", value: signed as Verified<Signed<ViewChange>> });
      settle(signed, planViewChange(options, signed), "urgent", (outcome) => {
        if (outcome.status === "verified") knownViewChanges.add(signed);
        done(outcome);
      });
    },
    verifyNewView: (signed, done) => settle(signed, planNewView(options, signed, knownViewChanges.has), "urgent", done),
    verifyCheckpointCertificate: (certificate, done) =>
      settle(certificate, planCheckpointCertificate(options, certificate), "urgent", done),
    verifyCommitCertificate: (certificate, done) => settle(certificate, planCommitCertificate(options, certificate), "urgent", done),
    verifyBlocks,
    get pending() {
      return runner.pending;
    },
  };
};
