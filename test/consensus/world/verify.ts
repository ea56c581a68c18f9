/**
 * What the pipeline checks before anything enters a replica, written a second time from PROTOCOL §3–5 and without the core's functions: a
 * judge must not ask the accused.
 */
import type { Committee } from "../../../src/protocol/committee.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import type {
  CertifiedBatch,
  CheckpointCertificate,
  CommitCertificate,
  ConsensusMessage,
  NewView,
  PreparedCertificate,
  Signed,
  SignedNewView,
  ViewChange,
  VoteSignature,
} from "../../../src/protocol/messages.ts";
import type { Notary } from "./notary.ts";

export interface Verifier {
  signed(signed: Signed<ConsensusMessage>): boolean;
  /** the primary's signature that a PREPARE carries */
  carriedProposal(signed: Signed<Extract<ConsensusMessage, { kind: "prepare" }>>): boolean;
  prepared(certificate: PreparedCertificate): boolean;
  committed(certificate: CommitCertificate): boolean;
  stable(certificate: CheckpointCertificate): boolean;
  viewChange(signed: Signed<ViewChange>): boolean;
  newView(signed: SignedNewView): boolean;
  block(block: CertifiedBatch): boolean;
  /** O is what the VIEW-CHANGEs imply, no more and no less (Castro & Liskov, §4.4) */
  implied(newView: NewView): boolean;
}

/** 3f+1 ≤ n, and the smallest q of which any two share f+1 of n. */
export const arithmetic = (n: number): { f: number; q: number } => {
  let f = 0;
  while (3 * (f + 1) + 1 <= n) f += 1;
  let q = 1;
  while (2 * q - n < f + 1) q += 1;
  return { f, q };
};

export const createVerifier = (notary: Notary, committee: Committee, checkpointInterval: number): Verifier => {
  const n = committee.validators.length;
  const { q } = arithmetic(n);
  const known = new WeakSet<object>();
  /** immutable things are judged once */
  const once = <T extends object>(thing: T, judge: () => boolean): boolean => {
    if (known.has(thing)) return true;
    if (!judge()) return false;
    known.add(thing);
    return true;
  };
  const member = (replica: number): boolean => Number.isInteger(replica) && replica >= 0 && replica < n;
  const primary = (view: number): ReplicaIndex => (view % n) as ReplicaIndex;
  const ascending = (items: readonly VoteSignature[]): boolean =>
    items.every(({ replica }, index) => member(replica) && (index === 0 || replica > (items[index - 1] as VoteSignature).replica));

  const signed = (one: Signed<ConsensusMessage>): boolean =>
    once(one, () => member(one.message.replica) && notary.isSigned(one.message.replica, one.message, one.signature));

  const prepared = (c: PreparedCertificate): boolean =>
    once(c, () => {
      const { epoch, view, sequence, digest, proposalSignature } = c;
      const slot = { epoch, view, sequence, digest };
      const leader = primary(view);
      return (
        c.prepares.length === q - 1 &&
        ascending(c.prepares) &&
        notary.isSigned(leader, { kind: "pre-prepare", ...slot, replica: leader }, proposalSignature) &&
        c.prepares.every(
          ({ replica, signature }) =>
            replica !== leader && notary.isSigned(replica, { kind: "prepare", ...slot, replica, proposalSignature }, signature),
        )
      );
    });

  const committed = (c: CommitCertificate): boolean =>
    once(c, () => {
      const { epoch, view, sequence, digest, commits } = c;
      return (
        commits.length === q &&
        ascending(commits) &&
        commits.every(({ replica, signature }) =>
          notary.isSigned(replica, { kind: "commit", epoch, view, sequence, digest, replica }, signature),
        )
      );
    });

  const stable = (c: CheckpointCertificate): boolean =>
    once(c, () => {
      if (c.sequence === 0) return c.signatures.length === 0;
      const { epoch, sequence, stateRoot, logHash, epochRoot } = c;
      return (
        c.signatures.length === q &&
        ascending(c.signatures) &&
        c.signatures.every(({ replica, signature }) =>
          notary.isSigned(replica, { kind: "checkpoint", epoch, sequence, stateRoot, logHash, epochRoot, replica }, signature),
        )
      );
    });

  const viewChange = (one: Signed<ViewChange>): boolean =>
    once(one, () => {
      const { message } = one;
      let last: number = message.stable.sequence;
      const top = last + 2 * checkpointInterval;
      for (const certificate of message.prepared) {
        if (certificate.sequence <= last || certificate.sequence > top || certificate.view >= message.view) return false;
        if (!prepared(certificate)) return false;
        last = certificate.sequence;
      }
      return message.view > 0 && signed(one) && stable(message.stable);
    });

  const newView = (one: SignedNewView): boolean =>
    once(one, () => {
      const message: NewView = one.message;
      const { epoch, view, replica, viewChanges, proposals } = message;
      const senders = viewChanges.map((change) => change.message.replica);
      return (
        replica === primary(view) &&
        signed(one) &&
        viewChanges.length === q &&
        senders.every((sender, index) => index === 0 || sender > (senders[index - 1] as number)) &&
        viewChanges.every((change) => change.message.view === view && viewChange(change)) &&
        one.proposalSignatures.length === proposals.length &&
        proposals.every(({ sequence, digest }, index) => {
          const signature = one.proposalSignatures[index];
          return (
            signature !== undefined && notary.isSigned(replica, { kind: "pre-prepare", epoch, view, sequence, digest, replica }, signature)
          );
        })
      );
    });

  const implied = ({ viewChanges, proposals }: NewView): boolean => {
    const low = Math.max(...viewChanges.map(({ message }) => message.stable.sequence));
    const certificates = viewChanges.flatMap(({ message }) => message.prepared).filter(({ sequence }) => sequence > low);
    const high = certificates.reduce((top, { sequence }) => Math.max(top, sequence), low);
    if (proposals.length !== high - low) return false;
    return proposals.every(({ sequence, digest }, index) => {
      const claims = certificates.filter((one) => one.sequence === sequence).sort((a, b) => b.view - a.view);
      return sequence === low + 1 + index && digest === (claims[0]?.digest ?? notary.emptyBatch.digest);
    });
  };

  return {
    implied,
    signed,
    carriedProposal({ message }) {
      const { epoch, view, sequence, digest, proposalSignature } = message;
      const replica = primary(view);
      return notary.isSigned(replica, { kind: "pre-prepare", epoch, view, sequence, digest, replica }, proposalSignature);
    },
    prepared,
    committed,
    stable,
    viewChange,
    newView,
    block: ({ certificate, batch }) => committed(certificate) && batch.digest === certificate.digest && notary.isBatch(batch),
  };
};
