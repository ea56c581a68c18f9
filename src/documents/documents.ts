/**
 * All shared documents of a node (PROTOCOL §11): loaded on demand, written to the store, edited by this node, merged with its peers'.
 *
 * The caller's duties:
 * 1. `isAuthor` answers alike on all honest nodes for keys of the present and of past validator sets: bounded authors are what bounds the documents.
 * 2. A node whose data was lost edits nothing before it has its own past operations back from its peers; else it forks its own history.
 * 3. An overview goes to each peer once it is connected and every now and then (from `next` on); what `receive` answers goes back to the sender.
 */
import type { Digest, PublicKey } from "../protocol/ids.ts";
import type { KeyPair } from "../signing/keys.ts";
import type { Store } from "../storage/port.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import type { Change } from "./changes.ts";
import type { Document } from "./document.ts";
import type { GenuineFork } from "./fork.ts";
import { documentLimits } from "./limits.ts";
import { createLoaded } from "./loaded.ts";
import type { DocumentHead, Held, Loaded } from "./loaded.ts";
import type { DocumentMessage } from "./messages.ts";
import { createReceiver } from "./receiver.ts";
import type { Received } from "./receiver.ts";
import { putIndex, putOperations, writeRecords } from "./records.ts";
import type { DocumentName, GenuineOperation, SignatureRule } from "./operation.ts";
import { signOperation } from "./operation.ts";
import type { ShownFields } from "./render.ts";

export interface DocumentsOptions {
  readonly store: Store;
  readonly signBytes: SignBytes;
  /** the key that signs this node's edits; absent on a node that only reads and passes on */
  readonly key?: KeyPair;
  /** whether a key may write at all; only keys that passed step 2 of the strict rule */
  readonly isAuthor: (key: PublicKey) => boolean;
  /** in place of the strict rule of signatures, in a simulation */
  readonly isValid?: SignatureRule | undefined;
  /** a document has these operations more, parents first; or none, and an author was found to have forked it */
  readonly onChange?: (name: DocumentName, added: readonly GenuineOperation[]) => void;
  /** bytes of memory for loaded documents, about; 64 MiB unless told otherwise. The document in use stays, whatever its size. */
  readonly maxLoadedBytes?: number;
}

export interface ShownDocument extends DocumentHead {
  readonly heads: readonly Digest[];
  /** authors proven to have forked their history of this document, ascending */
  readonly forkers: readonly PublicKey[];
  readonly content: ShownFields;
  /** canonical JSON of `content`, UTF-8 */
  readonly bytes: Uint8Array;
}

export type EditRefusal =
  /** this node has no key, or its key is no author's */
  | "not-an-author"
  /** changes that break a bound, or name an element that is not there; `detail` says which */
  | "invalid"
  | "author-full"
  | "forked"
  /** operations of our own are known whose past is not here yet */
  | "behind"
  | "too-many-documents"
  /** too many edits wait */
  | "busy";

export type EditResult =
  | { readonly ok: true; readonly operation: Digest; readonly sequence: number; readonly digest: Digest }
  | { readonly ok: false; readonly reason: EditRefusal; readonly detail?: string };

export interface Documents {
  /** ascending by name */
  list(): readonly DocumentHead[];
  /** what names everything that a document holds; undefined when there is no such document */
  digest(name: DocumentName): Digest | undefined;
  /** Undefined when there is no such document. @throws StoreError */
  read(name: DocumentName): Promise<ShownDocument | undefined>;
  /**
   * Adds an operation by this node's key; a document without operations comes into being with its first. Resolves once it is durable.
   *
   * @throws StoreError: the edit may or may not be on disk, and no other may follow
   */
  edit(name: DocumentName, changes: readonly Change[]): Promise<EditResult>;
  /** Up to `maxOverviewEntries` documents after `after`; `next` is where the following overview goes on, absent at the end. */
  overview(after?: DocumentName): { readonly message: DocumentMessage; readonly next?: DocumentName };
  /** What this node has of one document: to be said to peers when it changed. */
  summary(name: DocumentName): Promise<DocumentMessage>;
  /** Takes a peer's message. Total but for the store. @throws StoreError */
  receive(message: DocumentMessage): Promise<Received>;
  /** Everything that is part of a document, parents first. @throws StoreError */
  operations(name: DocumentName): Promise<readonly GenuineOperation[]>;
  /** The proofs against the authors who forked a document. @throws StoreError */
  forks(name: DocumentName): Promise<readonly GenuineFork[]>;
}

/** edits, of all documents, that wait for the disk or for each other */
const maxWaitingEdits = 1024;
const defaultLoadedBytes = 64 * 1024 * 1024;

const signNext = (
  key: KeyPair,
  signBytes: SignBytes,
  document: Document,
  changes: readonly Change[],
): GenuineOperation | { readonly ok: false; readonly reason: EditRefusal; readonly detail?: string } => {
  const next = document.next(key.publicKey);
  if (typeof next === "string") return { ok: false, reason: next };
  try {
    const operation = signOperation(key, signBytes, { document: document.name, ...next, changes });
    const problem = document.check(operation);
    return problem === undefined ? operation : { ok: false, reason: "invalid", detail: problem };
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, reason: "invalid", detail: error.message };
    throw error;
  }
};

const showDocument = ({ document }: Held): ShownDocument => {
  const text = document.show();
  return {
    name: document.name,
    digest: document.digest(),
    operations: document.size,
    heads: document.heads(),
    forkers: document.summary().forkers,
    content: JSON.parse(text) as ShownFields,
    bytes: new TextEncoder().encode(text),
  };
};

/**
 * Opens the documents of a store.
 *
 * @throws StoreError `corrupt`
 */
export const openDocuments = async (options: DocumentsOptions): Promise<Documents> => {
  const { store, signBytes, key, isAuthor, onChange } = options;
  const loaded: Loaded = await createLoaded(store, options.maxLoadedBytes ?? defaultLoadedBytes);
  const receive = createReceiver({ store, signBytes, isAuthor, isValid: options.isValid, loaded, onChange: onChange ?? (() => undefined) });
  let waitingEdits = 0;

  const editHeld = async (held: Held, signer: KeyPair, changes: readonly Change[]): Promise<EditResult> => {
    const { document } = held;
    const operation = signNext(signer, signBytes, document, changes);
    if ("ok" in operation) return operation;
    if (!loaded.admit(document.name, signer.publicKey)) return { ok: false, reason: "too-many-documents" };
    // on disk before anyone can see it: a crash must not make us say something else with the same sequence
    const entry = loaded.foresee(held, operation);
    await writeRecords(store, [...putOperations(document.name, held.next, [operation]), putIndex(document.name, entry)], true);
    held.next++;
    document.merge(operation);
    loaded.refresh(held, [operation]);
    onChange?.(document.name, [operation]);
    return { ok: true, operation: operation.id, sequence: operation.sequence, digest: entry.digest };
  };

  return {
    list: () => loaded.heads(),
    digest: (name) => loaded.digest(name),
    read: (name) => (loaded.has(name) ? loaded.use(name, (held) => Promise.resolve(showDocument(held))) : Promise.resolve(undefined)),
    async edit(name, changes) {
      if (key === undefined || !isAuthor(key.publicKey)) return { ok: false, reason: "not-an-author" };
      if (waitingEdits >= maxWaitingEdits) return { ok: false, reason: "busy" };
      waitingEdits++;
      try {
        return await loaded.use(name, (held) => editHeld(held, key, changes));
      } finally {
        waitingEdits--;
      }
    },
    overview(after) {
      const heads = loaded.heads().filter(({ name }) => after === undefined || name > after);
      const entries = heads.slice(0, documentLimits.maxOverviewEntries).map(({ name, digest }) => ({ document: name, digest }));
      const last = entries.at(-1);
      return {
        message: { kind: "overview", entries },
        ...(heads.length > entries.length && last !== undefined ? { next: last.document } : {}),
      };
    },
    summary: (name) => loaded.use(name, ({ document }) => Promise.resolve({ kind: "summary", answer: false, summary: document.summary() })),
    receive,
    operations: (name) =>
      loaded.has(name) ? loaded.use(name, ({ document }) => Promise.resolve(document.operations())) : Promise.resolve([]),
    forks: (name) => (loaded.has(name) ? loaded.use(name, ({ document }) => Promise.resolve(document.forks())) : Promise.resolve([])),
  };
};
