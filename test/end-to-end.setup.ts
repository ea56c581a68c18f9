import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** End-to-end tests run what users run: dist, built from the source as it stands. */
export const setup = (): void => {
  const top = fileURLToPath(new URL("..", import.meta.url));
  const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const built = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: top, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stdout}${built.stderr}`);
};
