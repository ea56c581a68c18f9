/** Authors, operations and whole histories for tests of documents. */
import fc from "fast-check";
import type { Change } from "../../src/documents/changes.ts";
import { createDocument } from "../../src/documents/document.ts";
import type { Document } from "../../src/documents/document.ts";
import type { DocumentName, GenuineOperation } from "../../src/documents/operation.ts";
import { signOperation } from "../../src/documents/operation.ts";
import { createCommittee } from "../../src/protocol/committee.ts";
import { type Digest, type PublicKey, toEpoch, toPeerName, toReplicaIndex } from "../../src/protocol/ids.ts";
import { keyFromSeed } from "../../src/signing/keys.ts";
import type { KeyPair } from "../../src/signing/keys.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";

export const signBytes = createSignBytes("aa".repeat(32) as Digest);
export const name = "plan" as DocumentName;
export const authors: readonly KeyPair[] = Array.from({ length: 5 }, (_, index) => keyFromSeed(new Uint8Array(32).fill(index + 1)));
export const author = (index: number): KeyPair => authors[index] as KeyPair;
const keys = new Set<PublicKey>(authors.map(({ publicKey }) => publicKey));
export const isAuthor = (key: PublicKey): boolean => keys.has(key);

/** Writes as an honest author does, and merges what he wrote. */
export const edit = (document: Document, by: number, ...changes: readonly Change[]): GenuineOperation => {
  const next = document.next(author(by).publicKey);
  if (typeof next === "string") throw new Error(next);
  const operation = signOperation(author(by), signBytes, { document: document.name, ...next, changes });
  const { inserted } = document.merge(operation);
  if (inserted.length !== 1) throw new Error("an honest edit was not inserted");
  return operation;
};

/** Signs anything, honest or not. */
export const sign = (by: number, sequence: number, parents: readonly GenuineOperation[], ...changes: readonly Change[]): GenuineOperation =>
  signOperation(author(by), signBytes, { document: name, sequence, parents: parents.map(({ id }) => id).sort(), changes });

export const add = (amount: number, ...path: readonly string[]): Change => ({ type: "counter-add", path, amount });
export const write = (value: string, ...path: readonly string[]): Change => ({ type: "register-set", path, value });
export const put = (value: string, ...path: readonly string[]): Change => ({ type: "set-add", path, value });
export const take = (value: string, ...path: readonly string[]): Change => ({ type: "set-remove", path, value });
export const clear = (...path: readonly string[]): Change => ({ type: "clear", path });

export const mergeAll = (document: Document, operations: Iterable<GenuineOperation>): Document => {
  for (const operation of operations) document.merge(operation);
  return document;
};
export const documentOf = (...operations: readonly GenuineOperation[]): Document => mergeAll(createDocument(name), operations);
export const shown = (document: Document): unknown => JSON.parse(document.show());

/** Brings two documents together by what each lacks, one message after the other. @returns the number of messages with operations */
export const exchange = (a: Document, b: Document): number => {
  for (let messages = 0; messages < 200;) {
    const forB = a.missingFor(b.summary());
    const forA = b.missingFor(a.summary());
    if (forA.operations.length === 0 && forB.operations.length === 0) return messages;
    if (a.digest() === b.digest()) throw new Error("equal documents send each other operations");
    messages += (forA.operations.length > 0 ? 1 : 0) + (forB.operations.length > 0 ? 1 : 0);
    mergeAll(b, forB.operations);
    mergeAll(a, forA.operations);
  }
  throw new Error("the exchange does not end");
};

/* ------------------------------------------------------------------ histories of honest and forking authors */

/** One step of a history: who does what on which copy, or which copy learns from which. */
export type Step =
  | { readonly type: "edit"; readonly copy: number; readonly kind: number; readonly value: number; readonly path: number }
  | { readonly type: "sync"; readonly from: number; readonly to: number };

const copies = 4;
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("edit" as const),
      copy: fc.nat({ max: copies - 1 }),
      kind: fc.nat({ max: 6 }),
      value: fc.nat({ max: 4 }),
      path: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("sync" as const), from: fc.nat({ max: copies - 1 }), to: fc.nat({ max: copies - 1 }) }),
  },
);

const paths: readonly (readonly [string, ...string[]])[] = [["a"], ["b"], ["a", "x"], ["a", "x", "y"]];

interface Node {
  readonly list?: readonly { readonly id: string }[];
  readonly map?: Readonly<Record<string, Node>>;
}

/** Elements of the list that a copy shows at a path. */
const elementsAt = (document: Document, path: readonly string[]): string[] => {
  let map = shown(document) as Readonly<Record<string, Node>>;
  let node: Node | undefined;
  for (const segment of path) {
    node = map[segment];
    map = node?.map ?? {};
  }
  return (node?.list ?? []).map(({ id }) => id);
};

const refOf = (id: string): { operation: Digest; index: number } => {
  const [operation, index] = id.split(":");
  return { operation: operation as Digest, index: Number(index) };
};

export const changeOf = (document: Document, { kind, value, path: at }: Extract<Step, { type: "edit" }>): Change => {
  const path = paths[at] ?? ["a"];
  const text = `v${value}`;
  const elements = elementsAt(document, path);
  const element = elements[value % Math.max(1, elements.length)];
  switch (kind) {
    case 0:
      return { type: "counter-add", path, amount: value - 2 || 7 };
    case 1:
      return { type: "set-add", path, value: text };
    case 2:
      return { type: "set-remove", path, value: text };
    case 3:
      return { type: "register-set", path, value: text };
    case 4:
      return { type: "list-insert", path, value: text, ...(element === undefined || value === 0 ? {} : { after: refOf(element) }) };
    case 5:
      return element === undefined ? { type: "set-add", path, value: text } : { type: "list-remove", path, element: refOf(element) };
    default:
      return { type: "clear", path };
  }
};

/**
 * Lets four copies work: copy i writes as author i. Copies 3 and 4 (when `forking`) share author 3's key and do not know of each other's edits, so he forks.
 *
 * @returns the copies, and everything that anyone wrote, in the order of writing
 */
export const play = (
  steps: readonly Step[],
  forking: boolean,
): { readonly copies: readonly Document[]; readonly all: readonly GenuineOperation[] } => {
  const documents = Array.from({ length: copies }, () => createDocument(name));
  const all: GenuineOperation[] = [];
  const signerOf = (copy: number): number => (forking && copy === copies - 1 ? copies - 2 : copy);
  for (const each of steps) {
    if (each.type === "sync") {
      const from = documents[each.from] as Document;
      const to = documents[each.to] as Document;
      if (from !== to) mergeAll(to, from.missingFor(to.summary()).operations);
    } else {
      const document = documents[each.copy] as Document;
      const next = document.next(author(signerOf(each.copy)).publicKey);
      if (typeof next === "string") continue;
      all.push(edit(document, signerOf(each.copy), changeOf(document, each)));
    }
  }
  return { copies: documents, all };
};

export const steps: fc.Arbitrary<Step[]> = fc.array(step, { maxLength: 60, size: "max" });

/** A permutation of these, with some of them repeated. */
export const delivery = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
  fc
    .tuple(
      fc.array(fc.nat(), { minLength: items.length, maxLength: items.length }),
      items.length === 0 ? fc.constant([]) : fc.array(fc.nat({ max: items.length - 1 }), { maxLength: 5 }),
    )
    .map(([order, repeated]) => {
      const shuffled = items.map((item, index) => ({ item, at: order[index] ?? 0 })).sort((a, b) => a.at - b.at);
      return [...shuffled.map(({ item }) => item), ...repeated.map((index) => items[index] as T)];
    });

/** Four validators who write documents, too. */
export const committee = createCommittee(
  toEpoch(0),
  [0, 1, 2, 3].map((index) => ({
    index: toReplicaIndex(index),
    publicKey: author(index).publicKey,
    peer: toPeerName(`${index}`),
    moniker: "",
  })),
);
