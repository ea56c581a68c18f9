/** What the sides of a partition wrote into shared documents, and what met when they were merged: the documents' part of its report (PROTOCOL §10, §11). */
import { conflictsBetween } from "../../documents/conflicts.ts";
import type { Change } from "../../documents/changes.ts";
import type { DocumentName, GenuineOperation } from "../../documents/operation.ts";
import type { Conflict, MergedDocument } from "../../partition/episodes.ts";
import { MAX_CONFLICTS, MAX_MERGED_DOCUMENTS } from "../../partition/episodes.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { Digest, PublicKey, ReplicaIndex } from "../../protocol/ids.ts";

export interface Reconciliation {
  /** How the links are: the validators on this node's side, or undefined while all are on one. */
  links(own: readonly ReplicaIndex[] | undefined): void;
  /** a document has these operations more, parents first */
  added(name: DocumentName, operations: readonly GenuineOperation[]): void;
  /** what was merged since the links broke; conflicts are looked for anew at each call */
  report(): { readonly documents: readonly MergedDocument[]; readonly conflicts: readonly Conflict[] };
  /** The partition is over, or was none. */
  reset(): void;
}

/** Changes of one side of one document that conflicts are looked for in; those after them are only counted. */
const MAX_CHANGES = 4_096;
/** Operations that are remembered as made by this side, or with its knowledge. Beyond it some count as the other side's that are not. */
const MAX_KNOWN = 16_384;

interface Merging {
  readonly ours: Side;
  readonly theirs: Side;
}
interface Side {
  count: number;
  readonly changes: Change[];
}

const note = (side: Side, { changes }: GenuineOperation): void => {
  side.count += changes.length;
  if (side.changes.length + changes.length <= MAX_CHANGES) side.changes.push(...changes);
};

export const createReconciliation = ({ validators }: Committee): Reconciliation => {
  const indexes = new Map<PublicKey, ReplicaIndex>(validators.map(({ publicKey, index }) => [publicKey, index]));
  /** at most `MAX_MERGED_DOCUMENTS` */
  const documents = new Map<DocumentName, Merging>();
  /** operations of this side, and those that build on them */
  const known = new Set<Digest>();
  /** those on this node's side all the time since the links broke; undefined before */
  let own: ReadonlySet<ReplicaIndex> | undefined;
  let apart = false;

  const mergingOf = (name: DocumentName): Merging | undefined => {
    const present = documents.get(name);
    if (present !== undefined || documents.size >= MAX_MERGED_DOCUMENTS) return present;
    const fresh: Merging = { ours: { count: 0, changes: [] }, theirs: { count: 0, changes: [] } };
    documents.set(name, fresh);
    return fresh;
  };

  const add = (name: DocumentName, operation: GenuineOperation, side: ReadonlySet<ReplicaIndex>): void => {
    const author = indexes.get(operation.author);
    const isOurs = author !== undefined && side.has(author);
    const knowing = isOurs || operation.parents.some((parent) => known.has(parent));
    if (knowing && known.size < MAX_KNOWN) known.add(operation.id);
    if (isOurs && apart) {
      const merging = mergingOf(name);
      if (merging !== undefined) note(merging.ours, operation);
    } else if (!knowing) {
      const merging = mergingOf(name);
      if (merging !== undefined) note(merging.theirs, operation);
    }
  };

  return {
    links(side) {
      apart = side !== undefined;
      if (side === undefined) return;
      const before = own;
      // links heal one after the other: who was on another side wrote on another side
      own = new Set(before === undefined ? side : side.filter((index) => before.has(index)));
    },
    added(name, operations) {
      if (own !== undefined) for (const operation of operations) add(name, operation, own);
    },
    report() {
      const conflicts: Conflict[] = [];
      for (const [name, { ours, theirs }] of documents) {
        for (const { kind, detail, resolution } of conflictsBetween(ours.changes, theirs.changes, MAX_CONFLICTS - conflicts.length))
          conflicts.push({ kind, document: name, detail, resolution });
      }
      return {
        documents: Array.from(documents, ([name, { ours, theirs }]) => ({ name, ours: ours.count, theirs: theirs.count })),
        conflicts,
      };
    },
    reset() {
      documents.clear();
      known.clear();
      own = undefined;
      apart = false;
    },
  };
};
