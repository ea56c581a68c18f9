/** Every way to lie, by name. */
import { deaf } from "./deaf.ts";
import type { Adversary } from "./kit.ts";
import { mutate } from "./mutate.ts";
import { censor, equivocate, invalidBatch, slowPrimary } from "./proposals.ts";
import { flood, malformed, replay, selective, silent } from "./traffic.ts";
import { lieInTransfer } from "./transfer.ts";
import { badNewView, omitPrepared, viewChangeSpam } from "./views.ts";
import { badCheckpoint, doubleVote, forge } from "./votes.ts";

export const behaviours = {
  silent,
  selective,
  equivocate,
  "double-vote": doubleVote,
  forge,
  mutate,
  replay,
  flood,
  malformed,
  "slow-primary": slowPrimary,
  censor,
  "invalid-batch": invalidBatch,
  "bad-checkpoint": badCheckpoint,
  "bad-new-view": badNewView,
  "omit-prepared": omitPrepared,
  "view-change-spam": viewChangeSpam,
  "lie-in-transfer": lieInTransfer,
} as const satisfies Readonly<Record<string, Adversary>>;

export type BehaviourName = keyof typeof behaviours;

export const behaviourNames = Object.keys(behaviours) as BehaviourName[];

/** Several ways at once: the first is nearest to the wire. None at all only turns a deaf ear to its own words. */
export const combine =
  (adversaries: readonly Adversary[]): Adversary =>
  (network, kit) =>
    deaf(
      adversaries.reduce((wrapped, adversary) => adversary(wrapped, kit), network),
      kit,
    );
