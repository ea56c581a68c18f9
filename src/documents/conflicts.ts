/** What two sides did to one document without knowing of each other, where one of them could have wanted it otherwise (docs/documents.md, "Types"). Pure. */
import type { Change, ElementRef, Path } from "./changes.ts";

export type ConflictKind = "concurrent-values" | "add-and-remove" | "same-place" | "clear-and-write";

/** Two sides' changes that meet in one field; nothing of either is lost. */
export interface DocumentConflict {
  readonly kind: ConflictKind;
  readonly path: Path;
  /** one line for people */
  readonly detail: string;
  readonly resolution: string;
}

const resolutions: Readonly<Record<ConflictKind, string>> = {
  "concurrent-values": "both values stand until somebody who has seen them writes another",
  "add-and-remove": "the addition stands",
  "same-place": "both insertions stand, in one order on all nodes",
  "clear-and-write": "what was written meanwhile stays",
};

/** What one side did, as far as it can meet what the other did: the last word on each register and each element of a set. */
interface Side {
  readonly registers: Map<string, { readonly path: Path; readonly value: string }>;
  readonly elements: Map<string, { readonly path: Path; readonly value: string; readonly type: "set-add" | "set-remove" }>;
  readonly places: Map<string, { readonly path: Path; count: number }>;
  readonly clears: Map<string, Path>;
  readonly writes: Map<string, Path>;
}

const keyOf = (path: Path, ...more: readonly string[]): string => JSON.stringify([path, ...more]);
const placeOf = (after: ElementRef | undefined): string => (after === undefined ? "" : `${after.operation}:${after.index}`);
/** bytes of a value that a report shows */
const shownCharacters = 48;
const quoted = (value: string): string => JSON.stringify(value.length > shownCharacters ? `${value.slice(0, shownCharacters)}…` : value);
const shown = (path: Path): string => path.join("/");

const noteWrite = (side: Side, change: Exclude<Change, { type: "clear" }>): void => {
  const { path } = change;
  switch (change.type) {
    case "register-set":
      side.registers.set(keyOf(path), { path, value: change.value });
      break;
    case "set-add":
    case "set-remove":
      side.elements.set(keyOf(path, change.value), { path, value: change.value, type: change.type });
      break;
    case "list-insert": {
      // behind an element of one's own operation is nobody else's place
      if (change.after !== undefined && change.after.operation === undefined) break;
      const key = keyOf(path, placeOf(change.after));
      side.places.set(key, { path, count: (side.places.get(key)?.count ?? 0) + 1 });
      break;
    }
    case "counter-add":
    case "list-remove":
  }
  if (change.type !== "set-remove" && change.type !== "list-remove") side.writes.set(keyOf(path), path);
};

const sideOf = (changes: Iterable<Change>): Side => {
  const side: Side = { registers: new Map(), elements: new Map(), places: new Map(), clears: new Map(), writes: new Map() };
  for (const change of changes) {
    if (change.type === "clear") side.clears.set(keyOf(change.path), change.path);
    else noteWrite(side, change);
  }
  return side;
};

const isBeneath = (path: Path, top: Path): boolean => top.every((segment, index) => path[index] === segment);

const found = (kind: ConflictKind, path: Path, detail: string): DocumentConflict => ({
  kind,
  path,
  detail: `${shown(path)}: ${detail}`,
  resolution: resolutions[kind],
});

function* meetings(ours: Side, theirs: Side): Generator<DocumentConflict> {
  for (const [key, { path, value }] of ours.registers) {
    const other = theirs.registers.get(key);
    if (other !== undefined && other.value !== value) yield found("concurrent-values", path, `${quoted(value)} and ${quoted(other.value)}`);
  }
  for (const [key, { path, value, type }] of ours.elements) {
    const other = theirs.elements.get(key);
    if (other !== undefined && other.type !== type) yield found("add-and-remove", path, `${quoted(value)} added and removed`);
  }
  for (const [key, { path, count }] of ours.places) {
    const other = theirs.places.get(key);
    if (other !== undefined) yield found("same-place", path, `${count} and ${other.count} insertions`);
  }
  for (const [one, other] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    // prettier-ignore
    for (const top of one.clears.values()) {
      const written = other.writes.values().find((path) => isBeneath(path, top));
      if (written !== undefined) yield found("clear-and-write", top, `cleared, and ${shown(written)} written`);
    }
  }
}

/**
 * The first `most` conflicts between changes that two sides made without having seen each other's, each side's in its order. Additions to a counter do not
 * conflict: both count.
 */
export const conflictsBetween = (ours: Iterable<Change>, theirs: Iterable<Change>, most: number): readonly DocumentConflict[] =>
  meetings(sideOf(ours), sideOf(theirs)).take(most).toArray();
