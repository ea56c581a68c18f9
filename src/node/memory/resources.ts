/**
 * The memory budget of a running node. Four times a second it looks at what the process takes; when that comes near the limit and is no garbage, new work from
 * clients, and what is fetched by those who can ask another node, is refused until it has fallen. Votes, heartbeats and whatever was accepted go on: a node
 * that votes no more helps nobody.
 */
import { afterSample, type BreakerState, closedBreaker } from "./memory-breaker.ts";
import type { ProcessMemory } from "./process-memory.ts";
import type { ReadyCheck } from "../ready-report.ts";
import type { Failure, StatusReport } from "../service.ts";

/** What a change of the breaker is told with; bytes. */
export interface BreakerChange {
  readonly breaker: BreakerState;
  readonly used: number;
  readonly limit: number;
}

export interface ResourcesOptions {
  /** bytes */
  readonly limit: number;
  readonly read: () => ProcessMemory;
  readonly collect: () => void;
  /** lets go of what can be had again */
  readonly shrink: () => void;
  readonly changed: (change: BreakerChange) => void;
  /** monotonic milliseconds */
  readonly now: () => number;
  /** 0 up to 1, for Retry-After */
  readonly random?: () => number;
}

export interface MemoryFigures extends BreakerChange {
  readonly pressure: number;
  /** since the start */
  readonly refused: number;
  readonly opened: number;
}

export interface Resources {
  /** Asked before anything is done for a client: why not, or undefined when it may go on. Cheap while the breaker is closed. */
  admit(): Failure | undefined;
  /** true while the breaker is open */
  readonly exhausted: boolean;
  report(): StatusReport["memory"];
  figures(): MemoryFigures;
  check(): ReadyCheck;
  /** Looks at the memory once; `start` does so by itself. */
  sample(): void;
  start(): void;
  stop(): void;
}

const SAMPLE_MS = 250;
/** requests let through between two samples while the breaker is half-open: of the largest size they are 4 MiB */
const TRIAL_REQUESTS = 4;

const inMiB = (bytes: number): number => Math.round(bytes / 1024 / 1024);

/** Refused clients come back spread over some seconds, not all at once. */
const refusal = (random: number): Failure => ({
  code: "overloaded",
  message: "this node is short of memory and takes no new work",
  hint: "ask another node, or again a little later",
  retryAfterSeconds: 2 + Math.floor(random * 4),
  details: { reason: "memory" },
});

/**
 * What is in use, bytes: what the process began with, the objects of V8 and their buffers. The resident set alone would say too much after a burst: V8 and
 * `malloc` keep what was freed for a while, and use it again before they take more. But never more than is resident.
 */
const usedOf = ({ rss, heapUsed, external }: ProcessMemory, native: number): number => Math.min(rss, native + heapUsed + external);

export const createResources = (options: ResourcesOptions): Resources => {
  const { limit, read, now, random = Math.random } = options;
  const atStart = read();
  /** neither V8's heap nor a buffer: code, threads, the store */
  const native = Math.max(0, atStart.rss - atStart.heapTotal - atStart.external);
  let breaker = closedBreaker(now());
  let used = usedOf(atStart, native);
  let pressure = used / limit;
  let [refused, opened, admitted] = [0, 0, 0];
  let timer: NodeJS.Timeout | undefined;

  const look = (): void => {
    const memory = read();
    used = usedOf(memory, native);
    // a full heap ends the process, too
    pressure = Math.max(used / limit, memory.heapUsed / memory.heapLimit);
  };
  const entered = (state: BreakerState): void => {
    if (state === "open") {
      opened += 1;
      options.shrink();
    }
    options.changed({ breaker: state, used, limit });
  };
  const sample = (): void => {
    look();
    admitted = 0;
    const step = afterSample(breaker, { pressure, now: now() });
    const changed = step.breaker.state !== breaker.state;
    breaker = step.breaker;
    if (changed) entered(breaker.state);
    if (step.collect) options.collect();
  };

  return {
    admit() {
      if (breaker.state === "closed") return undefined;
      if (breaker.state === "half-open" && admitted < TRIAL_REQUESTS) {
        admitted += 1;
        return undefined;
      }
      refused += 1;
      return refusal(random());
    },
    get exhausted() {
      return breaker.state === "open";
    },
    report() {
      const { rss, heapUsed } = read();
      return { rss, heapUsed, limit, pressure: Math.min(1, pressure), breaker: breaker.state };
    },
    figures: () => ({ breaker: breaker.state, used, limit, pressure, refused, opened }),
    check: () => ({
      name: "memory",
      ok: breaker.state !== "open",
      reason: `${inMiB(used)} of ${inMiB(limit)} MiB in use${breaker.state === "open" ? ": no new work is taken" : ""}`,
    }),
    sample,
    start() {
      timer ??= setInterval(sample, SAMPLE_MS);
      timer.unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
};
