/** Virtual time: a heap of events, the earliest first, equal times in the order in which they were made. */

export interface ScheduledEvent {
  /** virtual microseconds */
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export interface Schedule {
  /** virtual microseconds since the beginning, a whole number */
  readonly now: number;
  at(microseconds: number, run: () => void): ScheduledEvent;
  after(microseconds: number, run: () => void): ScheduledEvent;
  cancel(event: ScheduledEvent): void;
  /** Moves time to the earliest event that is due by `until`, and returns it; undefined, with time at `until`, when there is none. */
  next(until: number): (() => void) | undefined;
}

const isBefore = (a: ScheduledEvent, b: ScheduledEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** An empty schedule at time 0. */
export const createSchedule = (): Schedule => {
  const heap: ScheduledEvent[] = [];
  let made = 0;

  const push = (event: ScheduledEvent): void => {
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const above = heap[parent] as ScheduledEvent;
      if (!isBefore(event, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  };
  const sink = (event: ScheduledEvent): void => {
    const { length } = heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as ScheduledEvent, heap[child] as ScheduledEvent)) child += 1;
      const below = heap[child] as ScheduledEvent;
      if (!isBefore(below, event)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = event;
  };
  const pop = (): ScheduledEvent => {
    const first = heap[0] as ScheduledEvent;
    const last = heap.pop() as ScheduledEvent;
    if (heap.length > 0) sink(last);
    return first;
  };
  const at = (microseconds: number, run: () => void): ScheduledEvent => {
    const event: ScheduledEvent = { at: Math.max(schedule.now, Math.ceil(microseconds)), order: made++, run };
    push(event);
    return event;
  };

  const schedule = {
    now: 0,
    at,
    after: (microseconds: number, run: () => void): ScheduledEvent => at(schedule.now + microseconds, run),
    cancel(event: ScheduledEvent): void {
      event.run = undefined;
    },
    next(until: number): (() => void) | undefined {
      for (let first = heap[0]; first !== undefined && first.at <= until; first = heap[0]) {
        const { run, at: time } = pop();
        if (run === undefined) continue;
        schedule.now = time;
        return run;
      }
      schedule.now = Math.max(schedule.now, until);
      return undefined;
    },
  };
  return schedule;
};
