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

/**
 * Where `section.key`, or with no key the section, first stands. Good enough to show people: a key inside of a multi-line text may fool it.
 *
 * @returns the line, from 1; undefined when it was not found
 */
export const lineOf = (text: string, section: string, key?: string): number | undefined => {
  const isWanted = (path: readonly string[]): boolean => path[0] === section && (key === undefined || path[1] === key);
  let current: readonly string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    if (header !== undefined) current = pathOf(header);
    const name = /^\s*([A-Za-z0-9_."'-]+)\s*=/.exec(line)?.[1];
    const path = name === undefined ? current : [...current, ...pathOf(name)];
    if ((header !== undefined || name !== undefined) && isWanted(path)) return index + 1;
  }
  return undefined;
};
