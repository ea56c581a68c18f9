/** `byz config` */
import { existsSync } from "node:fs";
import { Option } from "commander";
import { loadConfig } from "../../node/home/config.ts";
import type { ConfigEntry, LoadedConfig } from "../../node/home/config.ts";
import { homeAt, HomeError } from "../../node/home/layout.ts";
import { defineCommand, defineGroup } from "../command.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";

const load = (session: Session): LoadedConfig => loadConfig({ file: homeAt(session.home).config, environment: session.io.environment });

const originOf = (entry: ConfigEntry): string => (entry.detail === undefined ? entry.origin : `${entry.origin} (${entry.detail})`);

const documentOf = (entries: readonly ConfigEntry[], origin: boolean): unknown => {
  const document: Record<string, Record<string, unknown>> = {};
  for (const entry of entries) {
    const { section, key, value } = entry;
    const shown = origin ? { value, origin: entry.origin, ...(entry.detail === undefined ? {} : { detail: entry.detail }) } : value;
    (document[section] ??= {})[key] = shown;
  }
  return document;
};

const showCommand = defineCommand<{ origin?: boolean }>({
  usage: "show",
  summary: "Every setting as the node would use it",
  options: [new Option("--origin", "and where its value came from")],
  examples: ["byz config show", "byz config show --origin --json"],
  exits: [3],
  run(session, _args, options) {
    const { entries } = load(session);
    const rows = entries.map((entry) => [
      `${entry.section}.${entry.key}`,
      JSON.stringify(entry.value),
      ...(options.origin === true ? [originOf(entry)] : []),
    ]);
    const headings = ["KEY", "VALUE", ...(options.origin === true ? ["ORIGIN"] : [])];
    session.answer(table(session, headings, rows), documentOf(entries, options.origin === true));
  },
});

const validateCommand = defineCommand({
  usage: "validate",
  summary: "Checks config.toml and the environment",
  examples: ["byz config validate", "byz config validate --home /srv/byz"],
  exits: [3],
  run(session) {
    const { path: home, config: file } = homeAt(session.home);
    if (!existsSync(home)) throw new HomeError("missing", `${home} does not exist`, "check --home, or make one with `byz init`");
    load(session);
    const present = existsSync(file);
    const text = present ? `${file} is valid` : `${file} is not there: the defaults hold, and the environment`;
    session.answer(text, { file, valid: true, present });
  },
});

export const configCommand = defineGroup(
  {
    name: "config",
    summary: "Every setting and where it came from; whether config.toml is valid",
    examples: ["byz config show --origin", "byz config validate"],
  },
  [showCommand, validateCommand],
);
