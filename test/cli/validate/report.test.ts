/** The page and the text that people read. */
import { describe, expect, it } from "vitest";
import type { Call } from "../../../src/cli/validate/linearizability.ts";
import { reportHtml } from "../../../src/cli/validate/report.ts";
import type { Validation } from "../../../src/cli/validate/run.ts";
import { validationText } from "../../../src/cli/validate/text.ts";

const hostile = `<script>alert("x")</script>'&`;
const validation: Validation = {
  nodes: 4,
  claims: [
    {
      id: "agreement",
      claim: "logs are equal",
      verified: true,
      passed: 9,
      total: 9,
      failureRateBelow: 0.3,
      confidence: "9 of 9",
      evidence: "",
    },
    { id: "cut", claim: hostile, verified: false, passed: 1, total: 2, failureRateBelow: 1, confidence: hostile, evidence: hostile },
  ],
  detection: [
    { node: 0, behaviour: "forge", method: hostile, action: hostile, correct: true },
    { node: 1, behaviour: hostile, method: "not found out", action: "none", correct: false },
  ],
  figures: { recoveryMs: [500, 600], latencyMs: { p50: 1, p90: 2, p99: 3, max: 4 } },
  seconds: 12.5,
};
const calls: Call[] = [100, 200, 4_000, 9_000].map((end) => ({
  client: "c",
  key: "k",
  start: end - 50,
  end,
  outcome: end === 200 ? { type: "unknown" } : { type: "read", version: 0, value: undefined },
}));
const timeline = {
  began: 0,
  faults: [{ name: hostile, start: 1_000, end: 5_000, gapMs: 3_000 }],
  marks: [{ at: 1_000, text: hostile }],
};
const page = reportHtml({ validation, course: { timeline, calls, seconds: 10 } }, 0);

describe("the report", () => {
  it("lets nothing through that was not written by its author", () => {
    expect(page).not.toContain("<script");
    expect(page).not.toContain(hostile);
    expect(page.split("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;").length - 1).toBeGreaterThanOrEqual(8);
  });

  it("needs nothing beside itself", () => {
    expect(page).not.toMatch(/\b(?:src|href)=|@import|url\(/);
  });

  it("is well-formed: every element is closed in its turn", () => {
    const open: string[] = [];
    const lone = new Set(["meta", "!doctype", "line", "rect", "polyline"]);
    for (const [, slash, name = ""] of page.matchAll(/<(\/?)([!\w]+)[^>]*>/g)) {
      if (lone.has(name)) continue;
      if (slash === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it("says what held and what did not, without colours too", () => {
    expect(page).toContain("✗ 1 of 2 claims verified");
    expect(page).toContain("✓ verified");
    expect(page).toContain("✗ not verified");
    expect(page).toContain("3000 ms");
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).not.toContain("NaN");
  });

  it("is drawn of a run in which nothing happened, too", () => {
    const empty = { timeline: { began: 0, faults: [], marks: [] }, calls: [], seconds: 0 };
    const bare = reportHtml({ validation: { ...validation, claims: [], detection: [] }, course: empty }, 0);
    expect(bare).not.toMatch(/NaN|Infinity/);
  });
});

describe("the text", () => {
  it("has each claim with its counts, each detection, the figures and the sum", () => {
    const text = validationText({ bold: (each) => each }, validation);
    expect(text).toMatch(/^verified {6}agreement: logs are equal\n {14}9 of 9\nNOT VERIFIED {2}cut: /);
    expect(text).toMatch(/^1 +.* not found out +none +NO$/m);
    expect(text).toMatch(/^without an answer, primary killed +500, 600 ms$/m);
    expect(text).toMatch(/^1 of 2 claims verified, 4 nodes, 12.5 s$/m);
  });
});
