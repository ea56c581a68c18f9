/** Attacks on certificates: each takes a good one and changes one thing (PROTOCOL §3, §4). */
import { describe, expect, it } from "vitest";
import type { Digest, Epoch, ReplicaIndex, Sequence, Signature, View } from "../../src/protocol/ids.ts";
import type { VoteSignature } from "../../src/protocol/messages.ts";
import {
  verifyCertifiedBatch,
  verifyCheckpointCertificate,
  verifyCommitCertificate,
  verifyPreparedCertificate,
  verifyRequest,
} from "../../src/signing/offline.ts";
import { sha256 } from "../../src/wire/digests.ts";
import { createBatch, createRequest } from "../../src/wire/requests.ts";
import { createTestNetwork, slotOf, text } from "./network.ts";

const slot = slotOf(3, 7);
const otherDigest: Digest = sha256(text("other"));
const quorums = [1, 2, 3, 4, 5, 6, 7];
const other = createTestNetwork(4, "other");

/** Where a certificate is said to be, and is not: every field that the signatures cover. */
const elsewhere = [
  { name: "epoch", change: { epoch: 1 as Epoch }, reason: "unknown-epoch" },
  { name: "view", change: { view: 7 as View }, reason: "bad-certificate-signature" },
  { name: "sequence", change: { sequence: 8 as Sequence }, reason: "bad-certificate-signature" },
  { name: "digest", change: { digest: otherDigest }, reason: "bad-certificate-signature" },
  { name: "sequence 0", change: { sequence: 0 as Sequence }, reason: "wrong-sequence" },
];

const net = createTestNetwork(4);
const spoilt = (signatures: readonly VoteSignature[], index: number): VoteSignature[] =>
  signatures.map((each, position) =>
    position === index ? { ...each, signature: each.signature.map((byte) => byte ^ 1) as Signature } : each,
  );
const renamed = (signatures: readonly VoteSignature[], replicas: readonly number[]): VoteSignature[] =>
  signatures.map((each, position) => ({ ...each, replica: (replicas[position] ?? 0) as ReplicaIndex }));

describe("a commit certificate", () => {
  const good = net.committed(slot);
  const reason = (certificate: typeof good) => verifyCommitCertificate(net.trust, certificate)?.reason;

  it.each(quorums)("of %i validators needs exactly the quorum", (n) => {
    const network = createTestNetwork(n);
    const { quorum } = network.committee;
    const by = (count: number) => Array.from({ length: count }, (_, index) => index);
    const verify = (count: number) => verifyCommitCertificate(network.trust, network.committed(slot, by(count)))?.reason;
    expect(verify(quorum)).toBeUndefined();
    expect(verify(quorum - 1)).toBe("wrong-signer-count");
    if (quorum < n) expect(verify(quorum + 1)).toBe("wrong-signer-count");
  });

  it("holds for any quorum of members", () => {
    for (const by of [
      [0, 1, 2],
      [0, 1, 3],
      [0, 2, 3],
      [1, 2, 3],
    ])
      expect(reason(net.committed(slot, by))).toBeUndefined();
  });

  it("counts no signer twice, in any order", () => {
    const [a, b] = net.committed(slot).commits as [VoteSignature, VoteSignature];
    for (const commits of [
      [a, b, b],
      [a, a, b],
      [b, a, a],
    ])
      expect(reason({ ...good, commits })).toBe("signers-not-ascending");
    expect(reason({ ...good, commits: [...good.commits].reverse() })).toBe("signers-not-ascending");
  });

  it("counts no signature under another's name", () => {
    expect(reason({ ...good, commits: renamed(good.commits, [0, 1, 3]) })).toBe("bad-certificate-signature");
    expect(reason({ ...good, commits: renamed(good.commits, [1, 2, 3]) })).toBe("bad-certificate-signature");
  });

  it("counts nobody who is not a member", () => {
    for (const stranger of [4, 127, 255, -1]) {
      expect(reason({ ...good, commits: renamed(good.commits, stranger < 0 ? [stranger, 1, 2] : [0, 1, stranger]) })).toBe("not-a-member");
    }
  });

  it("is checked to its last signature", () => {
    for (const index of [0, 1, 2]) expect(reason({ ...good, commits: spoilt(good.commits, index) })).toBe("bad-certificate-signature");
  });

  it.each(elsewhere)("is worthless for another $name", ({ change, reason: expected }) => {
    expect(reason({ ...good, ...change })).toBe(expected);
  });

  it("is not made of PREPAREs, PRE-PREPAREs or another network's COMMITs", () => {
    const prepared = net.prepared(slot, [0, 1, 2]);
    expect(reason({ ...good, commits: prepared.prepares })).toBe("bad-certificate-signature");
    const proposal = { replica: 3 as ReplicaIndex, signature: prepared.proposalSignature };
    expect(reason({ ...good, commits: [...good.commits.slice(0, 2), proposal] })).toBe("bad-certificate-signature");
    expect(reason(other.committed(slot))).toBe("bad-certificate-signature");
    const sameKeys = { ...net.trust, signBytes: other.trust.signBytes };
    expect(verifyCommitCertificate(sameKeys, good)?.reason).toBe("bad-certificate-signature");
  });

  it("blames whoever passes it on, except where the epoch is only unknown", () => {
    expect(verifyCommitCertificate(net.trust, { ...good, digest: otherDigest })?.action).toBe("blame");
    expect(verifyCommitCertificate(net.trust, { ...good, epoch: 1 as Epoch })?.action).toBe("ignore");
  });

  it("speaks of its own batch only", () => {
    const batch = createBatch(1, [net.request(1)]);
    const certificate = net.committed(slotOf(0, 1, batch.digest));
    expect(verifyCertifiedBatch(net.trust, { certificate, batch })).toBeUndefined();
    expect(verifyCertifiedBatch(net.trust, { certificate, batch: createBatch(2, [net.request(1)]) })?.reason).toBe("digest-mismatch");
  });
});

describe("a prepared certificate", () => {
  const good = net.prepared(slot); // the primary of view 3 is 3
  const reason = (certificate: typeof good) => verifyPreparedCertificate(net.trust, certificate)?.reason;

  it.each(quorums)("of %i validators needs the primary and exactly q−1 others", (n) => {
    const network = createTestNetwork(n);
    const { quorum } = network.committee;
    const others = Array.from({ length: n }, (_, index) => index).filter((index) => index !== 3 % n);
    const verify = (count: number) => verifyPreparedCertificate(network.trust, network.prepared(slot, others.slice(0, count)))?.reason;
    expect(verify(quorum - 1)).toBeUndefined();
    if (quorum > 1) expect(verify(quorum - 2)).toBe("wrong-signer-count");
    if (quorum < n) expect(verify(quorum)).toBe("wrong-signer-count");
  });

  it("counts no PREPARE of the primary", () => {
    expect(reason(net.prepared(slot, [2, 3]))).toBe("prepare-by-primary");
  });

  it("needs the primary's own PRE-PREPARE", () => {
    const byAnother = net.signer(0).sign({ kind: "pre-prepare", ...slot, replica: 0 as ReplicaIndex }).signature;
    expect(reason({ ...good, proposalSignature: byAnother })).toBe("bad-certificate-signature");
    const asPrepare = net.signer(3).sign({ kind: "prepare", ...slot, replica: 3 as ReplicaIndex, proposalSignature: byAnother }).signature;
    expect(reason({ ...good, proposalSignature: asPrepare })).toBe("bad-certificate-signature");
    expect(reason({ ...good, proposalSignature: net.proposal(slotOf(3, 7, otherDigest)).signature })).toBe("bad-certificate-signature");
  });

  it("counts no signer twice, no stranger, no spoilt signature, no COMMIT", () => {
    const [a, b] = good.prepares as [VoteSignature, VoteSignature];
    expect(reason({ ...good, prepares: [a, a] })).toBe("signers-not-ascending");
    expect(reason({ ...good, prepares: [b, a] })).toBe("signers-not-ascending");
    expect(reason({ ...good, prepares: renamed(good.prepares, [0, 9]) })).toBe("not-a-member");
    for (const index of [0, 1]) expect(reason({ ...good, prepares: spoilt(good.prepares, index) })).toBe("bad-certificate-signature");
    expect(reason({ ...good, prepares: net.committed(slot, [0, 1]).commits })).toBe("bad-certificate-signature");
  });

  it.each(elsewhere)("is worthless for another $name", ({ change, reason: expected }) => {
    expect(reason({ ...good, ...change })).toBe(expected);
  });
});

describe("a checkpoint certificate", () => {
  const good = net.stable(128);
  const reason = (certificate: typeof good) => verifyCheckpointCertificate(net.trust, certificate)?.reason;

  it("needs exactly the quorum of different members", () => {
    expect(reason(good)).toBeUndefined();
    expect(reason(net.stable(128, [0, 1]))).toBe("wrong-signer-count");
    expect(reason(net.stable(128, [0, 1, 2, 3]))).toBe("wrong-signer-count");
    const [a, b] = good.signatures as [VoteSignature, VoteSignature];
    expect(reason({ ...good, signatures: [a, b, b] })).toBe("signers-not-ascending");
    expect(reason({ ...good, signatures: renamed(good.signatures, [0, 1, 4]) })).toBe("not-a-member");
    for (const index of [0, 1, 2])
      expect(reason({ ...good, signatures: spoilt(good.signatures, index) })).toBe("bad-certificate-signature");
  });

  it("covers each of its roots and its place", () => {
    for (const change of [
      { stateRoot: otherDigest },
      { logHash: otherDigest },
      { epochRoot: otherDigest },
      { sequence: 256 as Sequence },
    ]) {
      expect(reason({ ...good, ...change })).toBe("bad-certificate-signature");
    }
    expect(reason({ ...good, stateRoot: good.logHash, logHash: good.stateRoot })).toBe("bad-certificate-signature");
    expect(reason({ ...good, epoch: 1 as Epoch })).toBe("unknown-epoch");
    expect(reason(other.stable(128))).toBe("bad-certificate-signature");
  });

  it("at sequence 0 is the genesis itself, with nothing added", () => {
    const genesis = net.genesisCheckpoint;
    expect(reason(genesis)).toBeUndefined();
    for (const change of [
      { stateRoot: otherDigest },
      { logHash: otherDigest },
      { epochRoot: otherDigest },
      { epoch: 1 as Epoch },
      { signatures: good.signatures },
    ]) {
      expect(reason({ ...genesis, ...change })).toBe("wrong-genesis-checkpoint");
    }
    expect(reason(other.genesisCheckpoint)).toBe("wrong-genesis-checkpoint");
  });
});

describe("a request", () => {
  it("is its client's own, in its own network", () => {
    const request = net.request(5);
    expect(verifyRequest(net.trust, request)).toBe(true);
    expect(verifyRequest(other.trust, request)).toBe(false);
    const { client, sequence, operations, signature } = request;
    expect(verifyRequest(net.trust, createRequest({ client, sequence: 6, operations }, signature))).toBe(false);
    expect(verifyRequest(net.trust, createRequest({ client, sequence, operations: [text("other")] }, signature))).toBe(false);
    expect(verifyRequest(net.trust, createRequest({ client: net.keys[0]?.publicKey ?? client, sequence, operations }, signature))).toBe(
      false,
    );
  });
});
