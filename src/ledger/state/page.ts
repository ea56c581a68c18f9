/**
 * Four levels of the tree in one record: sixteen slots, each empty, one leaf, or the root of the page below. A leaf sits in the highest page in which
 * it is alone in its slot; a page below another holds at least two leaves.
 *
 * Record: leaf mask u16 ‖ child mask u16 (bit i: slot i) ‖ for each slot in use, ascending: hash[32], and for a leaf its key (u16 length, bytes).
 */
import { Buffer } from "node:buffer";
import { emptyHash, nodeHash } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";

export const slotsPerPage = 16;
const headerBytes = 4;
const allStale = 0xfffe;

/** `key`, when there is one, makes it a leaf: its state key, one character a byte. */
export interface Slot {
  readonly hash: RawHash;
  readonly key: string | undefined;
}

export interface Page {
  readonly slots: (Slot | undefined)[];
  /** hashes of the inner nodes 1…15 of the page; the children of i are 2i and 2i+1, slots being 16…31 */
  readonly inner: RawHash[];
  /** leaves below each inner node, two bits a node: 0, 1, or 2 for more */
  counts: number;
  /** bit i: inner node i is to be computed again */
  stale: number;
  /** sequence that wrote it */
  modified: number;
}

// copying an array is several times cheaper than making one
const noSlots = Array.from<Slot | undefined>({ length: slotsPerPage });
const noHashes = Array.from({ length: slotsPerPage }, () => emptyHash);

export const createPage = (modified: number): Page => ({
  slots: noSlots.slice(),
  inner: noHashes.slice(),
  counts: 0,
  stale: 0,
  modified,
});

export const setSlot = (page: Page, index: number, slot: Slot | undefined): void => {
  page.slots[index] = slot;
  for (let node = (slotsPerPage + index) >>> 1; node > 0; node >>>= 1) page.stale |= 1 << node;
};

const nodeOf = (page: Page, node: number): RawHash =>
  node < slotsPerPage ? (page.inner[node] as RawHash) : (page.slots[node - slotsPerPage]?.hash ?? emptyHash);

const countOf = (page: Page, node: number): number => {
  if (node < slotsPerPage) return (page.counts >>> (node * 2)) & 3;
  const slot = page.slots[node - slotsPerPage];
  if (slot === undefined) return 0;
  return slot.key === undefined ? 2 : 1;
};

/** The hash of the page's top node; only what changed since the last call is hashed again. */
export const hashPage = (page: Page): RawHash => {
  for (let node = slotsPerPage - 1; node > 0 && page.stale !== 0; node--) {
    if ((page.stale & (1 << node)) === 0) continue;
    const left = nodeOf(page, node * 2);
    const right = nodeOf(page, node * 2 + 1);
    const count = countOf(page, node * 2) + countOf(page, node * 2 + 1);
    page.counts = (page.counts & ~(3 << (node * 2))) | (Math.min(count, 2) << (node * 2));
    // a lone leaf rises to the highest node that it has for itself
    if (count < 2) page.inner[node] = left === emptyHash ? right : left;
    else page.inner[node] = nodeHash(left, right);
    page.stale &= ~(1 << node);
  }
  return page.inner[1] as RawHash;
};

/** What a slot of the page above shows for this page: nothing, its only leaf, or the page itself. */
export const summarizePage = (page: Page): Slot | undefined => {
  const hash = hashPage(page);
  if (countOf(page, 1) === 2) return { hash, key: undefined };
  return page.slots.find((slot) => slot !== undefined);
};

/**
 * Hashes beside the way to a slot, from the page's top down, ending where the way is alone: at an empty subtree or a lone leaf.
 * @returns the slot at the end, if that is no page below
 */
export const walkPage = (page: Page, index: number, siblings: RawHash[]): { readonly end: boolean; readonly slot: Slot | undefined } => {
  hashPage(page);
  let node = 1;
  for (let level = 3; level >= 0 && countOf(page, node) === 2; level--) {
    const next = node * 2 + ((index >>> level) & 1);
    siblings.push(nodeOf(page, next ^ 1));
    node = next;
  }
  const count = countOf(page, node);
  if (count === 2) return { end: false, slot: undefined };
  if (count === 0) return { end: true, slot: undefined };
  let first = node;
  let width = 1;
  while (first < slotsPerPage) {
    first *= 2;
    width *= 2;
  }
  const slots = page.slots.slice(first - slotsPerPage, first - slotsPerPage + width);
  return { end: true, slot: slots.find((slot) => slot !== undefined) };
};

/** Bytes that `encodePage` gives. */
export const pageBytes = (page: Page): number => {
  let bytes = headerBytes;
  for (const slot of page.slots) if (slot !== undefined) bytes += slot.key === undefined ? 32 : 34 + slot.key.length;
  return bytes;
};

/** Writes the page's record into `target` from `offset`; it takes `pageBytes(page)`. */
export const encodePage = (page: Page, target: Buffer, offset: number): void => {
  let leaves = 0;
  let children = 0;
  let at = offset + headerBytes;
  for (let index = 0; index < slotsPerPage; index++) {
    const slot = page.slots[index];
    if (slot === undefined) continue;
    at += target.write(slot.hash, at, 32, "latin1");
    if (slot.key === undefined) children |= 1 << index;
    else {
      leaves |= 1 << index;
      at = target.writeUInt16BE(slot.key.length, at);
      at += target.write(slot.key, at, slot.key.length, "latin1");
    }
  }
  target.writeUInt16BE(leaves, offset);
  target.writeUInt16BE(children, offset + 2);
};

/** The page in `record` from `offset` to its end; undefined if that is not one. */
export const decodePage = (record: Buffer, offset: number, modified: number): Page | undefined => {
  if (record.length < offset + headerBytes) return undefined;
  const leaves = record.readUInt16BE(offset);
  const children = record.readUInt16BE(offset + 2);
  if ((leaves & children) !== 0) return undefined;
  const page = createPage(modified);
  page.stale = allStale;
  let at = offset + headerBytes;
  for (let index = 0; index < slotsPerPage; index++) {
    const isLeaf = (leaves & (1 << index)) !== 0;
    if (!isLeaf && (children & (1 << index)) === 0) continue;
    const keyAt = at + (isLeaf ? 34 : 32);
    if (keyAt > record.length) return undefined;
    const hash = record.toString("latin1", at, at + 32) as RawHash;
    at = keyAt + (isLeaf ? record.readUInt16BE(at + 32) : 0);
    if (at > record.length) return undefined;
    page.slots[index] = { hash, key: isLeaf ? record.toString("latin1", keyAt, at) : undefined };
  }
  return at === record.length ? page : undefined;
};

/** An upper estimate of what a decoded page takes in memory, bytes. */
export const pageMemory = (page: Page): number => {
  let bytes = 1200;
  for (const slot of page.slots) if (slot !== undefined) bytes += slot.key === undefined ? 90 : 115 + slot.key.length;
  return bytes;
};
