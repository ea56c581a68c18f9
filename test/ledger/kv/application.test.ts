import { describe, expect, it } from "vitest";
import { maxResultBytesPerBatch } from "../../../src/ledger/answers.ts";
import type { Application } from "../../../src/ledger/application.ts";
import { decodeResult } from "../../../src/ledger/kv/encoding.ts";
import type { KvOperation, KvResult } from "../../../src/ledger/kv/operations.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { bytes, client, open, request, run } from "../support.ts";

const put = (key: string, value: Uint8Array, expect?: number): KvOperation => ({
  type: "put",
  key: bytes(key),
  value,
  ...(expect === undefined ? {} : { expect }),
});
const get = (key: string): KvOperation => ({ type: "get", key: bytes(key) });

const opened = async (application?: Application) => {
  const store = createMemoryStore();
  const ledger = await open(store, application === undefined ? {} : { application });
  let number = 0;
  const send = async (...operations: (KvOperation | Uint8Array)[]): Promise<(KvResult | undefined)[]> => {
    const { answers } = await run(ledger, store, [request(client(1), ++number, operations)]);
    return (answers[0]?.results ?? []).map((result) => decodeResult(result));
  };
  return { store, ledger, send, next: () => ++number };
};
const conflict = (version: number): KvResult => ({ type: "conflict", version });

describe("the key-value store", () => {
  it("counts versions from a key's creation, and compares them before it writes", async () => {
    const { send } = await opened();
    expect(await send(put("a", bytes("1")), put("a", bytes("2"), 1), put("a", bytes("3"), 1), put("b", bytes("1"), 1))).toEqual([
      { type: "put", version: 1 },
      { type: "put", version: 2 },
      conflict(2),
      conflict(0),
    ]);
    expect(
      await send(
        { type: "delete", key: bytes("a"), expect: 1 },
        { type: "delete", key: bytes("a"), expect: 2 },
        { type: "delete", key: bytes("a") },
        { type: "delete", key: bytes("a"), expect: 0 },
      ),
    ).toEqual([conflict(2), { type: "delete", deleted: true }, { type: "delete", deleted: false }, { type: "delete", deleted: false }]);
    expect(await send(put("a", bytes("again"), 0), get("a"))).toMatchObject([{ version: 1 }, { entry: { version: 1 } }]);
  });

  it("answers what is no operation, and what is too large", async () => {
    const { send } = await opened();
    const long = "k".repeat(1025);
    expect(
      await send(
        Uint8Array.of(99),
        Uint8Array.of(5),
        put("", bytes("x")),
        put(long, bytes("x")),
        get(long),
        put("a", new Uint8Array(1024 * 1024 + 1)),
      ),
    ).toEqual([{ type: "malformed" }, { type: "malformed" }, ...Array.from({ length: 4 }, () => ({ type: "too-large" }))]);
    expect(await send(put("k".repeat(1024), new Uint8Array(1024 * 1024)), { type: "time" })).toEqual([
      { type: "put", version: 1 },
      { type: "time", timestamp: expect.any(Number) },
    ]);
    expect(await send(get("k".repeat(1024)))).toMatchObject([{ type: "get", entry: { version: 1 } }]);
  });

  it("writes a transaction whole or not at all, and shows it its own writes", async () => {
    const { send } = await opened();
    const result = await send(
      {
        type: "txn",
        compare: [{ type: "version", key: bytes("a"), version: 0 }],
        success: [put("a", bytes("1")) as never, put("a", bytes("2"), 1) as never, get("a") as never],
        failure: [],
      },
      {
        type: "txn",
        compare: [{ type: "value", key: bytes("a"), value: bytes("2") }],
        success: [put("b", bytes("1")) as never, { type: "delete", key: bytes("a") }, put("a", bytes("x"), 5) as never],
        failure: [],
      },
      get("a"),
      get("b"),
      {
        type: "txn",
        compare: [{ type: "value", key: bytes("a"), value: bytes("other") }],
        success: [],
        failure: [{ type: "delete", key: bytes("a") }],
      },
      get("a"),
    );
    expect(result).toMatchObject([
      { type: "txn", succeeded: true, results: [{ version: 1 }, { version: 2 }, { entry: { version: 2 } }] },
      { type: "txn-refused", index: 2, result: { type: "conflict", version: 0 } },
      { entry: { version: 2 } },
      { type: "get" },
      { type: "txn", succeeded: false, results: [{ type: "delete", deleted: true }] },
      { type: "get" },
    ]);
    expect(result[3]).toEqual({ type: "get" });
  });

  it("can not be made to answer more than a batch may carry, however often a large value is asked for", async () => {
    const { ledger, store, send, next } = await opened();
    const large = new Uint8Array(1_000_000);
    await send(put("large", large), put("small", bytes("small")));
    const requests = Array.from({ length: 20 }, () => request(client(1), next(), [get("large"), get("large"), get("small")]));
    const { answers } = await run(ledger, store, requests);
    const results = answers.flatMap((answer) => answer.results.map((result) => decodeResult(result)));
    const carried = results.filter((result) => result?.type === "get" && (result.entry?.value.length ?? 0) === large.length);
    expect(carried).toHaveLength(8);
    expect(results.filter((result) => result?.type === "too-large")).toHaveLength(40 - 8);
    expect(results.filter((result) => result?.type === "get" && result.entry?.value.length === 5)).toHaveLength(20);
    expect(answers.flatMap((answer) => answer.results).reduce((sum, result) => sum + result.length, 0)).toBeLessThanOrEqual(
      maxResultBytesPerBatch + 60 * 64,
    );
  });

  it("copies little when small writes go over large values that a checkpoint needs", async () => {
    const { ledger, store, send, next } = await opened();
    for (let index = 0; index < 4; index++) await send(put(`large ${index}`, new Uint8Array(1_000_000)));
    const writes = [0, 1, 2, 3].map((index) => put(`large ${index}`, bytes("small")));
    const execution = await run(ledger, store, [request(client(1), next(), writes)]);
    const written = execution.writes.reduce((sum, operation) => sum + (operation.type === "put" ? operation.value.length : 0), 0);
    expect(written).toBeLessThan(20_000);
  });
});

describe("another application", () => {
  it("has its results cut when they are longer than it was told", async () => {
    const boasting: Application = { name: "boasting", apply: (_, __, { resultBytesLeft }) => new Uint8Array(resultBytesLeft + 1) };
    const { ledger, store } = await opened(boasting);
    const { answers } = await run(ledger, store, [request(client(1), 1, [bytes("x"), bytes("y")])]);
    expect(answers[0]?.results.map((result) => result.length)).toEqual([0, 0]);
  });

  it("reads its own writes, whole and by their beginning", async () => {
    const seen: unknown[] = [];
    const probing: Application = {
      name: "probing",
      apply: (_, state) => {
        const key = bytes("key");
        seen.push(state.get(key)?.length, state.head(key)?.length);
        state.put(key, new Uint8Array(5000).fill(3));
        seen.push(state.get(key)?.length, state.head(key));
        state.delete(key);
        seen.push(state.get(key), state.head(key));
        state.put(key, new Uint8Array(4000));
        return new Uint8Array(0);
      },
    };
    const { ledger, store } = await opened(probing);
    await run(ledger, store, [request(client(1), 1, [bytes("x")])]);
    await run(ledger, store, [request(client(1), 2, [bytes("x")])]);
    const once = [5000, { length: 5000, bytes: new Uint8Array(32).fill(3) }, undefined, undefined];
    expect(seen).toEqual([undefined, undefined, ...once, 4000, 4000, ...once]);
  });
});
