import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecords } from "../../../src/ledger/records.ts";
import { createCheckpointView } from "../../../src/ledger/state/checkpoint-view.ts";
import { toLatin1 } from "../../../src/wire/bytes.ts";
import { hashKey, keyToBytes, rawToDigest } from "../../../src/ledger/state/hashing.ts";
import { decodeStateProof, encodeStateProof, verifyStateProof } from "../../../src/ledger/state/proof.ts";
import { changedKeysSequence, decodeChanges } from "../../../src/ledger/state/layout.ts";
import { createStateMap } from "../../../src/ledger/state/state-map.ts";
import type { Digest } from "../../../src/protocol/ids.ts";
import { tables } from "../../../src/storage/keys.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { bytes, hex, naiveRoot } from "../support.ts";

type Change = readonly [key: string, value: Uint8Array | undefined];

const createMap = (cacheBytes = 1024 * 1024) => {
  const store = createMemoryStore({ schedule: (task) => task() });
  const records = createRecords(store);
  let map = createStateMap(records, cacheBytes);
  const model = new Map<string, Uint8Array>();
  let sequence = 0;
  let root = naiveRoot([]) as Digest;
  const apply = (changes: readonly Change[], checkpoint?: number, pages = true): void => {
    sequence++;
    const batch = map.begin(sequence, checkpoint);
    for (const [key, value] of changes) {
      if (value === undefined) {
        batch.delete(key);
        model.delete(key);
      } else {
        batch.put(key, value);
        model.set(key, value);
      }
    }
    const operations = batch.commit();
    operations.push(...(pages ? map.writeTree(sequence, checkpoint) : map.writeChanges(sequence, new Uint8Array())));
    store.write(operations, { durable: false }, () => undefined);
    root = rawToDigest(map.root());
  };
  /** Forgets all that is in memory, as a crash does. */
  const reopen = (): void => {
    map = createStateMap(records, cacheBytes);
    const lists = store.entries().filter(({ key }) => key[0] === tables.changedKeys);
    expect(map.catchUp(lists.map(({ key, value }) => ({ sequence: changedKeysSequence(key), changes: decodeChanges(value) })))).toBe(true);
  };
  const entries = () => [...model].map(([key, value]) => [keyToBytes(key), value] as const);
  return {
    store,
    records,
    get map() {
      return map;
    },
    model,
    apply,
    reopen,
    entries,
    root: () => root,
    prove: (key: string) => createCheckpointView(records, sequence, () => []).prove(key),
  };
};

const key = fc.oneof({ weight: 5, arbitrary: fc.nat(40).map((number) => `key ${number}`) }, fc.uint8Array({ maxLength: 40 }).map(toLatin1));
const value = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  fc.integer({ min: 2500, max: 2700 }).map((length) => new Uint8Array(length).fill(length)),
);
const change: fc.Arbitrary<Change> = fc.tuple(key, fc.option(value, { nil: undefined, freq: 3 }));
const batches = fc.array(fc.array(change, { maxLength: 30 }), { maxLength: 8 });

describe("the state's root", () => {
  it("is what the definition gives for the entries, whatever came before and whatever the cache forgot", () => {
    fc.assert(
      fc.property(batches, fc.constantFrom(0, 4000, 1_000_000), (history, cacheBytes) => {
        const map = createMap(cacheBytes);
        for (const batch of history) {
          map.apply(batch);
          expect(map.root()).toBe(naiveRoot(map.entries()));
          expect(rawToDigest(map.map.root())).toBe(map.root());
        }
        for (const [name, stored] of map.model) expect(hex(map.map.get(name) as Uint8Array)).toBe(hex(stored));
      }),
      { numRuns: 60 },
    );
  });

  it("survives a loss of memory at any moment, whether pages were written or only the keys that changed", () => {
    const steps = fc.array(fc.tuple(fc.array(change, { maxLength: 30 }), fc.boolean(), fc.boolean()), { maxLength: 10 });
    fc.assert(
      fc.property(steps, fc.constantFrom(0, 20_000, 1_000_000), (history, cacheBytes) => {
        const map = createMap(cacheBytes);
        for (const [changes, pages, crash] of history) {
          map.apply(changes, undefined, pages);
          if (crash) map.reopen();
          expect(rawToDigest(map.map.root())).toBe(naiveRoot(map.entries()));
        }
        map.apply([], undefined, true);
        // what is on disk is the whole tree again, and nothing of the time between
        map.reopen();
        expect(rawToDigest(map.map.root())).toBe(naiveRoot(map.entries()));
        expect(map.store.entries().filter(({ key }) => key[0] === tables.changedKeys)).toEqual([]);
      }),
      { numRuns: 80 },
    );
  });

  it("returns to that of no entries when all are deleted, and leaves no record behind", () => {
    const map = createMap();
    const names = Array.from({ length: 2000 }, (_, index) => `key ${index}`);
    map.apply(names.map((name) => [name, bytes("x".repeat(Number(name.slice(4)) % 7 === 0 ? 3000 : 5))]));
    map.apply(names.slice(0, 1990).map((name) => [name, undefined]));
    expect(map.root()).toBe(naiveRoot(map.entries()));
    map.apply(names.slice(1990).map((name) => [name, undefined]));
    expect(map.root()).toBe("0".repeat(64));
    expect(map.store.entries()).toEqual([]);
  });

  it("depends on which value stands under which key", () => {
    const [a, b] = [createMap(), createMap()];
    a.apply([
      ["one", bytes("1")],
      ["two", bytes("2")],
    ]);
    b.apply([
      ["one", bytes("2")],
      ["two", bytes("1")],
    ]);
    expect(a.root()).not.toBe(b.root());
  });

  it("handles keys whose paths stay together for several pages", () => {
    // found by search: the SHA-256 of these shares its first 24 bits or more
    const together: string[] = [];
    const seen = new Map<string, string>();
    for (let index = 0; together.length < 6; index++) {
      const name = `n${index}`;
      const prefix = hashKey(name).slice(0, 3);
      const other = seen.get(prefix);
      if (other !== undefined) together.push(other, name);
      seen.set(prefix, name);
    }
    const map = createMap();
    map.apply(together.map((name) => [name, bytes(name)]));
    expect(map.root()).toBe(naiveRoot(map.entries()));
    for (const name of together)
      expect(verifyStateProof(map.root(), keyToBytes(name), bytes(name), encodeStateProof(map.prove(name)))).toBe(true);
    map.apply([[together[0] as string, undefined]]);
    expect(map.root()).toBe(naiveRoot(map.entries()));
  });
});

describe("proofs", () => {
  it("verify for what is there and for what is not, and for nothing else", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), key, fc.uint8Array({ maxLength: 20 }), (changes, name, other) => {
        const map = createMap();
        map.apply(changes);
        const held = map.model.get(name);
        const proof = encodeStateProof(map.prove(name));
        const check = (claimed: Uint8Array | undefined, root = map.root(), of = name) =>
          verifyStateProof(root, keyToBytes(of), claimed, proof);
        expect(check(held)).toBe(true);
        if (held === undefined || hex(held) !== hex(other)) expect(check(other)).toBe(false);
        if (held !== undefined) expect(check(undefined)).toBe(false);
        expect(check(held, naiveRoot([[bytes("another"), bytes("state")]]) as Digest)).toBe(false);
        if (held !== undefined) expect(check(held, map.root(), `${name}!`)).toBe(false);
      }),
    );
  });

  it("do not survive the change of any bit", () => {
    const map = createMap();
    map.apply(Array.from({ length: 50 }, (_, index) => [`key ${index}`, bytes(`value ${index}`)]));
    for (const [name, held] of [
      ["key 7", bytes("value 7")],
      ["absent", undefined],
      ["absent too", undefined],
      ["nor this", undefined],
    ] as const) {
      const proof = encodeStateProof(map.prove(name));
      expect(verifyStateProof(map.root(), keyToBytes(name), held, proof)).toBe(true);
      for (let bit = 0; bit < proof.length * 8; bit++) {
        const mutated = proof.slice();
        mutated[bit >>> 3] = (mutated[bit >>> 3] as number) ^ (1 << (bit & 7));
        expect(verifyStateProof(map.root(), keyToBytes(name), held, mutated)).toBe(false);
        // nor may it come to prove the opposite
        expect(verifyStateProof(map.root(), keyToBytes(name), held === undefined ? bytes("value 7") : undefined, mutated)).toBe(false);
      }
    }
  });

  it("have one encoding each, and no bytes make the decoder throw", () => {
    const map = createMap();
    map.apply(Array.from({ length: 50 }, (_, index) => [`key ${index}`, bytes("x")]));
    fc.assert(
      fc.property(fc.nat(80), fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }), fc.nat(400), (number, edits, length) => {
        const proof = encodeStateProof(map.prove(`key ${number}`)).slice();
        for (const [at, byte] of edits) if (at < proof.length) proof[at] = byte;
        for (const candidate of [proof, proof.subarray(0, length)]) {
          const decoded = decodeStateProof(candidate);
          if (decoded !== undefined) expect(hex(encodeStateProof(decoded))).toBe(hex(candidate));
        }
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (random) => void decodeStateProof(random)));
  });
});

describe("checkpoints", () => {
  it("show every entry and every proof as they were, while batches go on", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(change, { maxLength: 20 }), fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.constantFrom(0, 1_000_000),
        (steps, cacheBytes) => {
          const map = createMap(cacheBytes);
          const kept: { sequence: number; root: Digest; content: Map<string, Uint8Array> }[] = [];
          steps.forEach(([changes, checkpoint], index) => {
            // pages are written at each checkpoint, and at other times as it happens
            map.apply(changes, kept.at(-1)?.sequence, checkpoint || changes.length % 3 === 0);
            if (checkpoint) kept.push({ sequence: index + 1, root: map.root(), content: new Map(map.model) });
          });
          const names = new Set([...map.model.keys(), ...kept.flatMap(({ content }) => [...content.keys()]), "never there"]);
          for (const { sequence, root, content } of kept) {
            const later = kept.map((checkpoint) => checkpoint.sequence).filter((candidate) => candidate >= sequence);
            const view = createCheckpointView(map.records, sequence, () => later);
            for (const name of names) {
              const [seen, expected] = [view.get(name), content.get(name)];
              expect(seen === undefined ? undefined : hex(seen)).toBe(expected === undefined ? undefined : hex(expected));
              expect(verifyStateProof(root, keyToBytes(name), content.get(name), view.prove(name))).toBe(true);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("the cost of a batch", () => {
  it("in records read and written does not grow with the state beyond its depth", () => {
    const cost = (size: number): { reads: number; writes: number } => {
      let reads = 0;
      const store = createMemoryStore({ schedule: (task) => task() });
      const records = { get: (name: Uint8Array) => (reads++, store.get(name)) };
      const map = createStateMap(records, 0);
      let sequence = 0;
      const apply = (names: readonly string[]) => {
        const batch = map.begin(++sequence, undefined);
        for (const name of names) batch.put(name, bytes(`value of ${name} at ${sequence}`));
        const operations = [...batch.commit(), ...map.writeTree(sequence, undefined)];
        store.write(operations, { durable: false }, () => undefined);
        return operations.length;
      };
      for (let from = 0; from < size; from += 1000) apply(Array.from({ length: 1000 }, (_, index) => `key ${from + index}`));
      reads = 0;
      const writes = apply(Array.from({ length: 20 }, (_, index) => `key ${index * 37}`));
      return { reads, writes };
    };
    const [small, large] = [cost(1000), cost(16_000)];
    // 16 times the entries: at most two more pages a key, one read and one written each
    expect(large.reads - small.reads).toBeLessThanOrEqual(40);
    expect(large.writes - small.writes).toBeLessThanOrEqual(40);
    expect(large.reads).toBeLessThanOrEqual(20 * 6);
    expect(large.writes).toBeLessThanOrEqual(20 * 6);
  });
});
