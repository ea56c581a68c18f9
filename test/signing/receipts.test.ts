/** Attacks on receipts: each takes good ones and changes one thing (PROTOCOL §3.6). */
import { describe, expect, it } from "vitest";
import type { Digest, Epoch, ReplicaIndex, Sequence, Signature } from "../../src/protocol/ids.ts";
import type { ExecutionRoots, ReceiptCertificate } from "../../src/protocol/messages.ts";
import { verifyReceipt, verifyReceiptCertificate } from "../../src/signing/receipts.ts";
import { createTestNetwork } from "./network.ts";

const digestOf = (digit: string): Digest => digit.repeat(64) as Digest;
const roots: ExecutionRoots = {
  epoch: 0 as Epoch,
  sequence: 7 as Sequence,
  requests: 3,
  resultsRoot: digestOf("1"),
  stateRoot: digestOf("2"),
  logHash: digestOf("3"),
};
const net = createTestNetwork(4);
const signed = (by: readonly number[], network = net, about = roots): ReceiptCertificate => ({
  ...about,
  signatures: by.map((replica) => {
    const { signature } = network.signer(replica).signReceipt(about, replica as ReplicaIndex);
    return { replica: replica as ReplicaIndex, signature };
  }),
});

describe("receipts", () => {
  it("are enough from f+1 validators, whichever", () => {
    for (const [n, f] of [
      [1, 0],
      [3, 0],
      [4, 1],
      [7, 2],
    ] as const) {
      const network = createTestNetwork(n);
      const last = Array.from({ length: f + 1 }, (_, index) => n - 1 - f + index);
      expect(verifyReceiptCertificate(network.trust, signed(last, network))).toBeUndefined();
    }
  });

  const good = signed([1, 3]);
  const [one, three] = good.signatures as [ReceiptCertificate["signatures"][0], ReceiptCertificate["signatures"][0]];
  it.each<[string, ReceiptCertificate, string]>([
    ["one too few", { ...good, signatures: [one] }, "wrong-signer-count"],
    ["one too many", signed([0, 1, 3]), "wrong-signer-count"],
    ["one twice", { ...good, signatures: [one, one] }, "signers-not-ascending"],
    ["out of order", { ...good, signatures: [three, one] }, "signers-not-ascending"],
    ["another's name", { ...good, signatures: [one, { ...three, replica: 2 as ReplicaIndex }] }, "bad-certificate-signature"],
    ["a stranger", { ...good, signatures: [one, { ...three, replica: 4 as ReplicaIndex }] }, "not-a-member"],
    [
      "a flipped bit",
      { ...good, signatures: [one, { ...three, signature: three.signature.map((b) => b ^ 1) as Signature }] },
      "bad-certificate-signature",
    ],
    ["another epoch", { ...good, epoch: 1 as Epoch }, "unknown-epoch"],
    ["another sequence", { ...good, sequence: 8 as Sequence }, "bad-certificate-signature"],
    ["sequence 0", { ...good, sequence: 0 as Sequence }, "wrong-sequence"],
    ["another number of requests", { ...good, requests: 4 }, "bad-certificate-signature"],
    ["other results", { ...good, resultsRoot: digestOf("4") }, "bad-certificate-signature"],
    ["another state", { ...good, stateRoot: digestOf("4") }, "bad-certificate-signature"],
    ["another log", { ...good, logHash: digestOf("4") }, "bad-certificate-signature"],
    ["another network's", signed([1, 3], createTestNetwork(4, "other")), "bad-certificate-signature"],
  ])("are refused with %s", (_name, certificate, reason) => {
    expect(verifyReceiptCertificate(net.trust, certificate)?.reason).toBe(reason);
  });

  it("are no votes: a signature of another kind over the same bytes is none", () => {
    const { signature } = net.signer(1).sign({
      kind: "checkpoint",
      epoch: roots.epoch,
      sequence: roots.sequence,
      stateRoot: roots.resultsRoot,
      logHash: roots.stateRoot,
      epochRoot: roots.logHash,
      replica: 1 as ReplicaIndex,
    });
    expect(verifyReceipt(net.trust, { kind: "receipt", ...roots, replica: 1 as ReplicaIndex, signature })?.reason).toBe("bad-signature");
  });

  it("are checked one by one as well", () => {
    const receipt = net.signer(2).signReceipt(roots, 2 as ReplicaIndex);
    expect(verifyReceipt(net.trust, receipt)).toBeUndefined();
    expect(verifyReceipt(net.trust, { ...receipt, replica: 1 as ReplicaIndex })?.reason).toBe("bad-signature");
    expect(verifyReceipt(net.trust, { ...receipt, replica: 4 as ReplicaIndex })?.reason).toBe("not-a-member");
    expect(verifyReceipt(net.trust, { ...receipt, epoch: 1 as Epoch })?.reason).toBe("unknown-epoch");
  });
});
