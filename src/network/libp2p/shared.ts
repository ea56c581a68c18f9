/** What every module of this folder is given. */
import type { NetworkCounters } from "../counters.ts";
import type { NetworkLimits, NetworkLog } from "../options.ts";

export interface Shared {
  readonly limits: NetworkLimits;
  readonly counters: NetworkCounters;
  readonly log: NetworkLog;
  /** milliseconds, monotonic */
  readonly now: () => number;
}
