/** Certificates of past checkpoints: few, and the same ones on any two nodes (PROTOCOL §10). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createComparison } from "../../../src/node/pipeline/comparison.ts";
import { isKept, openPastCheckpoints, type PastCheckpoints } from "../../../src/node/data/past-checkpoints.ts";
import { limits } from "../../../src/protocol/limits.ts";
import { toSequence, type ReplicaIndex, type Sequence } from "../../../src/protocol/ids.ts";
import type { CheckpointCertificate, Verified } from "../../../src/protocol/messages.ts";
import { decodeSyncFrame } from "../../../src/wire/frames.ts";
import { createManualDisk, network } from "../support.ts";

const interval = 128;
const keptAt = (latest: number): number[] =>
  Array.from({ length: latest }, (_, index) => index + 1).filter((index) => isKept(index, latest));
const certificate = (sequence: number, state = ""): CheckpointCertificate =>
  state === "" ? network.stable(sequence) : { ...network.stable(sequence), logHash: network.stable(sequence + interval).logHash };

describe("past checkpoints", () => {
  it("are the latest 64 and ever fewer before, however long the history is", () => {
    expect(keptAt(64)).toHaveLength(64);
    for (const latest of [200, 1_000, 20_000]) {
      const kept = keptAt(latest);
      expect(kept.slice(-64)).toEqual(Array.from({ length: 64 }, (_, index) => latest - 63 + index));
      expect(kept.length).toBeLessThanOrEqual(64 + 32 * Math.ceil(Math.log2(latest / 64)));
    }
    // a sequence is a safe integer
    expect(64 + 32 * 53).toBeLessThan(limits.maxPastCheckpoints);
  });

  it("are the same on two nodes, of which one went on alone: both have one not long before it did", () => {
    fc.assert(
      fc.property(fc.integer({ min: 100_000, max: 2_000_000 }), fc.nat({ max: 1_000_000 }), (behind, lead) => {
        const ahead = behind + lead;
        const reach = Math.ceil(lead / 31) + 2;
        const common = Array.from({ length: reach }, (_, index) => behind - index).some(
          (index) => isKept(index, behind) && isKept(index, ahead),
        );
        expect(common).toBe(true);
      }),
    );
  });

  it("that were let go once would not be kept later", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.nat({ max: 100_000 }), fc.nat({ max: 100_000 }), (index, first, more) => {
        expect(!isKept(index, index + first) && isKept(index, index + first + more)).toBe(false);
      }),
    );
  });

  it("are on the disk what they are in memory, and stay what they were when another comes for their sequence", async () => {
    const disk = createManualDisk();
    const past = await openPastCheckpoints(disk.store, interval);
    const write = (operations: ReturnType<PastCheckpoints["keep"]>): void => {
      disk.store.write(operations, { durable: true }, () => undefined);
      disk.finish();
    };
    // some are never seen: whoever fetches a state passes over them
    for (let index = 1; index <= 300; index += index % 3 === 0 ? 2 : 1) write(past.keep(certificate(index * interval)));
    expect(past.keep(certificate(290 * interval, "other"))).toEqual([]);
    const again = await openPastCheckpoints(disk.store, interval);
    expect(again.sequences()).toEqual(past.sequences());
    expect(past.sequences().every((sequence) => isKept(sequence / interval, 300))).toBe(true);
    expect(again.at(past.sequences()[3] as Sequence)).toEqual(certificate(past.sequences()[3] as Sequence));
    const [first, second] = [past.sequences()[0] as Sequence, past.sequences()[7] as Sequence];
    expect(again.latestOf([toSequence(1), first, second])?.sequence).toBe(second);
    expect(again.latestOf([toSequence(1)])).toBeUndefined();
  });
});

describe("a comparison of past checkpoints", () => {
  const create = (sequences: readonly number[]) => {
    const log: string[] = [];
    const own = new Map(sequences.map((sequence) => [sequence, certificate(sequence)]));
    const verifications: (() => void)[] = [];
    const comparison = createComparison({
      committee: network.committee,
      past: { sequences: () => sequences.map(toSequence), at: (sequence) => own.get(sequence) },
      network: {
        send(peer, _channel, frame) {
          const decoded = decodeSyncFrame(frame);
          if (decoded.ok && decoded.value.kind === "fetch-checkpoint") log.push(`ask ${peer} ${decoded.value.sequences.join()}`);
          return peer !== "peer-3";
        },
      },
      verifier: {
        verifyCheckpointCertificate: (value, done) =>
          void verifications.push(() =>
            done(
              value.signatures.length > 0
                ? { status: "verified", value: value as Verified<CheckpointCertificate> }
                : { status: "refused", failure: { reason: "wrong-signer-count", action: "blame" } },
            ),
          ),
      },
      found: (ours, theirs) => log.push(`fork at ${ours.sequence}/${theirs.sequence}`),
      compared: () => log.push("compared"),
      refused: (from, { reason }) => log.push(`refused ${from}: ${reason}`),
    });
    const arrived = (from: number, of: CheckpointCertificate): boolean => comparison.arrived(from as ReplicaIndex, of);
    return { comparison, log, arrived, verify: () => verifications.splice(0).forEach((run) => run()) };
  };
  const all = [0, 1, 2].map((index) => index as ReplicaIndex);

  it("ends at once where nothing is kept, or nobody can be asked", () => {
    const { comparison, log } = create([]);
    comparison.askAll(all);
    expect(log).toEqual(["compared"]);
    const lonely = create([128]);
    lonely.comparison.askAll([3 as ReplicaIndex]);
    expect(lonely.log).toEqual(["ask peer-3 128", "compared"]);
  });

  it("ends when everybody asked has answered, and costs nothing where they agree", () => {
    const { comparison, log, arrived } = create([128, 256]);
    comparison.askAll(all);
    expect(log.splice(0)).toEqual(["ask peer-0 128,256", "ask peer-1 128,256", "ask peer-2 128,256"]);
    expect([arrived(0, certificate(256)), arrived(1, network.genesisCheckpoint), log]).toEqual([true, true, []]);
    expect([arrived(1, certificate(256)), arrived(2, certificate(384)), arrived(2, certificate(128)), log]).toEqual([
      false,
      false,
      true,
      ["compared"],
    ]);
  });

  it("finds a fork, says so before it ends, and refuses what does not verify", () => {
    const { comparison, log, arrived, verify } = create([128]);
    comparison.askAll(all.slice(0, 2));
    log.splice(0);
    arrived(0, { ...certificate(128, "other"), signatures: [] });
    arrived(1, certificate(128, "other"));
    expect(log).toEqual([]);
    verify();
    expect(log).toEqual(["refused 0: wrong-signer-count", "fork at 128/128", "compared"]);
  });
});
