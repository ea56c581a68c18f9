/** `byz list` */
import { Option } from "commander";
import type { Consistency, EntryJson } from "../client/answers.ts";
import { clientOf } from "./client.ts";
import { defineCommand, wholeNumber } from "./command.ts";
import { consistencyOption } from "./get.ts";
import { table } from "./table.ts";

const longestValue = 60;

const brief = (entry: EntryJson): string => {
  const value = entry.encoding === "utf8" ? entry.value.replaceAll(/\s+/g, " ") : `base64:${entry.value}`;
  return value.length > longestValue ? `${value.slice(0, longestValue - 1)}…` : value;
};

export const listCommand = defineCommand<{ limit: number; after?: string; consistency?: Consistency }>({
  usage: "list [prefix]",
  summary: "Lists keys in byte order",
  arguments: { prefix: "only those that begin with it" },
  options: [
    new Option("--limit <n>", "at most so many").argParser(wholeNumber(1, 1000)).default(100),
    new Option("--after <key>", "go on after this key"),
    consistencyOption(),
  ],
  examples: ["byz list", "byz list users/ --limit 10 --json"],
  exits: [4, 5],
  async run(session, [prefix], { limit, after, consistency }) {
    const page = await clientOf(session).list({
      limit,
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
      ...(consistency === undefined ? {} : { consistency }),
    });
    const rows = page.items.map((entry) => [entry.key, String(entry.version), brief(entry)]);
    session.answer(rows.length === 0 && !session.json ? "no keys" : table(session, ["KEY", "VERSION", "VALUE"], rows), page);
    if (page.next !== undefined && !session.json) session.note(`there is more: add --after ${page.next}`);
  },
});
