/** Verification without a node: for clients and tools that hold a genesis and want to be sure now (PROTOCOL §3.6, §7). */
import type { CertifiedBatch, CheckpointCertificate, CommitCertificate, PreparedCertificate, Request } from "../protocol/messages.ts";
import { checkSignature } from "./check.ts";
import { ed25519 } from "./ed25519.ts";
import { failure } from "./failures.ts";
import type { VerificationFailure } from "./failures.ts";
import { planCheckpointCertificate, planCommitCertificate, planPreparedCertificate } from "./plans.ts";
import type { Plan, Trust, ViewTrust } from "./plans.ts";

/** Checks the signatures that a plan lists, here and now; undefined when all is well. */
export const settlePlan = (plan: Plan): VerificationFailure | undefined => {
  if ("failure" in plan) return plan.failure;
  const bad = plan.checks.find((check) => !checkSignature(ed25519, check));
  return bad && failure(bad.reason);
};

/** Exactly q COMMIT signatures of the certificate's epoch; undefined when all is well. 0.06 ms a signature with libsodium. */
export const verifyCommitCertificate = (trust: Trust, certificate: CommitCertificate): VerificationFailure | undefined =>
  settlePlan(planCommitCertificate(trust, certificate));

/** The primary's signature and exactly q−1 PREPAREs of others; undefined when all is well. */
export const verifyPreparedCertificate = (trust: Trust, certificate: PreparedCertificate): VerificationFailure | undefined =>
  settlePlan(planPreparedCertificate(trust, certificate));

/** Exactly q CHECKPOINT signatures, or the genesis itself; undefined when all is well. */
export const verifyCheckpointCertificate = (
  trust: Trust & Pick<ViewTrust, "genesis">,
  certificate: CheckpointCertificate,
): VerificationFailure | undefined => settlePlan(planCheckpointCertificate(trust, certificate));

/** A batch and the certificate that ordered it; undefined when they belong together and the certificate holds. */
export const verifyCertifiedBatch = (trust: Trust, block: CertifiedBatch): VerificationFailure | undefined =>
  block.batch.digest === block.certificate.digest ? verifyCommitCertificate(trust, block.certificate) : failure("digest-mismatch");

/** A request's signature under its client's key, the key included. */
export const verifyRequest = ({ signBytes }: Pick<Trust, "signBytes">, request: Request): boolean =>
  checkSignature(ed25519, {
    publicKey: request.bytes.subarray(0, 32),
    message: signBytes.ofRequest(request),
    signature: request.signature,
    keyIsGood: false,
  });
