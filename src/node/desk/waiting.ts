/** Clients that wait for the answer to a signed request of their own; bounded in number and time. */
import type { Digest } from "../../protocol/ids.ts";
import { failed, type Failure, type Outcome, type RequestReport } from "../service.ts";
import { queueFullFailure, unknownOutcome } from "./failures.ts";

export interface Waiting {
  /** Settles once: when the request is executed, refused, given up after `timeoutMs`, or at once when too many wait. */
  wait(id: Digest, settle: (outcome: Outcome<RequestReport>) => void): void;
  has(id: Digest): boolean;
  settle(id: Digest, outcome: Outcome<RequestReport>): void;
  /** gives up those that waited too long; `withoutQuorum` shortens their patience */
  tick(withoutQuorum: boolean): void;
  close(): void;
  readonly size: number;
}

export interface WaitingOptions {
  readonly now: () => number;
  readonly timeoutMs: number;
  /** while there is no quorum it makes no sense to wait long */
  readonly graceWithoutQuorumMs: number;
  /** callers that wait at once; beyond it a new one is refused as `overloaded` */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly since: number;
  readonly settles: ((outcome: Outcome<RequestReport>) => void)[];
}

export const createWaiting = ({ now, timeoutMs, graceWithoutQuorumMs, maxWaiting }: WaitingOptions): Waiting => {
  /** in the order in which they came */
  const waiters = new Map<Digest, Waiter>();
  let size = 0;

  const finish = (id: Digest, outcome: Outcome<RequestReport>): void => {
    const waiter = waiters.get(id);
    if (waiter === undefined) return;
    waiters.delete(id);
    size -= waiter.settles.length;
    for (const settle of waiter.settles) settle(outcome);
  };
  const giveUp = (failureOf: (id: Digest) => Failure, before: number): void => {
    for (const [id, { since }] of waiters) {
      if (since > before) break;
      finish(id, failed(failureOf(id)));
    }
  };

  return {
    wait(id, settle) {
      if (size >= maxWaiting) return settle(failed(queueFullFailure));
      size += 1;
      const waiter = waiters.get(id);
      if (waiter === undefined) waiters.set(id, { since: now(), settles: [settle] });
      else waiter.settles.push(settle);
    },
    has: (id) => waiters.has(id),
    settle: finish,
    tick: (withoutQuorum) => giveUp(unknownOutcome, now() - (withoutQuorum ? graceWithoutQuorumMs : timeoutMs)),
    close: () => giveUp(unknownOutcome, Number.POSITIVE_INFINITY),
    get size() {
      return size;
    },
  };
};
