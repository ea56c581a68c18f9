/** Checks that wait for a worker, and whom to tell: urgent ones first, each kind in the order it came. */
import type { SignatureCheck } from "./check.ts";
import type { Urgency } from "./pool.ts";

/** One check of one call. */
export interface Waiting {
  readonly check: SignatureCheck;
  /** tells the call that it belongs to */
  readonly settle: (verdict: boolean) => void;
}

export interface JobQueue {
  push(urgency: Urgency, waiting: Waiting): void;
  /** The next of them, at most `count`: urgent before bulk. */
  take(count: number): Waiting[];
  /** All of one kind. */
  takeAll(urgency: Urgency): Waiting[];
  sizeOf(urgency: Urgency): number;
  readonly size: number;
  clear(): void;
}

interface Line {
  items: Waiting[];
  /** those before it are taken; cut off when they are the larger part */
  head: number;
}

const takeFrom = (line: Line, count: number): Waiting[] => {
  const taken = line.items.slice(line.head, line.head + count);
  line.head += taken.length;
  if (line.head * 2 > line.items.length) {
    line.items = line.items.slice(line.head);
    line.head = 0;
  }
  return taken;
};

const lengthOf = (line: Line): number => line.items.length - line.head;

/** Unbounded by itself: its owner looks at `size` before pushing. */
export const createJobQueue = (): JobQueue => {
  const lines: Record<Urgency, Line> = { urgent: { items: [], head: 0 }, bulk: { items: [], head: 0 } };
  return {
    push: (urgency, waiting) => void lines[urgency].items.push(waiting),
    take: (count) => {
      const first = takeFrom(lines.urgent, count);
      return first.length < count ? first.concat(takeFrom(lines.bulk, count - first.length)) : first;
    },
    takeAll: (urgency) => takeFrom(lines[urgency], lengthOf(lines[urgency])),
    sizeOf: (urgency) => lengthOf(lines[urgency]),
    get size() {
      return lengthOf(lines.urgent) + lengthOf(lines.bulk);
    },
    clear: () => {
      for (const line of Object.values(lines)) Object.assign(line, { items: [], head: 0 });
    },
  };
};

/**
 * Splits one call into its checks and calls `done` when the last of them is settled.
 *
 * @param checks at least one
 */
export const toWaiting = (checks: readonly SignatureCheck[], done: (verdicts: readonly boolean[]) => void): Waiting[] => {
  const verdicts = checks.map(() => false);
  let open = checks.length;
  return checks.map((check, index) => ({
    check,
    settle: (verdict) => {
      verdicts[index] = verdict;
      open -= 1;
      if (open === 0) done(verdicts);
    },
  }));
};
