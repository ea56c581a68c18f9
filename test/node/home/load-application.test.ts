/** An operator names a module, and the node runs its application or says why not. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { createConfig } from "../../../src/node/home/config.ts";
import { homeAt } from "../../../src/node/home/layout.ts";
import { NodeError } from "../../../src/node/home/identity.ts";
import { configuredApplication, loadApplication } from "../../../src/node/home/load-application.ts";

const folder = mkdtempSync(join(tmpdir(), "byz-application-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const module = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

it("takes the export `application`, by a path relative to the home", async () => {
  module("echo.mjs", 'export const application = { name: "echo/1", apply: (operation) => operation };');
  const application = await configuredApplication(homeAt(folder), createConfig({ node: { application: "echo.mjs" } }));
  expect(application.name).toBe("echo/1");
  expect((await configuredApplication(homeAt(folder), createConfig())).name).toBe("kv");
});

it.each([
  ["missing.mjs", undefined, /missing\.mjs can not be loaded/],
  ["throws.mjs", "throw new Error('no luck');", /can not be loaded: no luck/],
  ["default.mjs", "export default { name: 'x', apply() {} };", /has no export `application`/],
  ["name.mjs", "export const application = { name: 'two words', apply() {} };", /name is not 1 to 64 letters/],
  ["apply.mjs", "export const application = { name: 'x' };", /without the function `apply`/],
])("refuses %s and says why", async (name, text, message) => {
  const path = text === undefined ? join(folder, name) : module(name, text);
  const error: unknown = await loadApplication(path).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NodeError);
  expect(error).toMatchObject({ code: "bad-application", message: expect.stringMatching(message) });
});
