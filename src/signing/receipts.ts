/** RECEIPTs: what validators sign about what they executed, and how many of them make it true (PROTOCOL §3.6; docs/wire.md "Receipts"). */
import { isMember } from "../protocol/committee.ts";
import type { Receipt, ReceiptCertificate } from "../protocol/messages.ts";
import { checkSignature } from "./check.ts";
import { ed25519 } from "./ed25519.ts";
import { failure } from "./failures.ts";
import type { VerificationFailure } from "./failures.ts";
import { plannedSigners, signersProblem } from "./plans.ts";
import type { Trust } from "./plans.ts";

/**
 * Exactly f+1 RECEIPTs of different members, so at least one by an honest validator; undefined when all is well. 0.06 ms a signature with libsodium.
 *
 * @param count how many there must be, where it is not f+1: for parts of a certificate that are still to be joined
 */
export const verifyReceiptCertificate = (
  trust: Trust,
  certificate: ReceiptCertificate,
  count?: number,
): VerificationFailure | undefined => {
  const committee = trust.committee(certificate.epoch);
  if (committee === undefined) return failure("unknown-epoch");
  if (certificate.sequence < 1) return failure("wrong-sequence");
  const problem = signersProblem(certificate.signatures, { committee, count: count ?? committee.f + 1 });
  if (problem !== undefined) return failure(problem);
  const checks = plannedSigners(committee, trust.signBytes.ofReceipt(certificate), certificate.signatures);
  const bad = checks.find((check) => !checkSignature(ed25519, check));
  return bad && failure(bad.reason);
};

/** One RECEIPT: a member's, and its own signature; undefined when all is well. */
export const verifyReceipt = (trust: Trust, receipt: Receipt): VerificationFailure | undefined => {
  const committee = trust.committee(receipt.epoch);
  if (committee === undefined) return failure("unknown-epoch");
  if (!isMember(committee, receipt.replica)) return failure("not-a-member");
  const { replica, signature } = receipt;
  const bad = verifyReceiptCertificate(trust, { ...receipt, signatures: [{ replica, signature }] }, 1);
  return bad && failure(bad.reason === "bad-certificate-signature" ? "bad-signature" : bad.reason);
};
