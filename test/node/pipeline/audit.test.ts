/** Logs are compared wherever heartbeats show that they differ, and nobody keeps a node busy with that (PROTOCOL §4, §10). */
import { describe, expect, it } from "vitest";
import { createAudit } from "../../../src/node/pipeline/audit.ts";
import type { BlockHeader } from "../../../src/node/data/records.ts";
import type { Digest, PeerName, ReplicaIndex, Sequence, Signature } from "../../../src/protocol/ids.ts";
import type { CertifiedBatch, CommitCertificate, Status, Verified } from "../../../src/protocol/messages.ts";
import { sha256 } from "../../../src/wire/digests.ts";
import { decodeSyncFrame } from "../../../src/wire/frames.ts";
import { slotOf, text } from "../../signing/network.ts";
import { network } from "../support.ts";

const certificateOf = (sequence: number, content: string): CommitCertificate => ({
  ...slotOf(0, sequence, sha256(text(content))),
  commits: [{ replica: 0 as ReplicaIndex, signature: new Uint8Array(64) as Signature }],
});
const logHash = (sequence: number): Digest => sha256(text(`log ${sequence}`));

/** A node whose log is `a1 a2 … a<length>`. */
const createStand = (length: number) => {
  const asked = new Set<ReplicaIndex>();
  const questions: (readonly [peer: PeerName, from: number, to: number])[] = [];
  /** whose past checkpoints were asked for */
  const compared: number[] = [];
  const found: (readonly [CommitCertificate, CommitCertificate])[] = [];
  const stand = { nowMs: 0, halted: false, pruned: 0, asked, questions, compared, found };
  const audit = createAudit({
    committee: network.committee,
    history: {
      header: (sequence): BlockHeader | undefined =>
        sequence > length || sequence <= stand.pruned
          ? undefined
          : { certificate: certificateOf(sequence, `a${sequence}`), logHash: logHash(sequence), stateRoot: logHash(0), timestamp: 0 },
    },
    network: {
      send: (peer, _channel, frame) => {
        const decoded = decodeSyncFrame(frame);
        if (decoded.ok && decoded.value.kind === "fetch-blocks") questions.push([peer, decoded.value.from, decoded.value.to]);
        return true;
      },
    },
    asked,
    comparison: { ask: (peer) => compared.push(peer) > 0 },
    checkpointInterval: 8,
    position: () => ({ executed: length as Sequence, stable: length as Sequence, halted: stand.halted }),
    now: () => stand.nowMs,
    found: (ours, theirs) => void found.push([ours, theirs]),
  });
  const status = (from: number, executed: number, hash: Digest): void =>
    audit.status(from as ReplicaIndex, {
      ...({} as Status),
      epoch: network.committee.epoch,
      executed: executed as Sequence,
      logHash: hash,
    });
  /** answers the last question out of a log that is ours but at `differs` */
  const answer = (from: number, differs: readonly number[] = [], most = 16): boolean => {
    const [, low = 1, high = 0] = questions.at(-1) ?? [];
    const blocks: CertifiedBatch[] = [];
    for (let sequence = low; sequence <= high && blocks.length < most; sequence += 1)
      blocks.push({
        certificate: certificateOf(sequence, differs.includes(sequence) ? `b${sequence}` : `a${sequence}`),
        batch: {} as never,
      });
    asked.delete(from as ReplicaIndex);
    return audit.take(from as ReplicaIndex, blocks as Verified<CertifiedBatch>[]);
  };
  return { ...stand, stand, audit, status, answer };
};

describe("a heartbeat with our own log hash, or from beyond our log", () => {
  it("leads to a comparison of checkpoints once, and once more when our state came from others", () => {
    const { audit, status, compared } = createStand(10);
    for (let round = 0; round < 3; round += 1) for (const peer of [1, 2]) status(peer, 10, logHash(10));
    expect(compared).toEqual([1, 2]);
    audit.transferred();
    for (let round = 0; round < 3; round += 1) status(1, 10, logHash(10));
    expect(compared).toEqual([1, 2, 1]);
  });

  it("leads to nothing else", () => {
    const { status, questions } = createStand(10);
    status(1, 10, logHash(10));
    status(1, 4, logHash(4));
    status(1, 11, logHash(99));
    status(1, 0, logHash(99));
    expect(questions).toEqual([]);
  });
});

describe("a heartbeat with another log hash", () => {
  it("leads to the certificate that differs, the latest blocks first, however answers are cut", () => {
    const { status, answer, questions, found } = createStand(40);
    status(1, 40, logHash(0));
    expect(questions).toEqual([["peer-1", 25, 40]]);
    expect(answer(1, [12], 10)).toBe(true);
    expect(answer(1, [12])).toBe(true);
    expect(answer(1, [12])).toBe(true);
    expect(questions).toEqual([
      ["peer-1", 25, 40],
      ["peer-1", 35, 40],
      ["peer-1", 8, 24],
    ]);
    expect(found).toEqual([[certificateOf(12, "a12"), certificateOf(12, "b12")]]);
  });

  it("that was a lie ends in a pause, longer each time", () => {
    const { status, answer, questions, found, stand } = createStand(3);
    for (const [at, count] of [
      [0, 1],
      [4_000, 1],
      [5_001, 2],
      [14_000, 2],
      [15_002, 3],
    ] as const) {
      stand.nowMs = at;
      status(1, 3, logHash(0));
      expect([at, questions.length]).toEqual([at, count]);
      answer(1);
    }
    expect(found).toEqual([]);
  });

  it("is given up when no answer comes, or one that was not asked for, and another peer's turn comes", () => {
    const { status, audit, questions, stand, asked } = createStand(30);
    status(1, 30, logHash(0));
    status(2, 30, logHash(0));
    expect(questions).toHaveLength(1);
    const wrong = [{ certificate: certificateOf(2, "a2"), batch: {} }] as unknown as Verified<CertifiedBatch>[];
    // it may be the answer to somebody else's question
    expect(audit.take(1 as ReplicaIndex, wrong)).toBe(false);
    stand.nowMs = 3_001;
    asked.clear();
    status(2, 30, logHash(0));
    expect(questions.at(-1)).toEqual(["peer-2", 15, 30]);
  });
});

describe("a heartbeat from where our blocks are gone", () => {
  it("leads to a comparison of checkpoints, at the same bounded rate", () => {
    const { status, questions, compared, stand } = createStand(40);
    status(1, 40, logHash(40));
    stand.pruned = 30;
    for (const at of [0, 1_000, 4_000]) {
      stand.nowMs = at;
      status(1, 20, logHash(20));
    }
    expect([questions, compared]).toEqual([[], [1, 1]]);
    stand.nowMs = 5_001;
    status(1, 20, logHash(20));
    expect(compared).toEqual([1, 1, 1]);
  });

  it("does so too where the blocks that are left are the same, or where the peer has let them go", () => {
    const { status, answer, compared, stand } = createStand(20);
    for (const peer of [1, 2, 3]) status(peer, 20, logHash(20));
    status(1, 20, logHash(0));
    for (let round = 0; round < 2; round += 1) answer(1);
    expect(compared).toEqual([1, 2, 3, 1]);
    status(2, 20, logHash(0));
    stand.nowMs = 3_001;
    status(3, 20, logHash(20));
    expect(compared).toEqual([1, 2, 3, 1, 2]);
  });
});

describe("a node that stands still", () => {
  it("compares its last blocks with those who went on", () => {
    const { status, answer, questions, found, stand } = createStand(20);
    status(1, 25, logHash(0));
    expect(questions).toEqual([]);
    stand.halted = true;
    status(1, 25, logHash(0));
    expect(questions).toEqual([["peer-1", 5, 20]]);
    answer(1, [2]);
    answer(1, [2]);
    expect(found).toEqual([[certificateOf(2, "a2"), certificateOf(2, "b2")]]);
  });
});

describe("blocks that were fetched for another reason", () => {
  it("are compared all the same", () => {
    const { audit, found } = createStand(5);
    const blocks = [{ certificate: certificateOf(4, "b4"), batch: {} }] as unknown as Verified<CertifiedBatch>[];
    expect(audit.take(1 as ReplicaIndex, blocks)).toBe(false);
    expect(found).toHaveLength(1);
  });
});
