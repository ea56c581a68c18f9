/** Lists with proofs, while the ledger moves on. */
import { describe, expect, it } from "vitest";
import { verifyKvProof } from "../../../src/ledger/kv/queries.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import { createKeyValueReads } from "../../../src/node/desk/key-value-reads.ts";
import { createCertified } from "../../../src/node/desk/state-reads.ts";
import type { CheckpointCertificate } from "../../../src/protocol/messages.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import type { Store } from "../../../src/storage/port.ts";
import { bytes, client, nextBatch, open, request, run } from "../../ledger/support.ts";

/** A ledger with a checkpoint at every fourth block, each of which puts `k`, and what is read of it. */
const createRig = async () => {
  const memory = createMemoryStore();
  let gate = Promise.resolve();
  const store: Store = {
    ...memory,
    range: (range) => {
      const entries = memory.range(range);
      return (async function* () {
        await gate;
        yield* entries;
      })();
    },
  };
  const ledger: Ledger = await open(store);
  let stable: CheckpointCertificate | undefined;
  const put = (number: number) => [request(client(0), number, [{ type: "put", key: bytes("k"), value: bytes(`v${number}`) }])];
  return {
    ledger,
    reads: createKeyValueReads(
      ledger,
      createCertified(ledger, () => stable),
    ),
    put,
    /** Executes up to this block. */
    async runTo(sequence: number): Promise<void> {
      while (ledger.position().sequence < sequence) await run(ledger, store, put(ledger.position().sequence + 1));
    },
    /** What others signed, too; what was kept for those before it goes. */
    stabilise(sequence: number): void {
      const roots = ledger.checkpoints().find((each) => each.sequence === sequence);
      stable = { ...roots, signatures: [] } as unknown as CheckpointCertificate;
      const older = ledger.checkpoints().findLast((each) => each.sequence < sequence);
      if (older !== undefined) void ledger.release(older.sequence);
    },
    /** Until the returned function is called, no range gives anything. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
};

const certified = { consistency: "certified", prefix: new Uint8Array(), limit: 10, maxBytes: 1000 } as const;

describe("a certified list", () => {
  it("is as of the next stable checkpoint when its own is let go while it is read", async () => {
    const { ledger, reads, runTo, stabilise, hold } = await createRig();
    await runTo(4);
    stabilise(4);
    const release = hold();
    const listed = reads.list(certified);
    await runTo(8);
    stabilise(8);
    release();
    const answer = await listed;
    if (!answer.ok) throw new Error(answer.failure.message);
    const [entry] = answer.value.entries;
    expect(answer.value).toMatchObject({ asOf: 8, more: false, checkpoint: { sequence: 8 }, entries: [{ version: 8, sequence: 8 }] });
    const root = ledger.checkpoints().find(({ sequence }) => sequence === 8)?.stateRoot;
    if (entry?.path === undefined || root === undefined) throw new Error("no proof");
    expect(verifyKvProof(root, entry.key, { ...entry }, entry.path)).toBe(true);
  });

  it("is refused, to be asked for again, while its checkpoint is not on this node's disk", async () => {
    const { ledger, reads, put, runTo, stabilise } = await createRig();
    await runTo(3);
    ledger.execute(nextBatch(ledger, put(4)));
    stabilise(4);
    expect(await reads.list(certified)).toMatchObject({ ok: false, failure: { code: "syncing", retryAfterSeconds: 1 } });
  });
});
