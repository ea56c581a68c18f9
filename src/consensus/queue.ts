/** Values in the order in which they came, found by key as well. */

export interface Queue<K, V> {
  /** the first came first */
  readonly entries: ReadonlyMap<K, V>;
  first(): V | undefined;
  /** To the end. The key is not in the queue. */
  add(key: K, value: V): void;
  /** @returns whether it was there */
  remove(key: K): boolean;
}

/**
 * As large as what is in it; its owner bounds that. The first one is remembered for as long as it stays: a Map looks for it behind the places of all
 * that left it since it grew last.
 */
export const createQueue = <K, V>(): Queue<K, V> => {
  const entries = new Map<K, V>();
  let head: readonly [K, V] | undefined;
  return {
    entries,
    first: () => {
      head ??= entries.size === 0 ? undefined : entries.entries().next().value;
      return head?.[1];
    },
    add: (key, value) => void entries.set(key, value),
    remove: (key) => {
      if (head?.[0] === key) head = undefined;
      return entries.delete(key);
    },
  };
};
