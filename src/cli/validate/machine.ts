/** What else this machine does: bounds in seconds are for one that has nothing to do but the network that is tried. */
import { cpus, getPriority } from "node:os";
import type { Testnet } from "../../testnet/testnet.ts";
import { cpuSecondsOf } from "../bench/usage.ts";

/** CPU time spent so far, milliseconds. */
export interface Look {
  /** of the monotonic clock */
  readonly at: number;
  readonly cores: number;
  /** by everybody who may keep this process waiting */
  readonly all: number;
  /** by this process and the network's, each by its pid */
  readonly own: ReadonlyMap<number, number>;
}

/** of the machine's cores; less is what every system does beside */
const toldShare = 0.25;

/** milliseconds */
const cpuOf = (pid: number): number => {
  try {
    return 1_000 * cpuSecondsOf(pid);
  } catch {
    // it has ended: what it did is counted as others' work, and is little where it was killed as the time began
    return 0;
  }
};

/** What runs at a low priority gives way, to all but those who do so themselves. */
const isLow = getPriority() > 0;

/** @param pids of the network's processes */
export const look = (pids: readonly number[]): Look => {
  const times = cpus().map((cpu) => cpu.times);
  return {
    at: performance.now(),
    cores: times.length,
    all: times.reduce((sum, { user, nice, sys, irq }) => sum + user + (isLow ? nice : 0) + sys + irq, 0),
    own: new Map([process.pid, ...pids].map((pid) => [pid, cpuOf(pid)])),
  };
};

/** How busy other programs kept the machine between two looks, as an addition to a sentence; empty where that is not worth telling. */
export const othersBetween = (before: Look, after: Look): string => {
  const own = [...after.own].reduce((sum, [pid, spent]) => sum + Math.max(0, spent - (before.own.get(pid) ?? 0)), 0);
  const taken = (after.all - before.all - own) / Math.max(1, after.at - before.at);
  if (taken < toldShare * after.cores) return "";
  return `, on a machine that is too busy to tell: other programs took ${taken.toFixed(1)} of its ${after.cores} cores meanwhile`;
};

/** Looks now, and again when the answer is asked for. Where the system does not tell what a process took, nothing is said. */
export const watchOthers = (testnet: Testnet): (() => string) => {
  const pids = (): number[] => testnet.state().nodes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const before = look(pids());
  return () => (process.platform === "linux" ? othersBetween(before, look(pids())) : "");
};
