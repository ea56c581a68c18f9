import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Told to the other projects of the same run, each of which loads this file anew, and to all workers: a folder of this run, for what they share. */
const shared = "BYZ_TESTS_SHARED";

/** End-to-end tests run what users run: dist, built from the source as it stands. */
export const setup = (): (() => void) | undefined => {
  if (process.env[shared] !== undefined) return undefined;
  const top = fileURLToPath(new URL("..", import.meta.url));
  const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const built = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: top, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stdout}${built.stderr}`);
  const folder = mkdtempSync(join(tmpdir(), "byz-shared-"));
  process.env[shared] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
};
