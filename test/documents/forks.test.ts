/** Rules that hold for whoever looks, and authors who break them. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../src/documents/changes.ts";
import { createDocument } from "../../src/documents/document.ts";
import { documentLimits } from "../../src/documents/limits.ts";
import type { GenuineOperation } from "../../src/documents/operation.ts";
import { signOperation } from "../../src/documents/operation.ts";
import type { DocumentName } from "../../src/documents/operation.ts";
import { add, author, documentOf, edit, exchange, mergeAll, name, put, shown, sign, signBytes, take, write } from "./support.ts";

const refusalOf = (operation: GenuineOperation, ...before: readonly GenuineOperation[]): unknown =>
  documentOf(...before).merge(operation).refused[0]?.reason;

describe("an operation is refused", () => {
  const a1 = sign(0, 1, [], add(1, "c"));
  const a2 = sign(0, 2, [a1], add(1, "c"));
  const b1 = sign(1, 1, [a1], add(1, "c"));

  it("when its author's history has a gap or another operation's place", () => {
    expect(refusalOf(sign(0, 3, [a1], add(1, "c")), a1)).toBe("broken-sequence");
    expect(refusalOf(sign(1, 2, [a1], add(1, "c")), a1)).toBe("broken-sequence");
    expect(refusalOf(sign(0, 1, [a1], add(1, "c")))).toBeUndefined();
  });

  it("when it names a parent that another parent had seen, unless that is its author's previous one", () => {
    expect(refusalOf(sign(2, 1, [a1, a2], add(1, "c")), a1, a2)).toBe("redundant-parent");
    expect(refusalOf(sign(2, 1, [a1, b1], add(1, "c")), a1, b1)).toBe("redundant-parent");
    expect(refusalOf(sign(0, 2, [a1, b1], add(1, "c")), a1, b1)).toBeUndefined();
  });

  it("when it belongs to another document", () => {
    const other = signOperation(author(0), signBytes, {
      document: "other" as DocumentName,
      sequence: 1,
      parents: [],
      changes: [add(1, "c")],
    });
    expect(refusalOf(other)).toBe("wrong-document");
  });

  it("when it names an element that is none, stands elsewhere, or that its author had not seen", () => {
    const insert = (path: string, value: string): Change => ({ type: "list-insert", path: [path], value });
    const list = sign(0, 1, [], insert("l", "a"), add(1, "c"));
    const remove = (path: string, index: number, operation: GenuineOperation): Change => ({
      type: "list-remove",
      path: [path],
      element: { operation: operation.id, index },
    });
    for (const bad of [remove("l", 1, list), remove("l", 2, list), remove("m", 0, list), remove("l", 0, a1)]) {
      expect(refusalOf(sign(1, 1, [list], bad), list)).toBe("bad-reference");
    }
    expect(refusalOf(sign(1, 1, [], remove("l", 0, list)), list)).toBe("bad-reference");
    expect(refusalOf(sign(1, 1, [], insert("l", "x"), { type: "list-remove", path: ["l"], element: { index: 1 } }))).toBe("bad-reference");
    // of the same operation only what comes before it
    expect(refusalOf(sign(1, 1, [], { type: "list-remove", path: ["l"], element: { index: 1 } }, insert("l", "x")))).toBe("bad-reference");
    expect(refusalOf(sign(1, 1, [list], remove("l", 0, list)), list)).toBeUndefined();
  });

  it("when its author's past shows that he forked, or that somebody he names did", () => {
    const other1 = sign(0, 1, [], add(5, "c"));
    const onOne = sign(1, 1, [a1], add(1, "c"));
    const onOther = sign(2, 1, [other1], add(1, "c"));
    const before = [a1, other1, onOne, onOther];
    // author 1 has seen both of author 0's histories and builds on a third operation of his
    expect(refusalOf(sign(1, 2, [onOne, onOther], add(1, "c")), ...before)).toBeUndefined();
    const seesBoth = sign(1, 2, [onOne, onOther], add(1, "c"));
    const third = sign(0, 2, [a1], add(1, "d"));
    expect(refusalOf(sign(1, 3, [seesBoth, third], add(1, "c")), ...before, seesBoth, third)).toBe("cites-a-forker");
    // author 0 names somebody who built on his other history; a third party brings it in
    const selfFork = sign(0, 2, [a1, onOther], add(1, "c"));
    expect(refusalOf(sign(3, 1, [selfFork], add(1, "c")), ...before, selfFork)).toBe("forked-past");
  });

  it("when its author's operations take too many bytes, whoever counts", () => {
    const document = createDocument(name);
    const big = Array.from({ length: 15 }, (_, at) => put("x".repeat(4096), `${at}`));
    while (typeof document.next(author(0).publicKey) !== "string") edit(document, 0, ...big);
    expect(document.next(author(0).publicKey)).toBe("author-full");
    const bytes = document.operations().reduce((sum, operation) => sum + operation.bytes.length, 0);
    expect(bytes).toBeLessThanOrEqual(documentLimits.maxBytesPerAuthor);
    const last = document.operations().at(-1) as GenuineOperation;
    const fits = sign(0, last.sequence + 1, [last], ...big);
    expect(document.merge(fits).refused).toEqual([]);
    expect(document.merge(sign(0, last.sequence + 2, [fits], ...big)).refused[0]?.reason).toBe("author-full");
    // the others are not concerned
    edit(document, 1, add(1, "c"));
  });
});

describe("an author who forks", () => {
  const common = sign(0, 1, [], write("common", "r"));
  const left = sign(0, 2, [common], write("left", "r"), put("left", "s"));
  const right = sign(0, 2, [common], write("right", "r"), put("right", "s"));

  it("keeps what others had built on, of either history, and loses the rest", () => {
    const builtOn = sign(1, 1, [left], add(1, "seen"));
    const everything = [common, left, right, builtOn];
    for (const order of [everything, everything.toReversed(), [right, common, builtOn, left]]) {
      const document = documentOf(...order);
      expect(shown(document)).toEqual({ r: { register: ["left"] }, s: { set: ["left"] }, seen: { counter: 1 } });
      expect(document.forks().map((proof) => [proof.author, proof.sequence])).toEqual([[author(0).publicKey, 2]]);
    }
    const bothBuiltOn = documentOf(...everything, sign(2, 1, [right], add(1, "seen")));
    expect(shown(bothBuiltOn)).toEqual({ r: { register: ["left", "right"] }, s: { set: ["left", "right"] }, seen: { counter: 2 } });
  });

  it("loses everything when nobody built on it, and can not come back", () => {
    const document = documentOf(common, left, right);
    expect(shown(document)).toEqual({});
    expect(document.next(author(0).publicKey)).toBe("forked");
    document.merge(sign(0, 3, [left], add(1, "c")));
    expect(shown(document)).toEqual({});
  });

  it("does not take his removals with him: what he took away comes back only if nobody built on that", () => {
    const mine = sign(1, 1, [], put("kept", "s"));
    const removal = sign(0, 1, [mine], take("kept", "s"));
    const rival = sign(0, 1, [mine], add(1, "c"));
    expect(shown(documentOf(mine, removal))).toEqual({});
    expect(shown(documentOf(mine, removal, rival))).toEqual({ s: { set: ["kept"] } });
    expect(shown(documentOf(mine, removal, rival, sign(2, 1, [removal], add(1, "d"))))).toEqual({ d: { counter: 1 } });
  });

  it("is found out by two copies that hold one of his histories each", () => {
    const a = documentOf(common, left);
    const b = documentOf(common, right);
    edit(a, 1, add(1, "a"));
    edit(b, 2, add(1, "b"));
    exchange(a, b);
    expect(a.show()).toBe(b.show());
    expect(a.forks()).toEqual(b.forks());
    expect(a.forks()).toHaveLength(1);
    expect(shown(a)).toMatchObject({ a: { counter: 1 }, b: { counter: 1 }, r: { register: ["left", "right"] } });
  });

  it("is found out when his two histories have different lengths, and neither shows the other's tip", () => {
    const longer = [common, left, sign(0, 3, [left], add(1, "c"))];
    const end = sign(0, 4, [longer[2] as GenuineOperation], add(1, "c"));
    const a = documentOf(...longer, end);
    const b = documentOf(common, right);
    exchange(a, b);
    expect([a.forks().length, b.forks().length]).toEqual([1, 1]);
    expect(a.show()).toBe(b.show());
  });

  it("with an accomplice who forks as well, keeps only what honest authors built on", () => {
    const accomplice = sign(1, 1, [left], add(1, "c"));
    const accompliceToo = sign(1, 1, [right], add(2, "c"));
    const document = documentOf(common, left, right, accomplice);
    expect(document.has(left.id)).toBe(true);
    document.merge(accompliceToo);
    expect(document.size).toBe(0);
    document.merge(sign(2, 1, [accomplice], add(1, "d")));
    expect(document.size).toBe(4);
    expect(shown(document)).toMatchObject({ c: { counter: 1 }, d: { counter: 1 } });
  });
});

describe("floods stay within their bounds", () => {
  it("of operations without a past: for each author as much as one history may take, and nobody else's is put out", () => {
    const document = createDocument(name);
    const honest = sign(1, 2, [sign(1, 1, [], add(1, "c"))], add(1, "c"));
    document.merge(honest);
    const big = Array.from({ length: 12 }, (_, at) => put("x".repeat(4096), `${at}`));
    for (let at = 0; at < 40; at++) {
      const nowhere = sign(0, 1, [], add(at + 1, "nowhere"));
      document.merge(sign(0, 2 + at, [nowhere], ...big));
    }
    const perOperation = 12 * 4096;
    expect(document.pending - 1).toBeLessThanOrEqual(Math.floor(documentLimits.maxBytesPerAuthor / perOperation));
    expect(document.size).toBe(0);
    document.merge(sign(1, 1, [], add(1, "c")));
    expect(shown(document)).toEqual({ c: { counter: 2 } });
  });

  it("of forks: a forker's histories take no place in the document, however many there are", () => {
    const document = createDocument(name);
    for (let at = 0; at < 300; at++) document.merge(sign(0, 1, [], put(`${at}`, "s")));
    expect([document.size, document.forks().length]).toEqual([0, 1]);
    expect(document.pending).toBeLessThanOrEqual(documentLimits.maxOperationsPerAuthor);
    edit(document, 1, add(1, "c"));
    const fresh = mergeAll(createDocument(name), document.missingFor({ document: name, tips: [], forkers: [] }).operations);
    // a newcomer is told the proof and the document, not the flood
    expect([fresh.show(), fresh.digest(), fresh.pending]).toEqual([document.show(), document.digest(), 2]);
  });

  it("of a long document: each message is bounded, and they bring all of it", () => {
    const document = createDocument(name);
    for (let at = 0; at < 700; at++) edit(document, at % 2, add(1, "c"));
    const part = document.missingFor({ document: name, tips: [], forkers: [] });
    expect([part.operations.length, part.more]).toEqual([documentLimits.maxOperationsPerMessage, true]);
    const fresh = createDocument(name);
    expect(exchange(document, fresh)).toBe(3);
    expect(shown(fresh)).toEqual({ c: { counter: 700 } });
  });
});
