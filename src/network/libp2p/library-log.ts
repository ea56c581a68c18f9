/** libp2p's log component: its lines go where the node's go, when that part of the log is turned up. */
import { format } from "node:util";
import type { ComponentLogger, Logger } from "@libp2p/interface";
import type { LibraryLog, LibraryLogLevel } from "../library.ts";

/** longest line, characters: some hold whole messages */
const maxLine = 2_000;

/** libp2p's own formatters (%p a peer, %a an address, %b bytes…) as those that Node.js has. */
const toNodeFormat = (text: string): string => text.replaceAll(/%[pabkte]/g, "%s");

const shown = (value: unknown): unknown => {
  if (value instanceof Error) return value.message;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  // peers, addresses and ids say what they are; other objects are spelt out by `format`
  return value instanceof Object && Object.getPrototypeOf(value) !== Object.prototype
    ? (value as { toString(): string }).toString()
    : value;
};

const nothing: LibraryLog = { wants: () => false, write: () => undefined };

/** @param log absent: libp2p says nothing */
export const createLibraryLog = (log: LibraryLog = nothing): ComponentLogger => {
  const writer =
    (component: string, level: LibraryLogLevel) =>
    (formatter: unknown, ...values: readonly unknown[]): void => {
      if (!log.wants(level)) return;
      const text = typeof formatter === "string" ? toNodeFormat(formatter) : String(shown(formatter));
      log.write(level, format(text, ...values.map(shown)).slice(0, maxLine), { component });
    };
  const loggerOf = (component: string): Logger => {
    const logger = Object.assign(writer(component, "debug"), {
      error: writer(component, "warn"),
      trace: writer(component, "debug"),
      newScope: (name: string) => loggerOf(`${component}:${name}`),
      enabled: false,
    });
    return Object.defineProperty(logger, "enabled", { get: () => log.wants("debug") });
  };
  return { forComponent: loggerOf };
};
