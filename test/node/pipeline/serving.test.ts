import type { WantedPart } from "../../../src/protocol/messages.ts";
import { describe, expect, it } from "vitest";
import { createCounters } from "../../../src/node/counters.ts";
import { createExecution } from "../../../src/node/pipeline/execution.ts";
import { createServing } from "../../../src/node/pipeline/serving.ts";
import type { Digest, PeerName } from "../../../src/protocol/ids.ts";
import { toSequence } from "../../../src/protocol/ids.ts";
import type { SyncMessage } from "../../../src/protocol/messages.ts";
import { limits } from "../../../src/protocol/limits.ts";
import { decodeSyncFrame, encodeFrame } from "../../../src/wire/frames.ts";
import { blockAt, createRig, network } from "../support.ts";

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
  /** how large each part is, what finding it or a receipt costs, and how often it was looked for */
  const memory = { short: false };
  const look = { bytes: 0, costBytes: 0, receiptCostBytes: 0, ups: 0 };
  const part = ({ hash }: WantedPart) => {
    look.ups += 1;
    return { answer: { type: "page", hash, page: new Uint8Array(look.bytes) } as const, costBytes: look.costBytes };
  };
  const receipt = () => ({ receipt: undefined, costBytes: look.receiptCostBytes });
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
    exhausted: () => memory.short,
    now: () => clock.now,
  });
  return { serving, sent, clock, counters, look, memory, past: rig.past, disk: rig.disk };
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

describe("parts of the state", () => {
  const wanted = (count: number): WantedPart[] => Array.from({ length: count }, () => ({ path: "", hash: digest, whole: true }));
  const answersOf = (sent: readonly SyncMessage[]): number[] => sent.map((frame) => (frame.kind === "state" ? frame.answers.length : -1));

  it("fill one answer and no more, however many are wanted", async () => {
    const { serving, sent, look } = await createOn(0);
    look.bytes = limits.maxPartBytes;
    serving.state(peer, wanted(limits.maxStateParts));
    const [frame] = sent.map((each) => encodeFrame(each));
    expect(frame?.length).toBeLessThanOrEqual(limits.maxStateAnswerBytes + 64);
    expect(answersOf(sent)[0]).toBeGreaterThan(1);
    // they are not even looked up once the answer is full
    expect(look.ups).toBe(answersOf(sent)[0]);
  });

  it("are not looked up for a peer that asks for more than its share: it is told that there is no time, and served again later", async () => {
    const { serving, sent, look, clock } = await createOn(0);
    look.bytes = limits.maxPartBytes;
    for (let count = 0; count < 200; count += 1) serving.state(peer, wanted(4));
    const before = look.ups;
    sent.length = 0;
    serving.state(peer, wanted(4));
    expect([answersOf(sent).filter((answers) => answers > 0), look.ups]).toEqual([[], before]);
    clock.now = 1_000;
    serving.state(peer, wanted(4));
    expect(answersOf(sent).at(-1)).toBeGreaterThan(0);
  });

  it("are not looked up while memory is short: others have them, too", async () => {
    const { serving, sent, look, memory } = await createOn(0);
    memory.short = true;
    serving.state(peer, wanted(4));
    expect([answersOf(sent), look.ups]).toEqual([[0], 0]);
    memory.short = false;
    serving.state(peer, wanted(4));
    expect(answersOf(sent).at(-1)).toBeGreaterThan(0);
  });

  it("cost all peers together no more than the ledger can spare, though each alone asks for little", async () => {
    const { serving, sent, look } = await createOn(0);
    look.costBytes = 1024 * 1024;
    for (let asker = 0; asker < 100; asker += 1) serving.state(`peer ${asker}` as PeerName, wanted(4));
    expect(look.ups * look.costBytes).toBeLessThan(40 * 1024 * 1024);
    expect(answersOf(sent).filter((answers) => answers === 0).length).toBeGreaterThan(50);
    // of the rest nobody feels it
    serving.batch("another" as PeerName, digest);
    serving.blocks("another" as PeerName, toSequence(3), toSequence(9));
    expect(sent.at(-1)?.kind).toBe("stable-checkpoint");
  });
});

describe("who asks", () => {
  it("is remembered up to a bound: the one served longest ago is forgotten first", async () => {
    const { serving, counters } = await createOn(0);
    const drain = (name: string): void => {
      for (let count = 0; count < 10_000; count += 1) serving.batch(name as PeerName, digest);
    };
    drain("greedy");
    const dropped = counters.read()["dropped.serving-budget"] ?? 0;
    expect(dropped).toBeGreaterThan(0);
    for (let other = 0; other < 1_023; other += 1) serving.batch(`peer ${other}` as PeerName, digest);
    serving.batch("greedy" as PeerName, digest);
    expect(counters.read()["dropped.serving-budget"]).toBe(dropped + 1);
    for (let other = 0; other < 1_024; other += 1) serving.batch(`new ${other}` as PeerName, digest);
    serving.batch("greedy" as PeerName, digest);
    expect(counters.read()["dropped.serving-budget"]).toBe(dropped + 1);
  });

  it("pays for what an answer cost, also when there is none", async () => {
    const { serving, sent, look, counters } = await createOn(0);
    look.receiptCostBytes = 8 * 1024 * 1024;
    for (let count = 0; count < 10; count += 1) serving.receipt(peer, toSequence(1));
    expect([sent.length, counters.read()["served.nothing"], counters.read()["dropped.serving-budget"]]).toEqual([0, 4, 6]);
  });

  it("for past checkpoints, gets the latest of those that both know, or the one of sequence 0", async () => {
    const { serving, sent, past, disk } = await createOn(0);
    for (const sequence of [128, 256, 384]) {
      disk.store.write(past.keep(network.stable(sequence)), { durable: true }, () => undefined);
      disk.finish();
    }
    serving.checkpoint(peer, [128, 256, 512].map(toSequence));
    serving.checkpoint(peer, [toSequence(640)]);
    expect(sent).toMatchObject([
      { kind: "past-checkpoint", certificate: { sequence: 256 } },
      { kind: "past-checkpoint", certificate: { sequence: 0, signatures: [] } },
    ]);
  });
});
