import { describe, expect, it } from "vitest";
import type { Epoch, PublicKey, ReplicaIndex, Sequence, Signature, View } from "../../src/protocol/ids.ts";
import { defaultParameters } from "../../src/protocol/limits.ts";
import type { CertifiedBatch, Signed, SignedNewView, ViewChange } from "../../src/protocol/messages.ts";
import { createKey } from "../../src/signing/keys.ts";
import { createInlinePool } from "../../src/signing/pool.ts";
import type { VerificationPool } from "../../src/signing/pool.ts";
import { createVerifier } from "../../src/signing/verifier.ts";
import type { Outcome, VerifiableVote, Verifier } from "../../src/signing/verifier.ts";
import { createWorkerPool } from "../../src/signing/worker-pool.ts";
import { toHex } from "../../src/wire/bytes.ts";
import { createBatch, createRequest, decodeRequest, emptyBatch, requestId } from "../../src/wire/requests.ts";
import { mixedKey, signWithMixedKey } from "./mixed-order.ts";
import { createTestNetwork, slotOf, text } from "./network.ts";

const net = createTestNetwork(4);
const other = createTestNetwork(4, "other");

/** What an inline verifier calls back with, at once. */
const result = <T>(start: (done: (value: T) => void) => void): T => {
  const results: T[] = [];
  start((value) => results.push(value));
  const [first] = results;
  if (results.length !== 1 || first === undefined) throw new Error(`called back ${results.length} times`);
  return first;
};
const reasonOf = <T>(outcome: Outcome<T>): string => (outcome.status === "refused" ? outcome.failure.reason : outcome.status);
const vote = (signed: Signed<VerifiableVote>): string =>
  reasonOf(result<Outcome<Signed<VerifiableVote>>>((done) => net.verifier().verifyVote(signed, done)));
const spoil = (signature: Signature): Signature => signature.map((byte, index) => (index === 40 ? byte ^ 1 : byte)) as Signature;
const as = (replica: number) => replica as ReplicaIndex;

/** Counts what reaches the pool. */
const countingPool = (): VerificationPool & { readonly asked: () => number } => {
  const inline = createInlinePool();
  let asked = 0;
  return {
    ...inline,
    verify: (checks, urgency, done) => {
      asked += checks.length;
      inline.verify(checks, urgency, done);
    },
    asked: () => asked,
  };
};

describe("votes", () => {
  const slot = slotOf(1, 9); // the primary of view 1 is 1
  const proposal = net.proposal(slot);
  const prepare = net.signer(2).sign({ kind: "prepare", ...slot, replica: as(2), proposalSignature: proposal.signature });
  const commit = net.signer(1).sign({ kind: "commit", ...slot, replica: as(1) });
  const { signatures: _, ...roots } = net.stable(128);
  const checkpoint = net.signer(0).sign({ kind: "checkpoint", ...roots, replica: as(0) });

  it("of members pass, as the same object", () => {
    for (const signed of [proposal, prepare, commit, checkpoint]) {
      const outcome = result<Outcome<Signed<VerifiableVote>>>((done) => net.verifier().verifyVote<VerifiableVote>(signed, done));
      expect(outcome.status).toBe("verified");
      if (outcome.status === "verified") expect(outcome.value).toBe(signed);
    }
  });

  it("are refused from strangers, for unknown epochs and for sequence 0", () => {
    for (const signed of [proposal, prepare, commit, checkpoint] as Signed<VerifiableVote>[]) {
      const changed = (change: object) => vote({ ...signed, message: { ...signed.message, ...change } });
      expect(changed({ replica: 4 })).toBe("not-a-member");
      expect(changed({ epoch: 1 })).toBe("unknown-epoch");
      expect(changed({ sequence: 0 })).toBe("wrong-sequence");
      expect(vote({ ...signed, signature: spoil(signed.signature) })).toBe("bad-signature");
      expect(vote({ ...signed, signature: new Uint8Array(300) as Signature })).toBe("bad-signature");
    }
  });

  it("are bound to kind, signer, view, sequence, digest and network", () => {
    for (const signed of [prepare, commit] as Signed<VerifiableVote>[]) {
      const changed = (change: object) => vote({ ...signed, message: { ...signed.message, ...change } });
      expect(changed({ replica: 3 })).toBe("bad-signature");
      expect(changed({ view: 5 })).toBe("bad-signature");
      expect(changed({ sequence: 10 })).toBe("bad-signature");
      expect(changed({ digest: slotOf(0, 1).digest })).toBe("bad-signature");
    }
    expect(vote({ message: { kind: "commit", ...slot, replica: as(2) }, signature: prepare.signature })).toBe("bad-signature");
    expect(vote({ message: { ...prepare.message, replica: as(2) }, signature: commit.signature })).toBe("bad-signature");
    expect(vote(other.signer(1).sign(commit.message))).toBe("bad-signature");
    for (const root of ["stateRoot", "logHash", "epochRoot"]) {
      expect(vote({ ...checkpoint, message: { ...checkpoint.message, [root]: slot.digest } })).toBe("bad-signature");
    }
  });

  it("come from the primary for a PRE-PREPARE, and never for a PREPARE", () => {
    expect(vote(net.signer(0).sign({ kind: "pre-prepare", ...slot, replica: as(0) }))).toBe("not-the-primary");
    expect(vote(net.signer(1).sign({ ...prepare.message, replica: as(1) }))).toBe("prepare-by-primary");
  });

  it("of a backup carry the primary's real signature", () => {
    const forged = net.signer(2).sign({ ...prepare.message, proposalSignature: spoil(proposal.signature) });
    expect(vote(forged)).toBe("bad-proposal-signature");
    const ofAnother = net.signer(2).sign({ ...prepare.message, proposalSignature: net.proposal(slotOf(1, 10)).signature });
    expect(vote(ofAnother)).toBe("bad-proposal-signature");
  });
});

describe("requests", () => {
  const verified = (verifier: Verifier, requests: Parameters<Verifier["verifyRequests"]>[0]) =>
    result<readonly unknown[]>((done) => verifier.verifyRequests(requests, done));

  it("come back at their places, or not at all", () => {
    const requests = [1, 2, 3].map((sequence) => net.request(sequence));
    const [first, second, third] = requests as [(typeof requests)[0], (typeof requests)[0], (typeof requests)[0]];
    const forged = createRequest(second, spoil(second.signature));
    expect(verified(net.verifier(), [first, forged, third])).toEqual([first, undefined, third]);
    expect(verified(net.verifier(), [])).toEqual([]);
    expect(verified(net.verifier(), [other.request(1)])).toEqual([undefined]);
  });

  it("are refused under keys that prove nothing, again and again", () => {
    const content = { client: toHex(mixedKey) as PublicKey, sequence: 1, operations: [text("steal")] };
    const signBytes = net.trust.signBytes.ofRequest({ sequence: 1, id: requestId(content) });
    const weak = createRequest(content, signWithMixedKey(signBytes));
    const verifier = net.verifier();
    for (let round = 0; round < 3; round++) expect(verified(verifier, [weak])).toEqual([undefined]);
  });
});

describe("proposals", () => {
  const requests = Array.from({ length: 12 }, (_, index) => net.request(index + 1));
  const outcome = (batch: typeof emptyBatch, view = 0, limits = defaultParameters) => {
    const verifier = createVerifier({ ...net.trust, pool: createInlinePool(), limits });
    return result<Parameters<Parameters<Verifier["verifyProposal"]>[2]>[0]>((done) =>
      verifier.verifyProposal(net.proposal(slotOf(view, 1, batch.digest)), batch, done),
    );
  };
  const invalid = (batch: typeof emptyBatch, view = 0, limits = defaultParameters) => {
    const value = outcome(batch, view, limits);
    return value.status === "invalid-batch" ? value.reason : value.status;
  };

  it("pass whole, as the same objects", () => {
    const batch = createBatch(1, requests);
    const value = outcome(batch);
    if (value.status !== "verified") throw new Error(value.status);
    expect(value.batch).toBe(batch);
    expect(value.signed.message.digest).toBe(batch.digest);
  });

  it("prove their primary wrong when a rule of the batch is broken that needs no state", () => {
    const [first, second] = requests as [(typeof requests)[0], (typeof requests)[0]];
    expect(invalid(createBatch(1, [first, createRequest(second, spoil(second.signature))]))).toBe("bad-request-signature");
    expect(invalid(createBatch(1, [first, second, first]))).toBe("duplicate-request");
    expect(invalid(createBatch(1, requests), 0, { ...defaultParameters, maxBatchRequests: 11 })).toBe("too-many-requests");
    expect(invalid(createBatch(1, requests), 0, { ...defaultParameters, maxBatchRequests: 12 })).toBe("verified");
    expect(invalid(createBatch(1, [first, second]), 0, { ...defaultParameters, maxBatchBytes: 200 })).toBe("too-many-bytes");
    expect(invalid(createBatch(1, [first]), 0, { ...defaultParameters, maxBatchBytes: 20 })).toBe("verified"); // one always fits
    expect(invalid(createBatch(1, []))).toBe("empty");
    expect(invalid(createBatch(1, []), 1)).toBe("empty");
    expect(invalid(emptyBatch)).toBe("empty");
  });

  it("do not blame a primary for the empty batch that its NEW-VIEW may have re-proposed", () => {
    expect(invalid(emptyBatch, 1)).toBe("verified");
  });

  it("prove nothing when the header is not the primary's, or speaks of another batch", () => {
    const bad = createBatch(1, []);
    const verifier = net.verifier();
    const reason = (signed: ReturnType<typeof net.proposal>, batch: typeof bad) => {
      const value = result<Parameters<Parameters<Verifier["verifyProposal"]>[2]>[0]>((done) =>
        verifier.verifyProposal(signed, batch, done),
      );
      return value.status === "refused" ? value.failure.reason : value.status;
    };
    const signed = net.proposal(slotOf(0, 1, bad.digest));
    expect(reason({ ...signed, signature: spoil(signed.signature) }, bad)).toBe("bad-signature");
    expect(reason(net.proposal(slotOf(0, 1)), bad)).toBe("digest-mismatch");
  });

  it("fetched by digest are held to the same rules", () => {
    const batchOutcome = (batch: typeof emptyBatch) => {
      const value = result<Parameters<Parameters<Verifier["verifyBatch"]>[1]>[0]>((done) => net.verifier().verifyBatch(batch, done));
      return value.status === "invalid-batch" ? value.reason : value.status;
    };
    expect(batchOutcome(createBatch(1, requests))).toBe("verified");
    expect(batchOutcome(createBatch(1, [other.request(1)]))).toBe("bad-request-signature");
    expect(batchOutcome(emptyBatch)).toBe("verified");
    expect(batchOutcome(createBatch(1, []))).toBe("empty");
  });
});

describe("VIEW-CHANGEs", () => {
  const reason = (signed: Signed<ViewChange>) =>
    reasonOf(result<Outcome<Signed<ViewChange>>>((done) => net.verifier().verifyViewChange(signed, done)));
  const of = (content: Partial<ViewChange>, view = 2) => reason(net.viewChange(0, view, content));
  const stable = net.stable(128);
  const prepared = (view: number, sequence: number, by?: readonly number[]) => net.prepared(slotOf(view, sequence), by);

  it("pass with the genesis or a stable checkpoint, and any prepared certificates of the window", () => {
    expect(of({})).toBe("verified");
    expect(of({ prepared: [prepared(0, 1), prepared(1, 256)] })).toBe("verified");
    expect(of({ stable, prepared: [prepared(1, 129), prepared(0, 130), prepared(1, 384)] })).toBe("verified");
  });

  it("are bound to their sender, view and content", () => {
    const good = net.viewChange(0, 2, { prepared: [prepared(1, 3)] });
    const changed = (change: Partial<ViewChange>) => reason({ ...good, message: { ...good.message, ...change } });
    expect(reason(good)).toBe("verified");
    expect(changed({ replica: as(1) })).toBe("bad-signature");
    expect(changed({ view: 3 as View })).toBe("bad-signature");
    expect(changed({ prepared: [] })).toBe("bad-signature");
    expect(changed({ prepared: [prepared(0, 3)] })).toBe("bad-signature");
    expect(changed({ replica: as(4) })).toBe("not-a-member");
    expect(changed({ epoch: 1 as Epoch })).toBe("unknown-epoch");
    expect(reason(other.viewChange(0, 2, { stable: net.genesisCheckpoint }))).toBe("bad-signature");
    expect(reason(net.viewChange(0, 0))).toBe("wrong-view");
  });

  it("are refused for any certificate that does not hold or does not belong", () => {
    expect(of({ prepared: [prepared(2, 3)] })).toBe("wrong-view"); // not before the view asked for
    expect(of({ prepared: [prepared(3, 3)] })).toBe("wrong-view");
    expect(of({ prepared: [prepared(0, 257)] })).toBe("wrong-sequence");
    expect(of({ stable, prepared: [prepared(0, 128)] })).toBe("wrong-sequence");
    expect(of({ stable, prepared: [prepared(0, 385)] })).toBe("wrong-sequence");
    expect(of({ prepared: [prepared(0, 4), prepared(0, 3)] })).toBe("sequences-not-ascending");
    expect(of({ prepared: [prepared(0, 3), prepared(1, 3)] })).toBe("sequences-not-ascending");
    expect(of({ prepared: [prepared(0, 3, [1])] })).toBe("wrong-signer-count");
    expect(of({ prepared: [prepared(0, 3, [0, 1])] })).toBe("prepare-by-primary");
    expect(of({ prepared: [{ ...prepared(0, 3), epoch: 1 as Epoch }] })).toBe("wrong-epoch");
    expect(of({ prepared: [{ ...prepared(0, 3), digest: stable.logHash }] })).toBe("bad-certificate-signature");
    expect(of({ stable: { ...stable, signatures: stable.signatures.slice(1) } })).toBe("wrong-signer-count");
    expect(of({ stable: { ...stable, stateRoot: stable.logHash } })).toBe("bad-certificate-signature");
    expect(of({ stable: { ...net.genesisCheckpoint, stateRoot: stable.logHash } })).toBe("wrong-genesis-checkpoint");
    expect(of({ stable: { ...stable, epoch: 2 as Epoch } })).toBe("wrong-epoch");
  });

  it("are refused for one bad signature among many, wherever it is", () => {
    const certificates = [1, 2, 3, 4].map((sequence) => prepared(1, sequence));
    for (let index = 0; index < certificates.length; index++) {
      for (let signer = 0; signer < 2; signer++) {
        const spoilt = certificates.map((certificate, position) => ({
          ...certificate,
          prepares: certificate.prepares.map((each, place) =>
            position === index && place === signer ? { ...each, signature: spoil(each.signature) } : each,
          ),
        }));
        expect(of({ prepared: spoilt })).toBe("bad-certificate-signature");
      }
    }
  });

  it("with a bad signature of their sender cost no more than that one", () => {
    const pool = countingPool();
    const good = net.viewChange(0, 2, { prepared: [1, 2, 3, 4].map((sequence) => prepared(1, sequence)) });
    const outcome = result<Outcome<Signed<ViewChange>>>((done) =>
      net.verifier(pool).verifyViewChange({ ...good, signature: spoil(good.signature) }, done),
    );
    expect(reasonOf(outcome)).toBe("bad-signature");
    expect(pool.asked()).toBe(1);
  });
});

describe("NEW-VIEWs", () => {
  const reason = (signed: SignedNewView) => reasonOf(result<Outcome<SignedNewView>>((done) => net.verifier().verifyNewView(signed, done)));
  const changes = (view: number, by: readonly number[]): Signed<ViewChange>[] => by.map((replica) => net.viewChange(replica, view));

  it("pass with exactly q VIEW-CHANGEs, whatever they re-propose", () => {
    expect(reason(net.newView(1))).toBe("verified");
    expect(reason(net.newView(2, { viewChanges: changes(2, [1, 2, 3]), sequences: [1, 2, 3] }))).toBe("verified");
    expect(reason(net.newView(1, { viewChanges: changes(1, [0, 1]) }))).toBe("wrong-signer-count");
    expect(reason(net.newView(1, { viewChanges: changes(1, [0, 1, 2, 3]) }))).toBe("wrong-signer-count");
  });

  it("hold only VIEW-CHANGEs of different members for this very view, each valid in full", () => {
    expect(reason(net.newView(1, { viewChanges: changes(1, [0, 1, 1]) }))).toBe("signers-not-ascending");
    expect(reason(net.newView(1, { viewChanges: [...changes(1, [0, 1]), ...changes(2, [2])] }))).toBe("wrong-view");
    const [a, b] = changes(1, [0, 1]) as [Signed<ViewChange>, Signed<ViewChange>];
    expect(reason(net.newView(1, { viewChanges: [a, b, other.viewChange(2, 1, { stable: net.genesisCheckpoint })] }))).toBe(
      "bad-certificate-signature",
    );
    const withBadCertificate = net.viewChange(2, 1, { prepared: [{ ...net.prepared(slotOf(0, 1)), digest: slotOf(0, 2).digest }] });
    expect(reason(net.newView(1, { viewChanges: [a, b, withBadCertificate] }))).toBe("bad-certificate-signature");
    const withShortCertificate = net.viewChange(2, 1, { prepared: [net.prepared(slotOf(0, 1), [1])] });
    expect(reason(net.newView(1, { viewChanges: [a, b, withShortCertificate] }))).toBe("wrong-signer-count");
  });

  it("hold no other VIEW-CHANGE in a known one's place, and cost nothing for those that came alone before", () => {
    const pool = countingPool();
    // few signatures are remembered, so that only whole VIEW-CHANGEs can be known
    const verifier = createVerifier({ ...net.trust, pool, limits: defaultParameters, seenEntries: 4 });
    const told = (signed: SignedNewView) => reasonOf(result<Outcome<SignedNewView>>((done) => verifier.verifyNewView(signed, done)));
    const prepared = [1, 2, 3].map((sequence) => net.prepared(slotOf(0, sequence)));
    const [a, b, c] = [net.viewChange(0, 1, { prepared }), net.viewChange(1, 1, { prepared }), net.viewChange(2, 1, { prepared })];
    const alone = (one: Signed<ViewChange>) =>
      reasonOf(result<Outcome<Signed<ViewChange>>>((done) => verifier.verifyViewChange(one, done)));
    for (const one of [a, b, c]) expect(alone(one)).toBe("verified");
    const before = pool.asked();
    expect([alone(a), pool.asked() - before]).toEqual(["verified", 0]);
    expect(told(net.newView(1, { viewChanges: [a, b, c], sequences: [1, 2, 3] }))).toBe("verified");
    expect(pool.asked() - before).toBe(4);

    // each of the same sender for the same view as the one that is known
    const last = { ...(prepared[2] as (typeof prepared)[number]), digest: slotOf(0, 9).digest };
    const forgeries: readonly (readonly [string, Signed<ViewChange>])[] = [
      ["bad-certificate-signature", net.viewChange(2, 1, { prepared: [...prepared.slice(0, 2), last] })],
      ["bad-certificate-signature", { ...c, message: { ...c.message, prepared: prepared.slice(0, 2) } }],
      ["bad-certificate-signature", { ...c, signature: spoil(c.signature) }],
      ["wrong-signer-count", net.viewChange(2, 1, { prepared: [net.prepared(slotOf(0, 1), [1])] })],
      ["wrong-genesis-checkpoint", net.viewChange(2, 1, { prepared, stable: { ...net.genesisCheckpoint, stateRoot: last.digest } })],
    ];
    for (const [, forged] of forgeries) expect(alone(forged)).not.toBe("verified");
    for (const [reasonForIt, forged] of forgeries)
      expect(told(net.newView(1, { viewChanges: [a, b, forged], sequences: [1, 2, 3] }))).toBe(reasonForIt);
    expect(told(net.newView(1, { viewChanges: [a, b, net.viewChange(2, 1)], sequences: [1, 2, 3] }))).toBe("verified");
  });

  it("come from the primary of their view", () => {
    const good = net.newView(1);
    const byAnother = net.signer(2).signNewView({ ...good.message, replica: as(2) });
    expect(reason(byAnother)).toBe("not-the-primary");
    const inItsName = net.signer(2).signNewView(good.message);
    expect(reason({ ...inItsName, proposalSignatures: good.proposalSignatures })).toBe("bad-signature");
    expect(reason({ ...good, message: { ...good.message, view: 5 as View, viewChanges: changes(5, [0, 1, 2]) } })).toBe("bad-signature");
    expect(reason({ ...good, message: { ...good.message, epoch: 1 as Epoch } })).toBe("unknown-epoch");
  });

  it("bear a PRE-PREPARE signature for each re-proposal", () => {
    const good = net.newView(1, { sequences: [4, 5] });
    const [first, second] = good.proposalSignatures as [Signature, Signature];
    expect(reason(good)).toBe("verified");
    expect(reason({ ...good, proposalSignatures: [first] })).toBe("wrong-signer-count");
    expect(reason({ ...good, proposalSignatures: [second, first] })).toBe("bad-proposal-signature");
    expect(reason({ ...good, proposalSignatures: [first, net.proposal(slotOf(5, 5)).signature] })).toBe("bad-proposal-signature");
    expect(reason(net.newView(1, { sequences: [4, 6] }))).toBe("sequences-not-ascending");
    expect(reason(net.newView(1, { sequences: [0, 1] }))).toBe("wrong-sequence");
  });
});

describe("blocks", () => {
  const block = (sequence: number): CertifiedBatch => {
    const batch = createBatch(sequence, [net.request(sequence)]);
    return { certificate: net.committed(slotOf(0, sequence, batch.digest)), batch };
  };
  const outcome = (blocks: readonly CertifiedBatch[]) =>
    result<Parameters<Parameters<Verifier["verifyBlocks"]>[1]>[0]>((done) => net.verifier().verifyBlocks(blocks, done));

  it("come back up to the first that does not hold", () => {
    const good = [1, 2, 3].map(block);
    expect(outcome(good)).toEqual({ blocks: good });
    expect(outcome([])).toEqual({ blocks: [] });
    const [first, second, third] = good as [CertifiedBatch, CertifiedBatch, CertifiedBatch];
    const swapped = { certificate: second.certificate, batch: third.batch };
    expect(outcome([first, swapped, third])).toEqual({ blocks: [first], failure: { reason: "digest-mismatch", action: "blame" } });
    const moved = { ...second, certificate: { ...second.certificate, sequence: 7 as Sequence } };
    expect(outcome([first, moved, third])).toEqual({ blocks: [first], failure: { reason: "bad-certificate-signature", action: "blame" } });
  });
});

describe("each signature", () => {
  it("is verified once: certificates of votes that were seen cost nothing", () => {
    const pool = countingPool();
    const verifier = net.verifier(pool);
    const slot = slotOf(0, 3);
    const certificate = net.prepared(slot);
    for (const { replica } of certificate.prepares) {
      const message = { kind: "prepare", ...slot, replica, proposalSignature: certificate.proposalSignature } as const;
      verifier.verifyVote(net.signer(replica).sign(message), () => undefined);
    }
    expect(pool.asked()).toBe(3); // two PREPAREs, and the proposal's signature once
    verifier.verifyViewChange(net.viewChange(1, 1, { prepared: [certificate] }), () => undefined);
    expect(pool.asked()).toBe(4);
  });

  it("is verified once for a request, on its relay, in its batch and in another frame", () => {
    const pool = countingPool();
    const verifier = net.verifier(pool);
    const requests = [1, 2, 3].map((sequence) => net.request(sequence));
    verifier.verifyRequests(requests, () => undefined);
    const again = requests.map(({ bytes }) => decodeRequest(bytes.slice())).flatMap((each) => (each.ok ? [each.value] : []));
    const batch = createBatch(1, again);
    expect(result((done) => verifier.verifyBatch(batch, done))).toMatchObject({ status: "verified" });
    expect(pool.asked()).toBe(3);
  });

  it("is never remembered for another key, message or signature", () => {
    const pool = countingPool();
    const verifier = net.verifier(pool);
    const slot = slotOf(0, 3);
    const commit = net.signer(1).sign({ kind: "commit", ...slot, replica: as(1) });
    const status = (signed: Signed<VerifiableVote>) =>
      reasonOf(result<Outcome<Signed<VerifiableVote>>>((done) => verifier.verifyVote(signed, done)));
    expect(status(commit)).toBe("verified");
    expect(status({ ...commit, message: { ...commit.message, replica: as(2) } })).toBe("bad-signature");
    expect(status({ ...commit, message: { ...commit.message, sequence: 4 as Sequence } })).toBe("bad-signature");
    expect(status({ ...commit, signature: spoil(commit.signature) })).toBe("bad-signature");
    expect(status(commit)).toBe("verified");
    expect(pool.asked()).toBe(4);
  });

  it("is asked for once while it is being checked, and every asker is told", async () => {
    let asked = 0;
    const held: (() => void)[] = [];
    const inline = createInlinePool();
    const pool: VerificationPool = {
      ...inline,
      verify: (checks, urgency, done) => {
        asked += checks.length;
        held.push(() => inline.verify(checks, urgency, done));
      },
    };
    const verifier = net.verifier(pool);
    const commit = net.signer(1).sign({ kind: "commit", ...slotOf(0, 3), replica: as(1) });
    const outcomes: string[] = [];
    for (let round = 0; round < 3; round++) verifier.verifyVote(commit, (outcome) => outcomes.push(outcome.status));
    expect([asked, verifier.pending, outcomes]).toEqual([1, 1, []]);
    for (const release of held) release();
    expect([verifier.pending, outcomes]).toEqual([0, ["verified", "verified", "verified"]]);
  });

  it("may be forgotten from a small memory, and is then verified again", () => {
    const pool = countingPool();
    const verifier = createVerifier({ ...net.trust, pool, limits: defaultParameters, seenEntries: 4 });
    const commits = [1, 2, 3, 4, 5].map((sequence) => net.signer(1).sign({ kind: "commit", ...slotOf(0, sequence), replica: as(1) }));
    for (const commit of commits) verifier.verifyVote(commit, () => undefined);
    const [first, ...rest] = commits;
    for (const commit of rest) verifier.verifyVote(commit, () => undefined);
    expect(pool.asked()).toBe(5);
    if (first !== undefined)
      expect(reasonOf(result<Outcome<Signed<VerifiableVote>>>((done) => verifier.verifyVote<VerifiableVote>(first, done)))).toBe(
        "verified",
      );
    expect(pool.asked()).toBe(6);
  });
});

describe("with workers", () => {
  it("the verdicts are the same", async () => {
    const pool = createWorkerPool({ workers: 2 });
    try {
      const verifier = net.verifier(pool);
      const clients = Array.from({ length: 5 }, () => createKey());
      const requests = Array.from({ length: 300 }, (_, index) => {
        const client = clients[index % 5];
        const request = net.request(index + 1, client === undefined ? {} : { client });
        return index % 7 === 3 ? createRequest(request, spoil(request.signature)) : request;
      });
      const verified = await new Promise<readonly unknown[]>((resolve) => verifier.verifyRequests(requests, resolve));
      expect(verified).toEqual(requests.map((request, index) => (index % 7 === 3 ? undefined : request)));
      const newView = net.newView(1, { sequences: [1, 2] });
      const outcome = await new Promise<Outcome<SignedNewView>>((resolve) => verifier.verifyNewView(newView, resolve));
      expect(outcome.status).toBe("verified");
    } finally {
      await pool.close();
    }
  });
});
