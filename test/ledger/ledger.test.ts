import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clearLedger, restoreLedger } from "../../src/ledger/restore.ts";
import { createKvQueries, verifyKvProof } from "../../src/ledger/kv/queries.ts";
import { createKeyValueStore } from "../../src/ledger/kv/application.ts";
import { decodeEntry, encodeEntry } from "../../src/ledger/kv/entry.ts";
import { decodeResult } from "../../src/ledger/kv/encoding.ts";
import type { KvOperation, KvResult, SimpleOperation, SimpleResult } from "../../src/ledger/kv/operations.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { toDigest, toSequence } from "../../src/protocol/ids.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import type { MemoryStore } from "../../src/storage/memory.ts";
import { StoreError } from "../../src/storage/port.ts";
import { tables } from "../../src/storage/keys.ts";
import { logHashAfter } from "../../src/wire/digests.ts";
import { operationsOn } from "./kv/arbitraries.ts";
import { baseTime, bytes, client, genesisLogHash, hex, naiveRoot, nextBatch, open, request, run, write } from "./support.ts";

const put = (key: string, value: string): KvOperation => ({ type: "put", key: bytes(key), value: bytes(value) });
const get = (key: string): KvOperation => ({ type: "get", key: bytes(key) });

/* ------------------------------------------------------------------ a model of the key-value store, as plain as can be */

type Model = Map<string, { version: number; value: string }>;

const modelSimple = (model: Model, operation: SimpleOperation): SimpleResult => {
  const key = hex(operation.key);
  const present = model.get(key);
  const version = present?.version ?? 0;
  if (operation.type === "get")
    return present === undefined ? { type: "get" } : { type: "get", entry: { value: Buffer.from(present.value, "hex"), version } };
  if (operation.expect !== undefined && operation.expect !== version) return { type: "conflict", version };
  if (operation.type === "put") {
    model.set(key, { version: version + 1, value: hex(operation.value) });
    return { type: "put", version: version + 1 };
  }
  return { type: "delete", deleted: model.delete(key) };
};

const modelApply = (model: Model, operation: KvOperation, timestamp: number): KvResult => {
  if (operation.type === "time") return { type: "time", timestamp };
  if (operation.type !== "txn") return modelSimple(model, operation);
  const succeeded = operation.compare.every((comparison) => {
    const present = model.get(hex(comparison.key));
    return comparison.type === "version" ? (present?.version ?? 0) === comparison.version : present?.value === hex(comparison.value);
  });
  const before = new Map(model);
  const results: SimpleResult[] = [];
  for (const [index, simple] of (succeeded ? operation.success : operation.failure).entries()) {
    const result = modelSimple(model, simple);
    if (result.type === "conflict") {
      model.clear();
      for (const [key, entry] of before) model.set(key, entry);
      return { type: "txn-refused", index, result };
    }
    results.push(result);
  }
  return { type: "txn", succeeded, results };
};

const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => (inner instanceof Uint8Array ? hex(inner) : inner)).replaceAll(
      /\{"type":"Buffer","data":\[([\d,]*)\]\}/g,
      (_, data: string) => `"${hex(Uint8Array.from(data === "" ? [] : data.split(",").map(Number)))}"`,
    ),
  );

const content = async (ledger: Ledger, checkpoint?: number) => {
  const seen: [string, { version: number; value: string }][] = [];
  for await (const { key, value } of ledger.range(checkpoint === undefined ? {} : { checkpoint: toSequence(checkpoint) })) {
    const entry = decodeEntry(value);
    seen.push([hex(key), { version: entry.version, value: hex(entry.value) }]);
  }
  return seen;
};
const sorted = (model: Model) => [...model].sort(([a], [b]) => (a < b ? -1 : 1));

/** Every entry of the state's table in the store, large values followed to where they are. */
const rootOfStore = async (ledger: Ledger, checkpoint: number): Promise<string> => {
  const entries: (readonly [Uint8Array, Uint8Array])[] = [];
  for await (const chunk of ledger.snapshot(toSequence(checkpoint))) for (const { key, value } of chunk) entries.push([key, value]);
  return naiveRoot(entries);
};

const operations = operationsOn(fc.nat(12).map((number) => bytes(`key ${number}`))).any;
type Step = {
  readonly requests: readonly (readonly KvOperation[])[];
  readonly lag: number;
  readonly crash: boolean;
  readonly shrink: boolean;
};
const step: fc.Arbitrary<Step> = fc.record({
  requests: fc.array(fc.array(operations, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
  lag: fc.nat(3),
  crash: fc.boolean(),
  shrink: fc.boolean(),
});

describe("executing", () => {
  it("does what a plain map does, through crashes, late writes and short memory, on every node alike, at every checkpoint", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        // one node writes at once, the other late, and loses in a crash what it had not written
        const stores = [createMemoryStore(), createMemoryStore()] as [MemoryStore, MemoryStore];
        const steady = await open(stores[0]);
        let crashing = await open(stores[1], { cacheBytes: 0 });
        const model: Model = new Map();
        const history: ReturnType<typeof nextBatch>[] = [];
        const executions: ReturnType<Ledger["execute"]>[] = [];
        const atCheckpoint = new Map<number, Model>();
        let unwritten: ReturnType<Ledger["execute"]>[] = [];
        let number = 0;
        for (const { requests, lag, crash, shrink } of steps) {
          const batch = nextBatch(
            steady,
            requests.map((ops) => request(client(number % 3), ++number, ops)),
            baseTime + number,
          );
          history.push(batch);
          // what a node lets go of when memory is short it reads again
          if (shrink) for (const ledger of [steady, crashing]) ledger.shrink();
          const execution = steady.execute(batch);
          executions.push(execution);
          await write(stores[0], execution);
          steady.written(batch.sequence);
          const expected = requests.map((ops) => ops.map((operation) => modelApply(model, operation, batch.timestamp)));
          expect(plain(execution.answers.map(({ results }) => results.map((result) => decodeResult(result))))).toEqual(plain(expected));
          if (batch.sequence % 4 === 0) atCheckpoint.set(batch.sequence, new Map(model));

          while (crashing.position().sequence < batch.sequence) {
            const sequence = crashing.position().sequence;
            const replayed = crashing.execute(history[sequence] as (typeof history)[number]);
            const original = executions[sequence] as (typeof executions)[number];
            expect(plain({ ...replayed, writes: [] })).toEqual(plain({ ...original, writes: [] }));
            unwritten.push(replayed);
          }
          while (unwritten.length > lag) {
            const late = unwritten.shift() as ReturnType<Ledger["execute"]>;
            await write(stores[1], late);
            crashing.written(late.sequence);
          }
          if (crash) {
            await crashing.close();
            unwritten = [];
            stores[1] = createMemoryStore({ entries: stores[1].entries() });
            crashing = await open(stores[1], { cacheBytes: 0 });
          }
        }
        expect(await content(steady)).toEqual(sorted(model));
        const kept = steady.checkpoints().map(({ sequence }) => sequence);
        expect(kept).toEqual([0, ...atCheckpoint.keys()].slice(-3));
        for (const { sequence, stateRoot } of steady.checkpoints()) {
          const then = atCheckpoint.get(sequence) ?? new Map();
          expect(await content(steady, sequence)).toEqual(sorted(then));
          expect(await rootOfStore(steady, sequence)).toBe(stateRoot);
          for (const key of ["key 1", "key 7", "nothing"]) {
            const { entry, proof } = createKvQueries(steady).prove(bytes(key), sequence);
            expect(entry?.version).toBe(then.get(hex(bytes(key)))?.version);
            expect(verifyKvProof(stateRoot, bytes(key), entry, proof)).toBe(true);
            expect(
              verifyKvProof(stateRoot, bytes(key), entry === undefined ? { version: 1, sequence: 1, value: bytes("") } : undefined, proof),
            ).toBe(false);
          }
        }
        await Promise.all([steady.close(), crashing.close()]);
      }),
      { numRuns: 40 },
    );
  });

  it("chains the log hash over every batch, and an empty batch changes nothing else", async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    const first = await run(ledger, store, [request(client(1), 1, [put("a", "1")])]);
    const root = ledger.root();
    expect(root).not.toBe("0".repeat(64));
    const empty = nextBatch(ledger, []);
    const execution = ledger.execute(empty);
    expect(ledger.root()).toBe(root);
    expect(execution.timeMs).toBe(first.timeMs);
    expect(execution.logHash).toBe(logHashAfter(first.logHash, empty.digest));
    expect(execution.resultsRoot).toBe("0".repeat(64));
    expect(first.logHash).not.toBe(genesisLogHash);
  });

  it("refuses any sequence but the next: nothing runs twice", async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    const batch = nextBatch(ledger, [request(client(1), 1, [put("a", "1")])]);
    ledger.execute(batch);
    for (const sequence of [0, 1, 3]) {
      expect(() => ledger.execute({ ...batch, sequence: toSequence(sequence) })).toThrow(
        expect.objectContaining({ code: "wrong-sequence" }),
      );
    }
    expect(ledger.position().sequence).toBe(1);
  });

  it("keeps ledger time from going back, and tells whoever asks", async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    await run(ledger, store, [request(client(1), 1, [put("a", "1")])], baseTime + 500);
    const { timeMs, answers } = await run(ledger, store, [request(client(1), 2, [put("a", "2"), { type: "time" }])], baseTime);
    expect(timeMs).toBe(baseTime + 500);
    expect(answers[0]?.results.map(decodeResult)[1]).toEqual({ type: "time", timestamp: baseTime + 500 });
    expect((await open(store)).position().timeMs).toBe(baseTime + 500);
  });

  it("stops executing at its bound of unwritten batches and goes on when they are written", async () => {
    const store = createMemoryStore();
    const ledger = await open(store, { maxUnwritten: 2 });
    const executions = [1, 2].map((number) => ledger.execute(nextBatch(ledger, [request(client(1), number, [put("a", String(number))])])));
    expect(() => ledger.execute(nextBatch(ledger, []))).toThrow(expect.objectContaining({ code: "backlog" }));
    for (const execution of executions) await write(store, execution);
    ledger.written(toSequence(2));
    expect(ledger.execute(nextBatch(ledger, [])).sequence).toBe(3);
  });

  it("is over after an application threw or the store failed to read: it never goes on from a half-executed batch", async () => {
    const throwing = {
      ...createKeyValueStore(),
      apply: () => {
        throw new Error("a fault");
      },
    };
    const ledger = await open(createMemoryStore(), { application: throwing });
    const batch = nextBatch(ledger, [request(client(1), 1, [put("a", "1")])]);
    expect(() => ledger.execute(batch)).toThrow(expect.objectContaining({ code: "application-failed" }));
    expect(() => ledger.execute(batch)).toThrow(expect.objectContaining({ code: "failed" }));

    const store = createMemoryStore();
    let broken = false;
    const failing = {
      ...store,
      get: (key: Uint8Array) => {
        if (broken) throw new StoreError("corrupt", "a flipped bit");
        return store.get(key);
      },
    };
    const second = await open(failing);
    broken = true;
    expect(() => second.execute(nextBatch(second, [request(client(1), 1, [put("a", "1")])]))).toThrow(
      expect.objectContaining({ code: "corrupt" }),
    );
    broken = false;
    expect(() => second.execute(nextBatch(second, []))).toThrow(expect.objectContaining({ code: "failed" }));
    expect(() => second.get(bytes("a"))).toThrow(expect.objectContaining({ code: "failed" }));
  });
});

describe("opening", () => {
  it("refuses another network's store, an unknown layout, and a state that does not match its root", async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    await run(ledger, store, [request(client(1), 1, [put("a", "1")])]);
    await expect(open(store, { genesisLogHash: toDigest("cd".repeat(32)) })).rejects.toMatchObject({ code: "wrong-ledger" });
    const other = (table: number, change: (value: Uint8Array) => Uint8Array) =>
      createMemoryStore({ entries: store.entries().map(({ key, value }) => ({ key, value: key[0] === table ? change(value) : value })) });
    await expect(open(other(tables.ledgerHead, (value) => Uint8Array.of(9, ...value.subarray(1))))).rejects.toMatchObject({
      code: "wrong-ledger",
    });
    const flipped = (at: number) => (value: Uint8Array) => value.with(at, (value.at(at) ?? 0) ^ 1);
    // before a checkpoint the tree is made of the entries that changed, after it of its pages
    await expect(open(other(tables.state, flipped(-1)))).rejects.toMatchObject({ code: "wrong-root" });
    while (ledger.position().sequence % 4 !== 0) await run(ledger, store, []);
    await expect(open(other(tables.pages, flipped(20)))).rejects.toMatchObject({ code: "wrong-root" });
  });
});

describe("checkpoints", () => {
  const filled = async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    for (let index = 1; index <= 14; index++) {
      await run(ledger, store, [
        request(client(1), index, [
          put("small", String(index)),
          put("large", String(index).repeat(5000)),
          put(`key ${index % 5}`, String(index)),
        ]),
      ]);
    }
    return { store, ledger };
  };
  const undoOf = (store: MemoryStore) => store.entries().filter(({ key }) => key[0] === tables.undo);
  const valuesOf = (store: MemoryStore) => store.entries().filter(({ key }) => key[0] === tables.values);

  it("stay three at most; a released one leaves nothing behind, and the others can still be read", async () => {
    const { store, ledger } = await filled();
    await ledger.close();
    expect(ledger.checkpoints().map(({ sequence }) => sequence)).toEqual([4, 8, 12]);
    const large = (checkpoint: number) =>
      Buffer.from(decodeEntry(ledger.get(bytes("large"), toSequence(checkpoint)) as Uint8Array).value).toString();
    expect([4, 8, 12].map(large)).toEqual(["4".repeat(5000), "8".repeat(5000), "12".repeat(5000)]);
    expect(valuesOf(store)).toHaveLength(4);
    await ledger.release(toSequence(4));
    expect(() => ledger.get(bytes("small"), toSequence(4))).toThrow(expect.objectContaining({ code: "unknown-checkpoint" }));
    expect([8, 12].map(large)).toEqual(["8".repeat(5000), "12".repeat(5000)]);
    await ledger.release(toSequence(12));
    expect(undoOf(store)).toEqual([]);
    expect(valuesOf(store)).toHaveLength(1);
    await run(ledger, store, [request(client(1), 100, [put("large", "x")])]);
    expect(valuesOf(store)).toHaveLength(0);
    expect(undoOf(store)).toEqual([]);
  });

  it("that were released stay so after a restart that found the removal half done", async () => {
    const { store, ledger } = await filled();
    await ledger.close();
    const before = store.entries();
    await ledger.release(toSequence(8));
    const released = store.entries().filter(({ key }) => key[0] === tables.released);
    const half = createMemoryStore({ entries: [...before.filter(({ key }) => key[0] !== tables.released), ...released] });
    const reopened = await open(half);
    await reopened.close();
    expect(reopened.checkpoints().map(({ sequence }) => sequence)).toEqual([12]);
    expect(undoOf(half).every(({ key }) => key[8] === 12)).toBe(true);
    expect(Buffer.from(decodeEntry(reopened.get(bytes("small"), toSequence(12)) as Uint8Array).value).toString()).toBe("12");
  });

  it("can not be listed before they are written", async () => {
    const store = createMemoryStore();
    const ledger = await open(store, { parameters: { checkpointInterval: 1 } });
    ledger.execute(nextBatch(ledger, [request(client(1), 1, [put("a", "1")])]));
    expect(() => ledger.range({ checkpoint: toSequence(1) })).toThrow(expect.objectContaining({ code: "unknown-checkpoint" }));
    expect(ledger.get(bytes("a"), toSequence(0))).toBeUndefined();
    expect(ledger.get(bytes("a"), toSequence(1))).toBeDefined();
  });
});

describe("snapshots", () => {
  it("rebuild the ledger elsewhere, sessions included, while the source goes on", async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    for (let index = 0; index < 4; index++) {
      const writes = Array.from({ length: 300 }, (_, key) => put(`key ${index * 300 + key}`, String(key).repeat(key === 7 ? 2000 : 1)));
      await run(ledger, store, [request(client(index), 1, writes)]);
    }
    const [checkpoint] = ledger.checkpoints().slice(-1) as [ReturnType<Ledger["checkpoints"]>[number]];
    const target = createMemoryStore({
      entries: [{ key: Uint8Array.of(tables.state, 1, 1), value: bytes("left over from an interrupted one") }],
    });
    let moved = 0;
    const source = async function* () {
      for await (const chunk of ledger.snapshot(checkpoint.sequence)) {
        expect(chunk.length).toBeLessThanOrEqual(256);
        await run(ledger, store, [request(client(0), ++moved + 100, [put(`key ${moved * 50}`, "moved on"), put(`new ${moved}`, "new")])]);
        yield chunk;
      }
    };
    await restoreLedger({ store: target, genesisLogHash, checkpoint }, source());
    expect(moved).toBeGreaterThan(3);
    const restored = await open(target);
    expect(restored.position()).toMatchObject(checkpoint);
    expect(await content(restored)).toEqual(await content(ledger, checkpoint.sequence));
    expect(restored.lookup(client(2), 1, 0)).toEqual({ status: "duplicate", sequence: 3, index: 0 });
    const batch = nextBatch(restored, [request(client(9), 1, [put("key 3", "next")])]);
    expect(restored.execute(batch).sequence).toBe(5);
  });

  it("are refused when they are not the state that was certified, and leave nothing behind", async () => {
    const store = createMemoryStore();
    const ledger = await open(store, { parameters: { checkpointInterval: 1 } });
    await run(ledger, store, [request(client(1), 1, [put("a", "1"), put("b", "2")])]);
    const checkpoint = ledger.checkpoints().at(-1) as ReturnType<Ledger["checkpoints"]>[number];
    const lying = async function* () {
      for await (const chunk of ledger.snapshot(checkpoint.sequence)) yield chunk.slice(1);
    };
    const target = createMemoryStore();
    await expect(restoreLedger({ store: target, genesisLogHash, checkpoint }, lying())).rejects.toMatchObject({ code: "wrong-root" });
    expect(target.entries()).toEqual([]);
    expect((await open(target)).position().sequence).toBe(0);
    await clearLedger(store);
    expect(store.entries()).toEqual([]);
  });

  it("end with an error when their checkpoint is released meanwhile", async () => {
    const store = createMemoryStore();
    const ledger = await open(store, { parameters: { checkpointInterval: 1 } });
    await run(ledger, store, [
      request(
        client(1),
        1,
        Array.from({ length: 600 }, (_, index) => put(String(index), "x")),
      ),
    ]);
    const reading = async () => {
      for await (const chunk of ledger.snapshot(toSequence(1))) {
        expect(chunk.length).toBeGreaterThan(0);
        await ledger.release(toSequence(1));
        await run(ledger, store, [request(client(1), 2, [put("y", "y")])]);
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: "unknown-checkpoint" });
  });
});

describe("key-value queries", () => {
  it("list in the order of keys, by prefix, page by page, now and as of a checkpoint", async () => {
    const store = createMemoryStore();
    const ledger = await open(store, { parameters: { checkpointInterval: 1 } });
    const names = ["a", "b/1", "b/10", "b/2", "b", "c", "\u00ff"];
    await run(ledger, store, [
      request(
        client(1),
        1,
        names.map((name) => put(name, `value of ${name}`)),
      ),
    ]);
    await run(ledger, store, [request(client(1), 2, [put("b/15", "later"), { type: "delete", key: bytes("b/1") }])]);
    const queries = createKvQueries(ledger);
    const keys = async (options: Parameters<typeof queries.list>[0]) =>
      (await queries.list(options)).items.map(({ key }) => Buffer.from(key).toString());
    expect(await keys({ prefix: bytes("b/") })).toEqual(["b/10", "b/15", "b/2"]);
    expect(await keys({ prefix: bytes("b/"), checkpoint: toSequence(1) })).toEqual(["b/1", "b/10", "b/2"]);
    expect(await keys({ prefix: bytes("b/"), after: bytes("b/10") })).toEqual(["b/15", "b/2"]);
    expect(await keys({ prefix: bytes("b/"), after: bytes("a") })).toEqual(["b/10", "b/15", "b/2"]);
    expect(await keys({ prefix: bytes("b/"), after: bytes("z") })).toEqual([]);
    const page = await queries.list({ limit: 2 });
    expect(page.items.map(({ key }) => Buffer.from(key).toString())).toEqual(["a", "b"]);
    expect(page.next).toEqual(Buffer.from("b"));
    expect((await queries.list({ limit: 100 })).next).toBeUndefined();
    expect(page.items[0]).toMatchObject({ version: 1, sequence: 1 });
    expect(queries.get(bytes("b/15"))).toMatchObject({ version: 1, sequence: 2 });
  });

  it("bound a list by bytes", async () => {
    const store = createMemoryStore();
    const ledger = await open(store);
    for (let index = 0; index < 6; index++)
      await run(ledger, store, [
        request(client(1), index + 1, [{ type: "put", key: bytes(`large ${index}`), value: new Uint8Array(1_000_000) }]),
      ]);
    const { items, next } = await createKvQueries(ledger).list({});
    expect(items).toHaveLength(4);
    expect(next).toEqual(items[3]?.key);
  });

  it("keep an entry's bytes as documented", () => {
    expect(hex(encodeEntry(2, 258, bytes("v")))).toBe("0000000000000002" + "0000000000000102" + "76");
    expect(() => decodeEntry(bytes("short"))).toThrow(RangeError);
    expect(get("x").type).toBe("get");
  });
});
