/** The data of a home whose node does not run: for backups and verification. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openLevelStore } from "../../storage/level.ts";
import type { Store } from "../../storage/port.ts";
import { type Home, HomeError } from "../home/layout.ts";

/**
 * Opens it, and verifies every file of it first.
 * @throws HomeError `missing` where there is none; StoreError `locked` when a node runs on it, `corrupt`
 */
export const openStoppedData = async (home: Home, cacheBytes: number): Promise<Store> => {
  const path = join(home.data, "store");
  if (!existsSync(path)) throw new HomeError("missing", `${home.data} has no data yet`, "start the node, or restore a backup");
  return openLevelStore(path, { cacheBytes, verifyBytes: Number.MAX_SAFE_INTEGER });
};
