import { describe, expect, it } from "vitest";
import type { Outcome, RequestReport } from "../../../src/node/service.ts";
import { createWaiting } from "../../../src/node/desk/waiting.ts";
import type { Digest } from "../../../src/protocol/ids.ts";

const id = (name: string): Digest => name.padEnd(64, "0") as Digest;

const createOn = (maxWaiting = 4) => {
  const clock = { now: 0 };
  const codes: string[] = [];
  const waiting = createWaiting({ now: () => clock.now, timeoutMs: 1000, graceWithoutQuorumMs: 200, maxWaiting });
  const wait = (name: string): void =>
    waiting.wait(id(name), (outcome: Outcome<RequestReport>) => void codes.push(`${name} ${outcome.ok ? "ok" : outcome.failure.code}`));
  return { clock, codes, waiting, wait };
};

describe("clients that wait", () => {
  it("are all told, once", () => {
    const { codes, waiting, wait } = createOn();
    wait("a");
    wait("a");
    const outcome = { ok: true, value: { id: id("a"), state: "committed" } } as const;
    waiting.settle(id("a"), outcome);
    waiting.settle(id("a"), outcome);
    expect(codes).toEqual(["a ok", "a ok"]);
    expect(waiting.size).toBe(0);
  });

  it("are given up in time, the oldest first, and sooner when there is no quorum", () => {
    const { clock, codes, waiting, wait } = createOn();
    wait("a");
    clock.now = 150;
    wait("b");
    clock.now = 250;
    waiting.tick(true);
    expect(codes).toEqual(["a outcome_unknown"]);
    clock.now = 1100;
    waiting.tick(false);
    expect(codes).toHaveLength(1);
    clock.now = 1151;
    waiting.tick(false);
    expect(codes).toEqual(["a outcome_unknown", "b outcome_unknown"]);
  });

  it("are bounded: one too many is refused at once, and there is room again afterwards", () => {
    const { codes, waiting, wait } = createOn(2);
    for (const name of ["a", "b", "c"]) wait(name);
    expect(codes).toEqual(["c overloaded"]);
    waiting.close();
    expect(codes).toEqual(["c overloaded", "a outcome_unknown", "b outcome_unknown"]);
    wait("d");
    expect(waiting.has(id("d"))).toBe(true);
  });
});
