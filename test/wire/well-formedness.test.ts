/** What is refused by form alone: each rule with one message that breaks it and nothing else. */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/protocol/limits.ts";
import type { Digest, Epoch, PublicKey, ReplicaIndex, Sequence, Signature, View } from "../../src/protocol/ids.ts";
import type { CheckpointCertificate, PreparedCertificate, Signed, SignedNewView, ViewChange } from "../../src/protocol/messages.ts";
import { encodeFrame, decodeConsensusFrame, decodeSyncFrame } from "../../src/wire/frames.ts";
import type { ConsensusFrame, SyncFrame } from "../../src/wire/frames.ts";
import { decodeCommitCertificate, encodeCommitCertificate } from "../../src/wire/certificates.ts";
import { createBatch, createRequest, decodeBatch, decodeRequest } from "../../src/wire/requests.ts";

const digest = "ab".repeat(32) as Digest;
const client = "cd".repeat(32) as PublicKey;
const signature = new Uint8Array(64).fill(9) as Signature;
const by = (replica: number) => ({ replica: replica as ReplicaIndex, signature });
const slot = { epoch: 0 as Epoch, view: 3 as View, sequence: 5 as Sequence, digest };
const prepared = (sequence: number): PreparedCertificate => ({
  ...slot,
  sequence: sequence as Sequence,
  proposalSignature: signature,
  prepares: [by(1), by(2)],
});
const stable: CheckpointCertificate = {
  epoch: slot.epoch,
  sequence: slot.sequence,
  stateRoot: digest,
  logHash: digest,
  epochRoot: digest,
  signatures: [],
};
const viewChange = (replica: number, certificates: readonly PreparedCertificate[] = []): Signed<ViewChange> => ({
  message: { kind: "view-change", epoch: slot.epoch, view: slot.view, replica: replica as ReplicaIndex, stable, prepared: certificates },
  signature,
});
const newView = (viewChanges: readonly Signed<ViewChange>[], sequences: readonly number[] = []): SignedNewView => ({
  message: {
    kind: "new-view",
    epoch: slot.epoch,
    view: slot.view,
    replica: 3 as ReplicaIndex,
    viewChanges,
    proposals: sequences.map((sequence) => ({ sequence: sequence as Sequence, digest })),
  },
  signature,
  proposalSignatures: sequences.map(() => signature),
});
const block = (sequence: number) => ({
  certificate: { ...slot, sequence: sequence as Sequence, commits: [by(0)] },
  batch: createBatch(1, []),
});
const request = createRequest({ client, sequence: 1, operations: [new Uint8Array(3)] }, signature);

const consensus = (frame: ConsensusFrame) => decodeConsensusFrame(encodeFrame(frame));
const sync = (frame: SyncFrame) => decodeSyncFrame(encodeFrame(frame));
const refused = (reason: string, field: string) => ({ ok: false, error: { reason, field } });

describe("form", () => {
  it("wants signers ascending and distinct", () => {
    for (const commits of [
      [by(2), by(1)],
      [by(1), by(1)],
    ]) {
      expect(decodeCommitCertificate(encodeCommitCertificate({ ...slot, commits }))).toEqual(refused("not-ascending", "committed.commits"));
    }
  });

  it("wants a VIEW-CHANGE's certificates ascending and distinct", () => {
    expect(consensus({ kind: "view-change", signed: viewChange(1, [prepared(6), prepared(7)]) }).ok).toBe(true);
    for (const sequences of [
      [7, 6],
      [6, 6],
    ]) {
      const signed = viewChange(1, sequences.map(prepared));
      expect(consensus({ kind: "view-change", signed })).toEqual(refused("not-ascending", "view-change.prepared"));
    }
  });

  it("wants a NEW-VIEW's VIEW-CHANGEs ascending and distinct, its proposals without gaps", () => {
    expect(consensus({ kind: "new-view", signed: newView([viewChange(0), viewChange(2)], [6, 7]) }).ok).toBe(true);
    for (const replicas of [
      [2, 0],
      [1, 1],
    ]) {
      const signed = newView(replicas.map((replica) => viewChange(replica)));
      expect(consensus({ kind: "new-view", signed })).toEqual(refused("not-ascending", "new-view.viewChanges"));
    }
    for (const sequences of [
      [6, 8],
      [7, 6],
      [6, 6],
    ]) {
      expect(consensus({ kind: "new-view", signed: newView([], sequences) })).toEqual(refused("not-ascending", "new-view.proposals"));
    }
  });

  it("wants blocks consecutive", () => {
    expect(sync({ kind: "blocks", blocks: [block(4), block(5)] }).ok).toBe(true);
    expect(sync({ kind: "blocks", blocks: [block(4), block(6)] })).toEqual(refused("not-ascending", "blocks"));
  });

  it("wants a fetched range that starts at 1 or later and does not end before it starts", () => {
    for (const [from, to] of [
      [0, 5],
      [6, 5],
    ] as const) {
      expect(sync({ kind: "fetch-blocks", from: from as Sequence, to: to as Sequence })).toEqual(refused("out-of-range", "fetch-blocks"));
    }
  });

  it("refuses numbers that are no safe integers", () => {
    const bytes = encodeFrame({ kind: "fetch-blocks", from: 1 as Sequence, to: Number.MAX_SAFE_INTEGER as Sequence });
    expect(decodeSyncFrame(bytes).ok).toBe(true);
    bytes[9] = 0; // the second number's highest bytes: 2^53
    bytes[10] = 0x20;
    expect(decodeSyncFrame(bytes)).toEqual(refused("unsafe-integer", "fetch-blocks.to"));
  });

  it("refuses signers beyond the largest committee", () => {
    const commits = [by(limits.maxValidators)];
    expect(decodeCommitCertificate(encodeCommitCertificate({ ...slot, commits }))).toEqual(refused("out-of-range", "committed.commits"));
  });

  it("refuses a truth value that is neither 0 nor 1", () => {
    const status: SyncFrame = {
      kind: "status",
      epoch: slot.epoch,
      view: slot.view,
      active: true,
      demand: slot.view,
      executed: slot.sequence,
      stable: slot.sequence,
      oldest: slot.sequence,
      logHash: digest,
      reach: [],
    };
    const bytes = encodeFrame(status);
    bytes[17] = 2;
    expect(decodeSyncFrame(bytes)).toEqual(refused("out-of-range", "status.active"));
  });
});

describe("limits", () => {
  it("bound counts before anything is allocated for them", () => {
    const empty = createBatch(1, []).bytes.slice();
    empty.set([0x10, 0x01], 8); // 4097 requests
    expect(decodeBatch(empty)).toEqual(refused("too-many", "batch.requests"));
    empty.set([0x10, 0x00], 8); // 4096, but none is there
    expect(decodeBatch(empty)).toEqual(refused("truncated", "batch.requests"));
  });

  it("bound a request's operations and their number", () => {
    const bytes = request.bytes.slice();
    bytes.set([0, 0], 40);
    expect(decodeRequest(bytes)).toEqual(refused("too-few", "request.operations"));
    bytes.set([4, 1], 40); // 1025
    expect(decodeRequest(bytes)).toEqual(refused("too-many", "request.operations"));
    bytes.set([0, 1, 0xff, 0xff, 0xff, 0xff], 40);
    expect(decodeRequest(bytes)).toEqual(refused("too-large", "request.operation"));
  });

  it("are kept by the builders too", () => {
    const content = { client, sequence: 1, operations: [new Uint8Array(limits.maxRequestBytes)] };
    expect(() => createRequest(content, signature)).toThrow(RangeError);
    expect(() => createRequest({ ...content, operations: [] }, signature)).toThrow(RangeError);
    expect(() => createRequest({ ...content, operations: Array.from({ length: 1025 }, () => new Uint8Array(0)) }, signature)).toThrow(
      RangeError,
    );
    expect(() => createRequest({ ...content, sequence: 2 ** 53, operations: [new Uint8Array(0)] }, signature)).toThrow(RangeError);
    expect(() => createBatch(-1, [])).toThrow(RangeError);
    expect(() =>
      createBatch(
        1,
        Array.from({ length: limits.maxRequestsPerBatch + 1 }, () => request),
      ),
    ).toThrow(RangeError);
    const large = createRequest({ ...content, operations: [new Uint8Array(1024 * 1024)] }, signature);
    expect(() => createBatch(1, [large, large, large])).toThrow(RangeError);
    expect(decodeBatch(createBatch(1, [large, large]).bytes).ok).toBe(true);
  });
});
