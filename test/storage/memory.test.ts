import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { StoreError } from "../../src/storage/port.ts";
import { bytes, put, testStore, write } from "./conformance.ts";

testStore("memory", { open: () => Promise.resolve(createMemoryStore()) });

describe("memory: the disk's moods", () => {
  it("writes when its scheduler says so, and loses in a crash what was not written", async () => {
    const tasks: (() => void)[] = [];
    const store = createMemoryStore({ schedule: (task) => tasks.push(task) });
    let done = 0;
    store.write([put("a", "1")], { durable: true }, () => done++);
    store.write([put("b", "1")], { durable: true }, () => done++);
    expect(store.get(bytes("a"))).toBeUndefined();
    tasks.shift()?.();
    expect(done).toBe(1);
    const restarted = createMemoryStore({ entries: store.entries() });
    expect(restarted.get(bytes("a"))).toEqual(bytes("1"));
    expect(restarted.get(bytes("b"))).toBeUndefined();
  });

  it("fails every write after the first failed one", async () => {
    let full = true;
    const store = createMemoryStore({ fail: () => (full ? new StoreError("full", "no space") : undefined) });
    await expect(write(store, [put("a", "1")])).rejects.toMatchObject({ code: "full" });
    full = false;
    await expect(write(store, [put("b", "1")])).rejects.toMatchObject({ code: "full" });
    expect(store.get(bytes("b"))).toBeUndefined();
  });

  it("keeps nothing of its caller's buffers", async () => {
    const store = createMemoryStore();
    const value = Buffer.from("kept");
    const written = write(store, [put("a", value)]);
    value.fill(0);
    await written;
    (store.get(bytes("a")) as Uint8Array).fill(1);
    expect(store.get(bytes("a"))).toEqual(bytes("kept"));
  });
});
