/**
 * What a document's operations add up to (PROTOCOL §11; docs/documents.md "Types"). Applied in any order that puts parents first, the same operations give the
 * same fields: what takes something away looks only at what its author had seen, and all of that was applied before.
 */
import { hadSeen } from "./history.ts";
import type { Entry } from "./history.ts";
import type { Change, ElementRef } from "./changes.ts";
import type { Digest } from "../protocol/ids.ts";

/** One effect that is still there, and the operation that had it. */
interface Effect {
  readonly by: Entry;
}
interface Amount extends Effect {
  readonly amount: number;
}
interface Written extends Effect {
  readonly value: string;
}
export interface Element extends Effect {
  /** the change's position in its operation */
  readonly index: number;
  readonly value: string;
  removed: boolean;
  /** elements that were inserted right behind this one, the latest first */
  readonly followers: Element[];
}
export interface List {
  /** elements that were inserted first, the latest first */
  readonly first: Element[];
  readonly byRef: Map<string, Element>;
}

/** What stands at one path. Fields of different types at one path do not disturb each other; an empty one is as good as none. */
export interface Field {
  counter: Amount[];
  /** value → who added it */
  readonly set: Map<string, Effect[]>;
  register: Written[];
  readonly list: List;
  readonly children: Map<string, Field>;
}

const emptyField = (): Field => ({
  counter: [],
  set: new Map(),
  register: [],
  list: { first: [], byRef: new Map() },
  children: new Map(),
});

/** A document without operations. */
export const createFields = (): Field => emptyField();

const fieldAt = (root: Field, path: readonly string[]): Field => {
  let field = root;
  for (const segment of path) {
    let child = field.children.get(segment);
    if (child === undefined) {
      child = emptyField();
      field.children.set(segment, child);
    }
    field = child;
  }
  return field;
};

/** What remains of `effects` once those that `by` had seen are gone. Changes of one operation see those before them. */
const unseen = <E extends Effect>(effects: readonly E[], by: Entry): E[] => effects.filter((effect) => !hadSeen(by, effect.by));

const refKey = (operation: Digest, index: number): string => `${operation}:${index}`;

/** The later one stands first: it was inserted at the same place by someone who had seen the other, or else the ids decide. */
const standsBefore = (a: Element, b: Element): boolean => {
  if (a.by === b.by) return a.index > b.index;
  if (a.by.depth !== b.by.depth) return a.by.depth > b.by.depth;
  return a.by.operation.id > b.by.operation.id;
};

/** Siblings are sorted; a liar may insert a great many at one place. */
const insertSorted = (siblings: Element[], element: Element): void => {
  let low = 0;
  let high = siblings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (standsBefore(siblings[middle] as Element, element)) low = middle + 1;
    else high = middle;
  }
  siblings.splice(low, 0, element);
};

const elementOf = (list: List, by: Entry, ref: ElementRef): Element | undefined =>
  list.byRef.get(refKey(ref.operation ?? by.operation.id, ref.index));

const insertElement = (list: List, by: Entry, index: number, change: Extract<Change, { type: "list-insert" }>): void => {
  const element: Element = { by, index, value: change.value, removed: false, followers: [] };
  const after = change.after === undefined ? undefined : elementOf(list, by, change.after);
  insertSorted(after === undefined ? list.first : after.followers, element);
  list.byRef.set(refKey(by.operation.id, index), element);
};

const clear = (field: Field, by: Entry): void => {
  field.counter = unseen(field.counter, by);
  field.register = unseen(field.register, by);
  for (const value of field.set.keys()) removeValue(field, value, by);
  for (const element of field.list.byRef.values()) if (hadSeen(by, element.by)) element.removed = true;
  for (const child of field.children.values()) clear(child, by);
};

const removeValue = (field: Field, value: string, by: Entry): void => {
  const left = unseen(field.set.get(value) ?? [], by);
  if (left.length === 0) field.set.delete(value);
  else field.set.set(value, left);
};

const applyChange = (root: Field, by: Entry, change: Change, index: number): void => {
  const field = fieldAt(root, change.path);
  switch (change.type) {
    case "counter-add":
      field.counter.push({ by, amount: change.amount });
      return;
    case "set-add":
      // the author's addition stands for those that he had seen
      field.set.set(change.value, [...unseen(field.set.get(change.value) ?? [], by), { by }]);
      return;
    case "set-remove":
      return removeValue(field, change.value, by);
    case "register-set":
      field.register = [...unseen(field.register, by), { by, value: change.value }];
      return;
    case "list-insert":
      return insertElement(field.list, by, index, change);
    case "list-remove": {
      const element = elementOf(field.list, by, change.element);
      if (element !== undefined) element.removed = true;
      return;
    }
    case "clear":
      return clear(field, by);
  }
};

/** Adds an operation's effects. Its ancestors' are in already. */
export const applyOperation = (root: Field, entry: Entry): void => {
  entry.operation.changes.forEach((change, index) => applyChange(root, entry, change, index));
};
