/**
 * Four levels of the tree in one record: sixteen slots, each empty, a few leaves, or the root of the page below. A page below another holds more leaves
 * than fit into a slot: so the lowest level is not one of many small pages.
 *
 * Record: leaf mask u16 ‖ child mask u16 (bit i: slot i) ‖ for each slot in use, ascending: of a child its hash[32]; of leaves their number u8, the hash[32] of
 * their subtree if there are several, and each one's hash[32] and key (length u16, bytes), ascending by path.
 */
import type { Buffer } from "node:buffer";
import { bitAt, emptyHash, hashKey, nodeHash } from "./hashing.ts";
import type { RawHash } from "./hashing.ts";

export const slotsPerPage = 16;
/** leaves in one slot; more of them become a page */
export const maxSlotLeaves = 4;
const headerBytes = 4;
const allStale = 0xfffe;

/** An entry's place in the tree. */
export interface Leaf {
  /** its state key, one character a byte */
  readonly key: string;
  readonly hash: RawHash;
}

export interface Slot {
  /** of the subtree at the slot; of a lone leaf its own */
  readonly hash: RawHash;
  /** ascending by path; absent: there is a page below */
  readonly leaves: readonly Leaf[] | undefined;
}

export interface Page {
  readonly slots: (Slot | undefined)[];
  /** hashes of the inner nodes 1…15 of the page; the children of i are 2i and 2i+1, slots being 16…31 */
  readonly inner: RawHash[];
  /** leaves below each inner node, two bits a node: 0, 1, or 2 for more */
  counts: number;
  /** bit i: inner node i is to be computed again */
  stale: number;
  /** sequence of its record, which it may have outgrown; 0 if it has none */
  recorded: number;
}

// copying an array is several times cheaper than making one
const noSlots = Array.from<Slot | undefined>({ length: slotsPerPage });
const noHashes = Array.from({ length: slotsPerPage }, () => emptyHash);

export const createPage = (recorded: number): Page => ({
  slots: noSlots.slice(),
  inner: noHashes.slice(),
  counts: 0,
  stale: 0,
  recorded,
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
  return slot.leaves?.length === 1 ? 1 : 2;
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

/** What a slot of the page above shows for this page: nothing, the leaves if they are few, or the page itself. */
export const summarizePage = (page: Page): Slot | undefined => {
  const hash = hashPage(page);
  const leaves: Leaf[] = [];
  for (const slot of page.slots) {
    if (slot === undefined) continue;
    if (slot.leaves === undefined || leaves.length + slot.leaves.length > maxSlotLeaves) return { hash, leaves: undefined };
    leaves.push(...slot.leaves);
  }
  return leaves.length === 0 ? undefined : { hash, leaves };
};

/** A leaf with its path. */
export interface PlacedLeaf extends Leaf {
  readonly path: RawHash;
}

const sideOf = (leaves: readonly PlacedLeaf[], depth: number, bit: 0 | 1): PlacedLeaf[] =>
  leaves.filter(({ path }) => bitAt(path, depth) === bit);

/** The hash of the subtree at `depth` (bits) that has exactly these leaves. */
export const hashLeaves = (leaves: readonly PlacedLeaf[], depth: number): RawHash => {
  const [only] = leaves;
  if (only === undefined) return emptyHash;
  if (leaves.length === 1) return only.hash;
  return nodeHash(hashLeaves(sideOf(leaves, depth, 0), depth + 1), hashLeaves(sideOf(leaves, depth, 1), depth + 1));
};

export const placeLeaf = ({ key, hash }: Leaf): PlacedLeaf => ({ key, hash, path: hashKey(key) });

/** Where a way ends, or that it goes on in the page below. */
export type WayEnd = { readonly below: true } | { readonly below: false; readonly leaf: Leaf | undefined };

const walkLeaves = (leaves: readonly Leaf[], path: RawHash, from: number, siblings: RawHash[]): WayEnd => {
  let rest = leaves.map(placeLeaf);
  for (let depth = from; rest.length > 1; depth++) {
    const bit = bitAt(path, depth);
    siblings.push(hashLeaves(sideOf(rest, depth, bit === 0 ? 1 : 0), depth + 1));
    rest = sideOf(rest, depth, bit);
  }
  return { below: false, leaf: rest[0] };
};

/**
 * Follows `path` through the page, which is at the page depth `depth`, until it is alone: at an empty subtree or a lone leaf.
 * @param siblings gets the hashes beside the way, from the page's top down
 */
export const walkPage = (page: Page, path: RawHash, depth: number, siblings: RawHash[]): WayEnd => {
  hashPage(page);
  let node = 1;
  for (let level = 0; level < 4 && countOf(page, node) === 2; level++) {
    const next = node * 2 + bitAt(path, depth * 4 + level);
    siblings.push(nodeOf(page, next ^ 1));
    node = next;
  }
  if (countOf(page, node) === 2) {
    const leaves = page.slots[node - slotsPerPage]?.leaves;
    return leaves === undefined ? { below: true } : walkLeaves(leaves, path, depth * 4 + 4, siblings);
  }
  let first = node;
  let width = 1;
  while (first < slotsPerPage) {
    first *= 2;
    width *= 2;
  }
  const slots = page.slots.slice(first - slotsPerPage, first - slotsPerPage + width);
  return { below: false, leaf: slots.find((slot) => slot !== undefined)?.leaves?.[0] };
};

const leafBytes = (leaves: readonly Leaf[]): number => {
  let bytes = leaves.length === 1 ? 1 : 33;
  for (const leaf of leaves) bytes += 34 + leaf.key.length;
  return bytes;
};

/** Bytes that `encodePage` gives. */
export const pageBytes = (page: Page): number => {
  let bytes = headerBytes;
  for (const slot of page.slots) if (slot !== undefined) bytes += slot.leaves === undefined ? 32 : leafBytes(slot.leaves);
  return bytes;
};

const encodeLeaves = (slot: Slot, leaves: readonly Leaf[]): string => {
  let text = String.fromCharCode(leaves.length);
  if (leaves.length > 1) text += slot.hash;
  for (const { key, hash } of leaves) text += hash + String.fromCharCode(key.length >>> 8, key.length & 0xff) + key;
  return text;
};

/** Writes the page's record into `target` from `offset`; it takes `pageBytes(page)`. */
export const encodePage = (page: Page, target: Buffer, offset: number): void => {
  let leaves = 0;
  let children = 0;
  // one write of a joined string is cheaper than one for each field
  let text = "";
  for (let index = 0; index < slotsPerPage; index++) {
    const slot = page.slots[index];
    if (slot === undefined) continue;
    if (slot.leaves === undefined) {
      children |= 1 << index;
      text += slot.hash;
    } else {
      leaves |= 1 << index;
      text += encodeLeaves(slot, slot.leaves);
    }
  }
  target.writeUInt16BE(leaves, offset);
  target.writeUInt16BE(children, offset + 2);
  target.write(text, offset + headerBytes, "latin1");
};

interface Cursor {
  readonly text: string;
  at: number;
}

const decodeLeaves = (cursor: Cursor): Slot | undefined => {
  const { text } = cursor;
  const count = text.charCodeAt(cursor.at++);
  // false also past the end
  if (!(count >= 1 && count <= maxSlotLeaves)) return undefined;
  const hashAt = cursor.at;
  if (count > 1) cursor.at += 32;
  const leaves: Leaf[] = [];
  for (let index = 0; index < count; index++) {
    const at = cursor.at;
    const keyAt = at + 34;
    cursor.at = keyAt + ((text.charCodeAt(at + 32) << 8) | text.charCodeAt(at + 33));
    if (keyAt > text.length || cursor.at > text.length) return undefined;
    leaves.push({ hash: text.slice(at, at + 32) as RawHash, key: text.slice(keyAt, cursor.at) });
  }
  return { hash: text.slice(hashAt, hashAt + 32) as RawHash, leaves };
};

/** The page in `record` from `offset` to its end; undefined if that is not one. */
export const decodePage = (record: Buffer, offset: number, recorded: number): Page | undefined => {
  if (record.length < offset + headerBytes) return undefined;
  const leaves = record.readUInt16BE(offset);
  const children = record.readUInt16BE(offset + 2);
  if ((leaves & children) !== 0) return undefined;
  const page = createPage(recorded);
  page.stale = allStale;
  const cursor: Cursor = { text: record.toString("latin1", offset + headerBytes), at: 0 };
  for (let index = 0; index < slotsPerPage; index++) {
    if ((leaves & (1 << index)) !== 0) {
      page.slots[index] = decodeLeaves(cursor);
      if (page.slots[index] === undefined) return undefined;
    } else if ((children & (1 << index)) !== 0) {
      const at = cursor.at;
      cursor.at += 32;
      if (cursor.at > cursor.text.length) return undefined;
      page.slots[index] = { hash: cursor.text.slice(at, cursor.at) as RawHash, leaves: undefined };
    }
  }
  return cursor.at === cursor.text.length ? page : undefined;
};

/** An upper estimate of what a decoded page takes in memory, bytes. */
export const pageMemory = (page: Page): number => {
  let bytes = 1200;
  for (const slot of page.slots) {
    if (slot === undefined) continue;
    bytes += 120;
    for (const leaf of slot.leaves ?? []) bytes += 110 + leaf.key.length;
  }
  return bytes;
};
