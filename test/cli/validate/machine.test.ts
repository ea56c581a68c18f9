/** Whether a bound that was missed tells something of the network, or of what else the machine had to do. */
import { spawnSync } from "node:child_process";
import { cpus, getPriority } from "node:os";
import { describe, expect, it } from "vitest";
import { type Look, look, othersBetween } from "../../../src/cli/validate/machine.ts";

/** a machine of two cores that is looked at twice, a second apart */
const seen = (all: number, own: readonly (readonly [pid: number, spent: number])[], at = 0): Look => ({
  at,
  cores: 2,
  all,
  own: new Map(own),
});

describe("what other programs took of a machine", () => {
  const before = seen(50_000, [[1, 700], [2, 900]]); // prettier-ignore

  it("is told where it was much", () => {
    const after = seen(51_900, [[1, 900], [2, 1_100]], 1_000); // prettier-ignore
    expect(othersBetween(before, after)).toContain("other programs took 1.5 of its 2 cores");
  });

  it("is not where the network itself did the work, one that was started meanwhile included", () => {
    const after = seen(51_900, [[1, 1_200], [2, 1_500], [3, 600]], 1_000); // prettier-ignore
    expect(othersBetween(before, after)).toBe("");
  });

  it("is little where one that had worked for long was killed", () => {
    expect(othersBetween(before, seen(50_100, [[1, 750]], 1_000))).toBe("");
  });

  it.runIf(process.platform === "linux")("is not this process's own work", () => {
    const first = look([]);
    // of the processor, not of the clock: on a busy machine others may have all of the next 100 ms
    for (const began = process.cpuUsage(); process.cpuUsage(began).user < 100_000;);
    const second = look([]);
    expect(second.own.get(process.pid)).toBeGreaterThan(first.own.get(process.pid) ?? Infinity);
    expect(second.all).toBeGreaterThan(first.all);
  });

  it.runIf(process.platform === "linux" && getPriority() === 0)("is not what runs at a low priority, which gives way", () => {
    const ordinary = (): number => cpus().reduce((sum, { times: { user, sys, irq } }) => sum + user + sys + irq, 0);
    const began = ordinary();
    const first = look([]);
    const work = "for (const began = process.cpuUsage(); process.cpuUsage(began).user < 100_000;);";
    const { status } = spawnSync(process.execPath, ["-e", `require("node:os").setPriority(5); ${work}`]);
    const second = look([]);
    expect(status).toBe(0);
    expect(second.all - first.all).toBeLessThanOrEqual(ordinary() - began);
  });
});
