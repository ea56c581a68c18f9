/** `byz doctor`'s judgement of a node's memory: of the one that runs, or of what the configuration promises of this machine. */
import type { StatusAnswer } from "../../client/answers.ts";
import { type Machine, memoryLimit } from "../../node/memory/memory-budget.ts";
import { type Finding, finding } from "./doctor-disk.ts";

const inMiB = (bytes: number): number => Math.round(bytes / 1024 / 1024);

const judgeRunning = ({ limit, pressure, breaker }: StatusAnswer["memory"]): Finding => {
  const text = `${Math.round(pressure * 100)} % of ${inMiB(limit)} MiB in use, breaker ${breaker}`;
  if (breaker === "closed") return finding("memory", "ok", text);
  return finding("memory", "warning", text, "new work is refused while it is open: send less, or raise memory_limit_mib");
};

/** @param configuredMib `[node] memory_limit_mib` */
export const judgeMemory = (running: StatusAnswer["memory"] | undefined, configuredMib: number, machine: Machine): Finding => {
  if (running !== undefined) return judgeRunning(running);
  const limit = memoryLimit(configuredMib, machine);
  const there = machine.constrained > 0 ? Math.min(machine.constrained, machine.total) : machine.total;
  const text = `limit ${inMiB(limit)} MiB of ${inMiB(there)}`;
  return limit <= there
    ? finding("memory", "ok", text)
    : finding(
        "memory",
        "warning",
        text,
        "the system may end the node before it refuses work: lower memory_limit_mib, or find it more memory",
      );
};
