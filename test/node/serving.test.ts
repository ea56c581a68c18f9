import type { WantedPart } from "../../src/protocol/messages.ts";
import { describe, expect, it } from "vitest";
import { createCounters } from "../../src/node/counters.ts";
import { createExecution } from "../../src/node/execution.ts";
import { createServing } from "../../src/node/serving.ts";
import type { Digest, PeerName } from "../../src/protocol/ids.ts";
import { toSequence } from "../../src/protocol/ids.ts";
import type { SyncMessage } from "../../src/protocol/messages.ts";
import { decodeSyncFrame } from "../../src/wire/frames.ts";
import { blockAt, createRig, network } from "./support.ts";

const peer = "peer" as PeerName;

const digest = "00".repeat(32) as Digest;

const createOn = async (blocks: number) => {
  const rig = await createRig({ checkpointInterval: 128 });
  const execution = createExecution(
    { ledger: rig.ledger, keeping: rig.keeping, executed: () => undefined, stabilised: () => undefined },
    rig.journal,
  );
  for (let sequence = 1; sequence <= blocks; sequence += 1)
    execution.run(blockAt(sequence).certificate, blockAt(sequence).batch, () => undefined);
  rig.journal.flush();
  rig.disk.finish();
  const sent: SyncMessage[] = [];
  const clock = { now: 0 };
  const counters = createCounters();
  const send = (_to: PeerName, _channel: unknown, frame: Uint8Array): boolean => {
    const decoded = decodeSyncFrame(frame);
    if (!decoded.ok) throw new Error(decoded.error.reason);
    sent.push(decoded.value);
    return true;
  };
  const part = ({ hash }: WantedPart) => ({ answer: { type: "gone", hash } as const, costBytes: 0 });
  const receipt = () => ({ receipt: undefined, costBytes: 0 });
  const stable = () =>
    ({ sequence: toSequence(8), signatures: [], epoch: 0, stateRoot: digest, logHash: digest, epochRoot: digest }) as never;
  const serving = createServing({
    history: rig.history,
    past: rig.past,
    genesisCheckpoint: network.genesisCheckpoint,
    stable,
    part,
    receipt,
    network: { send },
    counters,
    now: () => clock.now,
  });
  return { serving, sent, clock, counters };
};

describe("what peers fetch", () => {
  it("is the stable checkpoint where the batches before it are gone, and nothing where there are none yet", async () => {
    const { serving, sent } = await createOn(0);
    serving.blocks(peer, toSequence(3), toSequence(9));
    serving.blocks(peer, toSequence(9), toSequence(12));
    expect(sent).toMatchObject([
      { kind: "stable-checkpoint", certificate: { sequence: 8 } },
      { kind: "blocks", blocks: [] },
    ]);
  });

  it("is the batch they name, and nothing for one we lack", async () => {
    const { serving, sent, counters } = await createOn(1);
    serving.batch(peer, blockAt(1).batch.digest);
    serving.batch(peer, "00".repeat(32) as Digest);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ kind: "batch", digest: blockAt(1).batch.digest });
    expect(counters.read()).toMatchObject({ "served.answers": 1, "served.nothing": 1 });
  });

  it("are the blocks we have of those asked for, with their certificates", async () => {
    const { serving, sent } = await createOn(5);
    serving.blocks(peer, toSequence(2), toSequence(4));
    serving.blocks(peer, toSequence(4), toSequence(100));
    serving.blocks(peer, toSequence(5), toSequence(4));
    const answers = sent.map((frame) =>
      frame.kind === "blocks" ? frame.blocks.map(({ certificate }) => certificate.sequence as number) : [],
    );
    expect(answers).toEqual([[2, 3, 4], [4, 5], []]);
  });

  it("is bounded per peer: questions beyond it are dropped until time has passed, and no other peer feels it", async () => {
    const { serving, sent, clock, counters } = await createOn(1);
    for (let count = 0; count < 10_000; count += 1) serving.batch(peer, "00".repeat(32) as Digest);
    expect(counters.read()["dropped.serving-budget"]).toBeGreaterThan(0);
    serving.batch(peer, blockAt(1).batch.digest);
    expect(sent).toHaveLength(0);
    serving.batch("another" as PeerName, blockAt(1).batch.digest);
    expect(sent).toHaveLength(1);
    clock.now = 1000;
    serving.batch(peer, blockAt(1).batch.digest);
    expect(sent).toHaveLength(2);
  });
});
