/** What people see of each type, on both sides of a cut and after it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change } from "../../src/documents/changes.ts";
import { createDocument } from "../../src/documents/document.ts";
import type { Document } from "../../src/documents/document.ts";
import { add, clear, documentOf, edit, exchange, name, put, shown, take, write } from "./support.ts";

/** Two copies with the same past, cut from each other. */
const cut = (before: readonly Change[] = []): { left: Document; right: Document; heal: () => unknown } => {
  const left = createDocument(name);
  for (const change of before) edit(left, 0, change);
  const right = documentOf(...left.operations());
  return {
    left,
    right,
    heal: () => {
      exchange(left, right);
      expect(left.show()).toBe(right.show());
      return shown(left);
    },
  };
};

describe("counters", () => {
  it("add up what both sides counted", () => {
    const { left, right, heal } = cut([add(10, "votes")]);
    edit(left, 0, add(5, "votes"));
    edit(right, 1, add(-3, "votes"));
    expect(heal()).toEqual({ votes: { counter: 12 } });
  });

  it("start anew when cleared, and keep what was counted meanwhile", () => {
    const { left, right, heal } = cut([add(10, "votes")]);
    edit(left, 0, clear("votes"));
    edit(right, 1, add(2, "votes"));
    expect(heal()).toEqual({ votes: { counter: 2 } });
  });

  it("are exact beyond the safe integers", () => {
    const document = createDocument(name);
    edit(document, 0, add(Number.MAX_SAFE_INTEGER, "big"), add(Number.MAX_SAFE_INTEGER, "big"), add(1, "big"));
    expect(document.show()).toBe('{"big":{"counter":18014398509481983}}');
  });
});

describe("sets", () => {
  it("keep what one side added while the other removed it", () => {
    const { left, right, heal } = cut([put("apple", "fruit"), put("pear", "fruit")]);
    edit(left, 0, take("apple", "fruit"), take("pear", "fruit"));
    edit(right, 1, put("apple", "fruit"));
    expect(shown(left)).toEqual({});
    expect(heal()).toEqual({ fruit: { set: ["apple"] } });
  });

  it("forget what was removed by someone who had seen every addition of it", () => {
    const { left, right, heal } = cut();
    edit(left, 0, put("x", "s"));
    edit(right, 1, put("x", "s"));
    heal();
    edit(left, 0, take("x", "s"));
    expect(heal()).toEqual({});
  });

  it("are shown in the order of their bytes", () => {
    const document = createDocument(name);
    edit(document, 0, put("\u{1F600}", "s"), put("\uFFFD", "s"), put("b", "s"), put("a", "s"), put("", "s"));
    expect(shown(document)).toEqual({ s: { set: ["", "a", "b", "\uFFFD", "\u{1F600}"] } });
  });
});

describe("registers", () => {
  it("keep each value written at the same time, and one once somebody chose", () => {
    const { left, right, heal } = cut([write("draft", "title")]);
    edit(left, 0, write("ours", "title"));
    edit(right, 1, write("theirs", "title"));
    expect(heal()).toEqual({ title: { register: ["ours", "theirs"] } });
    edit(right, 1, write("both", "title"));
    expect(heal()).toEqual({ title: { register: ["both"] } });
  });

  it("take the last of several values in one operation", () => {
    const document = createDocument(name);
    edit(document, 0, write("a", "r"), write("b", "r"));
    expect(shown(document)).toEqual({ r: { register: ["b"] } });
  });
});

describe("maps", () => {
  it("hold fields of every type, nested, and each on its own", () => {
    const document = createDocument(name);
    edit(document, 0, add(1, "x"), write("v", "x"), put("m", "x", "y"), write("deep", "x", "y", "__proto__"));
    expect(document.show()).toBe(
      '{"x":{"counter":1,"map":{"y":{"map":{"__proto__":{"register":["deep"]}},"set":["m"]}},"register":["v"]}}',
    );
  });

  it("lose everything beneath a cleared key, but not what was written there meanwhile", () => {
    const { left, right, heal } = cut([write("a", "m", "one"), write("b", "m", "two"), put("c", "n")]);
    edit(left, 0, clear("m"));
    edit(right, 1, write("b2", "m", "two"), add(1, "m", "three"));
    expect(heal()).toEqual({ m: { map: { three: { counter: 1 }, two: { register: ["b2"] } } }, n: { set: ["c"] } });
  });
});

describe("lists", () => {
  interface Item {
    readonly id: string;
    readonly value: string;
  }
  const items = (document: Document): readonly Item[] => (shown(document) as { l?: { list?: readonly Item[] } }).l?.list ?? [];
  const values = (document: Document): string =>
    items(document)
      .map(({ value }) => value)
      .join("");
  const refAt = (document: Document, index: number) => {
    const [operation, change] = (items(document)[index] as Item).id.split(":");
    return { operation: operation as never, index: Number(change) };
  };
  const insert = (document: Document, by: number, at: number, value: string): void => {
    edit(document, by, { type: "list-insert", path: ["l"], value, ...(at === 0 ? {} : { after: refAt(document, at - 1) }) });
  };

  it("behave as an array for one author", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(), fc.constantFrom("a", "b", "c")), { maxLength: 30, size: "max" }), (edits) => {
        const document = createDocument(name);
        const model: string[] = [];
        for (const [removes, at, value] of edits) {
          if (removes && model.length > 0) {
            const index = at % model.length;
            edit(document, 0, { type: "list-remove", path: ["l"], element: refAt(document, index) });
            model.splice(index, 1);
          } else {
            const index = at % (model.length + 1);
            insert(document, 0, index, value);
            model.splice(index, 0, value);
          }
        }
        expect(values(document)).toBe(model.join(""));
      }),
      { numRuns: 40 },
    );
  });

  it("keep both sides' runs whole, one behind the other", () => {
    const { left, right, heal } = cut();
    insert(left, 0, 0, "[");
    insert(left, 0, 1, "]");
    exchange(left, right);
    for (const [at, value] of ["a", "b", "c"].entries()) insert(left, 0, at + 1, value);
    for (const [at, value] of ["x", "y", "z"].entries()) insert(right, 1, at + 1, value);
    heal();
    expect(["[abcxyz]", "[xyzabc]"]).toContain(values(left));
  });

  it("keep an element inserted behind one that was removed meanwhile", () => {
    const { left, right, heal } = cut();
    insert(left, 0, 0, "a");
    insert(left, 0, 1, "c");
    exchange(left, right);
    edit(left, 0, { type: "list-remove", path: ["l"], element: refAt(left, 0) });
    insert(right, 1, 1, "b");
    heal();
    expect(values(left)).toBe("bc");
  });

  it("take several elements in one operation, each behind the one before", () => {
    const document = createDocument(name);
    edit(
      document,
      0,
      { type: "list-insert", path: ["l"], value: "1" },
      { type: "list-insert", path: ["l"], value: "2", after: { index: 0 } },
    );
    expect(values(document)).toBe("12");
  });
});

describe("one author alone", () => {
  it("sees counters, sets and registers as numbers, sets and variables", () => {
    const change = fc.oneof(
      fc
        .integer({ min: -9, max: 9 })
        .filter((n) => n !== 0)
        .map((amount) => add(amount, "c")),
      fc.constantFrom("a", "b", "c").map((value) => put(value, "s")),
      fc.constantFrom("a", "b", "c").map((value) => take(value, "s")),
      fc.constantFrom("a", "b", "c").map((value) => write(value, "r")),
      fc.constantFrom("c", "s", "r").map((key) => clear(key)),
    );
    fc.assert(
      fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 5 }), { maxLength: 20, size: "max" }), (operations) => {
        const document = createDocument(name);
        let counter: number | undefined;
        let register: string | undefined;
        const set = new Set<string>();
        for (const changes of operations) {
          edit(document, 0, ...changes);
          for (const each of changes) {
            if (each.type === "counter-add") counter = (counter ?? 0) + each.amount;
            else if (each.type === "set-add") set.add(each.value);
            else if (each.type === "set-remove") set.delete(each.value);
            else if (each.type === "register-set") register = each.value;
            else if (each.path[0] === "c") counter = undefined;
            else if (each.path[0] === "s") set.clear();
            else register = undefined;
          }
        }
        expect(shown(document)).toEqual({
          ...(counter === undefined ? {} : { c: { counter } }),
          ...(register === undefined ? {} : { r: { register: [register] } }),
          ...(set.size === 0 ? {} : { s: { set: [...set].sort() } }),
        });
      }),
      { numRuns: 60 },
    );
  });
});
