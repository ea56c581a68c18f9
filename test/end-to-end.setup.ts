import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** told to the other projects of the same run, each of which loads this file anew */
const done = "BYZ_TESTS_BUILT";

/** End-to-end tests run what users run: dist, built from the source as it stands. */
export const setup = (): void => {
  if (process.env[done] === "1") return;
  const top = fileURLToPath(new URL("..", import.meta.url));
  const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const built = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: top, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stdout}${built.stderr}`);
  process.env[done] = "1";
};
