import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { openLevelStore } from "../../src/storage/level.ts";
import type { Store } from "../../src/storage/port.ts";
import { testStore } from "./conformance.ts";

const opened: { store: Store; path: string }[] = [];
afterEach(async () => {
  for (const { store, path } of opened.splice(0)) {
    await store.close();
    await rm(path, { recursive: true, force: true });
  }
});

testStore("level", {
  open: async () => {
    const path = await mkdtemp(join(tmpdir(), "byz-level-"));
    const store = await openLevelStore(join(path, "db"));
    opened.push({ store, path });
    return store;
  },
});
