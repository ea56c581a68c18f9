/**
 * What must be true of a message, up to its signatures: structure is checked here, cheapest first, and the signatures that remain to be checked
 * are listed. Pure: the same plans serve the node's asynchronous verifier and a client's offline one.
 */
import { isMember, primaryOf } from "../protocol/committee.ts";
import type { Committee } from "../protocol/committee.ts";
import type { Digest, Epoch, ReplicaIndex, Sequence, Signature, View } from "../protocol/ids.ts";
import type {
  Checkpoint,
  CheckpointCertificate,
  Commit,
  CommitCertificate,
  PrePrepare,
  Prepare,
  PreparedCertificate,
  Signed,
  SignedNewView,
  ViewChange,
  VoteSignature,
} from "../protocol/messages.ts";
import { fromHex } from "../wire/bytes.ts";
import { checkpointDigest } from "../wire/digests.ts";
import type { SignBytes, SignedFields } from "../wire/sign-bytes.ts";
import type { SignatureCheck } from "./check.ts";
import { failure } from "./failures.ts";
import type { VerificationFailure, VerificationReason } from "./failures.ts";

/** What a verifier trusts: the network and its committees. */
export interface Trust {
  readonly signBytes: SignBytes;
  /** the committee of an epoch, as far as it is known */
  readonly committee: (epoch: Epoch) => Committee | undefined;
}

/** What else is needed for view changes. */
export interface ViewTrust extends Trust {
  readonly checkpointInterval: number;
  /** the roots of sequence 0 */
  readonly genesis: { readonly stateRoot: Digest; readonly logHash: Digest; readonly epochRoot: Digest };
}

/** A signature to check, and what its failure means. */
export interface PlannedCheck extends SignatureCheck {
  readonly reason: VerificationReason;
}

/** Either what is wrong already, or the signatures that decide; the sender's own first. */
export type Plan = { readonly checks: readonly PlannedCheck[] } | { readonly failure: VerificationFailure };

const refuse = (reason: VerificationReason): Plan => ({ failure: failure(reason) });

const committeeKeys = new WeakMap<Committee, readonly Uint8Array[]>();

/** The key bytes of a member; converted once a committee. */
const keyOf = (committee: Committee, replica: ReplicaIndex): Uint8Array => {
  let keys = committeeKeys.get(committee);
  if (keys === undefined) {
    keys = committee.validators.map((validator) => fromHex(validator.publicKey));
    committeeKeys.set(committee, keys);
  }
  return keys[replica] ?? new Uint8Array(32);
};

const planned = (
  committee: Committee,
  replica: ReplicaIndex,
  message: Uint8Array,
  signature: Signature,
  reason: VerificationReason,
): PlannedCheck => ({ publicKey: keyOf(committee, replica), message, signature, keyIsGood: true, reason });

/** PRE-PREPARE, PREPARE and COMMIT (PROTOCOL §3). A PREPARE's copy of the primary's signature is checked too. */
export const planVote = (trust: Trust, signed: Signed<PrePrepare | Prepare | Commit>): Plan => {
  const { message, signature } = signed;
  const committee = trust.committee(message.epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  if (!isMember(committee, message.replica)) return refuse("not-a-member");
  if (message.sequence < 1) return refuse("wrong-sequence");
  const primary = primaryOf(committee, message.view);
  if (message.kind === "pre-prepare" && message.replica !== primary) return refuse("not-the-primary");
  if (message.kind === "prepare" && message.replica === primary) return refuse("prepare-by-primary");
  const own = planned(committee, message.replica, trust.signBytes.ofMessage(message), signature, "bad-signature");
  if (message.kind !== "prepare") return { checks: [own] };
  const proposal = trust.signBytes.of("pre-prepare", message);
  return { checks: [own, planned(committee, primary, proposal, message.proposalSignature, "bad-proposal-signature")] };
};

/** CHECKPOINT (PROTOCOL §4). */
export const planCheckpoint = (trust: Trust, signed: Signed<Checkpoint>): Plan => {
  const { message, signature } = signed;
  const committee = trust.committee(message.epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  if (!isMember(committee, message.replica)) return refuse("not-a-member");
  if (message.sequence < 1) return refuse("wrong-sequence");
  return { checks: [planned(committee, message.replica, trust.signBytes.ofMessage(message), signature, "bad-signature")] };
};

interface CertificateRule {
  readonly committee: Committee;
  readonly count: number;
  /** who may not be among the signers */
  readonly except?: ReplicaIndex;
}

/** Exactly so many, members, ascending and so distinct. */
export const signersProblem = (signatures: readonly VoteSignature[], rule: CertificateRule): VerificationReason | undefined => {
  if (signatures.length !== rule.count) return "wrong-signer-count";
  let last = -1;
  for (const { replica } of signatures) {
    if (!isMember(rule.committee, replica)) return "not-a-member";
    if (replica <= last) return "signers-not-ascending";
    if (replica === rule.except) return "prepare-by-primary";
    last = replica;
  }
  return undefined;
};

export const plannedSigners = (committee: Committee, message: Uint8Array, signatures: readonly VoteSignature[]): PlannedCheck[] =>
  signatures.map(({ replica, signature }) => planned(committee, replica, message, signature, "bad-certificate-signature"));

/** Exactly q COMMITs of the certificate's epoch (PROTOCOL §3.5). */
export const planCommitCertificate = (trust: Trust, certificate: CommitCertificate): Plan => {
  const committee = trust.committee(certificate.epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  if (certificate.sequence < 1) return refuse("wrong-sequence");
  const problem = signersProblem(certificate.commits, { committee, count: committee.quorum });
  if (problem !== undefined) return refuse(problem);
  return { checks: plannedSigners(committee, trust.signBytes.of("commit", certificate), certificate.commits) };
};

/** The primary's PRE-PREPARE and exactly q−1 PREPAREs of others (PROTOCOL §3.4). */
export const planPreparedCertificate = (trust: Trust, certificate: PreparedCertificate): Plan => {
  const committee = trust.committee(certificate.epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  if (certificate.sequence < 1) return refuse("wrong-sequence");
  const primary = primaryOf(committee, certificate.view);
  const problem = signersProblem(certificate.prepares, { committee, count: committee.quorum - 1, except: primary });
  if (problem !== undefined) return refuse(problem);
  const proposal = trust.signBytes.of("pre-prepare", certificate);
  return {
    checks: [
      planned(committee, primary, proposal, certificate.proposalSignature, "bad-certificate-signature"),
      ...plannedSigners(committee, trust.signBytes.of("prepare", certificate), certificate.prepares),
    ],
  };
};

/** Exactly q CHECKPOINTs; at sequence 0 the genesis itself and no signature (PROTOCOL §4). */
export const planCheckpointCertificate = (trust: Trust & Pick<ViewTrust, "genesis">, certificate: CheckpointCertificate): Plan => {
  const { epoch, sequence, signatures } = certificate;
  if (sequence === 0) {
    const { stateRoot, logHash, epochRoot } = trust.genesis;
    const same = certificate.stateRoot === stateRoot && certificate.logHash === logHash && certificate.epochRoot === epochRoot;
    return epoch === 0 && signatures.length === 0 && same ? { checks: [] } : refuse("wrong-genesis-checkpoint");
  }
  const committee = trust.committee(epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  const problem = signersProblem(signatures, { committee, count: committee.quorum });
  if (problem !== undefined) return refuse(problem);
  const fields: SignedFields = { epoch, view: 0, sequence, digest: checkpointDigest(certificate) };
  return { checks: plannedSigners(committee, trust.signBytes.of("checkpoint", fields), signatures) };
};

/** All checks in order, or the first failure. */
const join = (plans: Iterable<Plan>): Plan => {
  const checks: PlannedCheck[] = [];
  for (const plan of plans) {
    if ("failure" in plan) return plan;
    for (const check of plan.checks) checks.push(check);
  }
  return { checks };
};

/** Certificates of one VIEW-CHANGE: of its epoch, of an earlier view, ascending and within the window above its checkpoint. */
function* planPrepared(trust: ViewTrust, viewChange: ViewChange): Generator<Plan> {
  const low = viewChange.stable.sequence;
  const high = low + 2 * trust.checkpointInterval;
  let last: Sequence = low;
  for (const certificate of viewChange.prepared) {
    if (certificate.epoch !== viewChange.epoch) yield refuse("wrong-epoch");
    else if (certificate.view >= viewChange.view) yield refuse("wrong-view");
    else if (certificate.sequence <= low || certificate.sequence > high) yield refuse("wrong-sequence");
    else if (certificate.sequence <= last) yield refuse("sequences-not-ascending");
    else yield planPreparedCertificate(trust, certificate);
    last = certificate.sequence;
  }
}

/**
 * VIEW-CHANGE (PROTOCOL §5): its sender's signature, its checkpoint certificate and every prepared certificate in full. The checkpoint may be the last
 * one of the epoch before.
 */
export const planViewChange = (trust: ViewTrust, signed: Signed<ViewChange>): Plan => {
  const { message, signature } = signed;
  const committee = trust.committee(message.epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  if (!isMember(committee, message.replica)) return refuse("not-a-member");
  if (message.view < 1) return refuse("wrong-view");
  const { stable, prepared } = message;
  if (stable.epoch !== message.epoch && stable.epoch !== message.epoch - 1) return refuse("wrong-epoch");
  if (prepared.length > 2 * trust.checkpointInterval) return refuse("too-many-certificates");
  const inner = join([planCheckpointCertificate(trust, stable), ...planPrepared(trust, message)]);
  if ("failure" in inner) return inner;
  const own = planned(committee, message.replica, trust.signBytes.ofMessage(message), signature, "bad-signature");
  return { checks: [own, ...inner.checks] };
};

/** A NEW-VIEW's VIEW-CHANGEs: exactly q of different members, each for this epoch and view, each verified in full, now or before. */
const planViewChanges = (trust: ViewTrust, signed: SignedNewView, committee: Committee, isKnown: IsKnown): Plan => {
  const { epoch, view, viewChanges } = signed.message;
  if (viewChanges.length !== committee.quorum) return refuse("wrong-signer-count");
  const plans: Plan[] = [];
  let last = -1;
  for (const viewChange of viewChanges) {
    const { message } = viewChange;
    if (message.epoch !== epoch) return refuse("wrong-epoch");
    if (message.view !== view) return refuse("wrong-view");
    if (message.replica <= last) return refuse("signers-not-ascending");
    last = message.replica;
    if (isKnown(viewChange)) continue;
    const plan = planViewChange(trust, viewChange);
    if ("failure" in plan) return plan;
    plans.push({ checks: plan.checks.map((check) => ({ ...check, reason: "bad-certificate-signature" })) });
  }
  return join(plans);
};

/** The new primary's PRE-PREPARE for each entry of O. */
const planProposals = (trust: ViewTrust, signed: SignedNewView, committee: Committee): Plan => {
  const { epoch, view, replica, proposals } = signed.message;
  if (signed.proposalSignatures.length !== proposals.length) return refuse("wrong-signer-count");
  if (proposals.length > 2 * trust.checkpointInterval) return refuse("too-many-certificates");
  const slot = (sequence: Sequence, digest: Digest): { epoch: Epoch; view: View; sequence: Sequence; digest: Digest } => ({
    epoch,
    view,
    sequence,
    digest,
  });
  const checks: PlannedCheck[] = [];
  let last: number | undefined;
  for (const [index, { sequence, digest }] of proposals.entries()) {
    const signature = signed.proposalSignatures[index];
    if (sequence < 1) return refuse("wrong-sequence");
    if (signature === undefined || (last !== undefined && sequence !== last + 1)) return refuse("sequences-not-ascending");
    last = sequence;
    checks.push(
      planned(committee, replica, trust.signBytes.of("pre-prepare", slot(sequence, digest)), signature, "bad-proposal-signature"),
    );
  }
  return { checks };
};

type IsKnown = (viewChange: Signed<ViewChange>) => boolean;

/**
 * NEW-VIEW (PROTOCOL §5): signed by the primary of its view, with q full VIEW-CHANGEs and a signed PRE-PREPARE for each re-proposal. Whether these are the
 * right re-proposals is for consensus to say.
 *
 * @param isKnown this very VIEW-CHANGE, content and signature, was verified in full before
 */
export const planNewView = (trust: ViewTrust, signed: SignedNewView, isKnown: IsKnown = () => false): Plan => {
  const { message, signature } = signed;
  const committee = trust.committee(message.epoch);
  if (committee === undefined) return refuse("unknown-epoch");
  if (message.view < 1) return refuse("wrong-view");
  if (!isMember(committee, message.replica)) return refuse("not-a-member");
  if (message.replica !== primaryOf(committee, message.view)) return refuse("not-the-primary");
  const inner = join([planViewChanges(trust, signed, committee, isKnown), planProposals(trust, signed, committee)]);
  if ("failure" in inner) return inner;
  const own = planned(committee, message.replica, trust.signBytes.ofMessage(message), signature, "bad-signature");
  return { checks: [own, ...inner.checks] };
};
