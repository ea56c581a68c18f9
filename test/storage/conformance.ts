/** What every implementation of `src/storage/port.ts` must do; each has a test file that runs this against it. */
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import type { RangeOptions, Store, StoreEntry, StoreError, StoreOperation } from "../../src/storage/port.ts";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const put = (key: string | Uint8Array, value: string | Uint8Array): StoreOperation => ({
  type: "put",
  key: typeof key === "string" ? bytes(key) : key,
  value: typeof value === "string" ? bytes(value) : value,
});
export const del = (key: string): StoreOperation => ({ type: "del", key: bytes(key) });

/** A write as a promise. */
export const write = (store: Store, operations: readonly StoreOperation[], durable = false): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable }, (error) => (error === undefined ? resolve() : reject(error)));
  });

export const collect = async (entries: AsyncIterable<StoreEntry>): Promise<StoreEntry[]> => {
  const all: StoreEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
};

const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : new TextDecoder().decode(value));
const keysOf = async (store: Store, options: RangeOptions): Promise<string[]> =>
  (await collect(store.range(options))).map(({ key }) => text(key) as string);

export interface Harness {
  /** opens an empty store for one test; closed and removed afterwards by the harness */
  open(): Promise<Store>;
}

const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

/** Random writes and ranges against a sorted Map. */
const modelProperty = (harness: Harness) =>
  fc.asyncProperty(
    fc.array(
      fc.array(
        fc.record({
          key: fc.uint8Array({ minLength: 1, maxLength: 3 }),
          value: fc.option(fc.uint8Array({ maxLength: 6 }), { nil: undefined }),
        }),
        { maxLength: 12 },
      ),
      { maxLength: 6 },
    ),
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
    fc.boolean(),
    async (batches, from, to, reverse) => {
      const store = await harness.open();
      const model = new Map<string, string>();
      for (const batch of batches) {
        await write(
          store,
          batch.map(({ key, value }) => (value === undefined ? { type: "del", key } : { type: "put", key, value })),
        );
        for (const { key, value } of batch) {
          if (value === undefined) model.delete(hex(key));
          else model.set(hex(key), hex(value));
        }
      }
      for (const [key, value] of model) expect(hex(store.get(Buffer.from(key, "hex")) as Uint8Array)).toBe(value);
      const expected = [...model].filter(([key]) => key >= hex(from) && key < hex(to)).sort(([a], [b]) => (a < b ? -1 : 1));
      if (reverse) expected.reverse();
      const entries = await collect(store.range({ gte: from, lt: to, reverse }));
      expect(entries.map(({ key, value }) => [hex(key), hex(value)])).toEqual(expected);
      await store.close();
    },
  );

/** Runs the suite; `harness` makes the stores. */
export const testStore = (name: string, harness: Harness): void => {
  describe(`${name}: reads and writes`, () => {
    it("gives back what was written, the empty value included, and nothing for what was not", async () => {
      const store = await harness.open();
      await write(store, [put("a", "1"), put("b", "")]);
      expect(text(store.get(bytes("a")))).toBe("1");
      expect(store.get(bytes("b"))).toHaveLength(0);
      expect(store.get(bytes("c"))).toBeUndefined();
      await write(store, [put("a", "2"), del("b"), del("never there")], true);
      expect(text(store.get(bytes("a")))).toBe("2");
      expect(store.get(bytes("b"))).toBeUndefined();
    });

    it("applies the operations of one write in order", async () => {
      const store = await harness.open();
      await write(store, [put("a", "1"), del("a"), put("a", "2"), put("b", "1"), del("b")]);
      expect(text(store.get(bytes("a")))).toBe("2");
      expect(store.get(bytes("b"))).toBeUndefined();
    });

    it("keeps the order of writes that are under way together, and calls each back once, later, in order", async () => {
      const store = await harness.open();
      const done: number[] = [];
      const writes = Array.from(
        { length: 200 },
        (_, index) =>
          new Promise<void>((resolve) => {
            let returned = false;
            store.write([put("counter", String(index))], { durable: index % 7 === 0 }, (error) => {
              expect(error).toBeUndefined();
              expect(returned).toBe(true);
              done.push(index);
              resolve();
            });
            returned = true;
          }),
      );
      await Promise.all(writes);
      expect(done).toEqual(Array.from({ length: 200 }, (_, index) => index));
      expect(text(store.get(bytes("counter")))).toBe("199");
    });

    it("takes a write without operations", async () => {
      const store = await harness.open();
      await write(store, [], true);
      await write(store, []);
    });

    it("holds values of several MiB", async () => {
      const store = await harness.open();
      const large = new Uint8Array(3 * 1024 * 1024).map((_, index) => index % 251);
      await write(store, [put("large", large)], true);
      expect(Buffer.compare(store.get(bytes("large")) as Uint8Array, large)).toBe(0);
    });

    it("does what a sorted map does", async () => {
      await fc.assert(modelProperty(harness), { numRuns: 25 });
    });
  });

  describe(`${name}: ranges`, () => {
    it("honours each bound, the direction and the limit", async () => {
      const store = await harness.open();
      await write(
        store,
        ["a", "b", "c", "d", "e"].map((key) => put(key, key)),
      );
      expect(await keysOf(store, {})).toEqual(["a", "b", "c", "d", "e"]);
      expect(await keysOf(store, { gte: bytes("b"), lte: bytes("d") })).toEqual(["b", "c", "d"]);
      expect(await keysOf(store, { gt: bytes("b"), lt: bytes("d") })).toEqual(["c"]);
      expect(await keysOf(store, { gt: bytes("bb"), reverse: true })).toEqual(["e", "d", "c"]);
      expect(await keysOf(store, { limit: 2 })).toEqual(["a", "b"]);
      expect(await keysOf(store, { limit: 2, reverse: true, lt: bytes("e") })).toEqual(["d", "c"]);
      expect(await keysOf(store, { gte: bytes("d"), lt: bytes("b") })).toEqual([]);
    });

    it("orders keys as unsigned bytes, a prefix before what extends it", async () => {
      const store = await harness.open();
      const keys = [[0], [0, 0], [1], [0x7f], [0x80], [0xff], [0xff, 0]].map((key) => Uint8Array.from(key));
      await write(
        store,
        [...keys].reverse().map((key) => put(key, "x")),
      );
      expect((await collect(store.range({}))).map(({ key }) => hex(key))).toEqual(keys.map(hex));
    });

    it("shows the store as it was at the call, whatever is written while it is read", async () => {
      const store = await harness.open();
      await write(
        store,
        Array.from({ length: 1000 }, (_, index) => put(String(index).padStart(4, "0"), "old")),
      );
      const entries = store.range({});
      await write(store, [put("0500", "new"), del("0700"), put("x", "new")]);
      const seen = await collect(entries);
      expect(seen).toHaveLength(1000);
      expect(seen.every(({ value }) => text(value) === "old")).toBe(true);
    });

    it("can be left half-way", async () => {
      const store = await harness.open();
      await write(
        store,
        Array.from({ length: 1000 }, (_, index) => put(String(index), "x")),
      );
      for await (const { key } of store.range({})) {
        expect(text(key)).toBe("0");
        break;
      }
      await store.close();
    });
  });

  describe(`${name}: closing`, () => {
    it("finishes the writes under way, then refuses everything", async () => {
      const store = await harness.open();
      const done: (StoreError | undefined)[] = [];
      for (let index = 0; index < 20; index++) store.write([put(String(index), "x")], { durable: true }, (error) => done.push(error));
      await store.close();
      expect(done).toEqual(Array.from({ length: 20 }, () => undefined));
      expect(() => store.get(bytes("0"))).toThrow(expect.objectContaining({ code: "closed" }));
      expect(() => store.range({})).toThrow(expect.objectContaining({ code: "closed" }));
      await expect(write(store, [put("a", "1")])).rejects.toMatchObject({ code: "closed" });
    });
  });
};
