/** The end of a node's log, without reading all of it. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { logPath } from "./homes.ts";
import type { TestnetNode } from "./state.ts";

/** of the log's end that are looked at */
const tailBytes = 1024 * 1024;

/** The last lines, at most 1 MiB of them; empty when there is no log. */
export const tailOf = (node: Pick<TestnetNode, "home">, lines: number): string => {
  try {
    const file = openSync(logPath(node), "r");
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.min(size, tailBytes));
      const read = readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString("utf8", 0, read).trimEnd().split("\n").slice(-lines).join("\n");
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
};

/** Reads what was appended to a log since the last call; begins at its end, and again at the start of a new file. */
export const createLogFollower = (node: Pick<TestnetNode, "home">): (() => string) => {
  let offset: number | undefined;
  return () => {
    try {
      const file = openSync(logPath(node), "r");
      try {
        const { size } = fstatSync(file);
        if (offset === undefined || offset > size) offset = offset === undefined ? size : 0;
        const buffer = Buffer.alloc(Math.min(size - offset, tailBytes));
        const read = readSync(file, buffer, 0, buffer.length, offset);
        offset += read;
        return buffer.toString("utf8", 0, read);
      } finally {
        closeSync(file);
      }
    } catch {
      return "";
    }
  };
};
