/** History is kept to the configured depth behind stable checkpoints, and no deeper (PROTOCOL §4). */
import { describe, expect, it } from "vitest";
import { createExecution } from "../../../src/node/pipeline/execution.ts";
import { createHistory } from "../../../src/node/data/history.ts";
import { createPruning } from "../../../src/node/data/pruning.ts";
import { del, keys } from "../../../src/node/data/records.ts";
import { toSequence } from "../../../src/protocol/ids.ts";
import { StoreError, type StoreOperation } from "../../../src/storage/port.ts";
import { blockAt, createRig, putRequest, type Rig } from "../support.ts";

/** Executes so many batches of one request each. */
const ran = async (count: number, retain: number): Promise<Rig> => {
  const rig = await createRig({ retain });
  const { ledger, keeping, journal, disk } = rig;
  const execution = createExecution({ ledger, keeping, executed: () => undefined, stabilised: () => undefined }, journal);
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const { certificate, batch } = blockAt(sequence);
    execution.run(certificate, batch, () => undefined);
    journal.flush();
    disk.finish();
  }
  return rig;
};

const kept = ({ history }: Rig, count: number): number[] =>
  Array.from({ length: count }, (_, index) => index + 1).filter((sequence) => history.header(toSequence(sequence)) !== undefined);

const pruned = (rig: Rig): string => Buffer.from(rig.disk.store.get(keys.meta("pruned")) ?? []).toString();

describe("blocks behind a stable checkpoint", () => {
  it("go beyond what is retained, with their batches, results and places", async () => {
    const rig = await ran(4, 2);
    rig.pruning.behind(toSequence(4));
    rig.disk.finish();
    expect(kept(rig, 4)).toEqual([3, 4]);
    expect(rig.history.batch(blockAt(1).batch.digest)).toBeUndefined();
    expect(rig.history.results(toSequence(1))).toBeUndefined();
    expect(rig.history.place(putRequest(1).id)).toBeUndefined();
    expect(rig.history.place(putRequest(4).id)).toEqual({ sequence: 4, index: 0 });
    expect(pruned(rig)).toBe("2");
  });

  it("all stay in an archive", async () => {
    const rig = await ran(4, 0);
    rig.pruning.behind(toSequence(4));
    rig.disk.finish();
    expect(kept(rig, 4)).toEqual([1, 2, 3, 4]);
  });

  it("go however many there are at once, in writes of bounded size, and stay from the moment the node stops", () => {
    const writes: { readonly operations: readonly StoreOperation[]; readonly done: () => void }[] = [];
    const pruning = createPruning({
      store: { write: (operations, _options, done) => void writes.push({ operations, done }) },
      history: { forget: (sequence) => [del(keys.block(sequence))] },
      retain: 10,
      pruned: toSequence(0),
      gap: toSequence(0),
    });
    pruning.behind(toSequence(5_010));
    expect(writes).toHaveLength(1);
    for (let next = 0; writes[next] !== undefined && next < 6; next += 1) writes[next]?.done();
    const gone = writes.flatMap(({ operations }) => operations.filter(({ type }) => type === "del"));
    expect(gone.length).toBeGreaterThan(3_000);
    expect(Math.max(...writes.map(({ operations }) => operations.length))).toBeLessThanOrEqual(513);
    pruning.stop();
    writes.at(-1)?.done();
    expect(writes).toHaveLength(7);
  });

  it("go on from where an earlier life stopped, across sequences that this node never executed", async () => {
    const rig = await ran(6, 0);
    rig.disk.store.write([{ type: "del", key: keys.block(toSequence(2)) }], { durable: true }, () => undefined);
    rig.disk.finish();
    const again = createPruning({ store: rig.disk.store, history: rig.history, retain: 1, pruned: toSequence(1), gap: toSequence(0) });
    again.behind(toSequence(5));
    rig.disk.finish();
    // the first was let go before: it is not looked at again
    expect(kept(rig, 6)).toEqual([1, 5, 6]);
    expect(pruned(rig)).toBe("4");
  });

  it("go though they are damaged", async () => {
    const rig = await ran(2, 1);
    const history = createHistory({
      get(key) {
        if (Buffer.compare(key, keys.block(toSequence(1))) === 0) throw new StoreError("corrupt", "a flipped bit");
        return rig.disk.store.get(key);
      },
    });
    createPruning({ store: rig.disk.store, history, retain: 1, pruned: toSequence(0), gap: toSequence(0) }).behind(toSequence(2));
    rig.disk.finish();
    expect(kept(rig, 2)).toEqual([2]);
    expect(rig.history.results(toSequence(1))).toBeUndefined();
  });
});
