/** What a verified PREPARE says about its primary. */
import { primaryOf, type Committee } from "../protocol/committee.ts";
import type { PrePrepare, Prepare, Signed, Verified } from "../protocol/messages.ts";

/** The PRE-PREPARE whose signature a PREPARE carries; it was verified together with the PREPARE (PROTOCOL §3). */
export const carriedProposal = (committee: Committee, prepare: Verified<Signed<Prepare>>): Verified<Signed<PrePrepare>> => {
  const { epoch, view, sequence, digest, proposalSignature } = prepare.message;
  const message: PrePrepare = { kind: "pre-prepare", epoch, view, sequence, digest, replica: primaryOf(committee, view) };
  return { message, signature: proposalSignature } satisfies Signed<PrePrepare> as Verified<Signed<PrePrepare>>;
};
