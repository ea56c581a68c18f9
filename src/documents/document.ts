/**
 * One shared document (PROTOCOL §11): the operations of every author who did not fork, and everything in their past.
 *
 * An author who forks is found out by whoever has two operations of his with one sequence. From then on an operation of his counts exactly if an operation of
 * someone else, who did not fork, builds on it: nothing that an honest author had seen is lost, nothing more is taken from a forker, and which operations those
 * are depends on the operations and proofs alone, not on the order in which they came.
 */
import type { Digest, PublicKey } from "../protocol/ids.ts";
import { applyOperation, createFields } from "./fields.ts";
import type { Field } from "./fields.ts";
import { proveFork } from "./fork.ts";
import type { GenuineFork } from "./fork.ts";
import { missingFor } from "./missing.ts";
import type { Missing } from "./missing.ts";
import { createHistory } from "./history.ts";
import type { Entry, History, InvalidReason } from "./history.ts";
import { documentLimits } from "./limits.ts";
import type { DocumentName, GenuineOperation } from "./operation.ts";
import { createPending } from "./pending.ts";
import { showFields } from "./render.ts";
import { summaryDigest } from "./summary.ts";
import type { Summary, Tip } from "./summary.ts";

export type RefusalReason = InvalidReason | "wrong-document" | "too-many-authors";

export interface Refused {
  readonly operation: GenuineOperation;
  readonly reason: RefusalReason;
}

/** What came of an operation; it may have brought others along that had waited for it. */
export interface Merged {
  /** parents first */
  readonly inserted: readonly GenuineOperation[];
  /** can never be part of this document */
  readonly refused: readonly Refused[];
  /** the proof that this operation completed */
  readonly fork?: GenuineFork;
}

/** What the next operation of an author must say. */
export interface Next {
  readonly sequence: number;
  readonly parents: readonly Digest[];
}
/** Why an author can not write: his history is at its end; he is known to have forked; operations of his are known whose past is not here yet. */
export type NextRefusal = "author-full" | "forked" | "behind";

export interface Document {
  readonly name: DocumentName;
  /** operations that are part of it */
  readonly size: number;
  /** operations that wait; bounded for each author */
  readonly pending: number;
  /** Total, and idempotent. */
  merge(operation: GenuineOperation): Merged;
  next(author: PublicKey): Next | NextRefusal;
  /** Why this operation, whose parents are all here, would be refused. */
  check(operation: GenuineOperation): RefusalReason | undefined;
  /** everything that is part of it, parents first */
  operations(): readonly GenuineOperation[];
  has(id: Digest): boolean;
  forks(): readonly GenuineFork[];
  /** ids of the operations on which no other builds, ascending */
  heads(): readonly Digest[];
  summary(): Summary;
  digest(): Digest;
  /** canonical JSON of its fields */
  show(): string;
  /** What a peer with this summary lacks, parents first, cut at the bounds of one message. */
  missingFor(summary: Summary): Missing;
  /** Whether a peer with this summary has something that is not here. */
  lacks(summary: Summary): boolean;
}

/** What was part of a document and proven about its authors when it was last written: parents first. */
export interface StoredDocument {
  readonly operations: readonly GenuineOperation[];
  readonly forks: readonly GenuineFork[];
}

interface State {
  readonly history: History;
  readonly fields: Field;
}

/** Inserts what is known to be valid here, since it was before; gives back what lacks a parent, which only a torn store can cause. */
const replay = (operations: Iterable<GenuineOperation>): { readonly state: State; readonly left: readonly GenuineOperation[] } => {
  const state: State = { history: createHistory(), fields: createFields() };
  const left: GenuineOperation[] = [];
  for (const operation of operations) {
    const known = operation.parents.every((parent) => state.history.get(parent) !== undefined);
    const entry = known ? state.history.insert(operation) : undefined;
    if (typeof entry === "object") applyOperation(state.fields, entry);
    else if (state.history.get(operation.id) === undefined) left.push(operation);
  }
  return { state, left };
};

/** Each operation of an author outside `forkers`, and all of their pasts; and what is left over. Both parents first. */
const witnessed = (history: History, forkers: ReadonlyMap<PublicKey, GenuineFork>): [GenuineOperation[], GenuineOperation[]] => {
  const operations = Array.from(history.entries, ({ operation }) => operation);
  const kept = new Set<Digest>();
  for (const operation of operations.toReversed()) {
    if (forkers.has(operation.author) && !kept.has(operation.id)) continue;
    kept.add(operation.id);
    for (const parent of operation.parents) kept.add(parent);
  }
  return [operations.filter(({ id }) => kept.has(id)), operations.filter(({ id }) => !kept.has(id))];
};

/** @param stored what this node wrote of it */
export const createDocument = (name: DocumentName, stored?: StoredDocument): Document => {
  const pending = createPending();
  const forkers = new Map<PublicKey, GenuineFork>((stored?.forks ?? []).map((proof) => [proof.author, proof]));
  const restored = replay(stored?.operations ?? []);
  let { state } = restored;
  for (const operation of restored.left) pending.add(operation);

  /** of an author who is not known to have forked: his operations are one chain */
  const chainOf = (author: PublicKey): readonly Entry[] => state.history.chainsOf(author)[0]?.entries ?? [];

  /** What must go in before `operation`, itself last, parents first; or the one that is missing. */
  const closureOf = (operation: GenuineOperation): GenuineOperation[] | Digest => {
    const closure: GenuineOperation[] = [];
    const done = new Set<Digest>();
    const stack: { readonly operation: GenuineOperation; next: number }[] = [{ operation, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const parent = top.operation.parents[top.next++];
      if (parent === undefined) {
        stack.pop();
        if (!done.has(top.operation.id)) closure.push(top.operation);
        done.add(top.operation.id);
      } else if (!done.has(parent) && state.history.get(parent) === undefined) {
        const waiting = pending.get(parent);
        // one that waits and whose author did not fork lacks something itself
        if (waiting === undefined || !forkers.has(waiting.author)) return parent;
        stack.push({ operation: waiting, next: 0 });
      }
    }
    return closure;
  };

  const insertAll = (closure: readonly GenuineOperation[], inserted: GenuineOperation[], refused: Refused[]): void => {
    for (const operation of closure) {
      const ready = operation.parents.every((parent) => state.history.get(parent) !== undefined);
      // a parent was refused just now
      if (!ready) return;
      const entry = state.history.insert(operation);
      pending.remove(operation.id);
      if (typeof entry === "string") {
        refused.push({ operation, reason: entry });
        return;
      }
      applyOperation(state.fields, entry);
      inserted.push(operation);
    }
  };

  /** Puts in whatever can go in now that `first` is here. */
  const settle = (first: GenuineOperation): Merged => {
    const inserted: GenuineOperation[] = [];
    const refused: Refused[] = [];
    const queue: GenuineOperation[] = [first];
    for (let operation = queue.pop(); operation !== undefined; operation = queue.pop()) {
      const wake = (id: Digest): void => pending.unblock(id).forEach((waiting) => queue.push(waiting));
      const before = inserted.length;
      if (!forkers.has(operation.author)) {
        const closure = closureOf(operation);
        if (typeof closure === "string") pending.block(operation.id, closure);
        else insertAll(closure, inserted, refused);
      } else wake(operation.id);
      for (const { id } of inserted.slice(before)) wake(id);
    }
    return { inserted, refused };
  };

  const convict = (proof: GenuineFork): void => {
    forkers.set(proof.author, proof);
    const [kept, left] = witnessed(state.history, forkers);
    if (left.length > 0) ({ state } = replay(kept));
    for (const operation of left) pending.add(operation);
  };

  const refuse = (operation: GenuineOperation): RefusalReason | undefined => {
    if (operation.document !== name) return "wrong-document";
    const { author } = operation;
    if (forkers.has(author) || state.history.chainsOf(author).length > 0 || pending.hasAuthor(author)) return undefined;
    const authors = new Set([...state.history.authors(), ...forkers.keys()]);
    return authors.size >= documentLimits.maxAuthors ? "too-many-authors" : undefined;
  };

  const summary = (): Summary => {
    const tips: Tip[] = [];
    for (const author of state.history.authors()) {
      const last = forkers.has(author) ? undefined : chainOf(author).at(-1)?.operation;
      if (last !== undefined) tips.push({ author, sequence: last.sequence, id: last.id });
    }
    return { document: name, tips: tips.sort((a, b) => (a.author < b.author ? -1 : 1)), forkers: [...forkers.keys()].sort() };
  };

  return {
    name,
    get size() {
      return state.history.size;
    },
    get pending() {
      return pending.size;
    },
    merge(operation) {
      const reason = refuse(operation);
      if (reason !== undefined) return { inserted: [], refused: [{ operation, reason }] };
      const { id, author, sequence } = operation;
      if (state.history.get(id) !== undefined || pending.get(id) !== undefined) return { inserted: [], refused: [] };
      const rival = forkers.has(author) ? undefined : (chainOf(author)[sequence - 1]?.operation ?? pending.at(author, sequence));
      const fork = rival === undefined ? undefined : proveFork(rival, operation);
      if (fork !== undefined) convict(fork);
      pending.add(operation);
      return { ...settle(operation), ...(fork === undefined ? {} : { fork }) };
    },
    next(author) {
      if (forkers.has(author)) return "forked";
      if (pending.hasAuthor(author)) return "behind";
      const previous = chainOf(author).at(-1);
      const sequence = (previous?.operation.sequence ?? 0) + 1;
      const room = documentLimits.maxBytesPerAuthor - (previous?.authorBytes ?? 0);
      if (sequence > documentLimits.maxOperationsPerAuthor || room < documentLimits.maxOperationBytes) return "author-full";
      const own = previous === undefined ? [] : [previous.operation.id];
      const others = state.history.heads().filter((head) => head !== own[0]);
      return { sequence, parents: [...own, ...others.slice(0, documentLimits.maxParents - own.length)].sort() };
    },
    check: (operation) => refuse(operation) ?? state.history.check(operation),
    operations: () => Array.from(state.history.entries, ({ operation }) => operation),
    has: (id) => state.history.get(id) !== undefined,
    forks: () => [...forkers.values()],
    heads: () => state.history.heads(),
    summary,
    digest: () => summaryDigest(summary()),
    show: () => showFields(state.fields),
    missingFor: (theirs) => missingFor(state.history, forkers, theirs),
    lacks: ({ tips, forkers: theirs }) =>
      theirs.some((author) => !forkers.has(author)) ||
      tips.some(({ author, id }) => !forkers.has(author) && state.history.get(id) === undefined),
  };
};
