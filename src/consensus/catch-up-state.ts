/** What a replica that is behind has asked for, and what came of it too early to be used (`catch-up.ts`). */
import type { ReplicaIndex, Sequence } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { CertifiedBatch, Verified } from "../protocol/messages.ts";

/** Blocks that were asked of a peer, both ends included. */
export interface Fetch {
  readonly peer: ReplicaIndex;
  readonly from: Sequence;
  readonly to: Sequence;
  readonly deadline: number;
}

export interface CatchUp {
  /** at most two, each of another peer; not changed, but replaced */
  fetches: readonly Fetch[];
  /** one answer that came before what comes before it: at most `limits.maxBlocksPerAnswer` blocks, `limits.maxAnswerBytes` */
  early: readonly Verified<CertifiedBatch>[];
  /** blocks to ask for at a time */
  span: number;
}

export const emptyCatchUp = (): CatchUp => ({ fetches: [], early: [], span: limits.maxBlocksPerAnswer });
