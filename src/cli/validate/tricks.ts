/** Every way to cheat that leaves a proof or a trace, and what it takes to have an occasion for it (docs/adversaries.md). */
import { setTimeout as delay } from "node:timers/promises";
import { primaryAsSeenBy } from "./logs.ts";
import type { Sense } from "./senses.ts";
import { changeView, type Stage } from "./stage.ts";

export interface Trick {
  readonly behaviour: string;
  readonly sense: Sense;
  /** brings about what it lies about; again and again until it is found out */
  readonly occasion?: (stage: Stage, cheat: number) => Promise<void>;
  /** only for who is thought well of: it is waited until former lies are forgotten */
  readonly fresh?: true;
}

/** Done by the primary, or by who becomes it. */
export const seatTricks: readonly Trick[] = [
  { behaviour: "bad-new-view", sense: { by: "evidence", kinds: ["bad-new-view"] } },
  { behaviour: "invalid-batch", sense: { by: "evidence", kinds: ["invalid-batch"] } },
  { behaviour: "slow-primary", sense: { by: "view-change" } },
  { behaviour: "censor", sense: { by: "view-change" } },
  { behaviour: "equivocate", sense: { by: "evidence", kinds: ["conflicting-votes"] } },
  { behaviour: "silent", sense: { by: "view-change" } },
];

/** how long a node is away, so that it has to ask for what it missed */
const awayMs = 1_200;

/** An honest node misses something, and asks the others for it. */
const makeCatchUp = async ({ testnet, all, honest }: Stage): Promise<void> => {
  const primary = await primaryAsSeenBy(testnet, honest[0] as number);
  const away = honest.findLast((index) => index !== primary) as number;
  await testnet.partition([all.filter((index) => index !== away), [away]]);
  await delay(awayMs);
  await testnet.heal();
  await delay(awayMs);
};

/** The cheat writes to a shared document. */
const editShared = async ({ testnet }: Stage, cheat: number): Promise<void> => {
  await testnet.client(cheat).editShared("validate", [{ type: "counter-add", path: ["edits"], amount: 1 }]);
};

/** Done by anybody, in this order: who has shown a few dozen proofs against himself is not proven more, and nobody talks to those who flood for a while. */
export const tricks: readonly Trick[] = [
  { behaviour: "lie-to-clients", sense: { by: "client" } },
  { behaviour: "replay", sense: { by: "repetition", counters: /dropped|duplicate|already|old-view|stale/ } },
  { behaviour: "fork-shared", sense: { by: "evidence", kinds: ["forked-document"] }, occasion: editShared },
  { behaviour: "bad-checkpoint", sense: { by: "evidence", kinds: ["conflicting-checkpoints"] } },
  { behaviour: "mutate", sense: { by: "evidence", kinds: ["conflicting-votes", "conflicting-view-changes", "conflicting-checkpoints"] } },
  { behaviour: "double-vote", sense: { by: "evidence", kinds: ["conflicting-votes"] } },
  { behaviour: "lie-in-transfer", sense: { by: "suspicion", counters: /^messages_refused/ }, occasion: makeCatchUp, fresh: true },
  { behaviour: "view-change-spam", sense: { by: "suspicion", counters: /view-change-rate/ }, occasion: changeView, fresh: true }, // there has to be a VIEW-CHANGE to say again
  { behaviour: "forge", sense: { by: "suspicion", counters: /^messages_refused/ } },
  { behaviour: "malformed", sense: { by: "suspicion", counters: /^messages_malformed/ } },
  { behaviour: "flood", sense: { by: "suspicion", counters: /^messages_dropped.*suspect|isolations/ } },
];
