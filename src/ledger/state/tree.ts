/**
 * The sparse Merkle tree over SHA-256(state key) (docs/ledger.md, "Tree"): one batch of changes at a time, so that what changed shares the
 * pages above it. Its shape follows from its content alone: same entries, same root, whatever came before.
 */
import { StoreError } from "../../storage/port.ts";
import { emptyHash, nibbleAt } from "./hashing.ts";
import { createPage, hashLeaves, hashPage, maxSlotLeaves, placeLeaf, setSlot, summarizePage, walkPage } from "./page.ts";
import type { RawHash } from "./hashing.ts";
import type { Leaf, Page, PlacedLeaf, Slot } from "./page.ts";

/** A page's place: the slots that lead to it, one character (its number) each; "" is the top. */
export type PagePath = string;

/** Where the tree's pages are. Each page is read once per update, changed in place, and written once. */
export interface PageAccess {
  /** the page at `path`, or undefined if there is none */
  read(path: PagePath): Page | undefined;
  write(path: PagePath, page: Page): void;
  remove(path: PagePath): void;
}

/** `leaf` absent: the entry is deleted. */
export interface LeafChange {
  readonly path: RawHash;
  readonly key: string;
  readonly leaf: RawHash | undefined;
}

/** The place of the page below a slot, or of the slot itself. */
export const childPath = (path: PagePath, index: number): PagePath => path + String.fromCharCode(index);

const pathOf = (path: PagePath, index: number, access: PageAccess): { readonly at: PagePath; readonly page: Page } => {
  const at = childPath(path, index);
  const page = access.read(at);
  if (page === undefined)
    throw new StoreError(
      "corrupt",
      `the state's tree lacks the page ${Array.from(at, (slot) => slot.charCodeAt(0).toString(16)).join("")}`,
    );
  return { at, page };
};

/** The leaves of a slot that held these after `changes`, ascending by path. */
const mergeLeaves = (slot: Slot | undefined, changes: readonly LeafChange[]): PlacedLeaf[] => {
  const merged: PlacedLeaf[] = [];
  for (const { path, key, leaf } of changes) if (leaf !== undefined) merged.push({ path, key, hash: leaf });
  for (const leaf of slot?.leaves ?? []) if (!changes.some(({ key }) => key === leaf.key)) merged.push(placeLeaf(leaf));
  return merged.sort((a, b) => (a.path < b.path ? -1 : 1));
};

const toSlot = (leaves: readonly PlacedLeaf[], depth: number): Slot | undefined =>
  leaves.length === 0 ? undefined : { hash: hashLeaves(leaves, depth), leaves: leaves.map(({ key, hash }) => ({ key, hash })) };

/** Applies `changes`, all of which lead through this page. */
const updatePage = (path: PagePath, page: Page, changes: readonly LeafChange[], access: PageAccess): void => {
  const depth = path.length;
  for (let from = 0; from < changes.length;) {
    const index = nibbleAt((changes[from] as LeafChange).path, depth);
    let to = from + 1;
    while (to < changes.length && nibbleAt((changes[to] as LeafChange).path, depth) === index) to++;
    setSlot(page, index, updateSlot(path, index, page.slots[index], changes.slice(from, to), access));
    from = to;
  }
};

const updateSlot = (
  path: PagePath,
  index: number,
  slot: Slot | undefined,
  changes: readonly LeafChange[],
  access: PageAccess,
): Slot | undefined => {
  if (slot !== undefined && slot.leaves === undefined) {
    const { at, page } = pathOf(path, index, access);
    updatePage(at, page, changes, access);
    const summary = summarizePage(page);
    if (summary !== undefined && summary.leaves === undefined) access.write(at, page);
    else access.remove(at);
    return summary;
  }
  const leaves = mergeLeaves(slot, changes);
  if (leaves.length <= maxSlotLeaves) return toSlot(leaves, (path.length + 1) * 4);
  const at = childPath(path, index);
  const page = createPage(0);
  updatePage(
    at,
    page,
    leaves.map(({ hash, ...leaf }) => ({ ...leaf, leaf: hash })),
    access,
  );
  access.write(at, page);
  return { hash: hashPage(page), leaves: undefined };
};

/**
 * Applies one batch and gives the new root.
 * @param changes ascending by path, each path once
 * @throws StoreError `corrupt` if a page is missing
 */
export const updateTree = (changes: readonly LeafChange[], access: PageAccess): RawHash => {
  const top = access.read("") ?? createPage(0);
  updatePage("", top, changes, access);
  const root = hashPage(top);
  if (root === emptyHash) access.remove("");
  else access.write("", top);
  return root;
};

/** The way from the root to where `path` ends. */
export interface TreeWalk {
  /** hashes beside the way, from the root down */
  readonly siblings: readonly RawHash[];
  /** the leaf at its end, which may be another key's; absent: an empty subtree */
  readonly end: Leaf | undefined;
}

/** @throws StoreError `corrupt` if a page is missing */
export const walkTree = (path: RawHash, read: (path: PagePath) => Page | undefined): TreeWalk => {
  const siblings: RawHash[] = [];
  let at: PagePath = "";
  let page = read(at);
  for (let depth = 0; page !== undefined; depth++) {
    const end = walkPage(page, path, depth, siblings);
    if (!end.below) return { siblings, end: end.leaf };
    at = childPath(at, nibbleAt(path, depth));
    page = read(at);
    if (page === undefined) throw new StoreError("corrupt", `the state's tree lacks a page at depth ${depth + 1}`);
  }
  return { siblings, end: undefined };
};

/**
 * All leaves in the order of their paths.
 * @param expected the hash that the page at `path` must have: the root, at first
 * @throws StoreError `corrupt` if a page is missing or has another hash
 */
export const walkLeaves = function* (read: (path: PagePath) => Page | undefined, expected: RawHash, path: PagePath = ""): Generator<Leaf> {
  const page = read(path);
  const hash = page === undefined ? emptyHash : hashPage(page);
  if (hash !== expected)
    throw new StoreError("corrupt", `a page of the state's tree at depth ${path.length} does not match the one above it`);
  for (const [index, slot] of (page?.slots ?? []).entries()) {
    if (slot === undefined) continue;
    if (slot.leaves === undefined) yield* walkLeaves(read, slot.hash, childPath(path, index));
    else yield* slot.leaves;
  }
};
