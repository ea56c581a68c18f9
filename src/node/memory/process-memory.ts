/** What this process takes of memory, and V8's collector: the only place that asks the system for either. */
import { totalmem } from "node:os";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Machine } from "./memory-budget.ts";

/** Bytes. */
export interface ProcessMemory {
  readonly rss: number;
  /** taken by V8 from the system */
  readonly heapTotal: number;
  /** of that by objects, dead ones included until they are collected */
  readonly heapUsed: number;
  /** outside of V8 but held by its objects: buffers */
  readonly external: number;
  /** at which V8 ends the process */
  readonly heapLimit: number;
}

export const machineMemory = (): Machine => ({ total: totalmem(), constrained: process.constrainedMemory() });

/** Takes some 40 µs. */
export const readProcessMemory = (): ProcessMemory => {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return { rss, heapTotal, heapUsed, external, heapLimit: getHeapStatistics().heap_size_limit };
};

let collect: (() => void) | undefined;

/** A full collection; stops everything for the time it takes, some ten milliseconds for each 50 MiB that live. */
export const collectGarbage = (): void => {
  if (collect === undefined) {
    // the collector shows itself only to contexts made after this, so to no other code here
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
  collect();
};
