/** What a node can give of its state to one that fetches it: out of any checkpoint it keeps, for a subtree's hash names it whatever the sequence. */
import { limits } from "../../protocol/limits.ts";
import type { StateAnswer, StateEntry, WantedPart } from "../../protocol/messages.ts";
import { StoreError } from "../../storage/port.ts";
import type { CheckpointView } from "../state/checkpoint-view.ts";
import { digestToRaw, hashKey, keyToBytes } from "../state/hashing.ts";
import type { RawHash } from "../state/hashing.ts";
import { hashLeaves, hashPage, placeLeaf } from "../state/page.ts";
import type { Leaf, Page } from "../state/page.ts";
import { childPath } from "../state/tree.ts";
import type { PagePath } from "../state/tree.ts";
import { encodePart, leadsThrough, pathFromHex } from "./parts.ts";

/** An answer, and what finding it took. */
export interface ServedPart {
  readonly answer: StateAnswer;
  /** of values that were read, bytes */
  readonly costBytes: number;
}

/** A subtree: a page, or leaves that stand in the slot of a page above. */
type Subtree = { readonly page: Page } | { readonly leaves: readonly Leaf[] };

const findSubtree = (view: CheckpointView, path: PagePath, hash: RawHash): Subtree | undefined => {
  const whole = view.page(path);
  if (whole !== undefined) return hashPage(whole) === hash ? { page: whole } : undefined;
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const above = view.page(path.slice(0, depth));
    if (above === undefined) continue;
    const leaves = (above.slots[path.charCodeAt(depth)]?.leaves ?? []).filter(({ key }) => leadsThrough(hashKey(key), path));
    return leaves.length > 0 && hashLeaves(leaves.map(placeLeaf), path.length * 4) === hash ? { leaves } : undefined;
  }
  return undefined;
};

const valueAt = (view: CheckpointView, key: string): Uint8Array => {
  const value = view.get(key);
  if (value === undefined) throw new StoreError("corrupt", "the state's tree has a leaf without an entry");
  return value;
};

interface Collected {
  readonly entries: StateEntry[];
  bytes: number;
}

const isOver = ({ entries, bytes }: Collected): boolean => entries.length > limits.maxPartEntries || bytes > limits.maxPartBytes;

/** Gathers the entries below; stops when they are too many for one answer. */
const collect = (view: CheckpointView, path: PagePath, page: Page, into: Collected): void => {
  for (const [index, slot] of page.slots.entries()) {
    if (slot === undefined) continue;
    if (isOver(into)) return;
    if (slot.leaves !== undefined) take(view, slot.leaves, into);
    else {
      const at = childPath(path, index);
      const below = view.page(at);
      if (below === undefined) throw new StoreError("corrupt", "the state's tree lacks a page");
      collect(view, at, below, into);
    }
  }
};

const take = (view: CheckpointView, leaves: readonly Leaf[], into: Collected): void => {
  for (const { key } of leaves) {
    const value = valueAt(view, key);
    into.entries.push({ key: keyToBytes(key), value });
    into.bytes += key.length + value.length;
  }
};

const serveFound = (view: CheckpointView, path: PagePath, found: Subtree, { hash, whole }: WantedPart): ServedPart => {
  const collected: Collected = { entries: [], bytes: 0 };
  if ("leaves" in found) take(view, found.leaves, collected);
  else if (whole) collect(view, path, found.page, collected);
  if ("leaves" in found || (whole && !isOver(collected)))
    return { answer: { type: "entries", hash, entries: collected.entries }, costBytes: collected.bytes };
  return { answer: { type: "page", hash, page: encodePart(found.page, view.valueHash) }, costBytes: collected.bytes };
};

/** @param views checkpoints, the likeliest first. @throws StoreError */
export const servePart = (views: readonly CheckpointView[], part: WantedPart): ServedPart => {
  const path = pathFromHex(part.path);
  const hash = digestToRaw(part.hash);
  for (const view of views) {
    const found = findSubtree(view, path, hash);
    if (found !== undefined) return serveFound(view, path, found, part);
  }
  return { answer: { type: "gone", hash: part.hash }, costBytes: 0 };
};
