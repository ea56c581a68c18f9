/** How cheating is found out: what honest nodes can show for it, from the moment at which it began. */
import type { EvidenceKind } from "../../protocol/evidence.ts";
import { verifyEvidence } from "../../client/verify-evidence.ts";
import type { Stage } from "./stage.ts";

/** What a way to cheat is found out by (docs/adversaries.md). */
export type Sense =
  /** a proof that anybody can check */
  | { readonly by: "evidence"; readonly kinds: readonly EvidenceKind[] }
  /** honest nodes refuse and count what it sends, and think less of who sent it */
  | { readonly by: "suspicion"; readonly counters: RegExp }
  /** the others take the primary's seat away */
  | { readonly by: "view-change" }
  /** honest nodes drop and count what comes again; nobody is named, for anybody may pass on a message */
  | { readonly by: "repetition"; readonly counters: RegExp }
  /** an answer does not verify */
  | { readonly by: "client" };

/** What was found of one cheat: how, and what was done about it. */
export interface Finding {
  readonly method: string;
  readonly action: string;
}

/** What honest nodes counted, by counter, summed. */
export type Counts = ReadonlyMap<string, number>;

/** Before somebody cheats. */
export interface Before {
  /** Unix milliseconds */
  readonly wall: number;
  /** by observer */
  readonly counts: ReadonlyMap<number, Counts>;
  /** what `observer` thought of `subject` */
  readonly reputation: (observer: number, subject: number) => number;
}

const readCounts = (text: string): Counts => {
  const counts = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^byz_((?:messages_\w+|rejections|network)_total\{[^}]*\}) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) counts.set(name, Number(value));
  }
  return counts;
};

export const countsOf = async ({ testnet, honest }: Stage): Promise<ReadonlyMap<number, Counts>> =>
  new Map(await Promise.all(honest.map(async (index) => [index, readCounts(await testnet.client(index).metrics())] as const)));

export const lookBefore = async (stage: Stage): Promise<Before> => {
  const { honest, cheats, opinions } = stage;
  const thought = new Map(
    honest.map((observer) => [observer, new Map(cheats.map((each) => [each, opinions.now(observer, each).reputation]))]),
  );
  return {
    wall: Date.now(),
    counts: await countsOf(stage),
    reputation: (observer, subject) => thought.get(observer)?.get(subject) ?? 1,
  };
};

/** What grew since, of the counters meant, by name without what all have in common. */
export const grown = (before: Counts | undefined, after: Counts, counters: RegExp): Map<string, number> => {
  const more = new Map<string, number>();
  for (const [name, value] of after) {
    const by = value - (before?.get(name) ?? 0);
    if (by > 0 && counters.test(name)) more.set(/="([^"]+)"/.exec(name)?.[1] ?? name, by);
  }
  return more;
};

/** Proofs of these kinds against this cheat, new since it began and verified by the genesis alone; undefined while nobody has one. */
const proven = async (stage: Stage, cheat: number, kinds: readonly EvidenceKind[], before: Before): Promise<Finding | undefined> => {
  const { testnet, genesis, honest } = stage;
  const { peerId } = testnet.node(cheat);
  const found = await Promise.all(
    honest.map(async (index) =>
      (await testnet.client(index).evidence()).find((record) => {
        if (record.detectedAt < before.wall || !kinds.some((kind) => kind === record.kind)) return false;
        const verdict = verifyEvidence(genesis, record);
        return verdict.ok && verdict.culprits.some(({ peer }) => peer === peerId);
      }),
    ),
  );
  const records = found.filter((record) => record !== undefined);
  const [first] = records;
  if (first === undefined) return undefined;
  return { method: `proof (${first.kind}) at ${records.length} of ${honest.length}: ${first.method}`, action: first.action };
};

/** Honest nodes counted what only cheats send, and think less of this one than before. */
const suspected = async (stage: Stage, cheat: number, counters: RegExp, before: Before): Promise<Finding | undefined> => {
  const { honest, opinions } = stage;
  const now = await countsOf(stage);
  const sums = new Map<string, number>();
  let observers = 0;
  let lowest = 1;
  const standings = new Set<string>();
  for (const index of honest) {
    const more = grown(before.counts.get(index), now.get(index) ?? new Map(), counters);
    const { reputation, standing } = opinions.worst(index, cheat);
    if (more.size === 0 || reputation >= before.reputation(index, cheat)) continue;
    observers += 1;
    lowest = Math.min(lowest, reputation);
    if (standing !== "good") standings.add(standing);
    for (const [name, by] of more) sums.set(name, (sums.get(name) ?? 0) + by);
  }
  if (observers === 0) return undefined;
  const counted = [...sums].map(([name, by]) => `${name} ${by}`).join(", ");
  const action = standings.size === 0 ? `reputation down to ${lowest.toFixed(2)}` : [...standings].toSorted().join(", ");
  return { method: `suspicion at ${observers} of ${honest.length}: ${counted}`, action };
};

/** Whether this cheat has been found out by now. @param seat the view in which it is the primary */
export const findOut = async (
  stage: Stage,
  sense: Sense,
  cheat: number,
  before: Before,
  seat: number | undefined,
): Promise<Finding | undefined> => {
  switch (sense.by) {
    case "evidence":
      return proven(stage, cheat, sense.kinds, before);
    case "suspicion":
      return suspected(stage, cheat, sense.counters, before);
    case "view-change": {
      if (seat === undefined) return undefined;
      const { view } = await stage.testnet.client(stage.honest[0] as number).status();
      if (view <= seat) return undefined;
      return { method: "its requests took too long", action: `replaced as the primary of view ${seat}` };
    }
    case "repetition":
    case "client":
      return undefined;
  }
};
