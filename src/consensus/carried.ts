/** O: what a NEW-VIEW proposes again, and its place in the slots (PROTOCOL §5). */
import { toSequence, type Digest } from "../protocol/ids.ts";
import type { CheckpointCertificate, Reproposal, Signed, SignedNewView, ViewChange } from "../protocol/messages.ts";
import { inWindow, slotAt, type Turn } from "./state.ts";

interface Carried {
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

/**
 * O as PRE-PREPAREs of the new view, as far as the window reaches; returns the highest sequence. Also after a restart, for what was not
 * accepted before it, and when the window moves, for what lay beyond it.
 */
export const installProposals = (turn: Turn, { message, proposalSignatures }: SignedNewView): number => {
  const { epoch, view, replica, proposals } = message;
  proposals.forEach(({ sequence, digest }, index) => {
    const signature = proposalSignatures[index];
    if (signature === undefined || !inWindow(turn.state, sequence)) return;
    const signed = { message: { kind: "pre-prepare", epoch, view, sequence, digest, replica }, signature } as const;
    const slot = slotAt(turn, sequence);
    if (slot.proposal !== undefined) return;
    slot.seenAt = turn.time.now;
    slot.proposal = { digest, signed, carried: true, accepted: false };
  });
  return proposals.at(-1)?.sequence ?? 0;
};
