/** A planted fault is found, made small, written down so that people can read it, and found again by the command that is printed. */
import { afterAll, describe, expect, it } from "vitest";
import { mutants } from "../mutants/catalogue.ts";
import { createWorkshop } from "../mutants/workshop.ts";

interface Answer {
  readonly violations: readonly { readonly seed: string; readonly invariant: string; readonly replay: string }[];
  readonly smallest?: {
    readonly invariant: string;
    readonly nodes: number;
    readonly deliveries: number;
    readonly faults: readonly string[];
    readonly replay: string;
    readonly transcript: readonly string[];
  };
}

/** Of a printed command: what a shell would make of it. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "").slice(1);

describe("a mutant that breaks an invariant", () => {
  const workshop = createWorkshop();
  afterAll(() => workshop.close());
  const mutant = mutants.find(({ name }) => name === "quorum-one-too-small");

  it("is shrunk to a case that people can read, and that its command breaks again", () => {
    if (mutant === undefined) throw new RangeError("the mutant is gone");
    const run = (words: readonly string[]): Answer => JSON.parse(workshop.run(mutant, [...words, "--json"])) as Answer;
    const { violations, smallest } = run(["simulate", "--seed", "2", "--scenario", "brief", "--nodes", "7"]);
    expect(violations).toHaveLength(1);
    expect(smallest?.invariant).toBe(violations[0]?.invariant);
    expect(smallest?.nodes).toBeLessThan(7);
    expect(smallest?.faults).toEqual([]);
    expect(smallest?.deliveries).toBeLessThan(60);
    expect(smallest?.transcript.at(-1)).toContain(`${smallest?.invariant} is broken`);
    expect(smallest?.transcript.some((line) => /#\d → #\d {2}\S/.test(line))).toBe(true);
    const again = run(wordsOf(smallest?.replay ?? ""));
    expect(again.violations[0]?.invariant).toBe(smallest?.invariant);
    expect(again.smallest?.transcript).toEqual(smallest?.transcript);
  });
});
