/** The judge of the end-to-end histories: it lets what is right pass, and nothing else. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Call, contradictions, type Outcome } from "../../../src/cli/validate/linearizability.ts";

const call = (start: number, end: number, outcome: Outcome, more: Partial<Call> = {}): Call => ({
  client: "c",
  key: "k",
  start,
  end,
  outcome,
  ...more,
});
const write = (start: number, end: number, version: number, value: string, more: Partial<Call> = {}): Call =>
  call(start, end, { type: "written", version, sequence: version, request: value }, { value, ...more });
const read = (start: number, end: number, version: number, value?: string): Call => call(start, end, { type: "read", version, value });
const lost = (start: number, end: number, value: string): Call => call(start, end, { type: "unknown" }, { value });

describe("a history", () => {
  it.each<[string, Call[]]>([
    ["of one after the other", [write(0, 1, 1, "a"), read(2, 3, 1, "a"), write(4, 5, 2, "b"), read(6, 7, 2, "b")]],
    ["of overlapping calls in any order", [write(0, 9, 2, "b"), write(0, 9, 1, "a"), read(1, 8, 1, "a"), read(1, 8, 0)]],
    ["whose write without an answer was read later", [lost(0, 1, "x"), read(5, 6, 0), read(7, 8, 1, "x")]],
    ["whose write without an answer never was", [lost(0, 1, "x"), write(2, 3, 1, "a")]],
    ["whose write without an answer was overwritten unseen", [lost(0, 1, "x"), write(2, 3, 2, "a")]],
    [
      "with a condition that held, and one that did not",
      [write(0, 1, 1, "a"), write(2, 3, 2, "b", { expect: 1 }), call(4, 5, { type: "conflict", version: 2 }, { value: "c", expect: 1 })],
    ],
  ])("%s is linearizable", (_, calls) => expect(contradictions(calls)).toEqual([]));

  it.each<[string, RegExp, Call[]]>([
    ["a stale read", /behind/, [write(0, 1, 1, "a"), write(2, 3, 2, "b"), read(4, 5, 1, "a")]],
    ["a read of nothing after a write", /behind/, [write(0, 1, 1, "a"), read(2, 3, 0)]],
    ["reads that go back", /behind/, [write(0, 9, 1, "a"), read(1, 2, 1, "a"), read(3, 4, 0)]],
    ["a read of what is written later", /behind/, [read(0, 1, 1, "a"), write(2, 3, 1, "a")]],
    ["a lost update", /behind|two writes/, [write(0, 1, 1, "a"), write(2, 3, 1, "b")]],
    ["a version twice", /two writes/, [write(0, 9, 1, "a"), write(0, 9, 1, "b")]],
    ["a value that nobody wrote", /nobody writes/, [write(0, 1, 1, "a"), read(2, 3, 2, "z")]],
    ["another value at a version", /is both|at versions/, [write(0, 1, 1, "a"), write(0, 1, 2, "b"), read(2, 3, 2, "a")]],
    ["a write that happened twice", /at versions/, [lost(0, 1, "x"), read(2, 3, 1, "x"), write(4, 5, 2, "a"), read(6, 7, 3, "x")]],
    ["more versions than writes", /3 versions/, [write(0, 1, 1, "a"), write(2, 3, 3, "b")]],
    ["a condition that did not hold", /another version/, [write(0, 1, 1, "a"), write(2, 3, 2, "b", { expect: 0 })]],
    [
      "places that go back",
      /behind/,
      [
        write(0, 1, 1, "a", { key: "p" }),
        { ...write(2, 3, 1, "b", { key: "q" }), outcome: { type: "written", version: 1, sequence: 1, request: "b" } },
      ],
    ],
  ])("with %s is not", (_, why, calls) => expect(contradictions(calls).join("\n")).toMatch(why));

  it("made by a register passes, and fails once two of its reads change places", () => {
    const steps = fc.array(fc.record({ writes: fc.boolean(), before: fc.nat(5), after: fc.nat(5), answered: fc.boolean() }), {
      minLength: 3,
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (plan) => {
        let version = 0;
        let value: string | undefined;
        const calls = plan.map(({ writes, before, after, answered }, at): Call => {
          const [start, end] = [10 * at - before, 10 * at + after];
          if (!writes) return read(start, end, version, value);
          version += 1;
          value = `v${at}`;
          return answered ? write(start, end, version, value) : lost(start, end, value);
        });
        expect(contradictions(calls)).toEqual([]);
        const seen = calls.flatMap(({ outcome }, at) => (outcome.type === "read" ? [{ at, version: outcome.version }] : []));
        const [first, last] = [seen[0], seen.at(-1)];
        if (first === undefined || last === undefined || first.version === last.version) return;
        const changed = calls.map((each, at) => {
          const other = at === first.at ? calls[last.at] : at === last.at ? calls[first.at] : undefined;
          return other === undefined ? each : { ...each, outcome: other.outcome };
        });
        expect(contradictions(changed)).not.toEqual([]);
      }),
    );
  });
});
