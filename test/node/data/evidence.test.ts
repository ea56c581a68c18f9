/** Proofs on disk: bounded, each deed once, there again after a restart. */
import { describe, expect, it } from "vitest";
import { openEvidence } from "../../../src/node/data/evidence.ts";
import { conflictingCommits, type Evidence } from "../../../src/protocol/evidence.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import { sha256 } from "../../../src/wire/digests.ts";
import { slotOf, text } from "../../signing/network.ts";
import { createManualDisk, network } from "../support.ts";

const page = { limit: 1000, maxBytes: 1024 * 1024 };
const vote = (replica: number, sequence: number, content: string) =>
  network.signer(replica).sign({ kind: "commit", ...slotOf(0, sequence, sha256(text(content))), replica: replica as ReplicaIndex });
const doubleVote = (replica: number, sequence: number, second = "b"): Evidence => ({
  kind: "conflicting-votes",
  culprit: replica as ReplicaIndex,
  first: vote(replica, sequence, "a"),
  second: vote(replica, sequence, second),
});
const fork = conflictingCommits(
  network.committed(slotOf(0, 5, sha256(text("a"))), [0, 1, 2]),
  network.committed(slotOf(0, 5, sha256(text("b"))), [0, 1, 3]),
  undefined,
);
const fail = (error: Error): never => {
  throw error;
};

describe("evidence", () => {
  it("is kept once for each deed, whatever pair of messages shows it", async () => {
    const disk = createManualDisk();
    const kept = await openEvidence(disk.store, network.committee);
    expect([doubleVote(1, 7), doubleVote(1, 7, "c"), doubleVote(1, 8), doubleVote(2, 7)].map((each) => kept.keep(each, 9, fail))).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(kept.list(page)).toHaveLength(3);
  });

  it("is there before it is written, and after a restart, in the order of its finding", async () => {
    const disk = createManualDisk();
    const kept = await openEvidence(disk.store, network.committee);
    kept.keep(doubleVote(2, 7), 200, fail);
    kept.keep(doubleVote(1, 7), 100, fail);
    const before = kept.list(page);
    disk.finish();
    expect(kept.list(page)).toEqual(before);
    const again = await openEvidence(disk.store, network.committee);
    expect(again.list(page).map(({ id, detectedAt }) => [id, detectedAt])).toEqual([
      [before[1]?.id, 100],
      [before[0]?.id, 200],
    ]);
    expect(again.get(before[0]?.id ?? fail(new Error("none")))?.evidence).toEqual(doubleVote(2, 7));
    expect(again.keep(doubleVote(1, 7, "c"), 300, fail)).toBe(false);
  });

  it("is read in pages", async () => {
    const kept = await openEvidence(createManualDisk().store, network.committee);
    for (let sequence = 1; sequence <= 5; sequence += 1) kept.keep(doubleVote(1, sequence), sequence, fail);
    const ids = kept.list(page).map(({ id }) => id);
    expect(kept.list({ ...page, limit: 2 }).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(kept.list({ ...page, after: ids[1] }).map(({ id }) => id)).toEqual(ids.slice(2));
    expect(kept.list({ ...page, after: ids[4] })).toEqual([]);
    expect(kept.list({ ...page, maxBytes: 1 }).map(({ id }) => id)).toEqual(ids.slice(0, 1));
  });

  it("of one culprit has a bound, and takes no other's room", async () => {
    const kept = await openEvidence(createManualDisk().store, network.committee);
    const news = Array.from({ length: 40 }, (_, index) => kept.keep(doubleVote(1, index + 1), index, fail));
    expect(news.filter(Boolean)).toHaveLength(32);
    expect(kept.keep(doubleVote(2, 1), 99, fail)).toBe(true);
    expect(kept.keep(fork, 99, fail)).toBe(true);
  });

  it("of a fork says so for good", async () => {
    const disk = createManualDisk();
    const kept = await openEvidence(disk.store, network.committee);
    expect(kept.fork).toBeUndefined();
    kept.keep(fork, 1, fail);
    expect(kept.fork).toEqual(fork);
    disk.finish();
    expect((await openEvidence(disk.store, network.committee)).fork).toEqual(fork);
  });

  it("of forked documents has a share of its own: nobody hides one behind many other deeds", async () => {
    const kept = await openEvidence(createManualDisk().store, network.committee);
    for (let sequence = 1; sequence <= 40; sequence += 1) kept.keep(doubleVote(1, sequence), sequence, fail);
    const operation = (content: string) => ({
      document: "plan",
      author: network.committee.validators[1]?.publicKey ?? fail(new Error("none")),
      sequence: 1,
      id: sha256(text(content)),
      signature: vote(1, 1, content).signature,
      bytes: text(content),
    });
    const forked = { kind: "forked-document", epoch: network.committee.epoch, culprit: 1 as ReplicaIndex } as const;
    expect(kept.keep(doubleVote(1, 41), 41, fail)).toBe(false);
    expect(kept.keep({ ...forked, first: operation("a"), second: operation("b") }, 42, fail)).toBe(true);
  });
});
