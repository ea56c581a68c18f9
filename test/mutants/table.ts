/** The table of docs/mutants.md, between its markers. */
import { roomOf, type Mutant } from "./mutant.ts";

export interface Row {
  readonly mutant: Mutant;
  readonly by: string;
}

const begin = "<!-- mutants -->";
const end = "<!-- /mutants -->";

const cell = (text: string): string => text.replaceAll("|", "\\|");

const renderTable = (rows: readonly Row[]): string =>
  [
    "| Mutant | Room | What is wrong | Killed by |",
    "| --- | --- | --- | --- |",
    ...rows.map(({ mutant, by }) => `| ${mutant.name} | ${roomOf(mutant)} | ${cell(mutant.fault)} | ${cell(by)} |`),
  ].join("\n");

const split = (page: string): readonly [string, string, string] => {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no ${begin} … ${end}`);
  return [page.slice(0, from + begin.length), page.slice(from + begin.length, to), page.slice(to)];
};

/** The page with a new table. @throws Error without the markers */
export const withTable = (page: string, rows: readonly Row[]): string => {
  const [before, , after] = split(page);
  return `${before}\n${renderTable(rows)}\n${after}`;
};

/** Names in the page's table. @throws Error without the markers */
export const namesIn = (page: string): string[] =>
  split(page)[1]
    .trim()
    .split("\n")
    .slice(2)
    .map((line) => (line.split("|")[1] ?? "").trim());
