/**
 * The pages of the current tree. Those that changed since they were last written are in memory alone: a page near the top changes with every batch, and
 * is written once for all of them (docs/ledger.md, "Records"). The others are read from their records, and kept in a cache.
 */
import type { StoreOperation } from "../../storage/port.ts";
import type { Records } from "../records.ts";
import { encodePageRecord, pageRecordKey, readPage, undoRecordKey } from "./layout.ts";
import { createPageCache } from "./page-cache.ts";
import { pageMemory } from "./page.ts";
import type { Page } from "./page.ts";
import type { PageAccess, PagePath } from "./tree.ts";

export interface Pages extends PageAccess {
  /** memory taken by pages that are not written, by the estimate of `pageMemory`; the owner bounds it by writing them */
  readonly changedBytes: number;
  /**
   * What makes the records those of the current tree. From now on they count as written.
   * @param sequence of the batch that the tree is after
   * @param checkpoint the newest checkpoint that is kept: what it needs is saved before it is overwritten
   */
  take(sequence: number, checkpoint: number | undefined): StoreOperation[];
  /** Lets go of what can be read again. */
  shrink(): void;
  /** Forgets what is in memory. */
  reset(): void;
}

interface Changed {
  /** absent: removed */
  page: Page | undefined;
  /** sequence of its record, 0 if there is none */
  readonly recorded: number;
  bytes: number;
}

/** @param cacheBytes memory for unchanged pages */
export const createPages = (records: Pick<Records, "get">, cacheBytes: number): Pages => {
  const cache = createPageCache(cacheBytes);
  const changed = new Map<PagePath, Changed>();
  let changedBytes = 0;

  const read = (path: PagePath): Page | undefined => {
    const change = changed.get(path);
    if (change !== undefined) return change.page;
    const cached = cache.get(path);
    if (cached !== undefined) return cached;
    const record = records.get(pageRecordKey(path));
    if (record === undefined) return undefined;
    const page = readPage(record);
    cache.set(path, page);
    return page;
  };

  const change = (path: PagePath, recorded: number, page: Page | undefined): void => {
    const bytes = page === undefined ? 0 : pageMemory(page);
    const present = changed.get(path);
    changedBytes += bytes - (present?.bytes ?? 0);
    if (present === undefined) changed.set(path, { page, recorded, bytes });
    else Object.assign(present, { page, bytes });
    cache.delete(path);
  };

  /** The record as the newest checkpoint has it. */
  const undo = (checkpoint: number, key: Uint8Array): StoreOperation[] => {
    const record = records.get(key);
    return record === undefined ? [] : [{ type: "put", key: undoRecordKey(checkpoint, key), value: record }];
  };

  return {
    read,
    write: (path, page) => change(path, page.recorded, page),
    remove: (path) => {
      const page = read(path);
      if (page !== undefined) change(path, page.recorded, undefined);
    },
    get changedBytes() {
      return changedBytes;
    },
    take: (sequence, checkpoint) => {
      const operations: StoreOperation[] = [];
      for (const [path, { page, recorded }] of changed) {
        const key = pageRecordKey(path);
        // after its first overwrite a record is no longer part of the checkpoint
        if (recorded > 0 && checkpoint !== undefined && recorded <= checkpoint) operations.push(...undo(checkpoint, key));
        if (page !== undefined) {
          page.recorded = sequence;
          operations.push({ type: "put", key, value: encodePageRecord(page) });
          cache.set(path, page);
        } else if (recorded > 0) operations.push({ type: "del", key });
      }
      changed.clear();
      changedBytes = 0;
      return operations;
    },
    shrink: cache.clear,
    reset: () => {
      cache.clear();
      changed.clear();
      changedBytes = 0;
    },
  };
};
