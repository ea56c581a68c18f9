/** Counts, what they tell, and the exit status that they come to. */
import { describe, expect, it } from "vitest";
import { exitOf } from "../../../src/cli/commands/validate.ts";
import { createBook } from "../../../src/cli/validate/claims.ts";
import { confidenceText, failureRateBelow } from "../../../src/cli/validate/confidence.ts";
import type { Call } from "../../../src/cli/validate/linearizability.ts";
import { longestGap } from "../../../src/cli/validate/timeline.ts";
import { run } from "../harness.ts";

/** The chance of at most `failed` failures, by adding up what can happen. */
const chance = (failed: number, total: number, rate: number): number => {
  let row = [1];
  for (let trial = 0; trial < total; trial += 1)
    row = Array.from({ length: row.length + 1 }, (_, at) => (row[at] ?? 0) * (1 - rate) + (row[at - 1] ?? 0) * rate);
  return row.slice(0, failed + 1).reduce((sum, each) => sum + each, 0);
};

describe("confidence", () => {
  it.each([
    [0, 1],
    [0, 200],
    [1, 10],
    [7, 30],
    [29, 30],
  ])("%i failures in %i: at the bound so few would be seen once in twenty times", (failed, total) => {
    expect(chance(failed, total, failureRateBelow(failed, total))).toBeCloseTo(0.05, 9);
  });

  it("is none where nothing was tried, or nothing passed", () => {
    expect([failureRateBelow(0, 0), failureRateBelow(3, 3)]).toEqual([1, 1]);
    expect(confidenceText(0, 0)).toBe("nothing was tried");
  });

  it("is said in words that stay true: rounded up", () => {
    expect(confidenceText(200, 200)).toBe("200 of 200, failure rate below 1.5 % with 95 % confidence");
    expect(confidenceText(100_000, 100_000)).toBe("100000 of 100000, failure rate below 0.003 % with 95 % confidence");
    expect(confidenceText(0, 5)).toBe("0 of 5, failure rate below 100 % with 95 % confidence");
    for (const total of [1, 2, 3, 10, 59, 12_345]) {
      const said = Number(/below (\S+) %/.exec(confidenceText(total, total))?.[1]) / 100;
      expect(said).toBeGreaterThanOrEqual(failureRateBelow(0, total));
      expect(said).toBeLessThan(failureRateBelow(0, total) * 1.11);
    }
  });
});

const size = { n: 7, f: 2, quorum: 5 };

describe("a claim", () => {
  it("is verified when something was tried and all of it passed, and the command's exit status says so", () => {
    const book = createBook(size);
    book.tally("primary").check(true, "");
    const claims = book.claims(["primary"]);
    expect(claims).toMatchObject([{ id: "primary", verified: true, passed: 1, total: 1, failureRateBelow: 0.95 }]);
    expect(exitOf({ claims })).toBe(0);
  });

  it.each<[string, (book: ReturnType<typeof createBook>) => void, object]>([
    ["nothing was tried", () => {}, { passed: 0, total: 0, evidence: "nothing was tried" }],
    ["one trial failed", (book) => book.tally("cut").check(false, "node 3 went on"), { passed: 1, total: 2, evidence: "node 3 went on" }],
    ["it broke off", (book) => book.tally("cut").broke("no node answers"), { evidence: "not tried to the end: no node answers" }],
    ["a problem has no trial of its own", (book) => book.tally("cut").count(9, 9, ["two orders"]), { evidence: "two orders" }],
  ])("is not when %s", (why, fail, seen) => {
    const book = createBook(size);
    if (why !== "nothing was tried") book.tally("cut").check(true, "");
    book.tally("primary").check(true, "");
    fail(book);
    const claims = book.claims(["cut", "primary"]);
    expect(claims).toMatchObject([
      { id: "primary", verified: true },
      { id: "cut", verified: false, ...seen },
    ]);
    expect(exitOf({ claims })).toBe(1);
  });

  it("tells a few of its problems, and counts the others", () => {
    const book = createBook(size);
    for (let at = 0; at < 50; at += 1) book.tally("proofs").check(false, `${at} ${"x".repeat(1_000)}`);
    const [claim] = book.claims(["proofs"]);
    expect(claim?.evidence).toMatch(/^0 x+…; 1 x+…; 2 x+…; and 47 more like it$/);
  });
});

describe("the time without an answer", () => {
  const answered = (end: number): Call => ({
    client: "c",
    key: "k",
    start: end - 1,
    end,
    outcome: { type: "read", version: 0, value: undefined },
  });
  const failed = (end: number): Call => ({ ...answered(end), outcome: { type: "unknown" } });

  it("is between answers, failures not counted, from the fault to the end", () => {
    expect(longestGap([answered(5), answered(20), failed(40), answered(60), answered(90)], 10, 70)).toBe(40);
    expect(longestGap([answered(20), answered(30)], 10, 100)).toBe(70);
    expect(longestGap([], 10, 100)).toBe(90);
  });
});

describe("byz validate", () => {
  it.each([
    ["--nodes 3", /whole number from 4 to 10/],
    ["--nodes 11", /whole number from 4 to 10/],
    ["--only agreement,everything", /some of agreement, linearizable/],
    ["--report", /argument missing/],
  ])("%s is exit status 2, before anything starts", async (line, complaint) => {
    expect(await run(["validate", ...line.split(" ")])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(complaint) as unknown,
    });
  });
});
