import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeFolder } from "../../../src/node/home/layout.ts";

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "byz-layout-"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

it("makes a folder with those above it, and leaves one that is there as it is", () => {
  const path = join(top, "a", "b", "c");
  makeFolder(path, 0o700);
  for (const made of [path, join(top, "a")]) expect(statSync(made).mode & 0o777).toBe(0o700);
  mkdirSync(join(top, "open"), { mode: 0o755 });
  makeFolder(join(top, "open"), 0o700);
  expect(statSync(join(top, "open")).mode & 0o777).toBe(0o755);
});

it("does not take a file for a folder", () => {
  writeFileSync(join(top, "file"), "");
  for (const path of [join(top, "file"), join(top, "file", "below")]) expect(() => makeFolder(path)).toThrow("EEXIST");
});

// Node.js 24 looks for ever for a parent that it could make
it.runIf(existsSync("/proc/self"))("refuses at once where no folder can be made", () => {
  expect(() => makeFolder("/proc/no-such-thing/home")).toThrow("ENOENT");
});
