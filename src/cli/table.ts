/** Columns for people. */
import type { Session } from "./session.ts";

/**
 * Rows under headings, columns padded to their widest entry.
 *
 * @param session decides on bold headings
 */
export const table = (session: Pick<Session, "bold">, headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [session.bold(line(headings)), ...rows.map(line)].join("\n");
};

/** Names and values, one pair a line. */
export const pairs = (entries: readonly (readonly [name: string, value: string])[]): string => {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
};

/** Enough of a hash to tell it apart. */
export const shortHash = (hash: string): string => hash.slice(0, 12);
