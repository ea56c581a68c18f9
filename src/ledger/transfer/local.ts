/**
 * The state in the store while it becomes another: always exactly what the tree's pages say, so that an interruption leaves nothing behind that
 * is not found again. A page whose subtree is being changed is *open*: its leaves are there, its hash means nothing, and a page below may be missing,
 * which means that nothing is below. A page that is not open has its whole subtree in the store.
 */
import type { Store, StoreOperation } from "../../storage/port.ts";
import {
  decodeStateRecord,
  encodePageRecord,
  encodeStateRecord,
  maxInlineBytes,
  modifiedBy,
  pageRecordKey,
  readPage,
  stateRecordKey,
  valueRecordKey,
} from "../state/layout.ts";
import type { Leaf, Page } from "../state/page.ts";
import { childPath } from "../state/tree.ts";
import type { PagePath } from "../state/tree.ts";
import type { PlacedEntry } from "./parts.ts";

/** in place of the sequence that wrote it, in an open page's record */
const openMark = Number.MAX_SAFE_INTEGER;
/** operations of a removal in one write */
const removedAtOnce = 512;

export interface LocalPage {
  readonly page: Page;
  readonly open: boolean;
}

export interface LocalState {
  /** @throws StoreError `corrupt` */
  read(path: PagePath): LocalPage | undefined;
  /** operations that write a page as complete, or as open */
  page(path: PagePath, page: Page): StoreOperation;
  open(path: PagePath, page: Page): StoreOperation;
  drop(path: PagePath): StoreOperation;
  /** operations that put these entries where those leaves were */
  replace(leaves: readonly Leaf[], entries: readonly PlacedEntry[]): StoreOperation[];
  /** Removes a page and everything below, lowest first, in writes of bounded size: `write` gets each. */
  remove(path: PagePath, write: (operations: StoreOperation[]) => void): void;
}

/** @param sequence whose state it becomes: no record may seem younger */
export const createLocalState = (store: Pick<Store, "get">, sequence: number): LocalState => {
  const read = (path: PagePath): LocalPage | undefined => {
    const record = store.get(pageRecordKey(path));
    return record === undefined ? undefined : { page: readPage(record), open: modifiedBy(record) === openMark };
  };
  /** Its large value goes with an entry. */
  const removeEntry = (key: string): StoreOperation[] => {
    const recordKey = stateRecordKey(key);
    const record = store.get(recordKey);
    if (record === undefined) return [];
    const entry = decodeStateRecord(record);
    const operations: StoreOperation[] = [{ type: "del", key: recordKey }];
    if (entry.outside) operations.push({ type: "del", key: valueRecordKey(entry.modified, key) });
    return operations;
  };
  const putEntry = ({ key, value, valueHash }: PlacedEntry): StoreOperation[] => {
    const operations: StoreOperation[] = [{ type: "put", key: stateRecordKey(key), value: encodeStateRecord(sequence, value, valueHash) }];
    if (value.length > maxInlineBytes) operations.push({ type: "put", key: valueRecordKey(sequence, key), value });
    return operations;
  };
  const drop = (path: PagePath): StoreOperation => ({ type: "del", key: pageRecordKey(path) });
  const open = (path: PagePath, page: Page): StoreOperation => ({
    type: "put",
    key: pageRecordKey(path),
    value: encodePageRecord({ ...page, recorded: openMark }),
  });

  const remove = (path: PagePath, write: (operations: StoreOperation[]) => void): void => {
    let gathered: StoreOperation[] = [];
    const removePage = (at: PagePath): void => {
      const local = read(at);
      if (local === undefined) return;
      const own: StoreOperation[] = [];
      gathered.push(open(at, local.page));
      for (const [index, slot] of local.page.slots.entries()) {
        if (slot === undefined) continue;
        if (slot.leaves === undefined) removePage(childPath(at, index));
        else for (const { key } of slot.leaves) own.push(...removeEntry(key));
      }
      gathered.push(...own, drop(at));
      if (gathered.length < removedAtOnce) return;
      write(gathered);
      gathered = [];
    };
    removePage(path);
    if (gathered.length > 0) write(gathered);
  };

  return {
    read,
    page: (path, page) => ({ type: "put", key: pageRecordKey(path), value: encodePageRecord({ ...page, recorded: sequence }) }),
    open,
    drop,
    replace: (leaves, entries) => [...leaves.flatMap(({ key }) => removeEntry(key)), ...entries.flatMap(putEntry)],
    remove,
  };
};
