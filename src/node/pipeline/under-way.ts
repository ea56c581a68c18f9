/** How much of each peer is being verified at once. */
import type { PeerName } from "../../protocol/ids.ts";
import type { Counters } from "../counters.ts";

/** Verifications under way for one peer; what comes beyond is dropped and counted: repetition brings back what matters. */
const MAX_PENDING_PER_PEER = 4_096;

/** Counts a verification as under way for its sender until what it returns is called; undefined when the sender has too many. */
export const createUnderWay = (counters: Counters): ((from: PeerName) => (() => void) | undefined) => {
  const pending = new Map<PeerName, number>();
  return (from) => {
    const count = pending.get(from) ?? 0;
    if (count >= MAX_PENDING_PER_PEER) {
      counters.count("dropped.verification-backlog");
      return undefined;
    }
    pending.set(from, count + 1);
    return () => {
      const left = (pending.get(from) ?? 1) - 1;
      if (left === 0) pending.delete(from);
      else pending.set(from, left);
    };
  };
};
