/** More validators cheat than can be borne, the ledger forks, and the nodes themselves find out (PROTOCOL §10). */
import { expect, it } from "vitest";
import { simulate } from "../../src/simulator/simulate.ts";

it.each([3n, 5n])("every honest node of a forked network stops with a proof, in one view and across views (seed %s)", async (seed) => {
  const { violations, ordered } = await simulate({ seed, runs: 1, scenario: "accountability" });
  expect(violations).toEqual([]);
  expect(ordered).toBeGreaterThan(0);
});
