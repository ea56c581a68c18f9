/**
 * Parts of the state's tree as they travel (PROTOCOL §7; docs/wire.md "State transfer"). Whoever knows the root of a subtree can check what it is told
 * about it: a page shows the sixteen subtrees below, entries are all there is. What is not true does not hash to the root.
 */
import { Buffer } from "node:buffer";
import { limits } from "../../protocol/limits.ts";
import type { StateEntry } from "../../protocol/messages.ts";
import { toLatin1 } from "../../wire/bytes.ts";
import { hashBytes, hashKey, leafHash, nibbleAt } from "../state/hashing.ts";
import type { RawHash } from "../state/hashing.ts";
import { createPage, hashLeaves, hashPage, maxSlotLeaves, setSlot, slotsPerPage } from "../state/page.ts";
import type { Leaf, Page, PlacedLeaf, Slot } from "../state/page.ts";
import { childPath } from "../state/tree.ts";
import type { PagePath } from "../state/tree.ts";

/** A path in hex digits, as messages have it, and as the tree has it. */
export const pathFromHex = (hex: string): PagePath => Array.from(hex, (digit) => String.fromCharCode(Number.parseInt(digit, 16))).join("");
export const pathToHex = (path: PagePath): string => Array.from(path, (slot) => slot.charCodeAt(0).toString(16)).join("");

/** Whether a key's hash leads through `path`. */
export const leadsThrough = (keyHash: RawHash, path: PagePath): boolean => {
  for (let depth = 0; depth < path.length; depth++) if (nibbleAt(keyHash, depth) !== path.charCodeAt(depth)) return false;
  return true;
};

/* ------------------------------------------------------------------ pages */

/**
 * leaf mask u16 ‖ child mask u16 (bit i: slot i) ‖ for each slot in use, ascending: of a subtree its hash[32]; of up to four leaves their number u8 and,
 * ascending by path, SHA-256(value)[32] ‖ key length u16 ‖ state key of each. Values' hashes, so that nobody can pass a subtree off as a leaf.
 */
export const encodePart = (page: Page, valueHash: (key: string) => RawHash): Uint8Array => {
  let leaves = 0;
  let children = 0;
  let text = "";
  for (let index = 0; index < slotsPerPage; index++) {
    const slot = page.slots[index];
    if (slot === undefined) continue;
    if (slot.leaves === undefined) {
      children |= 1 << index;
      text += slot.hash;
      continue;
    }
    leaves |= 1 << index;
    text += String.fromCharCode(slot.leaves.length);
    for (const { key } of slot.leaves) text += valueHash(key) + String.fromCharCode(key.length >>> 8, key.length & 0xff) + key;
  }
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeUInt16BE(leaves, 0);
  bytes.writeUInt16BE(children, 2);
  bytes.write(text, 4, "latin1");
  return bytes;
};

interface Cursor {
  readonly text: string;
  at: number;
}

/** Undefined when the text ends inside. */
const take = (cursor: Cursor, length: number): string | undefined => {
  const taken = cursor.text.slice(cursor.at, cursor.at + length);
  cursor.at += length;
  return taken.length === length ? taken : undefined;
};

const takeLeaf = (cursor: Cursor): PlacedLeaf | undefined => {
  const valueHash = take(cursor, 32) as RawHash | undefined;
  const length = take(cursor, 2);
  if (valueHash === undefined || length === undefined) return undefined;
  const bytes = (length.charCodeAt(0) << 8) | length.charCodeAt(1);
  const key = bytes > limits.maxEntryKeyBytes ? undefined : take(cursor, bytes);
  if (key === undefined) return undefined;
  const path = hashKey(key);
  return { key, path, hash: leafHash(path, valueHash) };
};

const takeLeaves = (cursor: Cursor, path: PagePath): Slot | undefined => {
  const count = take(cursor, 1)?.charCodeAt(0) ?? 0;
  if (count < 1 || count > maxSlotLeaves) return undefined;
  const leaves: PlacedLeaf[] = [];
  for (let index = 0; index < count; index++) {
    const leaf = takeLeaf(cursor);
    if (leaf === undefined || !leadsThrough(leaf.path, path) || leaf.path <= (leaves.at(-1)?.path ?? "")) return undefined;
    leaves.push(leaf);
  }
  return toSlot(leaves, path);
};

const toSlot = (leaves: readonly PlacedLeaf[], path: PagePath): Slot => ({
  hash: hashLeaves(leaves, path.length * 4),
  leaves: leaves.map(({ key, hash }): Leaf => ({ key, hash })),
});

/** The page at `path`, or undefined if the bytes are not exactly that of the subtree with this root. Never throws. */
export const decodePart = (bytes: Uint8Array, path: PagePath, expected: RawHash): Page | undefined => {
  if (bytes.length < 4) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const leaves = buffer.readUInt16BE(0);
  const children = buffer.readUInt16BE(2);
  if ((leaves & children) !== 0) return undefined;
  const page = createPage(0);
  const cursor: Cursor = { text: buffer.toString("latin1", 4), at: 0 };
  for (let index = 0; index < slotsPerPage; index++) {
    if (((leaves | children) & (1 << index)) === 0) continue;
    let slot: Slot | undefined;
    if ((children & (1 << index)) === 0) slot = takeLeaves(cursor, childPath(path, index));
    else {
      const hash = take(cursor, 32) as RawHash | undefined;
      slot = hash === undefined ? undefined : { hash, leaves: undefined };
    }
    if (slot === undefined) return undefined;
    setSlot(page, index, slot);
  }
  return cursor.at === cursor.text.length && hashPage(page) === expected ? page : undefined;
};

/* ------------------------------------------------------------------ entries */

export interface PlacedEntry extends PlacedLeaf {
  readonly value: Uint8Array;
  readonly valueHash: RawHash;
}

/** The entries as leaves, or undefined if they are not exactly those of the subtree with this root. Never throws. */
export const placeEntries = (entries: readonly StateEntry[], path: PagePath, expected: RawHash): readonly PlacedEntry[] | undefined => {
  const placed: PlacedEntry[] = [];
  for (const { key: bytes, value } of entries) {
    const key = toLatin1(bytes);
    const keyHash = hashKey(key);
    if (!leadsThrough(keyHash, path) || keyHash <= (placed.at(-1)?.path ?? "")) return undefined;
    const valueHash = hashBytes(value);
    placed.push({ key, path: keyHash, hash: leafHash(keyHash, valueHash), value, valueHash });
  }
  return hashLeaves(placed, path.length * 4) === expected ? placed : undefined;
};

/** Builds the subtree that has exactly these leaves, ascending by path; `write` gets each of its pages, lower ones first. */
export const buildPage = (path: PagePath, leaves: readonly PlacedLeaf[], write: (path: PagePath, page: Page) => void): Page => {
  const page = createPage(0);
  for (let from = 0; from < leaves.length;) {
    const index = nibbleAt((leaves[from] as PlacedLeaf).path, path.length);
    let to = from + 1;
    while (to < leaves.length && nibbleAt((leaves[to] as PlacedLeaf).path, path.length) === index) to++;
    setSlot(page, index, buildSlot(childPath(path, index), leaves.slice(from, to), write));
    from = to;
  }
  hashPage(page);
  write(path, page);
  return page;
};

/** What the page above shows for this subtree, of at least one leaf. */
export const buildSlot = (path: PagePath, leaves: readonly PlacedLeaf[], write: (path: PagePath, page: Page) => void): Slot =>
  leaves.length <= maxSlotLeaves ? toSlot(leaves, path) : { hash: hashPage(buildPage(path, leaves, write)), leaves: undefined };
