/** One log, several parts, each with a level of its own that can be changed while the node runs. */
import type { LibraryLog } from "../../network/library.ts";
import type { LogLevel, LogLevels } from "../feeds.ts";
import type { Logger } from "./observe.ts";

export type LogPart = keyof LogLevels;

const parts: readonly LogPart[] = ["node", "consensus", "network", "api", "libp2p"];
const ascending: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** looked up, not searched for: the library asks several times for each message */
const rank = Object.fromEntries(ascending.map((level, index) => [level, index])) as Record<LogLevel, number>;

const atLeast = (level: LogLevel, least: LogLevel): LogLevel => (rank[level] > rank[least] ? level : least);

export interface LogSwitch {
  /** the part's own logger: it adds `part` to each line, and writes what is at or above the part's level */
  of(part: LogPart): Logger;
  /** whether the part's lines of this level are written: for those that cost something to put together */
  wants(part: LogPart, level: LogLevel): boolean;
  levels(): LogLevels;
  set(levels: Partial<LogLevels>): void;
}

/**
 * @param sink takes everything that passes; its own level, where it has one, must let it through
 * @param level of all parts at first; libp2p's own says at most errors before it is asked to say more
 */
export const createLogSwitch = (sink: Logger, level: LogLevel): LogSwitch => {
  const levels: Record<LogPart, LogLevel> = { node: level, consensus: level, network: level, api: level, libp2p: atLeast(level, "error") };
  const passes = (part: LogPart, at: LogLevel): boolean => rank[at] >= rank[levels[part]];
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
    wants: passes,
    levels: () => ({ ...levels }),
    set(changed) {
      for (const part of parts) levels[part] = changed[part] ?? levels[part];
    },
  };
};

/** Where the peer-to-peer library's own lines go. */
export const libraryLogOf = (logSwitch: LogSwitch): LibraryLog => {
  const logger = logSwitch.of("libp2p");
  return {
    wants: (level) => logSwitch.wants("libp2p", level),
    write: (level, message, fields) => logger[level](fields, message),
  };
};
