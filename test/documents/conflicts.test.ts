/** What met when two sides were merged, told to people: and that the document does what the report says. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../src/documents/changes.ts";
import { conflictsBetween } from "../../src/documents/conflicts.ts";
import { createDocument } from "../../src/documents/document.ts";
import { add, clear, edit, exchange, mergeAll, name, put, shown, take, write } from "./support.ts";

const between = (ours: readonly Change[], theirs: readonly Change[]) => conflictsBetween(ours, theirs, 16);
const kinds = (ours: readonly Change[], theirs: readonly Change[]) => between(ours, theirs).map(({ kind }) => kind);
const insert = (value: string, ...path: readonly string[]): Change => ({ type: "list-insert", path, value });

/** The document after both sides, which have `common` in common, made their changes apart. */
const merged = (common: readonly Change[], ours: readonly Change[], theirs: readonly Change[]): unknown => {
  const a = createDocument(name);
  if (common.length > 0) edit(a, 0, ...common);
  const b = mergeAll(createDocument(name), a.operations());
  edit(a, 1, ...ours);
  edit(b, 2, ...theirs);
  exchange(a, b);
  expect(a.show()).toBe(b.show());
  return shown(a);
};

describe("conflicts", () => {
  it("are two values of one register: both stand", () => {
    const [ours, theirs] = [[write("draft", "t"), write("left", "t")], [write("right", "t")]];
    expect(between(ours, theirs)).toEqual([
      { kind: "concurrent-values", path: ["t"], detail: 't: "left" and "right"', resolution: expect.stringContaining("both values stand") },
    ]);
    expect(merged([], ours, theirs)).toEqual({ t: { register: ["left", "right"] } });
    expect(kinds([write("same", "t")], [write("same", "t")])).toEqual([]);
  });

  it("are an element added here and removed there: it stays", () => {
    const [common, ours, theirs] = [[put("x", "s")], [put("x", "s")], [take("x", "s")]];
    expect(kinds(ours, theirs)).toEqual(["add-and-remove"]);
    expect(kinds(theirs, ours)).toEqual(["add-and-remove"]);
    expect(merged(common, ours, theirs)).toEqual({ s: { set: ["x"] } });
    expect(kinds([put("x", "s")], [take("y", "s")])).toEqual([]);
  });

  it("are insertions at one place: both stand", () => {
    const [ours, theirs] = [[insert("a", "l")], [insert("b", "l")]];
    expect(kinds(ours, theirs)).toEqual(["same-place"]);
    expect(merged([], ours, theirs)).toMatchObject({ l: { list: [{}, {}] } });
    expect(kinds([insert("a", "l")], [{ type: "list-insert", path: ["l"], value: "b", after: { index: 0 } }])).toEqual([]);
  });

  it("are something cleared here and written there: what was written stays", () => {
    const [common, ours, theirs] = [[write("old", "m", "a")], [clear("m")], [write("new", "m", "b"), add(2, "m", "c")]];
    expect(between(ours, theirs)).toMatchObject([{ kind: "clear-and-write", path: ["m"], detail: "m: cleared, and m/b written" }]);
    expect(kinds(theirs, ours)).toEqual(["clear-and-write"]);
    expect(merged(common, ours, theirs)).toEqual({ m: { map: { b: { register: ["new"] }, c: { counter: 2 } } } });
    expect(kinds([clear("m")], [take("x", "m", "s")])).toEqual([]);
  });

  it("are not what commutes: counters, and whatever is elsewhere", () => {
    expect(kinds([add(1, "c"), write("v", "a"), put("x", "s")], [add(2, "c"), write("v", "b"), put("y", "s")])).toEqual([]);
  });

  it("are bounded, and so is what they quote", () => {
    const many = (value: string) => Array.from({ length: 50 }, (_, index) => write(value, `k${index}`));
    expect(conflictsBetween(many("a".repeat(4000)), many("b"), 16)).toHaveLength(16);
    expect(conflictsBetween(many("a".repeat(4000)), many("b"), 1)[0]?.detail.length).toBeLessThan(100);
    expect(conflictsBetween(many("a"), many("b"), 0)).toEqual([]);
  });
});
