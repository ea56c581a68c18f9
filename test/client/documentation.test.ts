/** docs/clients.md is what the package does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as entry from "../../src/client/index.ts";
import { proofFormat } from "../../src/client/proof-document.ts";
import type { ProofProblem } from "../../src/client/proof-json.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "clients.md"), "utf8");

/** the compiler holds this complete */
const problems: Readonly<Record<ProofProblem, true>> = {
  malformed: true,
  "other-request": true,
  "other-key": true,
  "other-network": true,
  "not-committed": true,
  "no-proof": true,
  "too-few-receipts": true,
  "bad-receipts": true,
  "bad-certificate": true,
  "other-place": true,
  "other-log": true,
  "bad-result-proof": true,
  "bad-state-proof": true,
  "other-content": true,
  "no-evidence": true,
  "too-old": true,
};

it("docs/clients.md names every reason not to believe, and the document's format", () => {
  for (const problem of Object.keys(problems)) expect(page).toContain(`\`${problem}\``);
  expect(page).toContain(`"${proofFormat}"`);
});

it("docs/clients.md imports what the package exports", () => {
  const imported = /import \{ (.*) \} from "byzantine-coordinator\/client"/.exec(page)?.[1]?.split(", ") ?? [];
  expect(imported.length).toBeGreaterThan(3);
  expect(imported.filter((name) => !(name in entry))).toEqual([]);
  for (const name of ["verifyAnswer", "joinAnswers", "verifyRead", "verifyProofDocument", "verifyEvidence"]) {
    expect(page).toContain(`\`${name}\``);
    expect(name in entry).toBe(true);
  }
});
