import { describe, expect, it } from "vitest";
import { judgeMemory } from "../../../src/cli/commands/doctor-memory.ts";

const MiB = 1024 ** 2;
const machine = { total: 1024 * MiB, constrained: 0 };
const running = { rss: 150 * MiB, heapUsed: 40 * MiB, limit: 256 * MiB, pressure: 0.5, breaker: "closed" } as const;

describe("a node's memory", () => {
  it("is that of the one that runs", () => {
    expect(judgeMemory(running, 512, machine)).toMatchObject({ result: "ok", detail: "50 % of 256 MiB in use, breaker closed" });
    expect(judgeMemory({ ...running, breaker: "open" }, 512, machine)).toMatchObject({
      result: "warning",
      hint: expect.stringContaining("memory_limit_mib") as unknown,
    });
  });

  it("is what the configuration promises of this machine, or of the control group, where none runs", () => {
    expect(judgeMemory(undefined, 0, machine)).toMatchObject({ result: "ok", detail: "limit 768 MiB of 1024" });
    expect(judgeMemory(undefined, 512, machine).result).toBe("ok");
    const grouped = { ...machine, constrained: 256 * MiB };
    expect(judgeMemory(undefined, 512, grouped)).toMatchObject({ result: "warning", detail: "limit 512 MiB of 256" });
    expect(judgeMemory(undefined, 0, { ...machine, constrained: 128 * MiB }).result).toBe("warning");
  });
});
