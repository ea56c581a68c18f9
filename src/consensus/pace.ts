/** Whether the primary is plainly slow (PROTOCOL §5), judged by how long it lets requests wait. */
import { longestGathering } from "./company.ts";
import type { ReplicaSettings } from "./config.ts";

/** Samples per verdict. */
const SAMPLES = 8;
/** What no primary is blamed for, milliseconds: a pause of garbage collection, a busy disk. */
const FORGIVEN_MS = 50;

/** A batch that was proposed in time for its turn. */
export interface ProposalTiming {
  readonly sequence: number;
  /** monotonic milliseconds */
  readonly now: number;
  /** how long the oldest of its requests that are known here waited for it; undefined when none is known */
  readonly waitedMs: number | undefined;
  /** sequences accepted before it and not committed yet */
  readonly inFlight: number;
  /** it holds more than one request: some may have waited for the others */
  readonly several: boolean;
  /** it holds as much as a batch may: requests wait for room, not for the primary */
  readonly full: boolean;
}

/**
 * Tells a primary that drags its feet from one that is busy. Of the time that a request waits for its proposal, what the pipeline accounts for is anybody's
 * right: to gather company while other batches are in flight and for a moment afterwards (PROTOCOL §3.2), to wait for room. The rest is the primary's doing alone, and more
 * of it than a whole request took in the best of views, and than the others take now from the proposal on, halves what there could be.
 */
export interface Pace {
  proposed(timing: ProposalTiming): void;
  /** `inFlight`: sequences accepted and still not committed */
  committed(sequence: number, now: number, inFlight: number): void;
  /** another primary, or nobody reached: nothing is held against anybody. The yardstick stays. */
  restart(now: number): void;
  /** the latest verdict on this primary */
  readonly isSlow: boolean;
}

export interface PaceOptions extends Pick<ReplicaSettings, "maxBatchDelayMs" | "pipelineDepth"> {
  /** of f+1 primaries in a row one is honest: when all of them seem slow, it is the network, and the yardstick gives way */
  readonly f: number;
}

interface Mean {
  readonly value: number;
  /** the same without the largest sample */
  readonly usual: number;
  readonly count: number;
  add(sample: number): void;
}

const createMean = (): Mean => {
  let [sum, count, largest] = [0, 0, 0];
  return {
    get value() {
      return count === 0 ? 0 : sum / count;
    },
    get usual() {
      return count < 2 ? 0 : (sum - largest) / (count - 1);
    },
    get count() {
      return count;
    },
    add(sample) {
      largest = Math.max(largest, sample);
      sum += sample;
      count += 1;
    },
  };
};

export const createPace = ({ f, maxBatchDelayMs, pipelineDepth }: PaceOptions): Pace => {
  /** all that requests waited, and the part of it that is the primary's */
  let [waits, faults, rests] = [createMean(), createMean(), createMean()];
  /** the proposal whose way to its commit is timed */
  let timed: { readonly sequence: number; readonly at: number } | undefined;
  /** what its latest way took, milliseconds */
  let lastRest = 0;
  /** sequences in flight after the latest proposal */
  let crowd = 0;
  /** since when nothing is in flight; meaningful while that is so */
  let idleSince = 0;
  let isSlow = false;
  /** the best that a request took in any view, from here to its commit; and what it was when this view began */
  let best: number | undefined;
  let inherited = 0;
  let slowInARow = 0;

  const forget = (): void => {
    [waits, faults, rests] = [createMean(), createMean(), createMean()];
  };
  const judge = (): void => {
    // before there is any history: twice what the others need
    const yardstick = best ?? 2 * rests.value;
    // a lost message, or a disk that stood still, makes one batch late
    isSlow = faults.usual > Math.max(FORGIVEN_MS, yardstick, rests.value);
    slowInARow = isSlow ? slowInARow + 1 : 0;
    // it forgets slowly, too, so that a network that became slower for good is accepted in the end; but no primary makes it forget by getting slower little by little
    const withoutFault = waits.value - faults.value + rests.value;
    const forgetful = Math.min(1.05 * yardstick + 0.1, Math.max(inherited, 2 * withoutFault));
    best = Math.min(waits.value + rests.value, slowInARow > f ? 2 * yardstick + 1 : isSlow ? yardstick : forgetful);
    forget();
  };
  const faultOf = ({ now, inFlight, several, full }: ProposalTiming, waitedMs: number): number => {
    const gathering = several ? longestGathering(lastRest, { maxBatchDelayMs }) : 0;
    const idle = inFlight === 0 ? Math.min(waitedMs, now - idleSince) : 0;
    const company = Math.max(crowd, inFlight);
    const mayWait = full || company >= pipelineDepth ? waitedMs : (maxBatchDelayMs * company) / pipelineDepth;
    return Math.max(0, Math.max(idle, waitedMs - mayWait) - gathering);
  };

  return {
    proposed(timing) {
      const { sequence, now, waitedMs, inFlight } = timing;
      timed ??= { sequence, at: now };
      if (waitedMs !== undefined) {
        waits.add(waitedMs);
        faults.add(faultOf(timing, waitedMs));
      }
      crowd = inFlight + 1;
      if (waits.count >= SAMPLES) judge();
    },
    committed(sequence, now, inFlight) {
      if (inFlight === 0) idleSince = now;
      if (timed === undefined || sequence < timed.sequence) return;
      lastRest = now - timed.at;
      rests.add(lastRest);
      timed = undefined;
    },
    restart(now) {
      timed = undefined;
      lastRest = 0;
      crowd = 0;
      idleSince = now;
      isSlow = false;
      inherited = best ?? 0;
      forget();
    },
    get isSlow() {
      return isSlow;
    },
  };
};
