/** O: what a NEW-VIEW has to propose again, from its VIEW-CHANGEs alone (PROTOCOL §5). */
import { toSequence, type Digest } from "./ids.ts";
import type { CheckpointCertificate, Reproposal, Signed, ViewChange } from "./messages.ts";

export interface Carried {
  /** highest stable checkpoint among the VIEW-CHANGEs */
  readonly stable: CheckpointCertificate;
  /** O */
  readonly proposals: readonly Reproposal[];
}

/** O from VIEW-CHANGEs: from the highest stable checkpoint to the highest prepared sequence, the digest of the highest view, or empty. */
export const carryOver = (viewChanges: readonly Signed<ViewChange>[], emptyDigest: Digest): Carried => {
  const stable = viewChanges.map(({ message }) => message.stable).reduce((best, next) => (next.sequence > best.sequence ? next : best));
  const highest = new Map<number, { readonly view: number; readonly digest: Digest }>();
  let top: number = stable.sequence;
  for (const { message } of viewChanges) {
    for (const { sequence, view, digest } of message.prepared) {
      if (sequence <= stable.sequence || view <= (highest.get(sequence)?.view ?? -1)) continue;
      highest.set(sequence, { view, digest });
      top = Math.max(top, sequence);
    }
  }
  const proposals: Reproposal[] = [];
  for (let sequence = stable.sequence + 1; sequence <= top; sequence += 1) {
    proposals.push({ sequence: toSequence(sequence), digest: highest.get(sequence)?.digest ?? emptyDigest });
  }
  return { stable, proposals };
};

/** Entry by entry the same. */
export const sameProposals = (a: readonly Reproposal[], b: readonly Reproposal[]): boolean =>
  a.length === b.length && a.every(({ sequence, digest }, index) => b[index]?.sequence === sequence && b[index].digest === digest);
