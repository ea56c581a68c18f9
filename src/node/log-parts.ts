/** One log, several parts, each with a level of its own that can be changed while the node runs. */
import type { LogLevel, LogLevels } from "./feeds.ts";
import type { Logger } from "./observe.ts";

export type LogPart = keyof LogLevels;

const parts: readonly LogPart[] = ["node", "consensus", "network", "api"];
const ascending: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export interface LogSwitch {
  /** the part's own logger: it adds `part` to each line, and writes what is at or above the part's level */
  of(part: LogPart): Logger;
  levels(): LogLevels;
  set(levels: Partial<LogLevels>): void;
}

/**
 * @param sink takes everything that passes; its own level, where it has one, must let it through
 * @param level of all parts at first
 */
export const createLogSwitch = (sink: Logger, level: LogLevel): LogSwitch => {
  const levels: Record<LogPart, LogLevel> = { node: level, consensus: level, network: level, api: level };
  const passes = (part: LogPart, at: LogLevel): boolean => ascending.indexOf(at) >= ascending.indexOf(levels[part]);
  const writer =
    (part: LogPart, at: keyof Logger) =>
    (fields: object, message: string): void => {
      if (passes(part, at)) sink[at]({ part, ...fields }, message);
    };
  return {
    of: (part) => ({
      debug: writer(part, "debug"),
      info: writer(part, "info"),
      warn: writer(part, "warn"),
      error: writer(part, "error"),
    }),
    levels: () => ({ ...levels }),
    set(changed) {
      for (const part of parts) levels[part] = changed[part] ?? levels[part];
    },
  };
};
