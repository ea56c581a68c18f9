import { describe, expect, it } from "vitest";
import { createHistory } from "../../src/node/data/history.ts";
import { recover } from "../../src/node/data/recovery.ts";
import { toEpoch, toSequence } from "../../src/protocol/ids.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { createTestNetwork } from "../signing/network.ts";

describe("recovery", () => {
  it("ends soon, whatever number a record gives for what was executed", async () => {
    const store = createMemoryStore();
    const { genesisCheckpoint, trust } = createTestNetwork(4);
    const { restored } = await recover({
      store,
      history: createHistory(store),
      genesisHash: trust.signBytes.genesisHash,
      epoch: toEpoch(0),
      genesis: genesisCheckpoint,
      checkpointInterval: 4,
      executed: { sequence: toSequence(2 ** 52), logHash: genesisCheckpoint.logHash, timestamp: 0, incomplete: false },
      recentRequests: 100,
    });
    expect(restored).toMatchObject({ executed: 2 ** 52, checkpoints: [], executedRequests: [] });
  });
});
