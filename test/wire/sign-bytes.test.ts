import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCommittee } from "../../src/protocol/committee.ts";
import type { Digest, Epoch, PeerName, PublicKey, ReplicaIndex, Signature } from "../../src/protocol/ids.ts";
import { limits } from "../../src/protocol/limits.ts";
import { checkpointDigest, epochRoot, genesisLogHash, logHashAfter, sha256, sha256Bytes } from "../../src/wire/digests.ts";
import { encodeFrame } from "../../src/wire/frames.ts";
import { createSignBytes, maxSignBytes, recordSignBytes, signedKinds } from "../../src/wire/sign-bytes.ts";
import { maxNewViewBytes, maxViewChangeBytes } from "../../src/wire/sizes.ts";
import { encodeViewChange, newViewDigest, viewChangeDigest } from "../../src/wire/view-change.ts";
import * as arbitrary from "./arbitraries.ts";

const genesis = "aa".repeat(32) as Digest;
const digest = "bb".repeat(32) as Digest;
const signBytes = createSignBytes(genesis);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const hashOf = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
const unhex = (text: string): Uint8Array => Buffer.from(text, "hex");
const fields = fc.record({ epoch: arbitrary.u64, view: arbitrary.u64, sequence: arbitrary.u64, digest: arbitrary.digest });

describe("sign-bytes", () => {
  it("are the fixed layout of docs/wire.md", () => {
    const bytes = signBytes.of("prepare", { epoch: 1, view: 2, sequence: 2 ** 40, digest });
    const numbers = "0000000000000001" + "0000000000000002" + "0000010000000000";
    expect(hex(bytes)).toBe(hex(Buffer.from("byz/1/prepare\0")) + "aa".repeat(32) + numbers + "bb".repeat(32));
  });

  it("differ whenever kind, network, epoch, view, sequence or digest differ", () => {
    const networks = [signBytes, createSignBytes(digest)];
    const all = fc.record({ kind: fc.constantFrom(...signedKinds), network: fc.constantFrom(...networks), fields });
    fc.assert(
      fc.property(all, all, (a, b) => {
        const same =
          JSON.stringify([a.kind, a.network.genesisHash, a.fields]) === JSON.stringify([b.kind, b.network.genesisHash, b.fields]);
        expect(hex(a.network.of(a.kind, a.fields)) === hex(b.network.of(b.kind, b.fields))).toBe(same);
      }),
      { numRuns: 300 },
    );
    const some = { epoch: 0, view: 0, sequence: 0, digest };
    expect(new Set(signedKinds.map((kind) => hex(signBytes.of(kind, some)))).size).toBe(signedKinds.length);
    for (const kind of signedKinds) expect(signBytes.of(kind, some).length).toBeLessThanOrEqual(maxSignBytes);
  });

  it("of a vote leave its attachment and its signer out, so that they make certificates", () => {
    fc.assert(
      fc.property(arbitrary.signedPrepare, ({ message }) => {
        const bare = signBytes.of("prepare", message);
        expect(signBytes.ofMessage({ ...message, replica: 0 as ReplicaIndex, proposalSignature: new Uint8Array(64) as Signature })).toEqual(
          bare,
        );
      }),
    );
  });

  it("of a checkpoint cover its three roots", () => {
    fc.assert(
      fc.property(arbitrary.signedCheckpoint, ({ message }) => {
        const root = hashOf(unhex(message.stateRoot), unhex(message.logHash), unhex(message.epochRoot)) as Digest;
        expect(checkpointDigest(message)).toBe(root);
        const { epoch, sequence } = message;
        expect(signBytes.ofMessage(message)).toEqual(signBytes.of("checkpoint", { epoch, view: 0, sequence, digest: root }));
      }),
    );
  });

  it("of a receipt cover the number of requests and the three roots", () => {
    fc.assert(
      fc.property(arbitrary.syncFrames.receipt, (receipt) => {
        const count = Uint8Array.of(receipt.requests >> 8, receipt.requests & 255);
        const root = hashOf(count, unhex(receipt.resultsRoot), unhex(receipt.stateRoot), unhex(receipt.logHash)) as Digest;
        const { epoch, sequence } = receipt;
        expect(signBytes.ofReceipt(receipt)).toEqual(signBytes.of("receipt", { epoch, view: 0, sequence, digest: root }));
      }),
    );
  });

  it("of a VIEW-CHANGE cover the hash of all of its content", () => {
    fc.assert(
      fc.property(arbitrary.viewChange, (message) => {
        const content = hashOf(encodeViewChange(message)) as Digest;
        expect(viewChangeDigest(message)).toBe(content);
        expect(signBytes.ofMessage(message)).toEqual(
          signBytes.of("view-change", { epoch: message.epoch, view: message.view, sequence: 0, digest: content }),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("of a NEW-VIEW cover the frame up to its signature: VIEW-CHANGEs with theirs, proposals without theirs", () => {
    fc.assert(
      fc.property(arbitrary.signedNewView, (signed) => {
        const frame = encodeFrame({ kind: "new-view", signed });
        const signatures = 64 * (1 + signed.proposalSignatures.length);
        const content = hashOf(frame.subarray(1, frame.length - signatures)) as Digest;
        expect(newViewDigest(signed.message)).toBe(content);
        const { epoch, view } = signed.message;
        expect(signBytes.ofMessage(signed.message)).toEqual(signBytes.of("new-view", { epoch, view, sequence: 0, digest: content }));
      }),
      { numRuns: 30 },
    );
  });

  it("of a request and of a record", () => {
    expect(signBytes.ofRequest({ sequence: 9, id: digest })).toEqual(signBytes.of("request", { epoch: 0, view: 0, sequence: 9, digest }));
    expect(hex(recordSignBytes(digest))).toBe(hex(Buffer.from("byz/1/record\0")) + "00".repeat(32 + 24) + "bb".repeat(32));
  });
});

describe("digests", () => {
  it("chain the log from the genesis on", () => {
    const first = hashOf("byz/1/log\0", unhex(genesis));
    expect(genesisLogHash(genesis)).toBe(first);
    expect(logHashAfter(first as Digest, digest)).toBe(hashOf(unhex(first), unhex(digest)));
    expect(hex(sha256Bytes(unhex("00")))).toBe(sha256(unhex("00")));
  });

  it("bind an epoch to every member's key, peer and name, in order", () => {
    const member = (index: number, key: string, peer: string, moniker: string) => ({
      index: index as ReplicaIndex,
      publicKey: key.repeat(32) as PublicKey,
      peer: peer as PeerName,
      moniker,
    });
    const committee = (...members: readonly ReturnType<typeof member>[]) => createCommittee(1 as Epoch, members);
    const root = epochRoot(committee(member(0, "0a", "pé", "x"), member(1, "0b", "q", "")));
    const layout = [
      "byz/1/epoch\0",
      unhex("0000000000000001" + "0002"),
      unhex("0a".repeat(32)),
      "\x03pé",
      "\x01x",
      unhex("0b".repeat(32)),
      "\x01q",
      "\x00",
    ];
    expect(root).toBe(hashOf(...layout));
    expect(epochRoot(committee(member(0, "0b", "q", ""), member(1, "0a", "pé", "x")))).not.toBe(root);
  });
});

describe("worst-case sizes", () => {
  it("are those of real largest messages", () => {
    const signature = new Uint8Array(64) as Signature;
    const by = (replica: number) => ({ replica: replica as ReplicaIndex, signature });
    const slot = { epoch: 0 as Epoch, view: 0 as never, digest };
    // n = 5: q = 4; an interval of 3: a window of 6
    const prepared = [1, 2, 3, 4, 5, 6].map((sequence) => ({
      ...slot,
      sequence: sequence as never,
      proposalSignature: signature,
      prepares: [1, 2, 3].map(by),
    }));
    const stable = {
      epoch: slot.epoch,
      sequence: 0 as never,
      stateRoot: digest,
      logHash: digest,
      epochRoot: digest,
      signatures: [0, 1, 2, 3].map(by),
    };
    const viewChange = (replica: number) =>
      ({ kind: "view-change", epoch: slot.epoch, view: slot.view, replica: replica as ReplicaIndex, stable, prepared }) as const;
    expect(encodeViewChange(viewChange(0)).length).toBe(maxViewChangeBytes(5, 3));
    const frame = encodeFrame({
      kind: "new-view",
      signed: {
        message: {
          kind: "new-view",
          epoch: slot.epoch,
          view: slot.view,
          replica: 0 as ReplicaIndex,
          viewChanges: [0, 1, 2, 3].map((replica) => ({ message: viewChange(replica), signature })),
          proposals: prepared.map(({ sequence }) => ({ sequence, digest })),
        },
        signature,
        proposalSignatures: prepared.map(() => signature),
      },
    });
    expect(frame.length).toBe(maxNewViewBytes(5, 3));
  });

  it("tell which committees fit a frame at the default interval", () => {
    expect(maxNewViewBytes(4, 128)).toBeLessThan(512 * 1024);
    expect(maxNewViewBytes(31, 128)).toBeLessThan(limits.maxFrameBytes);
    expect(maxNewViewBytes(limits.maxValidators, limits.maxCheckpointInterval)).toBeGreaterThan(limits.maxFrameBytes);
  });
});
