/** A proof of misbehaviour proves exactly what it says, and nobody can be framed (PROTOCOL §10, §14). */
import { describe, expect, it } from "vitest";
import { culpritsOf, conflictingCommits, conflictingStableCheckpoints, signersOfBoth, type Evidence } from "../../src/protocol/evidence.ts";
import type { ReplicaIndex, Sequence } from "../../src/protocol/ids.ts";
import { defaultParameters } from "../../src/protocol/limits.ts";
import type { Signed, Vote } from "../../src/protocol/messages.ts";
import { evidenceProblem } from "../../src/signing/evidence.ts";
import { type DocumentName, type DocumentOperation, signOperation } from "../../src/documents/operation.ts";
import { sha256 } from "../../src/wire/digests.ts";
import { decodeEvidence, encodeEvidence, evidenceId } from "../../src/wire/evidence.ts";
import { createBatch } from "../../src/wire/requests.ts";
import { createTestNetwork, slotOf, text, type TestNetwork } from "./network.ts";

const network = createTestNetwork(4);
const stranger = createTestNetwork(4, "other");
const trustIn = ({ trust }: TestNetwork) => ({ ...trust, limits: defaultParameters });
const problem = (evidence: Evidence): string | undefined => evidenceProblem(trustIn(network), evidence);

const [one, other] = [sha256(text("one")), sha256(text("other"))];
const commit = (replica: number, view: number, sequence: number, digest = one, from = network): Signed<Vote> =>
  from.signer(replica).sign({ kind: "commit", ...slotOf(view, sequence, digest), replica: replica as ReplicaIndex });
const votes = (first: Signed<Vote>, second: Signed<Vote>): Evidence => ({
  kind: "conflicting-votes",
  culprit: first.message.replica,
  first,
  second,
});

describe("two votes of one validator", () => {
  it("for one slot and different batches prove it guilty", () => {
    const evidence = votes(commit(2, 0, 5, one), commit(2, 0, 5, other));
    expect([problem(evidence), culpritsOf(evidence)]).toEqual([undefined, [2]]);
  });

  it("prove nothing in two views, for two sequences, of two validators, of two kinds, twice the same, or in another network", () => {
    const vote = commit(2, 0, 5);
    const prepare = network.signer(2).sign({
      kind: "prepare",
      ...slotOf(0, 5, other),
      replica: 2 as ReplicaIndex,
      proposalSignature: network.proposal(slotOf(0, 5, other)).signature,
    });
    const rivals = [commit(2, 1, 5, other), commit(2, 0, 6, other), commit(3, 0, 5, other), prepare, vote, commit(2, 0, 5, one)];
    expect(rivals.map((rival) => problem(votes(vote, rival)))).toEqual(rivals.map(() => "no-contradiction"));
    expect(problem(votes(vote, commit(2, 0, 5, other, stranger)))).toBe("bad-signature");
    expect(problem(votes(vote, { ...commit(2, 0, 5, other), signature: vote.signature }))).toBe("bad-signature");
  });
});

describe("two checkpoints, two view changes", () => {
  const checkpoint = (replica: number, sequence: number, state: string) =>
    network.signer(replica).sign({
      kind: "checkpoint",
      ...network.stable(sequence),
      stateRoot: sha256(text(state)),
      replica: replica as ReplicaIndex,
    });
  const checkpoints = (a: ReturnType<typeof checkpoint>, b: ReturnType<typeof checkpoint>): Evidence => ({
    kind: "conflicting-checkpoints",
    culprit: a.message.replica,
    first: a,
    second: b,
  });

  it("that differ prove it; those of two sequences or validators, or the same, do not", () => {
    const first = checkpoint(1, 128, "a");
    expect(problem(checkpoints(first, checkpoint(1, 128, "b")))).toBeUndefined();
    const rivals = [checkpoint(1, 256, "b"), checkpoint(2, 128, "b"), checkpoint(1, 128, "a")];
    expect(rivals.map((rival) => problem(checkpoints(first, rival)))).toEqual(rivals.map(() => "no-contradiction"));
  });

  it("to one view that claim different things prove it; the same claim with other signatures under it does not", () => {
    const changes = (a: object, b: object, view = 1): Evidence => ({
      kind: "conflicting-view-changes",
      culprit: 1 as ReplicaIndex,
      first: network.viewChange(1, 1, a),
      second: network.viewChange(1, view, b),
    });
    const prepared = network.prepared(slotOf(0, 1, one));
    expect(problem(changes({}, { prepared: [prepared] }))).toBeUndefined();
    expect(problem(changes({ prepared: [prepared] }, { prepared: [network.prepared(slotOf(0, 1, one), [2, 3])] }))).toBe(
      "no-contradiction",
    );
    expect(problem(changes({}, { prepared: [prepared] }, 2))).toBe("no-contradiction");
    expect(problem(changes({ stable: network.stable(128) }, { stable: network.stable(128, [1, 2, 3]) }))).toBe("no-contradiction");
  });
});

describe("what a primary signed", () => {
  it("as NEW-VIEW proves it when its proposals do not follow, and only then", () => {
    const withOne = [0, 1, 2].map((replica) =>
      network.viewChange(replica, 1, { prepared: [network.prepared(slotOf(0, 1, slotOf(1, 1).digest))] }),
    );
    const bad = (newView: ReturnType<TestNetwork["newView"]>): Evidence => ({ kind: "bad-new-view", culprit: 1 as ReplicaIndex, newView });
    expect(problem(bad(network.newView(1, { viewChanges: withOne })))).toBeUndefined();
    expect(problem(bad(network.newView(1, { viewChanges: withOne, sequences: [1] })))).toBe("right-new-view");
    expect(problem(bad(network.newView(1, { viewChanges: withOne.slice(1) })))).toBe("wrong-signer-count");
  });

  it("as a batch proves it when the batch breaks the rule that is named", () => {
    const [request, second] = [network.request(1), network.request(2)];
    const evidence = (
      batch: ReturnType<typeof createBatch>,
      reason: "duplicate-request" | "empty" | "bad-request-signature",
    ): Evidence => ({
      kind: "invalid-batch",
      culprit: 0 as ReplicaIndex,
      proposal: network.proposal(slotOf(0, 1, batch.digest)),
      batch,
      reason,
    });
    expect(problem(evidence(createBatch(7, [request, request]), "duplicate-request"))).toBeUndefined();
    expect(problem(evidence(createBatch(7, [request, second]), "duplicate-request"))).toBe("valid-batch");
    expect(problem(evidence(createBatch(7, [stranger.request(3)]), "bad-request-signature"))).toBeUndefined();
    expect(problem(evidence(createBatch(7, []), "empty"))).toBeUndefined();
    const lost = evidence(createBatch(7, []), "empty");
    expect(problem({ ...lost, batch: createBatch(8, []) } as Evidence)).toBe("digest-mismatch");
  });
});

describe("two commit certificates for one sequence", () => {
  it("of one view prove whoever signed both", () => {
    const evidence = conflictingCommits(
      network.committed(slotOf(0, 9, other), [0, 1, 3]),
      network.committed(slotOf(0, 9, one), [0, 1, 2]),
      undefined,
    );
    expect(problem(evidence)).toBeUndefined();
    expect([culpritsOf(evidence), signersOfBoth(evidence)]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it("of two views prove those who hid the first in their VIEW-CHANGE to the second, and nobody who was led by them", () => {
    // 0 and 1 lie; 2 committed in view 0, told the truth, and was not among the NEW-VIEW's; 3 knew nothing
    const first = network.committed(slotOf(0, 9, one), [0, 1, 2]);
    const second = network.committed(slotOf(1, 9, other), [0, 1, 2]);
    const newView = network.newView(1, { viewChanges: [0, 1, 3].map((replica) => network.viewChange(replica, 1)) });
    const evidence = conflictingCommits(second, first, newView);
    expect(problem(evidence)).toBeUndefined();
    expect([culpritsOf(evidence), signersOfBoth(evidence)]).toEqual([
      [0, 1],
      [0, 1, 2],
    ]);
    expect(culpritsOf(conflictingCommits(first, second, undefined))).toEqual([]);
  });

  it("of two views do not prove those whose VIEW-CHANGE told it, or lay beyond it", () => {
    const [digest] = [slotOf(0, 9, one)];
    const honest = network.viewChange(0, 1, { prepared: [network.prepared(digest)] });
    const beyond = network.viewChange(1, 1, { stable: network.stable(128) });
    const newView = network.newView(1, { viewChanges: [honest, beyond, network.viewChange(3, 1)] });
    const evidence = conflictingCommits(network.committed(digest, [0, 1, 2]), network.committed(slotOf(1, 9, other), [0, 1, 3]), newView);
    expect(culpritsOf(evidence)).toEqual([]);
  });

  it("prove nothing for one batch, for two sequences, with too few signers, or beside the NEW-VIEW of another view", () => {
    const first = network.committed(slotOf(0, 9, one));
    const fork = (second: ReturnType<TestNetwork["committed"]>): Evidence => conflictingCommits(first, second, undefined);
    expect(problem(fork(network.committed(slotOf(1, 9, one))))).toBe("no-contradiction");
    expect(problem(fork(network.committed(slotOf(1, 10, other))))).toBe("no-contradiction");
    expect(problem(fork(network.committed(slotOf(1, 9, other), [0, 1])))).toBe("wrong-signer-count");
    expect(problem(fork(stranger.committed(slotOf(1, 9, other))))).toBe("bad-certificate-signature");
    const late = { ...fork(network.committed(slotOf(1, 9, other))), newView: network.newView(2) } as Evidence;
    expect(problem(late)).toBe("no-contradiction");
    const later = {
      ...fork(network.committed(slotOf(1, 9, other))),
      first: { ...first, sequence: 9 as Sequence, view: 2 },
    } as unknown as Evidence;
    expect(problem(later)).toBe("no-contradiction");
  });
});

describe("two certificates for one checkpoint", () => {
  const certified = (state: string, signers: readonly number[], from = network, sequence = 128) => {
    const roots = { ...from.stable(sequence), stateRoot: sha256(text(state)) };
    const signatures = signers.map((replica) => {
      const message = { kind: "checkpoint", ...roots, replica: replica as ReplicaIndex } as const;
      return { replica: replica as ReplicaIndex, signature: from.signer(replica).sign(message).signature };
    });
    return { ...roots, signatures };
  };

  it("with different roots prove whoever signed both, in whatever order they were found", () => {
    const [a, b] = [certified("a", [0, 1, 2]), certified("b", [1, 2, 3])];
    const evidence = conflictingStableCheckpoints(a, b);
    expect(evidence).toEqual(conflictingStableCheckpoints(b, a));
    expect([problem(evidence), culpritsOf(evidence), signersOfBoth(evidence)]).toEqual([undefined, [1, 2], [1, 2]]);
  });

  it("prove nothing when they say the same, of two sequences, with too few signers, of another network, or in the other order", () => {
    const a = certified("a", [0, 1, 2]);
    const fork = (b: ReturnType<typeof certified>): Evidence => conflictingStableCheckpoints(a, b);
    expect(problem(fork(certified("a", [1, 2, 3])))).toBe("no-contradiction");
    expect(problem(fork(certified("b", [1, 2, 3], network, 256)))).toBe("no-contradiction");
    expect(problem(fork(certified("b", [1, 2])))).toBe("wrong-signer-count");
    expect(problem(fork(certified("b", [1, 2, 3], stranger)))).toBe("bad-certificate-signature");
    const { first, second } = conflictingStableCheckpoints(a, certified("b", [1, 2, 3]));
    expect(problem({ kind: "conflicting-stable-checkpoints", first: second, second: first })).toBe("no-contradiction");
  });
});

describe("two operations on a shared document", () => {
  const operation = (author: number, sequence: number, value: string, of = network) =>
    signOperation(of.signer(author).key, of.trust.signBytes, {
      document: "plan" as DocumentName,
      sequence,
      parents: [],
      changes: [{ type: "register-set", path: ["a"], value }],
    });
  const forked = (culprit: number, a: DocumentOperation, b: DocumentOperation): Evidence => {
    const [first, second] = a.id < b.id ? [a, b] : [b, a];
    return { kind: "forked-document", epoch: network.committee.epoch, culprit: culprit as ReplicaIndex, first, second };
  };

  it("with one number prove their author guilty, also once they were written and read", () => {
    const evidence = forked(2, operation(2, 1, "x"), operation(2, 1, "y"));
    const decoded = decodeEvidence(encodeEvidence(evidence));
    expect([problem(evidence), decoded.ok && problem(decoded.value), culpritsOf(evidence)]).toEqual([undefined, undefined, [2]]);
    const elsewhere = { ...operation(2, 1, "x"), document: "other" };
    expect(evidenceId(evidence, network.committee)).not.toBe(evidenceId({ ...evidence, first: elsewhere } as Evidence, network.committee));
  });

  it("prove nothing with two numbers, twice the same, of two authors, against another, or in another network", () => {
    const one = operation(2, 1, "x");
    const rivals = [operation(2, 2, "y"), one, operation(3, 1, "y")];
    expect(rivals.map((rival) => problem(forked(2, one, rival)))).toEqual(rivals.map(() => "no-contradiction"));
    expect(problem(forked(3, one, operation(2, 1, "y")))).toBe("no-contradiction");
    expect(problem(forked(2, one, { ...operation(2, 1, "y"), signature: one.signature }))).toBe("bad-signature");
    expect(problem(forked(2, operation(2, 1, "x", stranger), operation(2, 1, "y", stranger)))).toBe("no-contradiction");
  });
});
