/** Documents of whole nodes: in a store, and talking to each other. */
import { describe, expect, it } from "vitest";
import { openDocuments } from "../../src/documents/documents.ts";
import type { Documents, DocumentsOptions } from "../../src/documents/documents.ts";
import { documentLimits } from "../../src/documents/limits.ts";
import { decodeMessage, encodeMessage } from "../../src/documents/messages.ts";
import type { DocumentMessage } from "../../src/documents/messages.ts";
import { signOperation } from "../../src/documents/operation.ts";
import type { DocumentName } from "../../src/documents/operation.ts";
import { createKey } from "../../src/signing/keys.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { StoreError } from "../../src/storage/port.ts";
import type { Store } from "../../src/storage/port.ts";
import { add, author, isAuthor, name, put, sign, signBytes, write } from "./support.ts";

const open = (by: number | undefined, options: Partial<DocumentsOptions> = {}): Promise<Documents> =>
  openDocuments({ store: createMemoryStore(), signBytes, isAuthor, ...(by === undefined ? {} : { key: author(by) }), ...options });

/** Lets messages travel as bytes until nobody has anything more to say. @returns how many there were */
const talk = async (a: Documents, b: Documents, first: DocumentMessage): Promise<number> => {
  let count = 0;
  const waiting: { readonly to: Documents; readonly message: DocumentMessage }[] = [{ to: b, message: first }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (++count > 300) throw new Error("they never stop talking");
    const decoded = decodeMessage(encodeMessage(next.message));
    if (!decoded.ok) throw new Error(decoded.error.reason);
    const { answers, blame } = await next.to.receive(decoded.value);
    expect(blame).toBeUndefined();
    const to = next.to === a ? b : a;
    for (const message of answers) waiting.push({ to, message });
  }
  return count;
};
const meet = async (a: Documents, b: Documents): Promise<number> =>
  (await talk(a, b, a.overview().message)) + (await talk(b, a, b.overview().message));

const textOf = async (documents: Documents, which = name): Promise<string | undefined> => {
  const shown = await documents.read(which);
  return shown === undefined ? undefined : new TextDecoder().decode(shown.bytes);
};
const named = (text: string): DocumentName => text as DocumentName;

describe("editing", () => {
  it("shows what was written, and tells who asked for it", async () => {
    const changed: string[] = [];
    const documents = await open(0, { onChange: (which) => changed.push(which) });
    expect(await documents.read(name)).toBeUndefined();
    const first = await documents.edit(name, [write("v", "title")]);
    expect(first).toMatchObject({ ok: true, sequence: 1 });
    const shown = await documents.read(name);
    expect(shown).toMatchObject({ name, operations: 1, forkers: [], content: { title: { register: ["v"] } } });
    expect(first).toMatchObject({ digest: shown?.digest });
    expect(documents.list()).toEqual([{ name, operations: 1, digest: shown?.digest }]);
    expect(changed).toEqual([name]);
  });

  it("numbers edits that are made at the same time one after the other", async () => {
    const documents = await open(0);
    const results = await Promise.all(Array.from({ length: 20 }, () => documents.edit(name, [add(1, "c")])));
    expect(results.map((result) => (result.ok ? result.sequence : result.reason))).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(await textOf(documents)).toBe('{"c":{"counter":20}}');
  });

  it("refuses as values what can not be, and uses nothing up for it", async () => {
    const reader = await open(undefined);
    expect(await reader.edit(name, [add(1, "c")])).toEqual({ ok: false, reason: "not-an-author" });
    const stranger = await open(undefined, { key: createKey() });
    expect(await stranger.edit(name, [add(1, "c")])).toEqual({ ok: false, reason: "not-an-author" });
    const documents = await open(0);
    expect(await documents.edit(name, [add(0, "c")])).toMatchObject({ ok: false, reason: "invalid" });
    expect(await documents.edit(name, [{ type: "list-remove", path: ["l"], element: { index: 0 } }])).toMatchObject({
      ok: false,
      reason: "invalid",
    });
    expect(documents.list()).toEqual([]);
    expect(await documents.edit(name, [add(1, "c")])).toMatchObject({ ok: true, sequence: 1 });
  });

  it("makes no more documents than an author may", async () => {
    const documents = await open(0);
    for (let at = 0; at < documentLimits.maxDocumentsPerAuthor; at++) await documents.edit(named(`d${at}`), [add(1, "c")]);
    expect(await documents.edit(named("one-more"), [add(1, "c")])).toEqual({ ok: false, reason: "too-many-documents" });
    expect(await documents.edit(named("d0"), [add(1, "c")])).toMatchObject({ ok: true });
  });
});

describe("the store", () => {
  it("brings everything back, the fork and the next number included", async () => {
    const store = createMemoryStore();
    const documents = await open(0, { store });
    await documents.edit(name, [add(1, "c")]);
    const operations = [sign(1, 1, [], add(1, "x")), sign(1, 1, [], add(2, "x")), sign(2, 1, [], put("v", "s"))];
    const received = await documents.receive({
      kind: "operations",
      document: name,
      more: false,
      operations: operations.map(({ bytes }) => bytes),
    });
    expect(received.forks.map((proof) => proof.author)).toEqual([author(1).publicKey]);
    await documents.edit(name, [add(1, "c")]);
    const again = await open(0, { store: createMemoryStore({ entries: store.entries() }) });
    expect(again.list()).toEqual(documents.list());
    expect(await again.read(name)).toEqual(await documents.read(name));
    expect(await textOf(again)).toBe('{"c":{"counter":2},"s":{"set":["v"]}}');
    expect(await again.forks(name)).toEqual(received.forks);
    expect(await again.edit(name, [add(1, "c")])).toMatchObject({ ok: true, sequence: 3 });
  });

  it("after a crash at any write, never lets an author say something else with a number he used", async () => {
    for (let crash = 0; crash < 8; crash++) {
      let writes = 0;
      const fail = (): StoreError | undefined => (writes++ >= crash ? new StoreError("io", "crashed") : undefined);
      const store = createMemoryStore({ fail });
      const peer = await open(1);
      const documents = await open(0, { store });
      for (let at = 0; at < 5; at++) {
        await documents.edit(name, [add(1, "c")]).catch(() => undefined);
        await meet(documents, peer).catch(() => undefined);
      }
      const again = await open(0, { store: createMemoryStore({ entries: store.entries() }) });
      await again.edit(name, [add(100, "c")]);
      await meet(again, peer);
      expect((await peer.read(name))?.forkers).toEqual([]);
      expect(await textOf(peer)).toBe(await textOf(again));
    }
  });

  it("syncs an edit to the medium before it answers, and does not wait for that with what others wrote", async () => {
    const durable: boolean[] = [];
    const documents = await open(0, { store: createMemoryStore({ fail: (_, synced) => void durable.push(synced) }) });
    await documents.edit(name, [add(1, "c")]);
    await documents.receive({ kind: "operations", document: name, more: false, operations: [sign(1, 1, [], add(1, "c")).bytes] });
    expect(durable).toEqual([true, false]);
  });

  it("keeps an edit to itself until it is on disk", async () => {
    const tasks: (() => void)[] = [];
    const documents = await open(0, { store: createMemoryStore({ schedule: (task) => tasks.push(task) }) });
    const edited = documents.edit(name, [add(1, "c")]);
    await expect.poll(() => tasks.length, { timeout: 30_000 }).toBe(1);
    expect(documents.list()).toEqual([]);
    const answer = documents.receive({ kind: "summary", answer: false, summary: { document: name, tips: [], forkers: [] } });
    tasks.shift()?.();
    await edited;
    expect((await answer).answers).toHaveLength(1);
  });

  it("holds few documents in memory, and loads the others when they are asked for", async () => {
    const store = createMemoryStore();
    let ranges = 0;
    const counting: Store = { ...store, range: (options) => (ranges++, store.range(options)) };
    const documents = await open(0, { store: counting, maxLoadedBytes: 5_000 });
    for (let round = 0; round < 3; round++) for (let at = 0; at < 10; at++) await documents.edit(named(`d${at}`), [add(1, "c")]);
    const before = ranges;
    for (let at = 0; at < 10; at++) expect(await textOf(documents, named(`d${at}`))).toBe('{"c":{"counter":3}}');
    expect(ranges).toBeGreaterThan(before);
    const after = ranges;
    await documents.read(named("d9"));
    expect(ranges).toBe(after);
  });

  it("says so when it is damaged", async () => {
    const store = createMemoryStore();
    await (await open(0, { store })).edit(name, [add(1, "c")]);
    const entries = store.entries().map(({ key, value }) => ({ key, value: key[0] === 0x4f ? value.subarray(1) : value }));
    const damaged = await open(0, { store: createMemoryStore({ entries }) });
    await expect(damaged.read(name)).rejects.toMatchObject({ code: "corrupt" });
  });
});

describe("nodes that meet", () => {
  it("agree on every document that either side wrote during a cut", async () => {
    const [a, b] = [await open(0), await open(1)];
    await a.edit(name, [write("common", "title"), put("x", "s")]);
    await meet(a, b);
    await a.edit(name, [write("left", "title")]);
    await b.edit(name, [write("right", "title"), put("y", "s")]);
    await a.edit(named("left-only"), [add(1, "c")]);
    await b.edit(named("right-only"), [add(2, "c")]);
    await meet(a, b);
    expect(a.list()).toEqual(b.list());
    expect(a.list()).toHaveLength(3);
    expect(await textOf(a)).toBe('{"s":{"set":["x","y"]},"title":{"register":["left","right"]}}');
    expect(await a.read(name)).toEqual(await b.read(name));
    // nothing to say: only the overviews travel
    expect(await meet(a, b)).toBe(2);
  });

  it("carry an author's work on to those who never met him", async () => {
    const [a, observer, c] = [await open(0), await open(undefined), await open(2)];
    for (let at = 0; at < 600; at++) await a.edit(name, [add(1, "c")]);
    await meet(a, observer);
    await meet(observer, c);
    expect(await textOf(c)).toBe('{"c":{"counter":600}}');
  });

  it("find out a forker between them, and both hold the proof", async () => {
    const [a, b] = [await open(0), await open(1)];
    const send = (to: Documents, ...operations: readonly { bytes: Uint8Array }[]) =>
      to.receive({ kind: "operations", document: name, more: false, operations: operations.map(({ bytes }) => bytes) });
    await send(a, sign(2, 1, [], write("left", "r")));
    await send(b, sign(2, 1, [], write("right", "r")));
    await a.edit(name, [add(1, "c")]);
    await b.edit(name, [add(1, "c")]);
    await meet(a, b);
    expect(await a.read(name)).toEqual(await b.read(name));
    expect(await a.read(name)).toMatchObject({
      forkers: [author(2).publicKey],
      content: { c: { counter: 2 }, r: { register: ["left", "right"] } },
    });
    expect(await a.forks(name)).toEqual(await b.forks(name));
    expect(await a.forks(name)).toHaveLength(1);
  });

  it("page through more documents than one overview holds", async () => {
    const a = await openDocuments({ store: createMemoryStore(), signBytes, isAuthor: () => true });
    const total = documentLimits.maxOverviewEntries + 50;
    const keys = Array.from({ length: 5 }, () => createKey());
    for (let at = 0; at < total; at++) {
      const document = named(`d${String(at).padStart(5, "0")}`);
      const key = keys[at % keys.length] as (typeof keys)[number];
      const { bytes } = signOperation(key, signBytes, { document, sequence: 1, parents: [], changes: [add(1, "c")] });
      await a.receive({ kind: "operations", document, more: false, operations: [bytes] });
    }
    const first = a.overview();
    const second = a.overview(first.next);
    const namesIn = ({ message }: typeof first): string[] =>
      message.kind === "overview" ? message.entries.map(({ document }) => document) : [];
    expect([...namesIn(first), ...namesIn(second)]).toEqual(a.list().map((head) => head.name));
    expect([namesIn(first).length, namesIn(second).length, second.next]).toEqual([documentLimits.maxOverviewEntries, 50, undefined]);
  });
});

describe("peers that lie", () => {
  const operations = (...bytes: readonly Uint8Array[]): DocumentMessage => ({
    kind: "operations",
    document: name,
    more: true,
    operations: bytes,
  });

  it("are blamed for what no honest peer sends, and nothing of it is kept", async () => {
    const good = sign(1, 1, [], add(1, "c"));
    const broken = good.bytes.slice();
    broken[broken.length - 1] = (broken.at(-1) as number) ^ 1;
    const elsewhere = signOperation(author(1), signBytes, { document: named("other"), sequence: 1, parents: [], changes: [add(1, "c")] });
    const gap = sign(1, 3, [good], add(1, "c"));
    for (const bad of [
      operations(broken),
      operations(good.bytes.subarray(1)),
      operations(elsewhere.bytes),
      operations(good.bytes, gap.bytes),
    ]) {
      const documents = await open(0);
      const { blame, answers } = await documents.receive(bad);
      expect(blame).toBeTypeOf("string");
      expect(answers.length).toBeLessThanOrEqual(1);
      expect(await documents.forks(name)).toEqual([]);
    }
  });

  it("can not bring in authors that are none", async () => {
    const documents = await open(0);
    const stranger = signOperation(createKey(), signBytes, { document: name, sequence: 1, parents: [], changes: [add(1, "c")] });
    expect(await documents.receive(operations(stranger.bytes))).toEqual({ answers: [], merged: 0, forks: [] });
    expect(documents.list()).toEqual([]);
  });

  it("can not make a node ask for ever, nor remember documents that are not there", async () => {
    const documents = await open(0);
    const tips = [{ author: author(1).publicKey, sequence: 9, id: "ab".repeat(32) as never }];
    const { answers } = await documents.receive({ kind: "summary", answer: false, summary: { document: name, tips, forkers: [] } });
    expect(answers).toEqual([{ kind: "summary", answer: true, summary: { document: name, tips: [], forkers: [] } }]);
    expect((await documents.receive({ kind: "summary", answer: true, summary: { document: name, tips, forkers: [] } })).answers).toEqual(
      [],
    );
    const entries = Array.from({ length: 1000 }, (_, at) => ({
      document: named(`d${String(at).padStart(4, "0")}`),
      digest: "ab".repeat(32) as never,
    }));
    expect((await documents.receive({ kind: "overview", entries })).answers).toHaveLength(32);
    expect(documents.list()).toEqual([]);
  });

  it("fill their own share of documents only", async () => {
    const documents = await open(0);
    const flood = async (by: number, at: number): Promise<number> => {
      const document = named(`flood-${by}-${at}`);
      const { bytes } = signOperation(author(by), signBytes, { document, sequence: 1, parents: [], changes: [add(1, "c")] });
      return (await documents.receive({ kind: "operations", document, more: false, operations: [bytes] })).merged;
    };
    for (let at = 0; at < documentLimits.maxDocumentsPerAuthor; at++) expect(await flood(1, at)).toBe(1);
    expect(await flood(1, documentLimits.maxDocumentsPerAuthor)).toBe(0);
    expect(await flood(2, 0)).toBe(1);
    expect(await documents.edit(name, [add(1, "c")])).toMatchObject({ ok: true });
  });
});
