/** A store in memory, for tests and the simulator: deterministic, its callbacks come from the scheduler it is given. */
import { StoreError } from "./port.ts";
import type { RangeOptions, Store, StoreEntry, StoreOperation } from "./port.ts";

export interface MemoryStoreOptions {
  /** runs each write when the "disk" is done with it; `queueMicrotask` when absent. Writes take effect in the order they were made. */
  readonly schedule?: (task: () => void) => void;
  /** asked at each write; what it returns is how that write fails, and with it the store */
  readonly fail?: (operations: readonly StoreOperation[], durable: boolean) => StoreError | undefined;
  /** what the store holds at first: `entries` of another one, to restart from its content */
  readonly entries?: Iterable<StoreEntry>;
}

export interface MemoryStore extends Store {
  /** Everything that was written so far, in byte order: the medium after a crash at this moment. */
  entries(): StoreEntry[];
}

/** One character a byte, so that the order of strings is the order of bytes. */
const keyToString = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
const stringToKey = (key: string): Uint8Array => new Uint8Array(Buffer.from(key, "latin1"));

/** Not `slice`, which of a Buffer is a view. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

/** Position of the first of `keys` that is not before `key`. */
const lowerBound = (keys: readonly string[], key: string): number => {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
};

const selectKeys = (keys: readonly string[], options: RangeOptions): string[] => {
  const from = (bound: Uint8Array, inclusive: boolean): number => {
    const text = keyToString(bound);
    const at = lowerBound(keys, text);
    return !inclusive && keys[at] === text ? at + 1 : at;
  };
  let start = 0;
  let end = keys.length;
  if (options.gte) start = Math.max(start, from(options.gte, true));
  if (options.gt) start = Math.max(start, from(options.gt, false));
  if (options.lt) end = Math.min(end, from(options.lt, true));
  if (options.lte) end = Math.min(end, from(options.lte, false));
  const selected = keys.slice(start, Math.max(start, end));
  if (options.reverse) selected.reverse();
  return options.limit === undefined ? selected : selected.slice(0, options.limit);
};

/** Makes an empty store in memory, or one with the given entries. Its size is bounded by what its user writes; it is not for production data. */
export const createMemoryStore = (options: MemoryStoreOptions = {}): MemoryStore => {
  const schedule = options.schedule ?? queueMicrotask;
  const values = new Map<string, Uint8Array>();
  const keys: string[] = [];
  const waiting: (() => void)[] = [];
  let pending = 0;
  let closed = false;
  let failure: StoreError | undefined;

  const apply = (operation: StoreOperation): void => {
    const key = keyToString(operation.key);
    const at = lowerBound(keys, key);
    const present = keys[at] === key;
    if (operation.type === "put") {
      if (!present) keys.splice(at, 0, key);
      values.set(key, operation.value);
    } else if (present) {
      keys.splice(at, 1);
      values.delete(key);
    }
  };
  const assertOpen = (): void => {
    if (closed) throw new StoreError("closed", "the store is closed");
  };
  const settle = (): void => {
    pending--;
    if (pending === 0) for (const resume of waiting.splice(0)) resume();
  };

  for (const entry of options.entries ?? []) apply({ type: "put", key: entry.key, value: entry.value });

  return {
    get: (key) => {
      assertOpen();
      const value = values.get(keyToString(key));
      return value === undefined ? undefined : copyOf(value);
    },
    write: (operations, { durable }, done) => {
      // the caller may reuse its buffers once this returned
      const copy = operations.map((operation) =>
        operation.type === "put"
          ? { type: "put" as const, key: copyOf(operation.key), value: copyOf(operation.value) }
          : { type: "del" as const, key: copyOf(operation.key) },
      );
      const late = closed ? new StoreError("closed", "the store is closed") : undefined;
      pending++;
      schedule(() => {
        failure ??= late === undefined ? options.fail?.(copy, durable) : undefined;
        const error = late ?? failure;
        if (error === undefined) for (const operation of copy) apply(operation);
        try {
          done(error);
        } finally {
          settle();
        }
      });
    },
    range: (bounds) => {
      assertOpen();
      const view = selectKeys(keys, bounds).map((key) => ({ key, value: values.get(key) as Uint8Array }));
      return (async function* () {
        for (const { key, value } of view) yield { key: stringToKey(key), value: copyOf(value) };
      })();
    },
    close: async () => {
      closed = true;
      if (pending > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    entries: () => keys.map((key) => ({ key: stringToKey(key), value: copyOf(values.get(key) as Uint8Array) })),
  };
};
