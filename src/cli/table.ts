/** Columns for people. */
import { visible } from "../node/home/printable.ts";
import type { Session } from "./session.ts";

/** an entry wider than this does not move what stands beside the others */
const widestColumn = 100;

/**
 * Rows under headings, columns padded to their widest entry. What a terminal would obey is shown: keys and values are anybody's words.
 *
 * @param session decides on bold headings
 */
export const table = (session: Pick<Session, "bold">, headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const shown = rows.map((row) => row.map((cell) => visible(cell)));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...shown.map((row) => (row[column] ?? "").length).filter((width) => width <= widestColumn)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [session.bold(line(headings)), ...shown.map(line)].join("\n");
};

/** Names and values, one pair a line, shown likewise. */
export const pairs = (entries: readonly (readonly [name: string, value: string])[]): string => {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}`).join("\n");
};

/** Enough of a hash to tell it apart. */
export const shortHash = (hash: string): string => hash.slice(0, 12);
