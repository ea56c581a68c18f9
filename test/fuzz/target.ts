/** What can be fuzzed, and how one case after the other is run and judged. */
import { getHeapStatistics } from "node:v8";
import { createRandom, mixSeed } from "./random.ts";
import type { Random } from "./random.ts";

/** A case that a run prepared; `input` says what it was, for the report. */
export interface Case {
  readonly input: () => string;
  /** @throws anything: then the case failed */
  run(): void | Promise<void>;
}

/** A target with everything it needs; made once per run. */
export interface Session {
  /** Depends on `random` alone, unless the target says otherwise. */
  next(random: Random): Case;
  /** What must hold at the end. @throws anything: then the run failed */
  finish?(): void | Promise<void>;
  /** Lets go of everything, also after a failure. */
  close?(): void | Promise<void>;
}

export interface Target {
  readonly name: string;
  /** what it feeds, in a few words */
  readonly about: string;
  open(seed: number): Session | Promise<Session>;
}

export interface Budget {
  /** cases; none when absent */
  readonly cases?: number;
  /** seconds of wall clock; none when absent */
  readonly seconds?: number;
  /** first case, to replay one */
  readonly from?: number;
  /** most CPU of one case, milliseconds; 2,000 when absent */
  readonly caseMs?: number;
}

export interface Summary {
  readonly target: string;
  readonly cases: number;
  readonly seconds: number;
  /** most CPU of one case, milliseconds */
  readonly slowestMs: number;
}

/** A case that the code under test did not stand. */
export class FuzzFailure extends Error {
  readonly target: string;
  readonly number: number;
  readonly input: string;
  constructor(target: string, seed: number, number: number, input: string, cause: unknown) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(
      `${target}, seed ${seed}, case ${number}: ${why}\n  again: npm run fuzz -- --target ${target} --seed ${seed} --from ${number} --count 1`,
      {
        cause,
      },
    );
    this.name = "FuzzFailure";
    this.target = target;
    this.number = number;
    this.input = input;
  }
}

/** CPU of one case, milliseconds: not wall clock, which others' work stretches. A largest frame costs some 100. */
const defaultCaseMs = 2_000;
/** Live memory that a whole run may leave behind, bytes, when the collector can be asked. */
const maxGrowthBytes = 32 * 1024 * 1024;

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const collector = (globalThis as { gc?: () => void }).gc;
/** Bytes in use after a collection; undefined when Node was not started with --expose-gc. */
const liveBytes = async (): Promise<number | undefined> => {
  if (collector === undefined) return undefined;
  // memory outside of the heap is given back in later turns
  for (let turns = 0; turns < 3; turns++) {
    collector();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** Bytes handed out so far, as far as one call tells; a collection in between makes it smaller. */
const handedOut = (): number => {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
};

/**
 * Runs `work` and judges what it took hold of: no more than a small multiple of its input, whatever numbers the input holds.
 *
 * @throws Error when it was more
 */
export const withinMemory = <T>(inputBytes: number, work: () => T): T => {
  const before = handedOut();
  const result = work();
  const taken = handedOut() - before;
  const allowed = 4 * 1024 * 1024 + 128 * inputBytes;
  if (taken > allowed) throw new Error(`took ${taken} bytes for an input of ${inputBytes}, more than ${allowed}`);
  return result;
};

/** At most the first 4 KiB, in hex. */
export const hexOf = (bytes: Uint8Array): string =>
  `${Buffer.from(bytes.subarray(0, 4096)).toString("hex")}${bytes.length > 4096 ? `… (${bytes.length} bytes)` : ""}`;

/**
 * Runs cases until the budget is used up.
 *
 * @param onCase told each case's number before it runs, so that a watcher can name one that never ends
 * @throws FuzzFailure for the first case that throws, takes too long, or for a run that leaves memory behind
 */
export const fuzz = async (target: Target, seed: number, budget: Budget, onCase?: (number: number) => void): Promise<Summary> => {
  const session = await target.open(seed);
  const began = performance.now();
  const first = budget.from ?? 0;
  const maxCaseMs = budget.caseMs ?? defaultCaseMs;
  let number = first;
  let slowestMs = 0;
  let settled: number | undefined;
  const spent = (): number => (performance.now() - began) / 1000;
  const isOver = (): boolean => number - first >= (budget.cases ?? Infinity) || spent() >= (budget.seconds ?? Infinity);
  try {
    while (!isOver()) {
      onCase?.(number);
      const current = session.next(createRandom(mixSeed(target.name, seed, number)));
      const before = cpuMs();
      try {
        const running = current.run();
        if (running !== undefined) await running;
        const took = cpuMs() - before;
        slowestMs = Math.max(slowestMs, took);
        if (took > maxCaseMs) throw new Error(`took ${Math.round(took)} ms of CPU, more than ${maxCaseMs}`);
      } catch (error) {
        throw new FuzzFailure(target.name, seed, number, current.input(), error);
      }
      number += 1;
      if (number - first === 200) settled = await liveBytes();
    }
    await session.finish?.();
    const grown = ((await liveBytes()) ?? 0) - (settled ?? Infinity);
    if (grown > maxGrowthBytes) throw new FuzzFailure(target.name, seed, first, "", new Error(`the run left ${grown} bytes behind`));
    return { target: target.name, cases: number - first, seconds: spent(), slowestMs };
  } finally {
    await session.close?.();
  }
};
