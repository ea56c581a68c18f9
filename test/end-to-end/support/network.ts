/** Networks of real processes for one test file, gone when it is over. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { Testnet } from "../../../src/testnet/index.ts";
import type { TestnetOptions } from "../../../src/testnet/index.ts";

export { codeOf } from "../../../src/cli/validate/stage.ts";
export { assertLogsEqual, indexesOf, primaryAsSeenBy, settled } from "../../../src/cli/validate/logs.ts";

/** A folder of this file's own, removed after its tests. */
export const temporaryFolder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "byz-e2e-"));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

/** Ports of this worker's own: a network that is started beside another must not take those of its killed nodes. */
export const somePort = (): number => 20_000 + 4_000 * (Number(process.env["VITEST_POOL_ID"] ?? 0) % 3) + Math.floor(Math.random() * 3_900);

/** Boots a network; stopped and removed after the tests of the file, also when booting fails half-way. */
export const startNetwork = async (dir: string, options: Omit<TestnetOptions, "dir">): Promise<Testnet> =>
  Testnet.up({ preferredBasePort: somePort(), ...options, dir });

/** Call while the file is collected: whatever happens, nothing of this network outlives it. */
export const networkFolder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "byz-e2e-"));
  afterAll(async () => {
    await stopNetwork(dir);
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
};

const stopNetwork = async (dir: string): Promise<void> => {
  try {
    await Testnet.open(dir).down();
  } catch {
    // it never came to be
  }
};
