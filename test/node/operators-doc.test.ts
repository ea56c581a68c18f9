import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fileName, settings } from "../../src/node/home/settings.ts";

describe("docs/operators.md", () => {
  it("has every key with its default and meaning, and no other", () => {
    const text = readFileSync(new URL("../../docs/operators.md", import.meta.url), "utf8");
    const expected = Object.entries(settings).flatMap(([section, keys]) => [
      `### \`[${section}]\``,
      ...Object.entries(keys).map(([key, { fallback, about }]) => `| \`${fileName(key)}\` | \`${JSON.stringify(fallback)}\` | ${about} |`),
    ]);
    const configuration = text.slice(text.indexOf("## Configuration"), text.indexOf("## Command line"));
    const documented = configuration.split("\n").filter((line) => line.startsWith("### ") || line.startsWith("| `"));
    expect(documented).toEqual(expected);
  });
});
