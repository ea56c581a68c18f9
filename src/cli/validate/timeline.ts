/** When what was done to the network, and how its clients fared meanwhile. Milliseconds of `performance.now()`, until the report counts from the beginning. */
import type { Call } from "./linearizability.ts";

/** A fault, from the moment at which it struck until clients had as many answers again as were waited for. */
export interface Fault {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** the longest time between two answers in it */
  readonly gapMs: number;
}

export interface Timeline {
  readonly began: number;
  readonly faults: readonly Fault[];
  /** the network was treated otherwise from now on */
  readonly marks: readonly { readonly at: number; readonly text: string }[];
  mark(text: string): void;
  /** Runs what brings a fault about and waits for its end. */
  fault(name: string, run: () => Promise<unknown>): Promise<Fault>;
}

/** A run as it is drawn. */
export interface Course {
  readonly timeline: Pick<Timeline, "began" | "faults" | "marks">;
  readonly calls: readonly Call[];
  /** from the timeline's beginning to the end */
  readonly seconds: number;
}

const isAnswered = ({ outcome }: Call): boolean => outcome.type !== "unknown";

/** The longest time within [start, end] in which no client had an answer. `calls` in the order of their ends. */
export const longestGap = (calls: readonly Call[], start: number, end: number): number => {
  let last = start;
  let longest = 0;
  for (const call of calls) {
    if (call.end <= start || call.end > end || !isAnswered(call)) continue;
    longest = Math.max(longest, call.end - last);
    last = call.end;
  }
  return Math.max(longest, end - last);
};

/** @param calls grows meanwhile */
export const createTimeline = (calls: readonly Call[]): Timeline => {
  const faults: Fault[] = [];
  const marks: { readonly at: number; readonly text: string }[] = [];
  const mark = (text: string): void => void marks.push({ at: performance.now(), text });
  return {
    began: performance.now(),
    faults,
    marks,
    mark,
    async fault(name, run) {
      const start = performance.now();
      mark(name);
      await run();
      const end = performance.now();
      const fault = { name, start, end, gapMs: Math.round(longestGap(calls, start, end)) };
      faults.push(fault);
      return fault;
    },
  };
};
