import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesOf } from "../../../src/ledger/kv/changes.ts";
import { decodeResult } from "../../../src/ledger/kv/encoding.ts";
import { createKvQueries } from "../../../src/ledger/kv/queries.ts";
import type { KvOperation } from "../../../src/ledger/kv/operations.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { bytes, client, hex, open, request, run } from "../support.ts";
import { operationsOn } from "./arbitraries.ts";

const put = (key: string, value: string): KvOperation & { type: "put" } => ({ type: "put", key: bytes(key), value: bytes(value) });

describe("what operations changed", () => {
  it("is exactly what the store holds: replaying the changes gives its entries, for any operations", async () => {
    const key = fc.constantFrom("a", "b", "c").map(bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(operationsOn(key).any, { minLength: 1, maxLength: 6 }), { maxLength: 8 }), async (requests) => {
        const store = createMemoryStore();
        const ledger = await open(store);
        const replayed = new Map<string, { value: string; version: number }>();
        for (const [index, operations] of requests.entries()) {
          const { answers } = await run(ledger, store, [request(client(1), index + 1, operations)]);
          for (const [position, operation] of operations.entries()) {
            for (const change of changesOf(operation, decodeResult(answers[0]?.results[position] as Uint8Array))) {
              const name = hex(change.key);
              const before = replayed.get(name)?.version ?? 0;
              if (change.type === "put") {
                // no write of a key is left out, none is told twice
                expect(change.version).toBe(before + 1);
                replayed.set(name, { value: hex(change.value), version: change.version });
              } else {
                expect(before).toBeGreaterThan(0);
                replayed.delete(name);
              }
            }
          }
        }
        const { items } = await createKvQueries(ledger).list({ prefix: new Uint8Array(), limit: 100, maxBytes: 1_000_000 });
        const held = new Map(items.map((item) => [hex(item.key), { value: hex(item.value), version: item.version }]));
        expect(replayed).toEqual(held);
      }),
      { numRuns: 150 },
    );
  });

  it("is nothing for what was refused, read or not understood", () => {
    expect(changesOf(put("a", "1"), { type: "conflict", version: 3 })).toEqual([]);
    expect(changesOf({ type: "delete", key: bytes("a") }, { type: "delete", deleted: false })).toEqual([]);
    expect(changesOf({ type: "get", key: bytes("a") }, { type: "get" })).toEqual([]);
    expect(changesOf({ type: "time" }, { type: "time", timestamp: 7 })).toEqual([]);
    expect(changesOf(undefined, { type: "malformed" })).toEqual([]);
    const txn: KvOperation = { type: "txn", compare: [], success: [put("a", "1")], failure: [put("b", "2")] };
    expect(changesOf(txn, { type: "txn-refused", index: 0, result: { type: "too-large" } })).toEqual([]);
    expect(changesOf(txn, { type: "txn", succeeded: false, results: [{ type: "put", version: 7 }] })).toEqual([
      { type: "put", key: bytes("b"), value: bytes("2"), version: 7 },
    ]);
  });
});
