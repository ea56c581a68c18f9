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

/** `12D3KooW…x7Qf`: enough to tell peers apart. */
export const shortPeer = (peer: string): string => (peer.length > 16 ? `${peer.slice(0, 8)}…${peer.slice(-6)}` : peer);
export const shortHash = (hash: string): string => hash.slice(0, 12);
