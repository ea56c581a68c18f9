/** What was measured on the way: the names are those of `byz bench` where it measures the same. */
import type { BenchFigures } from "../bench/figures.ts";

/** Times in milliseconds. What was not tried is missing. */
export interface Figures extends Partial<
  Pick<BenchFigures, "clients" | "payload" | "throughput" | "latencyMs" | "cpuSecondsPerThousand" | "rssMiB" | "floor">
> {
  /** without an answer, after each kill of the primary */
  readonly recoveryMs?: readonly number[];
  /** without an answer, with f killed at once */
  readonly crashGapMs?: readonly number[];
  /** from the kill of all until writes went on */
  readonly restartMs?: readonly number[];
  /** after each heal, until the first write, and until every node was whole */
  readonly firstWriteMs?: readonly number[];
  readonly wholeMs?: readonly number[];
  /** the slowest refusal of a side without a quorum */
  readonly refusalMs?: number;
  readonly catchUp?: readonly CatchUp[];
}

/** How a node came back that had missed some of the ledger. */
export interface CatchUp {
  readonly sequences: number;
  readonly milliseconds: number;
  /** sequences a second */
  readonly rate: number;
  /** of the others, while it was away */
  readonly writingRate: number;
  readonly ratio: number;
}

/** Filled in as claims are tried. */
export type FigureBook = { -readonly [Name in keyof Figures]: Figures[Name] };
