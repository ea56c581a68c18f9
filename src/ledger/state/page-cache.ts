/** Decoded pages of the current tree, those not used of late dropped beyond a number of bytes. What is dropped is in the records. */
import { pageMemory } from "./page.ts";
import type { Page } from "./page.ts";
import type { PagePath } from "./tree.ts";

export interface PageCache {
  get(path: PagePath): Page | undefined;
  set(path: PagePath, page: Page): void;
  delete(path: PagePath): void;
  clear(): void;
}

interface Cached {
  page: Page;
  bytes: number;
  /** since the eviction last came by */
  used: boolean;
}

/** @param maxBytes by the estimate of `pageMemory`; beyond it pages are dropped that were not used since their last turn */
export const createPageCache = (maxBytes: number): PageCache => {
  const pages = new Map<PagePath, Cached>();
  let bytes = 0;

  const drop = (path: PagePath): void => {
    bytes -= pages.get(path)?.bytes ?? 0;
    pages.delete(path);
  };
  const evict = (): void => {
    // what was used gets a second turn at the end, so this ends
    for (const [path, cached] of pages) {
      if (bytes <= maxBytes) return;
      pages.delete(path);
      if (cached.used) {
        cached.used = false;
        pages.set(path, cached);
      } else bytes -= cached.bytes;
    }
  };

  return {
    get: (path) => {
      const found = pages.get(path);
      if (found === undefined) return undefined;
      found.used = true;
      return found.page;
    },
    set: (path, page) => {
      const size = pageMemory(page);
      const present = pages.get(path);
      bytes += size - (present?.bytes ?? 0);
      if (present === undefined) pages.set(path, { page, bytes: size, used: false });
      else Object.assign(present, { page, bytes: size, used: true });
      if (bytes > maxBytes) evict();
    },
    delete: drop,
    clear: () => {
      pages.clear();
      bytes = 0;
    },
  };
};
