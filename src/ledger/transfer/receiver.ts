/**
 * Makes the state in the store into the one that a certified root names, out of parts that anybody sent: each is checked when it comes, what is
 * the same already is never asked for, and everything that was checked stays, whatever happens (PROTOCOL §7). Memory: the pages that are open, sixteen
 * for each level and part under way.
 */
import type { StateAnswer, WantedPart } from "../../protocol/messages.ts";
import type { Digest } from "../../protocol/ids.ts";
import type { Store, StoreError, StoreOperation } from "../../storage/port.ts";
import { LedgerError } from "../errors.ts";
import type { CheckpointRoots } from "../head.ts";
import { digestToRaw, emptyStateRoot, rawToDigest } from "../state/hashing.ts";
import type { RawHash } from "../state/hashing.ts";
import { createPage, hashPage, placeLeaf, setSlot, slotsPerPage, summarizePage } from "../state/page.ts";
import type { Leaf, Page, Slot } from "../state/page.ts";
import { childPath } from "../state/tree.ts";
import type { PagePath } from "../state/tree.ts";
import { createLocalState } from "./local.ts";
import { buildPage, buildSlot, decodePart, pathToHex, placeEntries, type PlacedEntry } from "./parts.ts";

/** What came of an answer. */
export type ReceivedPart =
  /** it is what it should be, and is being written; `missing` is what it showed to be wanted next */
  | { readonly status: "kept"; readonly missing: readonly WantedPart[] }
  | { readonly status: "gone" }
  /** it does not hash to what was asked for: its sender lies, or is broken */
  | { readonly status: "false" }
  /** nobody waits for it */
  | { readonly status: "unexpected" };

export interface ReceiverProgress {
  /** of the target's state that is here, 0 to 1: by the space of hashes, which entries fill evenly */
  readonly fraction: number;
  /** taken in since the receiver was made */
  readonly entries: number;
  readonly bytes: number;
}

export interface StateReceiver {
  readonly target: CheckpointRoots;
  /** what is wanted first; nothing if the state is there already. Call once. */
  start(): readonly WantedPart[];
  /** @throws StoreError; LedgerError `wrong-root` if what is in the store is not what its pages say */
  receive(answer: StateAnswer): ReceivedPart;
  /** all that was received is the target's state */
  readonly complete: boolean;
  /** Calls back once everything received so far is in the store. */
  written(done: (error?: StoreError) => void): void;
  readonly progress: ReceiverProgress;
}

export interface ReceiverOptions {
  readonly store: Pick<Store, "get" | "write">;
  readonly target: CheckpointRoots;
}

/** A page on its way: what is in the store below it so far, and how much is not as it should be. */
interface OpenPage {
  readonly page: Page;
  readonly hash: RawHash;
  waiting: number;
}

interface Expected {
  readonly path: PagePath;
  readonly whole: boolean;
}

const top: PagePath = "";
/** subtrees of one depth that may come as pages, for each that came whole and at first, before no more of them are asked for whole */
const vainTries = 4;

/** Subtrees of one depth are about equally large: asking for whole ones that are too large costs the sender reads in vain. */
const createSizes = () => {
  const pages = new Map<number, number>();
  const whole = new Map<number, number>();
  const add = (counts: Map<number, number>, { length }: PagePath): void => void counts.set(length, (counts.get(length) ?? 0) + 1);
  return {
    mayComeWhole: ({ length }: PagePath): boolean => (pages.get(length) ?? 0) < vainTries * (1 + (whole.get(length) ?? 0)),
    cameWhole: (path: PagePath): void => add(whole, path),
    cameAsPage: (path: PagePath): void => add(pages, path),
  };
};

const parentOf = (path: PagePath): PagePath => path.slice(0, -1);
const indexIn = (path: PagePath): number => path.charCodeAt(path.length - 1);
const shareOf = (path: PagePath): number => 16 ** -path.length;

/** A page that holds these leaves of a slot. */
const pageOfLeaves = (path: PagePath, leaves: readonly Leaf[]): Page =>
  buildPage(
    path,
    leaves.map(placeLeaf).sort((a, b) => (a.path < b.path ? -1 : 1)),
    () => undefined,
  );

export const createStateReceiver = ({ store, target }: ReceiverOptions): StateReceiver => {
  const local = createLocalState(store, target.sequence);
  // each write is a whole step; what fails is told by the next one that is waited for
  const write = (operations: readonly StoreOperation[]): void => store.write(operations, { durable: false }, () => undefined);
  const open = new Map<PagePath, OpenPage>();
  const expected = new Map<Digest, Expected>();
  const root = digestToRaw(target.stateRoot);
  const sizes = createSizes();
  let complete = false;
  let fraction = 0;
  let entryCount = 0;
  let byteCount = 0;

  const want = (path: PagePath, hash: RawHash, fresh: boolean): WantedPart => {
    const digest = rawToDigest(hash);
    const whole = fresh && sizes.mayComeWhole(path);
    expected.set(digest, { path, whole });
    return { path: pathToHex(path), hash: digest, whole };
  };

  /** Whether the subtree is in the store already, or at least something of one. */
  const presence = (path: PagePath, have: Slot | undefined, wanted: Slot): "all" | "some" | "none" => {
    if (have === undefined) return "none";
    if (have.leaves !== undefined) return have.hash === wanted.hash ? "all" : "some";
    const below = local.read(path);
    if (below === undefined) return "none";
    return !below.open && hashPage(below.page) === wanted.hash ? "all" : "some";
  };

  /** What is at `path` now, made a page of its own. */
  const openLocal = (path: PagePath): Page => {
    const known = local.read(path);
    if (known !== undefined) return known.page;
    const leaves = path === top ? undefined : open.get(parentOf(path))?.page.slots[indexIn(path)]?.leaves;
    return leaves === undefined ? createPage(0) : pageOfLeaves(path, leaves);
  };

  const setIn = (path: PagePath, slot: Slot | undefined): StoreOperation[] => {
    if (path === top) return [];
    const above = open.get(parentOf(path)) as OpenPage;
    setSlot(above.page, indexIn(path), slot);
    return [local.open(parentOf(path), above.page)];
  };

  /** One of the things that the page above `path` waited for is done. */
  const settleAbove = (path: PagePath): void => {
    if (path === top) {
      complete = true;
      return;
    }
    const at = parentOf(path);
    const above = open.get(at) as OpenPage;
    above.waiting -= 1;
    if (above.waiting === 0) close(at, above);
  };

  /** Everything below the page is as it should be. */
  const close = (path: PagePath, { page, hash }: OpenPage): void => {
    open.delete(path);
    if (hashPage(page) !== hash)
      throw new LedgerError("wrong-root", `the state in the store is not what its page says, at ${pathToHex(path) || "the top"}`);
    const summary = path === top ? undefined : summarizePage(page);
    if (summary?.leaves === undefined) write([local.page(path, page), ...setIn(path, { hash, leaves: undefined })]);
    else write([local.drop(path), ...setIn(path, summary)]);
    settleAbove(path);
  };

  const removeBelow = (path: PagePath, have: Slot | undefined): void => {
    if (have !== undefined && have.leaves === undefined) local.remove(path, write);
  };

  const receivePage = (path: PagePath, wanted: Page, hash: RawHash): readonly WantedPart[] => {
    const page = openLocal(path);
    write([local.open(path, page), ...setIn(path, { hash, leaves: undefined })]);
    const own: OpenPage = { page, hash, waiting: 0 };
    open.set(path, own);
    const missing: WantedPart[] = [];
    for (let index = 0; index < slotsPerPage; index++) {
      const have = page.slots[index];
      const slot = wanted.slots[index];
      const at = childPath(path, index);
      const present = slot === undefined ? "all" : presence(at, have, slot);
      if (slot !== undefined && present !== "all") {
        own.waiting += 1;
        missing.push(want(at, slot.hash, present === "none"));
        continue;
      }
      fraction += shareOf(at);
      if (slot !== undefined || have === undefined) continue;
      removeBelow(at, have);
      write([...local.replace(have.leaves ?? [], []), ...setIn(at, undefined)]);
    }
    if (own.waiting === 0) close(path, own);
    return missing;
  };

  const receiveEntries = (path: PagePath, entries: readonly PlacedEntry[]): void => {
    const have = path === top ? local.read(top) && { hash: root, leaves: undefined } : open.get(parentOf(path))?.page.slots[indexIn(path)];
    removeBelow(path, have);
    const operations = local.replace(have?.leaves ?? [], entries);
    const writePage = (at: PagePath, page: Page): void => void operations.push(local.page(at, page));
    if (path === top) buildPage(top, entries, writePage);
    else operations.push(...setIn(path, buildSlot(path, entries, writePage)));
    write(operations);
    fraction += shareOf(path);
    entryCount += entries.length;
    for (const { key, value } of entries) byteCount += key.length + value.length;
    settleAbove(path);
  };

  return {
    target,
    start() {
      const present = local.read(top);
      if (target.stateRoot === emptyStateRoot) local.remove(top, write);
      else if (present === undefined || present.open || hashPage(present.page) !== root) return [want(top, root, present === undefined)];
      complete = true;
      fraction = 1;
      return [];
    },
    receive(answer) {
      const asked = expected.get(answer.hash);
      if (asked === undefined) return { status: "unexpected" };
      const { path } = asked;
      if (answer.type === "gone") return { status: "gone" };
      const hash = digestToRaw(answer.hash);
      if (answer.type === "page") {
        const page = decodePart(answer.page, path, hash);
        if (page === undefined) return { status: "false" };
        expected.delete(answer.hash);
        byteCount += answer.page.length;
        if (asked.whole) sizes.cameAsPage(path);
        return { status: "kept", missing: receivePage(path, page, hash) };
      }
      const entries = placeEntries(answer.entries, path, hash);
      if (entries === undefined) return { status: "false" };
      expected.delete(answer.hash);
      if (asked.whole) sizes.cameWhole(path);
      receiveEntries(path, entries);
      return { status: "kept", missing: [] };
    },
    written: (done) => store.write([], { durable: false }, done),
    get complete() {
      return complete;
    },
    get progress() {
      return { fraction: Math.min(1, fraction), entries: entryCount, bytes: byteCount };
    },
  };
};
