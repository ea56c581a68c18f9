/** What a node does with a peer's message about documents (docs/documents.md "Synchronisation"). */
import type { PublicKey } from "../protocol/ids.ts";
import type { Store, StoreOperation } from "../storage/port.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import type { Document } from "./document.ts";
import { createDocument } from "./document.ts";
import type { GenuineFork } from "./fork.ts";
import type { Held, Loaded } from "./loaded.ts";
import type { DocumentMessage } from "./messages.ts";
import { decodeOperation, verifyOperation } from "./operation.ts";
import type { DocumentName, GenuineOperation, SignatureRule } from "./operation.ts";
import { deleteOperations, putFork, putIndex, putOperations, writeRecords } from "./records.ts";
import type { Summary } from "./summary.ts";

export interface Received {
  /** for the sender, in this order */
  readonly answers: readonly DocumentMessage[];
  /** operations that became part of a document */
  readonly merged: number;
  /** authors found out by this message: proof of misbehaviour, for everyone */
  readonly forks: readonly GenuineFork[];
  /** what no honest peer sends */
  readonly blame?: string;
  /** it was not looked at: too many wait already */
  readonly dropped?: true;
}

export interface ReceiverOptions {
  readonly store: Store;
  readonly signBytes: SignBytes;
  readonly isAuthor: (key: PublicKey) => boolean;
  readonly isValid?: SignatureRule | undefined;
  readonly loaded: Loaded;
  readonly onChange: (name: DocumentName, added: readonly GenuineOperation[]) => void;
}

/** messages that wait for their documents; each may be as large as `maxMessageBytes` */
const maxWaitingMessages = 64;
/** summaries in answer to one overview: the next overview brings the others */
const maxSummariesPerOverview = 32;
/** signatures between two turns of the event loop: 4 ms */
const signaturesPerTurn = 64;

const nothing: Received = { answers: [], merged: 0, forks: [] };

/** What a batch of operations did. */
interface Batch {
  readonly inserted: GenuineOperation[];
  readonly forks: GenuineFork[];
  blame: string | undefined;
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export const createReceiver = (options: ReceiverOptions): ((message: DocumentMessage) => Promise<Received>) => {
  const { store, signBytes, isAuthor, loaded, onChange } = options;
  let waiting = 0;

  const summaryOf = (document: Document, answer: boolean): DocumentMessage => ({ kind: "summary", answer, summary: document.summary() });

  const onOverview = async (entries: Extract<DocumentMessage, { kind: "overview" }>["entries"]): Promise<Received> => {
    const different = entries.filter(({ document, digest }) => loaded.digest(document) !== digest).slice(0, maxSummariesPerOverview);
    const answers: DocumentMessage[] = [];
    for (const { document } of different) {
      answers.push(await loaded.use(document, (held) => Promise.resolve(summaryOf(held.document, false))));
    }
    return { ...nothing, answers };
  };

  const onSummary = (summary: Summary, answer: boolean): Promise<Received> =>
    loaded.use(summary.document, ({ document }) => {
      const answers: DocumentMessage[] = [];
      const { operations, more } = document.missingFor(summary);
      if (operations.length > 0) {
        answers.push({ kind: "operations", document: document.name, more, operations: operations.map(({ bytes }) => bytes) });
      }
      if (!answer && document.lacks(summary)) answers.push(summaryOf(document, true));
      return Promise.resolve({ ...nothing, answers });
    });

  /** Checks one operation, cheapest first; undefined when there is nothing to merge. */
  const admit = (document: Document, bytes: Uint8Array, batch: Batch): GenuineOperation | undefined => {
    const decoded = decodeOperation(bytes);
    if (!decoded.ok) {
      batch.blame = `malformed operation: ${decoded.error.field} ${decoded.error.reason}`;
      return undefined;
    }
    const operation = decoded.value;
    if (operation.document !== document.name) {
      batch.blame = "an operation of another document";
      return undefined;
    }
    // a peer may know a validator set that we do not know yet: no reason to blame it
    if (document.has(operation.id) || !isAuthor(operation.author)) return undefined;
    if (!verifyOperation(signBytes, operation, true, options.isValid)) {
      batch.blame = "an operation with a bad signature";
      return undefined;
    }
    return loaded.admit(document.name, operation.author) ? operation : undefined;
  };

  const mergeAll = async (document: Document, operations: readonly Uint8Array[]): Promise<Batch> => {
    const batch: Batch = { inserted: [], forks: [], blame: undefined };
    for (const [index, bytes] of operations.entries()) {
      if (index > 0 && index % signaturesPerTurn === 0) await turn();
      const operation = admit(document, bytes, batch);
      if (batch.blame !== undefined) break;
      if (operation === undefined) continue;
      const { inserted, refused, fork } = document.merge(operation);
      for (const each of inserted) batch.inserted.push(each);
      if (fork !== undefined) batch.forks.push(fork);
      const invalid = refused.find(({ reason }) => reason !== "too-many-authors");
      if (invalid !== undefined) batch.blame = `an invalid operation: ${invalid.reason}`;
    }
    return batch;
  };

  /** What to write: the new operations; or, once an author is found out, everything that is left of the document. */
  const changesOf = (held: Held, { inserted, forks }: Batch): StoreOperation[] => {
    const { document, first, next } = held;
    if (forks.length === 0) {
      held.next += inserted.length;
      return putOperations(document.name, next, inserted);
    }
    const operations = document.operations();
    held.first = next;
    held.next = next + operations.length;
    return [...deleteOperations(document.name, first, next), ...putOperations(document.name, next, operations), ...forks.map(putFork)];
  };

  const onOperations = async ({
    document: name,
    more,
    operations,
  }: Extract<DocumentMessage, { kind: "operations" }>): Promise<Received> => {
    // an operation that brings a document must be good before there is a place for it: only then is it loaded as one that is kept
    const first = loaded.has(name) ? undefined : await mergeAll(createDocument(name), operations);
    if (first !== undefined && !loaded.has(name)) return { ...nothing, ...(first.blame === undefined ? {} : { blame: first.blame }) };
    return loaded.use(name, async (held) => {
      const batch = await mergeAll(held.document, operations);
      const { inserted, forks, blame } = batch;
      if (inserted.length > 0 || forks.length > 0) {
        const changes = changesOf(held, batch);
        await writeRecords(store, [...changes, putIndex(name, loaded.refresh(held, inserted))], false);
        onChange(name, inserted);
      }
      const answers: DocumentMessage[] = [];
      // a peer that sends what does not help is not asked for more of it
      if ((more && inserted.length > 0) || forks.length > 0) answers.push(summaryOf(held.document, forks.length === 0));
      return { answers, merged: inserted.length, forks, ...(blame === undefined ? {} : { blame }) };
    });
  };

  return async (message) => {
    if (waiting >= maxWaitingMessages) return { ...nothing, dropped: true };
    waiting++;
    try {
      switch (message.kind) {
        case "overview":
          return await onOverview(message.entries);
        case "summary":
          return await onSummary(message.summary, message.answer);
        case "operations":
          return await onOperations(message);
      }
    } finally {
      waiting--;
    }
  };
};
