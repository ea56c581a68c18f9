/** What a replica remembers of a transfer of the state (PROTOCOL §7). */
import type { Digest, ReplicaIndex } from "../protocol/ids.ts";
import type { CheckpointCertificate, WantedPart } from "../protocol/messages.ts";

/** One question that is open. */
interface Ask {
  readonly parts: readonly WantedPart[];
  readonly deadline: number;
}

/** A peer that is asked for parts. */
export interface Source {
  ask: Ask | undefined;
  /** false answers, and questions left unanswered, in a row */
  strikes: number;
  /** not asked before, monotonic milliseconds */
  restsUntil: number;
}

export interface Transfer {
  /** undefined while no stable checkpoint is known that could be the target */
  target: CheckpointCertificate | undefined;
  /** until when the answers to our question whether our past is the others' are waited for; undefined before it was asked */
  compareUntil: number | undefined;
  /** it was, as far as can be known: their state may take the place of ours */
  compared: boolean;
  /** the shell has made itself ready for this target and said what is missing */
  begun: boolean;
  /** what is missing, and not had yet; bounded by the depth of the tree and the parts under way: the latest is asked for first */
  readonly wanted: Map<Digest, WantedPart>;
  /** what was asked for of somebody */
  readonly asked: Set<Digest>;
  /** who said that he has it not, since `goneSince` */
  readonly gone: Map<Digest, Set<ReplicaIndex>>;
  goneSince: number;
  readonly sources: Map<ReplicaIndex, Source>;
}

/** A transfer without a target. */
export const emptyTransfer = (): Transfer => ({
  target: undefined,
  compareUntil: undefined,
  compared: false,
  begun: false,
  wanted: new Map(),
  asked: new Set(),
  gone: new Map(),
  goneSince: 0,
  sources: new Map(),
});
