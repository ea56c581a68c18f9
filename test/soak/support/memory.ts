/** Resident memory of a process, as Linux counts it. */
import { readFileSync, writeFileSync } from "node:fs";

/** MiB now, or at most since the process began or `forgetPeak` was called. */
export const residentMiB = (pid: number, which: "now" | "peak"): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const found = (which === "now" ? /^VmRSS:\s+(\d+) kB/m : /^VmHWM:\s+(\d+) kB/m).exec(status);
  return Math.round(Number(found?.[1]) / 1024);
};

/** From now on the peak is that of what follows. */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5");
