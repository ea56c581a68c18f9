import { describe, expect, it } from "vitest";
import { createExecution, type Executed } from "../../../src/node/pipeline/execution.ts";
import { put, keys } from "../../../src/node/data/records.ts";
import type { Digest, Sequence } from "../../../src/protocol/ids.ts";
import { toSequence, toView } from "../../../src/protocol/ids.ts";
import { network, blockAt, createRig, putRequest, type Block, type Rig } from "../support.ts";

const createOn = (rig: Rig) => {
  const executed: Executed[] = [];
  const told: { readonly sequence: Sequence; readonly logHash: Digest }[] = [];
  const execution = createExecution(
    { ledger: rig.ledger, keeping: rig.keeping, executed: (each) => void executed.push(each), stabilised: () => undefined },
    rig.journal,
  );
  return {
    execution,
    executed,
    told,
    run: ({ certificate, batch }: Block) =>
      execution.run(certificate, batch, (sequence, _root, logHash) => void told.push({ sequence, logHash })),
    /** as a backup does when it accepts a proposal */
    accept: ({ certificate, batch }: Block) =>
      rig.journal.save(
        rig.keeping.record({
          type: "accepted",
          epoch: certificate.epoch,
          view: toView(0),
          sequence: certificate.sequence,
          digest: batch.digest,
          batch,
        }),
      ),
    /** what a stable checkpoint lets go, in its turn */
    stable: (sequence: number) => rig.journal.save(rig.keeping.record({ type: "stable", certificate: network.stable(sequence) })),
  };
};

describe("a committed batch", () => {
  it("is answered once it is durable, and then found by number, digest and request", async () => {
    const rig = await createRig();
    const { run, executed, told } = createOn(rig);
    const block = blockAt(1);
    run(block);
    rig.journal.flush();
    expect(executed).toEqual([]);
    expect(told).toEqual([]);
    rig.disk.finish();
    expect(executed.map(({ sequence }) => sequence)).toEqual([1]);
    expect(executed[0]?.answers[0]).toMatchObject({ id: block.batch.requests[0]?.id, outcome: { status: "executed" } });
    expect(told[0]?.logHash).toBe(rig.history.header(toSequence(1))?.logHash);
    expect(rig.history.block(toSequence(1))?.batch.digest).toBe(block.batch.digest);
    expect(rig.history.place(block.batch.requests[0]?.id as Digest)).toEqual({ sequence: 1, index: 0 });
    expect(rig.history.certified(toSequence(1), 10, 1e6)).toHaveLength(1);
  });

  it("leaves a repeated request at the place where it ran", async () => {
    const rig = await createRig();
    const { run, executed } = createOn(rig);
    const again = putRequest(1);
    run(blockAt(1, [again]));
    run(blockAt(2, [putRequest(2), again]));
    rig.journal.flush();
    rig.disk.finish();
    expect(executed[1]?.answers.map(({ outcome }) => outcome.status)).toEqual(["executed", "duplicate"]);
    expect(rig.history.place(again.id)).toEqual({ sequence: 1, index: 0 });
  });

  it("waits while too many before it are not on the disk", async () => {
    const rig = await createRig({ checkpointInterval: 128 });
    const { run, told } = createOn(rig);
    for (let sequence = 1; sequence <= 80; sequence += 1) run(blockAt(sequence));
    expect(rig.ledger.position().sequence).toBe(64);
    rig.journal.flush();
    rig.disk.finish();
    expect(told.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
  });
});

describe("a batch that waits for its turn", () => {
  it("is kept, though a slot was accepted meanwhile on the strength of it", async () => {
    const rig = await createRig({ checkpointInterval: 128 });
    const { run } = createOn(rig);
    const blocks = Array.from({ length: 70 }, (_, index) => blockAt(index + 1));
    for (const block of blocks) run(block);
    const { certificate, batch } = blocks[69] as Block;
    const slot = { epoch: certificate.epoch, view: toView(1), sequence: certificate.sequence, digest: batch.digest };
    rig.journal.save(rig.keeping.record({ type: "accepted", ...slot }));
    rig.journal.flush();
    // a crash after the first write: the slot is accepted, so its batch must be there
    expect(rig.ledger.position().sequence).toBe(64);
    rig.disk.finish();
    expect(rig.history.batch(batch.digest)?.digest).toBe(batch.digest);
    expect(rig.history.block(certificate.sequence)).toBeDefined();
  });
});

describe("the batches of a checkpoint that became stable", () => {
  it("stay when they ran, though the request at their head ran before", async () => {
    const rig = await createRig();
    const { accept, run, stable } = createOn(rig);
    const again = putRequest(1);
    for (const block of [blockAt(1, [again]), blockAt(2, [again, putRequest(2)])]) {
      accept(block);
      run(block);
    }
    rig.journal.flush();
    rig.disk.finish();
    stable(2);
    rig.journal.flush();
    rig.disk.finish();
    expect(rig.history.block(toSequence(1))).toBeDefined();
    expect(rig.history.block(toSequence(2))).toBeDefined();
  });

  it("stay when the checkpoint is known before they run", async () => {
    const rig = await createRig();
    const { accept, run, stable } = createOn(rig);
    const block = blockAt(1);
    accept(block);
    stable(1);
    run(block);
    rig.journal.flush();
    rig.disk.finish();
    expect(rig.history.block(toSequence(1))?.batch.digest).toBe(block.batch.digest);
  });

  it("stay when they ran before a restart", async () => {
    const rig = await createRig();
    const { accept, run } = createOn(rig);
    const block = blockAt(1);
    accept(block);
    run(block);
    rig.journal.flush();
    rig.disk.finish();
    const { createKeeping } = await import("../../../src/node/data/keeping.ts");
    const slots = [[toSequence(1), block.batch.digest]] as const;
    const restarted = createKeeping({ past: rig.past, checkpointInterval: 8, accepted: slots, prepared: [], ran: slots });
    rig.journal.save(restarted.record({ type: "stable", certificate: network.stable(8) }));
    rig.journal.flush();
    rig.disk.finish();
    expect(rig.history.block(toSequence(1))).toBeDefined();
  });

  it.each(["is being written", "is on the disk"])(
    "stay when they lost there and ran under another number, and that %s",
    async (written) => {
      const rig = await createRig({ checkpointInterval: 2 });
      const { accept, run, stable } = createOn(rig);
      // identical bytes at two sequences, with a request at their head that ran before: only a primary that cheats proposes them
      const again = putRequest(1);
      const twice = blockAt(3, [again, putRequest(3)]);
      const lost = { ...twice, certificate: { ...twice.certificate, sequence: toSequence(2) } };
      accept(lost);
      for (const block of [blockAt(1, [again]), blockAt(2), twice]) run(block);
      if (written === "is on the disk") {
        rig.journal.flush();
        rig.disk.finish();
      }
      stable(2);
      rig.journal.flush();
      rig.disk.finish();
      expect(rig.disk.store.get(keys.accepted(toSequence(2), twice.batch.digest))).toBeUndefined();
      expect(rig.history.block(toSequence(3))?.batch.digest).toBe(twice.batch.digest);
    },
  );

  it("go when they lost to another in their slot, with what was voted on", async () => {
    const rig = await createRig();
    const { accept, run, stable } = createOn(rig);
    const [lost, won] = [blockAt(1, [putRequest(77)]), blockAt(1)];
    accept(lost);
    accept(won);
    run(won);
    rig.journal.flush();
    rig.disk.finish();
    stable(1);
    rig.journal.flush();
    rig.disk.finish();
    expect(rig.history.batch(lost.batch.digest)).toBeUndefined();
    expect(rig.history.block(toSequence(1))?.batch.digest).toBe(won.batch.digest);
    expect(rig.disk.store.get(keys.accepted(toSequence(1), won.batch.digest))).toBeUndefined();
    expect(rig.disk.store.get(keys.accepted(toSequence(1), lost.batch.digest))).toBeUndefined();
  });
});

describe("damaged history", () => {
  it("is noticed, not served", async () => {
    const rig = await createRig();
    const { run } = createOn(rig);
    const block = blockAt(1);
    run(block);
    rig.journal.flush();
    rig.disk.finish();
    rig.journal.save([put(keys.batch(block.batch.digest), blockAt(2).batch.bytes)]);
    rig.journal.flush();
    rig.disk.finish();
    expect(() => rig.history.block(toSequence(1))).toThrow(/wrong digest/);
  });
});
