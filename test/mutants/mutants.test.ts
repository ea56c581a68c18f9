/** The mutants still find their places, the page lists them all, and a handful of the fastest shows that the mechanism works. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { mutants } from "./catalogue.ts";
import { plant, PatternError, roomOf, type Mutant } from "./mutant.ts";
import { namesIn } from "./table.ts";
import { createWorkshop, type Workshop } from "./workshop.ts";

const top = join(import.meta.dirname, "../..");
const sourceOf = ({ file }: Mutant): string => readFileSync(join(top, "src", file), "utf8");
const byName = (name: string): Mutant => {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined) throw new RangeError(`there is no mutant ${name}`);
  return found;
};

describe("the catalogue of mutants", () => {
  it("fits the sources: whoever changes a line that a mutant changes rewrites the mutant", () => {
    const misfits = mutants.flatMap((mutant) => {
      try {
        return plant(mutant, sourceOf(mutant)) === sourceOf(mutant) ? [`${mutant.name} changes nothing`] : [];
      } catch (error) {
        if (error instanceof PatternError) return [error.message];
        throw error;
      }
    });
    expect(misfits).toEqual([]);
  });

  it("covers consensus, signatures, bytes, the ledger and the disk, each mutant under its own name", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.filter((mutant) => roomOf(mutant) === "consensus").length).toBeGreaterThanOrEqual(35);
    expect([...new Set(mutants.map(roomOf))].sort()).toEqual(["consensus", "ledger", "node", "protocol", "signing", "storage", "wire"]);
  });

  it("is the table of docs/mutants.md", () => {
    expect(namesIn(readFileSync(join(top, "docs/mutants.md"), "utf8"))).toEqual(mutants.map(({ name }) => name));
  });
});

describe("a workshop", () => {
  let workshop: Workshop | undefined;
  const open = (): Workshop => (workshop ??= createWorkshop());
  afterAll(() => workshop?.close());

  it("lets the unchanged sources live", () => {
    expect(open().judgeUnchanged({ seeds: 1 })).toEqual({ status: "survived" });
    expect(open().judgeUnchanged(byName("sent-before-saved").killer)).toEqual({ status: "survived" });
  }, 240_000);

  it.each(["quorum-one-too-small", "commit-before-save", "new-view-unchecked"])(
    "sees %s in the first universe",
    (name) => {
      expect(open().judge(byName(name), { seeds: 1 })).toMatchObject({ status: "killed", by: expect.stringMatching(/^seed 1: /) });
    },
    240_000,
  );

  it("sees a fault that breaks a test, and names the test", () => {
    const by = "node/pipeline/journal.test.ts: “says nothing before what it promises is durable”";
    expect(open().judge(byName("sent-before-saved"))).toEqual({ status: "killed", by });
  }, 240_000);

  it("does not take for killed what did not load, nor for noticed what nobody looks at", () => {
    const mutant = byName("sent-before-saved");
    expect(open().judge({ ...mutant, replace: "while (] {" })).toMatchObject({ status: "broken" });
    expect(open().judge(mutant, { tests: "test/wire/requests.test.ts" })).toEqual({ status: "survived" });
    expect(() => open().judge({ ...mutant, find: "no such line" })).toThrow(PatternError);
  }, 240_000);
});
