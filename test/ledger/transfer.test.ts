/** The state of one ledger made into another's, part by part: complete, exact, resumable, and proof against every answer that is not true. */
import { describe, expect, it, vi } from "vitest";
import type { CheckpointRoots } from "../../src/ledger/head.ts";
import type { KvOperation } from "../../src/ledger/kv/operations.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import type { StateReceiver } from "../../src/ledger/transfer/receiver.ts";
import { limits } from "../../src/protocol/limits.ts";
import type { StateAnswer, WantedPart } from "../../src/protocol/messages.ts";
import { tables } from "../../src/storage/keys.ts";
import { createMemoryStore, type MemoryStore } from "../../src/storage/memory.ts";
import { sizeOfStateAnswer } from "../../src/wire/state.ts";
import { toLatin1 } from "../../src/wire/bytes.ts";
import { decodeStateRecord, valueRecordKey } from "../../src/ledger/state/layout.ts";
import { bytes, client, nextBatch, open, request, run, sha } from "./support.ts";

const put = (key: string, value: string): KvOperation => ({ type: "put", key: bytes(key), value: bytes(value) }) as KvOperation;
const del = (key: string): KvOperation => ({ type: "delete", key: bytes(key) }) as KvOperation;

const settings = { parameters: { checkpointInterval: 1 } };

/** Deterministic numbers below `below`. */
const numbers = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

interface Place {
  readonly store: MemoryStore;
  readonly ledger: Ledger;
  numberUsed: number;
}

const place = async (store = createMemoryStore()): Promise<Place> => ({ store, ledger: await open(store, settings), numberUsed: 0 });

const apply = async (at: Place, operations: readonly KvOperation[]): Promise<void> => {
  for (let from = 0; from < operations.length; from += 500) {
    at.numberUsed += 1;
    await run(at.ledger, at.store, [request(client(1), at.numberUsed, operations.slice(from, from + 500))]);
  }
};

const newest = ({ ledger }: Place): CheckpointRoots => ledger.checkpoints().at(-1) as CheckpointRoots;

const short = (value: Uint8Array): string => sha(value).toString("hex").slice(0, 16);

/** Everything of the state and its tree, without the sequences that wrote the records; large values where they are referred to. */
const stateIn = (store: MemoryStore): string[] => {
  const found: string[] = [];
  for (const { key, value } of store.entries()) {
    const name = Buffer.from(key).toString("hex");
    if (key[0] === tables.pages) found.push(`${name} ${short(value.subarray(8))}`);
    if (key[0] !== tables.state) continue;
    const entry = decodeStateRecord(value);
    const large = entry.outside ? store.get(valueRecordKey(entry.modified, toLatin1(key.subarray(1)))) : undefined;
    found.push(`${name} ${short(value.subarray(8))} ${large === undefined ? "" : short(large)}`);
  }
  return found;
};

/** Large values that are kept, and those that the state refers to. */
const largeValues = (store: MemoryStore): { kept: number; used: number } => {
  const entries = store.entries();
  return {
    kept: entries.filter(({ key }) => key[0] === tables.values).length,
    used: entries.filter(({ key, value }) => key[0] === tables.state && decodeStateRecord(value).outside).length,
  };
};

type Peer = (wanted: WantedPart) => StateAnswer;
const honest =
  ({ ledger }: Place): Peer =>
  (wanted) =>
    ledger.part(wanted).answer;

interface Fetched {
  readonly asked: number;
  readonly gone: number;
}

/** Asks for what is missing, the last found first, until all is there, nothing can be had, or `enough`. */
const fetchAll = async (receiver: StateReceiver, peer: Peer, enough = Number.POSITIVE_INFINITY): Promise<Fetched> => {
  const missing = [...receiver.start()];
  let [asked, gone] = [0, 0];
  while (missing.length > 0 && asked < enough) {
    const wanted = missing.pop() as WantedPart;
    asked += 1;
    const received = receiver.receive(peer(wanted));
    if (received.status === "kept") missing.push(...received.missing);
    else if (received.status === "gone") gone += 1;
    else throw new Error(received.status);
  }
  await new Promise<void>((resolve, reject) => receiver.written((error) => (error === undefined ? resolve() : reject(error))));
  return { asked, gone };
};

const transfer = async (to: Place, from: Place, fresh = false): Promise<Fetched> => {
  const target = newest(from);
  const receiver = await to.ledger.receive(target, fresh);
  const fetched = await fetchAll(receiver, honest(from));
  expect(receiver.complete).toBe(true);
  expect(receiver.progress.fraction).toBeGreaterThan(0.999);
  await to.ledger.adopt(target);
  const { kept, used } = largeValues(to.store);
  expect(kept).toBe(used);
  return fetched;
};

const filled = async (count: number, random = numbers(1)): Promise<Place> => {
  const at = await place();
  const sizes = [0, 1, 200, 3_000, 9_000];
  await apply(
    at,
    Array.from({ length: count }, (_, index) => put(`key ${index}`, "x".repeat(sizes[random(sizes.length)] as number) + index)),
  );
  return at;
};

describe("a state fetched from another node", () => {
  it.each([0, 1, 4, 5, 60, 3_000])("is the same to the last record, of %i entries, and goes on from there", async (count) => {
    const from = await filled(count);
    const to = await place();
    await transfer(to, from);
    expect(stateIn(to.store)).toEqual(stateIn(from.store));
    expect(to.ledger.position()).toEqual(from.ledger.position());
    const reopened = await open(to.store, settings);
    const batch = nextBatch(from.ledger, [request(client(2), 1, [put("key 1", "next"), put("other", "y")])]);
    const expected = from.ledger.execute(batch);
    expect(reopened.execute(batch)).toMatchObject({
      stateRoot: expected.stateRoot,
      logHash: expected.logHash,
      resultsRoot: expected.resultsRoot,
    });
    // what was executed before counts: sessions came along
    if (count > 0) expect(to.ledger.lookup(client(1), 1, 0).status).toBe("duplicate");
  });

  it("costs what differs, when there is an older one", async () => {
    const random = numbers(7);
    const from = await filled(3_000);
    const to = await place();
    const whole = await transfer(to, from);
    for (let round = 0; round < 6; round++) {
      const changed = Array.from({ length: 20 }, () => {
        const key = `key ${random(3_100)}`;
        return random(3) === 0 ? del(key) : put(key, "y".repeat(random(4_000)));
      });
      await apply(from, changed);
      const { asked } = await transfer(to, from);
      expect(asked).toBeLessThan(whole.asked);
      expect(stateIn(to.store)).toEqual(stateIn(from.store));
    }
  });

  it("replaces whatever was there, much or little, trusted or not", async () => {
    const large = await filled(2_000);
    const small = await place();
    for (let index = 0; index < 3; index++) await apply(small, [put(`only ${index}`, "z".repeat(3_000))]);
    for (const fresh of [false, true]) {
      const to = await place();
      await transfer(to, large);
      // the chain of the other one is higher by then
      while (newest(small).sequence <= newest(to).sequence) await apply(small, [put("again", String(small.numberUsed))]);
      await transfer(to, small, fresh);
      expect(stateIn(to.store)).toEqual(stateIn(small.store));
    }
  });

  it("is found complete again after an interruption at any moment, and only what was missing is asked for", async () => {
    const from = await filled(2_500);
    const whole = await transfer(await place(), from);
    for (let enough = 1; enough < whole.asked; enough += 1 + Math.floor(whole.asked / 6)) {
      const store = createMemoryStore();
      const first = await place(store);
      await fetchAll(await first.ledger.receive(newest(from), false), honest(from), enough);
      const second = await place(createMemoryStore({ entries: store.entries() }));
      expect(second.ledger.incomplete).toBe(true);
      expect(() => second.ledger.get(bytes("key 1"))).toThrow(expect.objectContaining({ code: "incomplete" }));
      const { asked } = await transfer(second, from);
      // pages that were open are asked for again, what is below them is not
      expect(asked).toBeLessThanOrEqual(whole.asked - enough + 32);
      expect(stateIn(second.store)).toEqual(stateIn(from.store));
      expect(second.ledger.incomplete).toBe(false);
    }
  });

  it("follows a source that goes on: what it no longer has is asked for as of a later checkpoint", async () => {
    const random = numbers(3);
    const from = await filled(2_000);
    const to = await place();
    let rounds = 0;
    for (;;) {
      const target = newest(from);
      const receiver = await to.ledger.receive(target, false);
      let served = 0;
      const moving: Peer = (wanted) => honest(from)(wanted);
      const missing = [...receiver.start()];
      while (missing.length > 0) {
        const wanted = missing.pop() as WantedPart;
        const received = receiver.receive(moving(wanted));
        if (received.status === "gone") break;
        if (received.status === "kept") missing.push(...received.missing);
        served += 1;
        if (served % 12 === 0 && rounds < 30)
          await apply(from, [put(`key ${random(2_000)}`, `moved ${served}`), del(`key ${random(2_000)}`)]);
      }
      await new Promise<void>((resolve) => receiver.written(() => resolve()));
      rounds += 1;
      if (!receiver.complete) continue;
      await to.ledger.adopt(target);
      if (target.sequence === newest(from).sequence) break;
    }
    expect(rounds).toBeGreaterThan(2);
    expect(stateIn(to.store)).toEqual(stateIn(from.store));
  });
});

describe("answers", () => {
  it("stay within the bytes that are agreed, but for one slot", async () => {
    const from = await filled(3_000);
    const receiver = await (await place()).ledger.receive(newest(from), false);
    const peer = honest(from);
    const kinds = new Map<string, number>();
    await fetchAll(receiver, (wanted) => {
      const answer = peer(wanted);
      kinds.set(answer.type, (kinds.get(answer.type) ?? 0) + 1);
      if (answer.type === "entries") expect(answer.entries.length).toBeLessThanOrEqual(limits.maxPartEntries);
      expect(sizeOfStateAnswer(answer)).toBeLessThan(limits.maxPartBytes + 8 * limits.maxPartEntries + 64);
      return answer;
    });
    expect(kinds.get("page")).toBeGreaterThan(1);
    expect(kinds.get("entries")).toBeGreaterThan(20);
  });

  it("show a page without reading the large values below it", async () => {
    const from = await filled(40);
    const read = vi.spyOn(from.store, "get");
    expect(from.ledger.part({ path: "", hash: newest(from).stateRoot, whole: false }).answer.type).toBe("page");
    const readFrom = new Set(read.mock.calls.map(([key]) => key[0]));
    expect(readFrom).toContain(tables.state);
    expect(readFrom).not.toContain(tables.values);
  });

  it("that are not true are told apart, each by itself, and change nothing", async () => {
    const random = numbers(11);
    const from = await filled(2_500);
    const to = await place();
    const target = newest(from);
    const receiver = await to.ledger.receive(target, false);
    const peer = honest(from);
    const missing = [...receiver.start()];
    let lies = 0;
    while (missing.length > 0) {
      const wanted = missing.pop() as WantedPart;
      const truth = peer(wanted);
      for (const lie of liesAbout(truth, random)) {
        lies += 1;
        expect(receiver.receive(lie).status).toBe("false");
      }
      const received = receiver.receive(truth);
      if (received.status !== "kept") throw new Error(received.status);
      missing.push(...received.missing);
    }
    expect(lies).toBeGreaterThan(100);
    expect(receiver.receive({ type: "gone", hash: target.stateRoot }).status).toBe("unexpected");
    await new Promise<void>((resolve) => receiver.written(() => resolve()));
    await to.ledger.adopt(target);
    expect(stateIn(to.store)).toEqual(stateIn(from.store));
  });
});

/** One bit of a page or a value turned, an entry left out, twice, or in another's place, nothing at all. */
const liesAbout = (truth: StateAnswer, random: (below: number) => number): StateAnswer[] => {
  const turned = (whole: Uint8Array): Uint8Array => {
    const copy = new Uint8Array(whole);
    const at = random(copy.length);
    copy[at] = (copy[at] as number) ^ (1 << random(8));
    return copy;
  };
  if (truth.type === "gone") return [];
  if (truth.type === "page") {
    return [
      { ...truth, page: turned(truth.page) },
      { ...truth, page: truth.page.subarray(0, random(truth.page.length)) },
      { ...truth, page: Buffer.concat([truth.page, Buffer.alloc(1)]) },
      { type: "entries", hash: truth.hash, entries: [] },
    ];
  }
  const { entries, hash } = truth;
  const one = random(entries.length);
  const changed = entries.map((entry, index) =>
    index === one ? { key: entry.key, value: Buffer.concat([entry.value, bytes("!")]) } : entry,
  );
  const renamed = entries.map((entry, index) => (index === one ? { key: turned(entry.key), value: entry.value } : entry));
  return [
    { type: "entries", hash, entries: changed },
    { type: "entries", hash, entries: renamed },
    { type: "entries", hash, entries: entries.filter((_, index) => index !== one) },
    { type: "entries", hash, entries: [...entries, ...entries.slice(0, 1)] },
    { type: "page", hash, page: new Uint8Array(4) },
  ];
};
