/** What a peer lacks of a document, from the summary of what it has (docs/documents.md "Synchronisation"). */
import type { PublicKey } from "../protocol/ids.ts";
import type { GenuineFork } from "./fork.ts";
import { join } from "./history.ts";
import type { History } from "./history.ts";
import { documentLimits } from "./limits.ts";
import type { GenuineOperation } from "./operation.ts";
import type { Summary } from "./summary.ts";

export interface Missing {
  /** parents first */
  readonly operations: readonly GenuineOperation[];
  /** there is more than one message holds */
  readonly more: boolean;
}

/** As much as one message holds. */
const cut = (wanted: readonly GenuineOperation[]): Missing => {
  const room = documentLimits.maxMessageBytes - 4 * documentLimits.maxOperationsPerMessage - documentLimits.maxNameBytes - 8;
  let bytes = 0;
  const distinct = [...new Map(wanted.map((operation) => [operation.id, operation])).values()];
  const at = distinct.findIndex((operation, index) => {
    bytes += operation.bytes.length;
    return index >= documentLimits.maxOperationsPerMessage || bytes > room;
  });
  return at === -1 ? { operations: distinct, more: false } : { operations: distinct.slice(0, at), more: true };
};

/**
 * Everything that the peer's tips and their pasts do not hold. A tip that is not here but lies ahead of ours is taken to build on ours; one at a sequence where we hold
 * another operation means that its author forked: ours at that sequence shows it.
 */
export const missingFor = (history: History, forkers: ReadonlyMap<PublicKey, GenuineFork>, theirs: Summary): Missing => {
  const covered = new Uint32Array(history.chains.length);
  const known = new Set(theirs.forkers);
  const wanted: GenuineOperation[] = [];
  for (const [author, { operations }] of forkers) if (!known.has(author)) wanted.push(...operations);
  for (const { author, sequence, id } of theirs.tips) {
    const entry = history.get(id);
    const ours = forkers.has(author) ? undefined : history.chainsOf(author)[0]?.entries;
    const rival = entry === undefined ? ours?.[sequence - 1] : undefined;
    if (rival !== undefined) wanted.push(rival.operation);
    else {
      const reached = entry ?? ours?.at(-1);
      if (reached !== undefined) join(covered, reached.past);
    }
  }
  for (const { operation, chain, position } of history.entries) if (position > (covered[chain.index] ?? 0)) wanted.push(operation);
  return cut(wanted);
};
