import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

it("docs/glossary.md has every message", () => {
  const table = read("docs/glossary.md").split("## Messages")[1] ?? "";
  const kinds = [...read("src/protocol/messages.ts").matchAll(/readonly kind: "([a-z-]+)"/g)].map(([, kind]) => kind ?? "");
  expect(kinds.length).toBeGreaterThan(15);
  expect(kinds.filter((kind) => !new RegExp(`^\\| .*\\b${kind.toUpperCase()}\\b.* \\|`, "m").test(table))).toEqual([]);
});
