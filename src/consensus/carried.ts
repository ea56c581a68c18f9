/** A NEW-VIEW's proposals in their slots (PROTOCOL §5). */
import type { SignedNewView } from "../protocol/messages.ts";
import { inWindow, slotAt, type Turn } from "./state.ts";

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
