/** Reads a node's configuration: flag over environment over file over default, every complaint with its key and line. */
import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { createLineOf } from "./config-file.ts";
import type { LineOf, PartialConfig } from "./config-file.ts";
import { joinProblems, printable } from "./printable.ts";
import { environmentName, fileName, relations, settings } from "./settings.ts";
import type { Config, Setting } from "./settings.ts";

export type { Config } from "./settings.ts";

export interface ConfigProblem {
  /** `section.key`, or as much of it as there is; empty for the file as a whole */
  readonly key: string;
  /** the file's line, from 1 */
  readonly line?: number;
  readonly message: string;
  /** where the value came from: the file's path, a variable's name or `flag` */
  readonly source: string;
}

/** The configuration is not valid: everything that is wrong with it at once. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    const told = problems.map((problem) => ({ ...problem, key: printable(problem.key), message: printable(problem.message) }));
    super(joinProblems(told.map(describe)));
    this.name = "ConfigError";
    this.problems = told;
  }
}

const describe = ({ key, line, message, source }: ConfigProblem): string =>
  [source, line === undefined ? "" : ` line ${line}`, ": ", key === "" ? "" : `${key} `, message].join("");

export type Origin = "default" | "file" | "environment" | "flag";

export interface ConfigEntry {
  readonly section: string;
  /** as in the file */
  readonly key: string;
  readonly value: unknown;
  readonly origin: Origin;
  /** the file's line or the variable's name */
  readonly detail?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** every key with where its value came from, in the file's order */
  readonly entries: readonly ConfigEntry[];
}

export interface ConfigSources {
  /** path of `config.toml`; a missing file means defaults */
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly flags?: PartialConfig;
}

interface Given {
  readonly value: unknown;
  readonly origin: Origin;
  readonly detail?: string;
  readonly source: string;
  readonly line?: number;
}

const sections: Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>> = settings;

const nearest = (name: string, names: readonly string[]): string => {
  const bigrams = (word: string): Set<string> => new Set(Array.from({ length: word.length }, (_, index) => word.slice(index, index + 2)));
  const own = bigrams(name);
  const scored = names.map((candidate) => {
    const theirs = bigrams(candidate);
    const common = [...theirs].filter((pair) => own.has(pair)).length;
    return { candidate, score: (2 * common) / Math.max(1, own.size + theirs.size) };
  });
  const best = scored.toSorted((a, b) => b.score - a.score)[0];
  return best !== undefined && best.score >= 0.5 ? ` (did you mean ${best.candidate}?)` : "";
};

const located = (line: number | undefined): { readonly line?: number } => (line === undefined ? {} : { line });

type Values = Map<string, Given>;

const unknownSection = (section: string, path: string, lineOf: LineOf): ConfigProblem => ({
  key: section,
  ...located(lineOf(section)),
  message: `is not a known section${nearest(section, Object.keys(sections))}`,
  source: path,
});

/** larger files are not taken: one with every key and comment has about 6 KiB */
const maxFileBytes = 1024 * 1024;

const readText = (path: string): string | undefined => {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length <= maxFileBytes) return text;
    throw new ConfigError([{ key: "", message: `is larger than ${maxFileBytes} bytes`, source: path }]);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConfigError([{ key: "", message: `can not be read: ${(error as Error).message}`, source: path }]);
  }
};

const parseToml = (text: string, path: string): Record<string, unknown> => {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = (error.message.split("\n")[0] ?? "").replace("Invalid TOML document: ", "is not valid TOML: ");
    throw new ConfigError([{ key: "", line: error.line, message, source: path }]);
  }
};

/** TOML's dates are objects too. */
const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);

const fromFile = (path: string, values: Values, problems: ConfigProblem[]): void => {
  const text = readText(path);
  if (text === undefined) return;
  const lineOf = createLineOf(text);
  for (const [section, keys] of Object.entries(parseToml(text, path))) {
    const known = Object.hasOwn(sections, section) ? sections[section] : undefined;
    if (known === undefined) {
      problems.push(unknownSection(section, path, lineOf));
      continue;
    }
    if (!isSection(keys)) {
      problems.push({ key: section, ...located(lineOf(section)), message: `must be a section, [${section}]`, source: path });
      continue;
    }
    const byFileName = new Map(Object.keys(known).map((key) => [fileName(key), key]));
    for (const [name, value] of Object.entries(keys)) {
      const line = located(lineOf(section, name));
      const key = byFileName.get(name);
      if (key === undefined) {
        problems.push({
          key: `${section}.${name}`,
          ...line,
          message: `is not a known key${nearest(name, [...byFileName.keys()])}`,
          source: path,
        });
      } else {
        const detail = line.line === undefined ? path : `${path}:${line.line}`;
        values.set(`${section}.${key}`, { value, origin: "file", detail, source: path, ...line });
      }
    }
  }
};

const fromWords = (kind: Setting<unknown>["kind"], words: string): unknown => {
  if (kind === "integer") return /^-?\d+$/.test(words.trim()) ? Number(words) : words;
  if (kind === "list") return words.split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));
  return words;
};

const fromEnvironment = (environment: Readonly<Record<string, string | undefined>>, values: Values, problems: ConfigProblem[]): void => {
  const known = new Map(
    Object.entries(sections).flatMap(([section, keys]) =>
      Object.entries(keys).map(([key, { kind }]) => [environmentName(section, key), { path: `${section}.${key}`, kind }] as const),
    ),
  );
  const prefixes = Object.keys(sections).map((section) => `BYZ_${section.toUpperCase()}_`);
  for (const [name, words] of Object.entries(environment)) {
    if (words === undefined || !prefixes.some((prefix) => name.startsWith(prefix))) continue;
    const target = known.get(name);
    if (target === undefined)
      problems.push({ key: "", message: `is not a known variable${nearest(name, [...known.keys()])}`, source: name });
    else values.set(target.path, { value: fromWords(target.kind, words), origin: "environment", detail: name, source: name });
  }
};

const fromFlags = (flags: PartialConfig, values: Values): void => {
  for (const [section, keys] of Object.entries<Record<string, unknown>>(flags as Record<string, Record<string, unknown>>)) {
    for (const [key, value] of Object.entries(keys)) {
      if (value !== undefined) values.set(`${section}.${key}`, { value, origin: "flag", source: "flag" });
    }
  }
};

const settle = (values: Values, problems: ConfigProblem[]): LoadedConfig => {
  const config: Record<string, Record<string, unknown>> = {};
  const entries: ConfigEntry[] = [];
  for (const [section, keys] of Object.entries(sections)) {
    const settled: Record<string, unknown> = {};
    for (const [key, setting] of Object.entries(keys)) {
      const given = values.get(`${section}.${key}`) ?? { value: setting.fallback, origin: "default" as const, source: "default" };
      const parsed = setting.schema.safeParse(given.value);
      const place = { key: `${section}.${fileName(key)}`, ...located(given.line), source: given.source };
      if (!parsed.success) problems.push({ ...place, message: parsed.error.issues.map((issue) => issue.message).join(", ") });
      settled[key] = given.value;
      const detail = given.detail === undefined ? {} : { detail: given.detail };
      entries.push({ section, key: fileName(key), value: given.value, origin: given.origin, ...detail });
    }
    config[section] = Object.freeze(settled);
  }
  return { config: Object.freeze(config) as Config, entries };
};

/** What was given for a key in the file's spelling. */
const givenFor = (key: string, values: Values): Given | undefined => {
  const [section = "", name = ""] = key.split(".");
  const own = Object.keys(sections[section] ?? {}).find((candidate) => fileName(candidate) === name) ?? "";
  return values.get(`${section}.${own}`);
};

/** Defaults keep to all of them: one of those that do not was given. */
const checkRelations = (config: Config, values: Values): ConfigProblem[] =>
  relations
    .filter(({ holds }) => !holds(config))
    .flatMap(({ problems }) => {
      const all = Object.entries(problems).map(([key, message]) => ({ key, message, given: givenFor(key, values) }));
      const told = all.filter(({ given }) => given !== undefined).concat(all)[0];
      if (told === undefined) return [];
      const { key, message, given } = told;
      return [{ key, ...located(given?.line), message, source: given?.source ?? "default" }];
    });

/**
 * Settles every key. Unknown keys, unknown `BYZ_<SECTION>_…` variables and values against their rule are errors, all told at once.
 *
 * @throws ConfigError
 */
export const loadConfig = ({ file, environment = {}, flags = {} }: ConfigSources = {}): LoadedConfig => {
  const values: Values = new Map();
  const problems: ConfigProblem[] = [];
  if (file !== undefined) fromFile(file, values, problems);
  fromEnvironment(environment, values, problems);
  fromFlags(flags, values);
  const loaded = settle(values, problems);
  if (problems.length === 0) problems.push(...checkRelations(loaded.config, values));
  if (problems.length > 0) throw new ConfigError(problems);
  return loaded;
};

/** Defaults everywhere, but for `flags`. @throws ConfigError */
export const createConfig = (flags: PartialConfig = {}): Config => loadConfig({ flags }).config;
