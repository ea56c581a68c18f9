/** Keys that passed step 2 of the rule: asked once a key, remembered for a bounded number of them. */
import type { PublicKey } from "../protocol/ids.ts";

export interface KnownKeys {
  has(key: PublicKey): boolean;
  add(key: PublicKey): void;
  readonly size: number;
}

/** keys remembered unless told otherwise: about 150 bytes each, 10 MiB when full */
const defaultKnownKeys = 65_536;

/**
 * The `capacity` good keys used last; the one unused for longest makes room, and is checked again when it comes back. Only good keys are
 * kept: bad ones would let anyone empty it for free.
 */
export const createKnownKeys = (capacity = defaultKnownKeys): KnownKeys => {
  const keys = new Set<PublicKey>();
  const touch = (key: PublicKey): void => {
    keys.delete(key);
    keys.add(key);
  };
  return {
    has: (key) => {
      if (!keys.has(key)) return false;
      touch(key);
      return true;
    },
    add: (key) => {
      touch(key);
      if (keys.size <= capacity) return;
      // not before: the first one is searched for behind all that were touched since the set was made anew
      const [oldest] = keys;
      if (oldest !== undefined) keys.delete(oldest);
    },
    get size() {
      return keys.size;
    },
  };
};
