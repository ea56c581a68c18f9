/** Virtual time: a heap of what will happen; equal times keep the order in which they were planned. */

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

export interface Schedule {
  readonly now: number;
  at(time: number, act: () => void): void;
  after(delayMs: number, act: () => void): void;
  /** Runs the next event; false when there is none before or at `limit`. */
  runNext(limit: number): boolean;
  readonly size: number;
}

export const createSchedule = (): Schedule => {
  const heap: Planned[] = [];
  let now = 0;
  let order = 0;
  const before = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const push = (item: Planned): void => {
    let index = heap.length;
    heap.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!before(item, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = item;
  };
  const pop = (): Planned | undefined => {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Planned, heap[child] as Planned)) child += 1;
      if (!before(heap[child] as Planned, last)) break;
      heap[index] = heap[child] as Planned;
      index = child;
    }
    heap[index] = last;
    return top;
  };
  const schedule: Schedule = {
    get now() {
      return now;
    },
    at(time, act) {
      order += 1;
      push({ at: Math.max(time, now), order, act });
    },
    after: (delayMs, act) => schedule.at(now + delayMs, act),
    runNext(limit) {
      const first = heap[0];
      if (first === undefined || first.at > limit) {
        now = Math.max(now, limit);
        return false;
      }
      pop();
      now = first.at;
      first.act();
      return true;
    },
    get size() {
      return heap.length;
    },
  };
  return schedule;
};
