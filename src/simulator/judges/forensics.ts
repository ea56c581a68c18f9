/**
 * Who is to blame when more than f validators lied: whoever signed both of two things of which an honest validator signs one. Any two quorums share
 * f + 1 members, so there are at least as many culprits (Sheng et al., "BFT Protocol Forensics", CCS 2021).
 */
import type { CommitCertificate, NewView, PreparedCertificate } from "../../protocol/messages.ts";

const inBoth = (first: Iterable<number>, second: Iterable<number>): number[] => {
  const known = new Set(first);
  return [...new Set(second)].filter((member) => known.has(member)).sort((a, b) => a - b);
};
const committers = ({ commits }: CommitCertificate): number[] => commits.map(({ replica }) => replica);
const preparers = (certificate: PreparedCertificate, n: number): number[] => [
  certificate.view % n,
  ...certificate.prepares.map(({ replica }) => replica),
];

/** Of two different batches that committed at one sequence in one view; none for different views, where a NEW-VIEW between them tells. */
export const whoCommittedBoth = (first: CommitCertificate | undefined, second: CommitCertificate): number[] =>
  first === undefined || first.view !== second.view ? [] : inBoth(committers(first), committers(second));

/** Of two different batches that prepared at one sequence in one view. */
export const whoPreparedBoth = (first: PreparedCertificate, second: PreparedCertificate, n: number): number[] =>
  inBoth(preparers(first, n), preparers(second, n));

/**
 * A batch committed, and a later view started without it. Its VIEW-CHANGEs convict those who committed and then asked for a later view as if they had
 * not, and those who prepared another batch in the view of the first.
 */
export const whoForgot = (certificate: CommitCertificate, newView: NewView, n: number): number[] => {
  const culprits = newView.viewChanges.flatMap(({ message }) => {
    const others = message.prepared.filter(({ sequence, view }) => sequence === certificate.sequence && view >= certificate.view);
    const rivals = others.filter(({ view, digest }) => view === certificate.view && digest !== certificate.digest);
    if (others.length === 0 && message.stable.sequence < certificate.sequence) return inBoth(committers(certificate), [message.replica]);
    return rivals.flatMap((rival) => inBoth(committers(certificate), preparers(rival, n)));
  });
  return [...new Set(culprits)].sort((a, b) => a - b);
};

/** As people read them. */
export const named = (culprits: readonly number[]): string =>
  culprits.length === 0 ? "" : `; convicted of it: ${culprits.map((culprit) => `#${culprit}`).join(", ")}`;
