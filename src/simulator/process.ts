/** What runs in one process: stalled it waits, dead it never runs, and the power may be cut between any two of its calls to the outside. */
import type { Schedule } from "./schedule.ts";

/** Unwinds a process whose power was cut in the middle of its work. */
class PowerCut extends Error {}

export interface SimulatedProcess {
  /** runs now, or when the process is no longer stalled; not at all once it is dead */
  run(work: () => void): void;
  /** before each call to a port: here the power may be cut */
  boundary(): void;
  /** the power is cut at the `calls`-th call to a port from now, in the middle of a turn */
  cutPowerAfter(calls: number): void;
  stallUntil(us: number): void;
  kill(): void;
}

export interface ProcessOptions {
  readonly schedule: Schedule;
  readonly powerCut: () => void;
  /** something was thrown that is not a power cut */
  readonly threw: (error: unknown) => void;
  /** after each piece of work */
  readonly ran: () => void;
}

/** A process that runs at once. */
export const createProcess = ({ schedule, powerCut, threw, ran }: ProcessOptions): SimulatedProcess => {
  let alive = true;
  let stalledUntil = 0;
  let callsLeft = Number.POSITIVE_INFINITY;
  let depth = 0;

  const run = (work: () => void): void => {
    if (!alive) return;
    if (schedule.now < stalledUntil) return void schedule.at(stalledUntil, () => run(work));
    depth += 1;
    try {
      work();
    } catch (error) {
      if (error instanceof PowerCut) {
        if (depth > 1) throw error;
        powerCut();
      } else threw(error);
    } finally {
      depth -= 1;
    }
    if (alive && depth === 0) ran();
  };
  return {
    run,
    boundary() {
      if (!alive || depth === 0) return;
      callsLeft -= 1;
      if (callsLeft < 0) throw new PowerCut();
    },
    cutPowerAfter(calls) {
      callsLeft = calls;
    },
    stallUntil(us) {
      stalledUntil = Math.max(stalledUntil, us);
    },
    kill() {
      alive = false;
    },
  };
};
