/** Entries of the state that are written with the tree's pages instead of with their batch. */
import type { RawHash } from "./hashing.ts";

/** deferred entries that wait for the pages, bytes: beyond it the pages are written early */
const maxDeferredBytes = 8 * 1024 * 1024;

/** What a key has from now on. */
export interface NewValue {
  readonly value: Uint8Array;
  readonly hash: RawHash;
}

/** Entries that wait for the pages, over those in the store. */
export const createDeferred = () => {
  const values = new Map<string, NewValue | undefined>();
  let bytes = 0;
  return {
    values,
    set: (key: string, next: NewValue | undefined): void => {
      bytes += (next?.value.length ?? 0) + key.length;
      values.set(key, next);
    },
    get isFull() {
      return bytes > maxDeferredBytes;
    },
    clear: (): void => {
      values.clear();
      bytes = 0;
    },
  };
};
