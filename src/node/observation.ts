/** Everything that looks on: logs, events, changes. One reader of (input, effects) in front of them all (docs/architecture.md). */
import type { Committee } from "../protocol/committee.ts";
import type { Sequence } from "../protocol/ids.ts";
import { type ChangeFeed, createChangeFeed } from "./changes.ts";
import type { Clock } from "./clock.ts";
import type { Observe } from "./engine.ts";
import { createEventLog, type EventLog } from "./events.ts";
import type { History } from "./history.ts";
import { createObserve, type Logger } from "./observe.ts";

export interface Observation {
  readonly observe: Observe;
  readonly changes: ChangeFeed;
  readonly events: EventLog;
}

export interface ObservationOptions {
  readonly committee: Committee;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly history: History;
  /** the last executed sequence */
  readonly executed: Sequence;
}

export const createObservation = ({ committee, clock, logger, history, executed }: ObservationOptions): Observation => {
  const log = createObserve(logger, clock.now);
  const changes = createChangeFeed(history, executed);
  const events = createEventLog({ committee, clock });
  return {
    observe(input, effects, replica) {
      log(input, effects, replica);
      events.observe(input, effects, replica);
      if (input.type === "executed") changes.executed(input.sequence);
    },
    changes,
    events,
  };
};
