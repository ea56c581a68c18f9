/** When a primary waits for clients who are about to ask again (PROTOCOL §3.2). */
import { describe, expect, it } from "vitest";
import { createCompany } from "../../src/consensus/company.ts";

const ROUND_MS = 20;

/** Clients who ask again `backMs` after their batch committed, each of them or only some; one pipeline, one batch at a time. */
const run = (clients: number, { backMs, returning = 1, commits }: { backMs: number; returning?: number; commits: number }) => {
  const company = createCompany({ maxBatchDelayMs: 320 });
  const sizes: number[] = [];
  let idleMs = 0;
  let now = 0;
  // half of them waits while the other half is ordered
  let [flying, waiting] = [Math.ceil(clients / 2), Math.floor(clients / 2)];
  company.came(flying);
  company.cut(now, flying);
  company.came(clients);
  for (let done = 0; done < commits; done += 1) {
    now += ROUND_MS;
    company.committed(now);
    const back = now + backMs;
    const coming = Math.round(flying * returning);
    const until = company.until(waiting);
    const due = waiting === 0 ? back : Math.max(until, now);
    const arrived = due >= back;
    // who is expected ends the wait
    const at = arrived && company.until(waiting + coming) === Number.NEGATIVE_INFINITY ? back : due;
    idleMs += waiting === 0 ? 0 : at - now;
    now = at;
    if (arrived) company.came(waiting + coming);
    const cut = waiting + (arrived ? coming : 0);
    company.cut(now, cut);
    sizes.push(cut);
    const late = arrived ? 0 : coming;
    company.came(cut + late);
    [flying, waiting] = [cut, late];
  }
  return { sizes, idleMs };
};

describe("company", () => {
  it("brings both halves of the clients into one batch, and keeps them there", () => {
    expect(run(64, { backMs: 40, commits: 5 }).sizes).toEqual([64, 64, 64, 64, 64]);
  });

  it("is not waited for longer than four batches take", () => {
    expect(run(64, { backMs: 90, commits: 1 })).toEqual({ sizes: [32], idleMs: 80 });
  });

  it("that never comes back is waited for ever more rarely", () => {
    const company = createCompany({ maxBatchDelayMs: 320 });
    let waits = 0;
    let now = 0;
    for (let commit = 0; commit < 1_000; commit += 1) {
      company.came(10);
      now += ROUND_MS;
      company.committed(now);
      if (company.until(1) > now) {
        waits += 1;
        now = company.until(1);
      }
      company.cut(now, 1);
    }
    // after 1, 2, 4 … 64 commits, then once in 64
    expect(waits).toBeGreaterThan(7);
    expect(waits).toBeLessThan(25);
  });

  it("is waited for not at all where batches wait for nothing, or in a new view", () => {
    const eager = createCompany({ maxBatchDelayMs: 0 });
    const company = createCompany({ maxBatchDelayMs: 320 });
    for (const each of [eager, company]) {
      each.came(8);
      each.cut(0, 8);
      each.came(16);
      each.committed(10);
    }
    expect(eager.until(8)).toBeLessThanOrEqual(10);
    expect(company.until(8)).toBe(50);
    expect(company.until(16)).toBe(Number.NEGATIVE_INFINITY);
    company.restart();
    expect(company.until(8)).toBe(Number.NEGATIVE_INFINITY);
    // seven are no company
    company.came(7);
    company.cut(100, 1);
    company.committed(110);
    expect(company.until(2)).toBe(Number.NEGATIVE_INFINITY);
  });
});
