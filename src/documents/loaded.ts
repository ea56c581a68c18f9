/** The documents in memory: an index of all, and those in use, within a budget. What is done to one document is done one after the other. */
import type { Digest, PublicKey } from "../protocol/ids.ts";
import type { Store } from "../storage/port.ts";
import { createDocument } from "./document.ts";
import type { Document } from "./document.ts";
import { documentLimits } from "./limits.ts";
import type { DocumentName, GenuineOperation } from "./operation.ts";
import { loadIndex, loadRecords } from "./records.ts";
import type { IndexEntry } from "./records.ts";
import { summaryDigest } from "./summary.ts";

export interface DocumentHead {
  readonly name: DocumentName;
  /** names everything that the document holds: equal digests, equal documents */
  readonly digest: Digest;
  readonly operations: number;
}

/** A document in memory and the numbers of its records. */
export interface Held {
  readonly document: Document;
  /** the first record that may exist, and the one after the last */
  first: number;
  next: number;
  /** bytes of memory, about */
  weight: number;
}

export interface Loaded {
  has(name: DocumentName): boolean;
  /** ascending by name; without those that hold nothing yet */
  heads(): readonly DocumentHead[];
  /** Makes room for a document because of this author's operation; false when there is none. True for a document that is known. */
  admit(name: DocumentName, author: PublicKey): boolean;
  digest(name: DocumentName): Digest | undefined;
  /** Loads it if need be and does something with it while nobody else does. A document that was never admitted is an empty one, and forgotten. */
  use<T>(name: DocumentName, work: (held: Held) => Promise<T>): Promise<T>;
  /** What `refresh` will say of a document once this operation by its author is merged. */
  foresee(held: Held, operation: GenuineOperation): IndexEntry;
  /** The index's entry after a change. The document was admitted. */
  refresh(held: Held, added: readonly GenuineOperation[]): IndexEntry;
}

/** an operation in memory: its decoded form, its place in the graph, its effects */
const weightOf = (operations: readonly GenuineOperation[]): number =>
  operations.reduce((sum, { bytes }) => sum + 3 * bytes.length + 1024, 0);

/**
 * @param maxBytes of memory for documents, about; one in use may take more
 * @throws StoreError `corrupt`
 */
export const createLoaded = async (store: Store, maxBytes: number): Promise<Loaded> => {
  const index = await loadIndex(store);
  const shares = new Map<PublicKey, number>();
  for (const { author } of index.values()) shares.set(author, (shares.get(author) ?? 0) + 1);
  /** least recently used first */
  const held = new Map<DocumentName, Held>();
  /** the last of those who wait for a document; no more entries than there are callers waiting */
  const queues = new Map<DocumentName, Promise<unknown>>();

  const load = async (name: DocumentName): Promise<Held> => {
    const present = held.get(name);
    if (present !== undefined) {
      held.delete(name);
      held.set(name, present);
      return present;
    }
    if (!index.has(name)) return { document: createDocument(name), first: 0, next: 0, weight: 0 };
    const records = await loadRecords(store, name);
    const fresh: Held = { document: createDocument(name, records), first: 0, next: records.next, weight: weightOf(records.operations) };
    held.set(name, fresh);
    return fresh;
  };
  const shrink = (): void => {
    let total = held.values().reduce((sum, { weight }) => sum + weight, 0);
    for (const [name, { weight }] of held) {
      if (total <= maxBytes) return;
      if (queues.has(name)) continue;
      held.delete(name);
      total -= weight;
    }
  };
  const use = async <T>(name: DocumentName, work: (held: Held) => Promise<T>): Promise<T> => {
    const before = queues.get(name) ?? Promise.resolve();
    const mine = before.then(
      async () => work(await load(name)),
      async () => work(await load(name)),
    );
    queues.set(name, mine);
    try {
      return await mine;
    } finally {
      if (queues.get(name) === mine) queues.delete(name);
      shrink();
    }
  };

  const authorOf = (name: DocumentName): PublicKey => (index.get(name) as IndexEntry).author;

  return {
    has: (name) => index.has(name),
    heads: () =>
      Array.from(index, ([name, { digest, operations }]) => ({ name, digest, operations }))
        .filter(({ operations }) => operations > 0)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    admit(name, author) {
      if (index.has(name)) return true;
      const share = shares.get(author) ?? 0;
      if (index.size >= documentLimits.maxDocuments || share >= documentLimits.maxDocumentsPerAuthor) return false;
      shares.set(author, share + 1);
      index.set(name, { author, digest: summaryDigest({ document: name, tips: [], forkers: [] }), operations: 0 });
      return true;
    },
    digest: (name) => index.get(name)?.digest,
    use,
    foresee({ document }, { author, sequence, id }) {
      const { tips, ...rest } = document.summary();
      const after = [...tips.filter((tip) => tip.author !== author), { author, sequence, id }];
      const digest = summaryDigest({ ...rest, tips: after.sort((a, b) => (a.author < b.author ? -1 : 1)) });
      return { author: authorOf(document.name), digest, operations: document.size + 1 };
    },
    refresh(changed, added) {
      const { document } = changed;
      changed.weight += weightOf(added);
      const entry: IndexEntry = { author: authorOf(document.name), digest: document.digest(), operations: document.size };
      index.set(document.name, entry);
      return entry;
    },
  };
};
