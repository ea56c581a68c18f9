/**
 * Votes that come when there are enough without them: of n votes a certificate takes q (PROTOCOL §3.4, §3.5). They are kept as they came and cost no
 * check of a signature, unless their sender contradicts itself: then they are one half of the proof.
 */
import type { Sequence } from "../../protocol/ids.ts";
import type { Commit, Prepare, Signed } from "../../protocol/messages.ts";

type Vote = Signed<Prepare> | Signed<Commit>;

export interface SpareVotesOptions {
  /** more could come of it, were it valid, than of what is known already */
  readonly isNeeded: (message: Prepare | Commit) => boolean;
  /** of a slot that is still open; others are forgotten for it */
  readonly isTimely: (message: Prepare | Commit) => boolean;
  /** slots of which votes are kept, as many as are open at once; beyond it spare votes are dropped */
  readonly mostSlots: number;
}

export interface SpareVotes {
  /**
   * Takes a vote from its own sender's channel: what others bring in a name could push out what was said in it.
   *
   * @returns the votes to be checked now, in this order: none where this one is spare; what was spare of its sender and this one, where they contradict each other
   */
  admit(vote: Vote): readonly Vote[];
}

interface Kept {
  readonly vote: Vote;
  /** it went on to be checked */
  checked: boolean;
}

/** Keeps the first PREPARE and the first COMMIT of each validator for each slot, in the latest view that it voted in. */
export const createSpareVotes = ({ isNeeded, isTimely, mostSlots }: SpareVotesOptions): SpareVotes => {
  const slots = new Map<Sequence, Map<number, Kept>>();

  const slotFor = (sequence: Sequence): Map<number, Kept> | undefined => {
    const known = slots.get(sequence);
    if (known !== undefined) return known;
    if (slots.size >= mostSlots) {
      for (const [each, kept] of slots) if (![...kept.values()].some(({ vote }) => isTimely(vote.message))) slots.delete(each);
    }
    if (slots.size >= mostSlots) return undefined;
    const fresh = new Map<number, Kept>();
    slots.set(sequence, fresh);
    return fresh;
  };

  return {
    admit(vote) {
      const { kind, replica, view, sequence, digest } = vote.message;
      const slot = slotFor(sequence);
      const place = 2 * replica + (kind === "commit" ? 1 : 0);
      const kept = slot?.get(place);
      const checked = isNeeded(vote.message);
      if (kept?.vote.message.view !== view) {
        slot?.set(place, { vote, checked });
        return checked ? [vote] : [];
      }
      if (kept.vote.message.digest === digest) return checked ? [vote] : [];
      const pair = kept.checked ? [vote] : [kept.vote, vote];
      kept.checked = true;
      return pair;
    },
  };
};
