/** What a replica promised comes back after a crash: to the letter, and nothing more (PROTOCOL §6). */
import { describe, expect, it } from "vitest";
import { createExecution } from "../../../src/node/pipeline/execution.ts";
import { createHistory } from "../../../src/node/data/history.ts";
import { keys, put, RecordError } from "../../../src/node/data/records.ts";
import { found, isFounded, recover, type Recovered } from "../../../src/node/data/recovery.ts";
import { toEpoch, toSequence, toView, type Digest } from "../../../src/protocol/ids.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { slotOf } from "../../signing/network.ts";
import { blockAt, createRig, network, putRequest, type Block, type Rig } from "../support.ts";

const genesisHash = "ab".repeat(32) as Digest;

/** The node's memory after a crash at this moment: what is on the medium, and nothing else. */
const restart = async (rig: Rig, hash: Digest = genesisHash): Promise<Recovered> => {
  const store = createMemoryStore({ entries: rig.disk.store.entries() });
  const { sequence, logHash, timeMs } = rig.ledger.position();
  return recover({
    store,
    history: createHistory(store),
    genesisHash: hash,
    epoch: toEpoch(0),
    genesis: network.genesisCheckpoint,
    checkpointInterval: 8,
    executed: { sequence, logHash, timestamp: timeMs, incomplete: false },
    recentRequests: 3,
  });
};

const start = async (mayVote = true): Promise<Rig & { readonly save: (...records: Parameters<Rig["keeping"]["record"]>[0][]) => void }> => {
  const rig = await createRig();
  const founding = found(rig.disk.store, genesisHash, mayVote);
  rig.disk.finish();
  await founding;
  return {
    ...rig,
    save(...records) {
      for (const record of records) rig.journal.save(rig.keeping.record(record));
      rig.journal.flush();
      rig.disk.finish();
    },
  };
};

const accepted = ({ certificate, batch }: Block, view = 0) => ({
  type: "accepted" as const,
  epoch: toEpoch(0),
  view: toView(view),
  sequence: certificate.sequence,
  digest: batch.digest,
  proposalSignature: network.proposal(slotOf(view, certificate.sequence, batch.digest)).signature,
  batch,
});

const run = (rig: Rig, ...blocks: readonly Block[]): void => {
  const execution = createExecution(
    { ledger: rig.ledger, keeping: rig.keeping, executed: () => undefined, stabilised: () => undefined },
    rig.journal,
  );
  for (const { certificate, batch } of blocks) execution.run(certificate, batch, () => undefined);
  rig.journal.flush();
  rig.disk.finish();
};

describe("a restarted replica", () => {
  it("begins at the genesis when it never did anything", async () => {
    const rig = await start();
    const { restored } = await restart(rig);
    expect(restored).toMatchObject({ view: 0, active: true, executed: 0, accepted: [], prepared: [], checkpoints: [], mayVote: true });
    expect(restored.stable).toEqual(network.genesisCheckpoint);
  });

  it("remembers what it accepted and what prepared, with the batches that did not run yet", async () => {
    const rig = await start();
    const block = blockAt(1);
    const certificate = network.prepared(slotOf(0, 1, block.batch.digest));
    rig.save(accepted(block), { type: "prepared", certificate });
    const { restored, accepted: slots, prepared } = await restart(rig);
    expect(restored.accepted).toEqual([
      { view: 0, sequence: 1, digest: block.batch.digest, proposalSignature: accepted(block).proposalSignature, batch: block.batch },
    ]);
    expect(restored.prepared).toEqual([{ certificate, batch: block.batch }]);
    expect(slots).toEqual([[1, block.batch.digest]]);
    expect(prepared).toEqual([1]);
  });

  it("says its VIEW-CHANGE again to the letter, and votes no more in the view it left", async () => {
    const rig = await start();
    const block = blockAt(1);
    rig.save(accepted(block));
    const signed = network.viewChange(2, 3);
    rig.journal.save(rig.keeping.viewChange(signed));
    rig.journal.flush();
    rig.disk.finish();
    const { restored } = await restart(rig);
    expect(restored).toMatchObject({ view: 3, active: false, accepted: [] });
    expect(restored.viewChange).toEqual(signed);
  });

  it("is in the view that it entered, with what it accepted there only", async () => {
    const rig = await start();
    const [old, fresh] = [blockAt(1, [putRequest(50)]), blockAt(2)];
    const newView = network.newView(1);
    rig.save(accepted(old, 0), { type: "entered-view", newView }, accepted(fresh, 1));
    const { restored, accepted: slots } = await restart(rig);
    expect(restored).toMatchObject({ view: 1, active: true });
    expect(restored.newView).toEqual(newView);
    expect(restored.accepted.map(({ sequence, digest }) => [sequence, digest])).toEqual([[2, fresh.batch.digest]]);
    // what it once accepted elsewhere is still to be cleaned up
    expect(slots).toHaveLength(2);
  });

  it("knows what it executed: digests, its own checkpoints, the latest requests oldest first", async () => {
    const rig = await start();
    const blocks = Array.from({ length: 9 }, (_, index) => blockAt(index + 1));
    run(rig, ...blocks);
    const { restored } = await restart(rig);
    expect(restored.executed).toBe(9);
    expect(restored.logHash).toBe(rig.history.header(toSequence(9))?.logHash);
    expect([...restored.executedDigests]).toEqual(blocks.map(({ certificate, batch }) => [certificate.sequence, batch.digest]));
    expect(restored.checkpoints.map(({ sequence }) => sequence)).toEqual([8]);
    expect(restored.executedRequests).toEqual([7, 8, 9].map((number) => putRequest(number).id));
  });

  it("stands on its stable checkpoint, and what was voted on below it is gone", async () => {
    const rig = await start();
    const blocks = Array.from({ length: 8 }, (_, index) => blockAt(index + 1));
    rig.save(...blocks.map((block) => accepted(block)));
    run(rig, ...blocks);
    const certificate = network.stable(8);
    rig.save({ type: "stable", certificate });
    const { restored } = await restart(rig);
    expect(restored.stable).toEqual(certificate);
    expect(restored.accepted).toEqual([]);
    expect(restored.checkpoints).toEqual([]);
  });

  it("votes only if it was born here, or was told that it may again", async () => {
    const rig = await start(false);
    expect((await restart(rig)).restored.mayVote).toBe(false);
    rig.save({ type: "may-vote" });
    expect((await restart(rig)).restored.mayVote).toBe(true);
  });
});

describe("data that does not fit", () => {
  it("of another network is refused", async () => {
    const rig = await start();
    expect(isFounded(rig.disk.store)).toBe(true);
    await expect(restart(rig, "cd".repeat(32) as Digest)).rejects.toThrow(/another network/);
  });

  it("is never voted on by guess: an accepted digest without its batch, or a damaged record, stops the start", async () => {
    const rig = await start();
    const block = blockAt(1);
    rig.save(accepted(block));
    rig.journal.save([{ type: "del", key: keys.batch(block.batch.digest) }]);
    rig.journal.flush();
    rig.disk.finish();
    await expect(restart(rig)).rejects.toThrow(RecordError);

    for (const key of [keys.view, keys.stable, keys.prepared(toSequence(2)), keys.accepted(toSequence(2), block.batch.digest)]) {
      const damaged = await start();
      damaged.journal.save([put(key, Uint8Array.of(7, 7, 7))]);
      damaged.journal.flush();
      damaged.disk.finish();
      await expect(restart(damaged)).rejects.toThrow(RecordError);
    }
  });
});
