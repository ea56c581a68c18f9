/** `config.toml` as text: written with every default shown, and searched for the line a key stands on. */
import { environmentName, fileName, settings } from "./settings.ts";
import type { Config, Section, Setting } from "./settings.ts";

/** Some keys of some sections. */
export type PartialConfig = { readonly [S in Section]?: Partial<Config[S]> };

const toToml = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(toToml).join(", ")}]`;
  // JSON's escapes in a string are TOML's, but for DEL
  return typeof value === "string" ? JSON.stringify(value).replaceAll("\u007f", "\\u007f") : String(value);
};

/**
 * The text of a `config.toml`: every key with its meaning, environment name and default, commented out unless `values` sets it.
 */
export const renderConfig = (values: PartialConfig = {}): string => {
  const lines = [
    "# Configuration of a byz node. Every key is shown with its default; remove the # to change one.",
    "# A flag wins over the environment, which wins over this file. `byz config show --origin` says where a value came from.",
  ];
  for (const [section, keys] of Object.entries<Record<string, Setting<unknown>>>(settings)) {
    lines.push("", `[${section}]`);
    const given = (values[section as Section] ?? {}) as Record<string, unknown>;
    for (const [key, setting] of Object.entries(keys)) {
      lines.push("", `# ${setting.about}`, `# (${environmentName(section, key)})`);
      lines.push(`${given[key] === undefined ? "# " : ""}${fileName(key)} = ${toToml(given[key] ?? setting.fallback)}`);
    }
  }
  return `${lines.join("\n")}\n`;
};

const pathOf = (dotted: string): string[] => dotted.split(".").map((name) => name.trim().replaceAll(/^["']|["']$/g, ""));

/** Where `section.key`, or with no key the section, first stands: the line, from 1; undefined when it was not found. */
export type LineOf = (section: string, key?: string) => number | undefined;

/**
 * Finds the lines of a text's keys, looking at each line once. Good enough to show people: a key inside of a multi-line text may fool it.
 */
export const createLineOf = (text: string): LineOf => {
  const lines = new Map<string, number>();
  const nameOf = (...path: readonly string[]): string => path.join("\0");
  const note = (path: readonly string[], line: number): void => {
    for (const name of [nameOf(path[0] ?? ""), nameOf(path[0] ?? "", path[1] ?? "")]) if (!lines.has(name)) lines.set(name, line);
  };
  let current: readonly string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    if (header !== undefined) current = pathOf(header);
    const name = /^\s*([A-Za-z0-9_."'-]+)\s*=/.exec(line)?.[1];
    if (header !== undefined || name !== undefined) note(name === undefined ? current : [...current, ...pathOf(name)], index + 1);
  }
  return (section, key) => lines.get(key === undefined ? nameOf(section) : nameOf(section, key));
};
