/** Everything that looks on: logs, events, changes, measures. One reader of (input, effects) in front of them all (docs/architecture.md). */
import type { Committee } from "../../protocol/committee.ts";
import type { Sequence } from "../../protocol/ids.ts";
import { type ChangeFeed, createChangeFeed } from "../desk/changes.ts";
import type { Clock } from "../clock.ts";
import type { Observe } from "../pipeline/engine.ts";
import { createEventLog, type EventLog } from "./events.ts";
import { explain } from "./explain.ts";
import { createExposition } from "./exposition.ts";
import type { Observable } from "../feeds.ts";
import type { History } from "../data/history.ts";
import type { LogSwitch } from "./log-parts.ts";
import { createMeasures, type Measures } from "./measures.ts";
import { libraryFamilies, metricFamilies, type MetricSources } from "./metrics.ts";
import { createObserve, type Logger } from "./observe.ts";
import type { NodeService } from "../service.ts";

export interface Observation {
  readonly observe: Observe;
  readonly changes: ChangeFeed;
  readonly events: EventLog;
  readonly measures: Measures;
  /** what people are offered of it, once the other parts exist */
  observable(parts: ObservableParts): Observable;
}

export interface ObservableParts extends Omit<MetricSources, "measures" | "status"> {
  readonly service: () => Pick<NodeService, "status" | "validators">;
  readonly clock: Clock;
  readonly logSwitch: LogSwitch;
}

export interface ObservationOptions {
  readonly committee: Committee;
  readonly clock: Clock;
  readonly log: Logger;
  readonly history: History;
  /** the last executed sequence */
  readonly executed: Sequence;
}

export const createObservation = ({ committee, clock, log: logger, history, executed }: ObservationOptions): Observation => {
  const log = createObserve(logger, clock.now);
  const changes = createChangeFeed(history, executed);
  const events = createEventLog({ committee, clock });
  const measures = createMeasures(clock.now);
  return {
    observe(input, effects, replica) {
      log(input, effects, replica);
      events.observe(input, effects, replica);
      measures.observe(input, effects, replica);
      if (input.type === "executed") changes.executed(input.sequence);
    },
    changes,
    events,
    measures,
    observable: ({ logSwitch, service, ...sources }) => {
      const own = metricFamilies({ ...sources, measures, status: () => service().status() });
      return {
        changes,
        events,
        metrics: createExposition(() => [...own, ...libraryFamilies(sources)]),
        explain: () =>
          explain({
            status: service().status(),
            validators: service().validators(),
            summary: sources.replica.describe(),
            time: { now: clock.now(), wall: clock.wall() },
          }),
        logLevels: logSwitch.levels,
        setLogLevels: logSwitch.set,
      };
    },
  };
};
