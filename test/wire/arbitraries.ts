/** Well-formed values of every message, for property tests of any room. Signatures are random bytes: these are for encodings, not for verifiers. */
import type { Evidence } from "../../src/protocol/evidence.ts";
import fc from "fast-check";
import type { Digest, Epoch, PublicKey, ReplicaIndex, Sequence, Signature, View } from "../../src/protocol/ids.ts";
import type {
  Batch,
  Blocks,
  CertifiedBatch,
  Checkpoint,
  CheckpointCertificate,
  Commit,
  CommitCertificate,
  NewView,
  PrePrepare,
  Prepare,
  PreparedCertificate,
  Relay,
  Reproposal,
  Request,
  Signed,
  SignedNewView,
  StateAnswer,
  Status,
  ViewChange,
  VoteSignature,
} from "../../src/protocol/messages.ts";
import { toHex } from "../../src/wire/bytes.ts";
import { sha256 } from "../../src/wire/digests.ts";
import type { ConsensusFrame, ProposalFrame, SyncFrame } from "../../src/wire/frames.ts";
import { createBatch, createRequest } from "../../src/wire/requests.ts";
import type { ClientAnswer, ClientQuestion } from "../../src/wire/exchanges.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

/** Small numbers, and now and then any safe one: the layouts must carry both halves of a u64. */
export const u64: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 1000 }) },
  { weight: 1, arbitrary: fc.maxSafeNat() },
  { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER) },
);

export const digest: fc.Arbitrary<Digest> = bytes(32).map((value) => toHex(value) as Digest);
export const publicKey: fc.Arbitrary<PublicKey> = bytes(32).map((value) => toHex(value) as PublicKey);
export const signature: fc.Arbitrary<Signature> = bytes(64).map((value) => value as Signature);
export const replica: fc.Arbitrary<ReplicaIndex> = fc.nat({ max: 127 }).map((value) => value as ReplicaIndex);
export const epoch: fc.Arbitrary<Epoch> = u64.map((value) => value as Epoch);
export const view: fc.Arbitrary<View> = u64.map((value) => value as View);
export const sequence: fc.Arbitrary<Sequence> = u64.map((value) => value as Sequence);

export const request: fc.Arbitrary<Request> = fc
  .record({
    client: publicKey,
    sequence: u64,
    operations: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 4 }),
    signature,
  })
  .map((content) => createRequest(content, content.signature));

export const batch: fc.Arbitrary<Batch> = fc
  .record({ timestamp: u64, requests: fc.array(request, { maxLength: 4 }) })
  .map(({ timestamp, requests }) => createBatch(timestamp, requests));

const slot = { epoch, view, sequence, digest, replica };
const signed = <M>(message: fc.Arbitrary<M>): fc.Arbitrary<Signed<M>> => fc.record({ message, signature });

export const signedPrePrepare: fc.Arbitrary<Signed<PrePrepare>> = signed(fc.record({ kind: fc.constant("pre-prepare" as const), ...slot }));
export const signedPrepare: fc.Arbitrary<Signed<Prepare>> = signed(
  fc.record({ kind: fc.constant("prepare" as const), ...slot, proposalSignature: signature }),
);
export const signedCommit: fc.Arbitrary<Signed<Commit>> = signed(fc.record({ kind: fc.constant("commit" as const), ...slot }));
const roots = { epoch, sequence, stateRoot: digest, logHash: digest, epochRoot: digest };
export const signedCheckpoint: fc.Arbitrary<Signed<Checkpoint>> = signed(
  fc.record({ kind: fc.constant("checkpoint" as const), ...roots, replica }),
);

const ascendingReplicas = fc.uniqueArray(replica, { maxLength: 6 }).map((replicas) => replicas.sort((a, b) => a - b));

export const voteSignatures: fc.Arbitrary<VoteSignature[]> = ascendingReplicas.chain((replicas) =>
  fc.tuple(...replicas.map((each) => fc.record({ replica: fc.constant(each), signature }))),
);

const certificateSlot = { epoch, view, sequence, digest };
export const preparedCertificate: fc.Arbitrary<PreparedCertificate> = fc.record({
  ...certificateSlot,
  proposalSignature: signature,
  prepares: voteSignatures,
});
export const commitCertificate: fc.Arbitrary<CommitCertificate> = fc.record({ ...certificateSlot, commits: voteSignatures });
export const checkpointCertificate: fc.Arbitrary<CheckpointCertificate> = fc.record({ ...roots, signatures: voteSignatures });
export const certifiedBatch: fc.Arbitrary<CertifiedBatch> = fc.record({ certificate: commitCertificate, batch });

export const viewChange: fc.Arbitrary<ViewChange> = fc.record({
  kind: fc.constant("view-change" as const),
  epoch,
  view,
  replica,
  stable: checkpointCertificate,
  prepared: fc
    .uniqueArray(preparedCertificate, { maxLength: 3, selector: (certificate) => certificate.sequence })
    .map((certificates) => certificates.sort((a, b) => a.sequence - b.sequence)),
});
export const signedViewChange: fc.Arbitrary<Signed<ViewChange>> = signed(viewChange);

const reproposals: fc.Arbitrary<Reproposal[]> = fc
  .record({ first: fc.nat({ max: 2 ** 40 }), digests: fc.array(digest, { maxLength: 4 }) })
  .map(({ first, digests }) => digests.map((each, index) => ({ sequence: (first + index) as Sequence, digest: each })));

const newView: fc.Arbitrary<NewView> = fc.record({
  kind: fc.constant("new-view" as const),
  epoch,
  view,
  replica,
  viewChanges: fc
    .uniqueArray(signedViewChange, { maxLength: 3, selector: ({ message }) => message.replica })
    .map((changes) => changes.sort((a, b) => a.message.replica - b.message.replica)),
  proposals: reproposals,
});
export const signedNewView: fc.Arbitrary<SignedNewView> = newView.chain((message) =>
  fc.record({
    message: fc.constant(message),
    signature,
    proposalSignatures: fc.array(signature, { minLength: message.proposals.length, maxLength: message.proposals.length }),
  }),
);

const pairOf = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<{ readonly first: T; readonly second: T }> =>
  fc.record({ first: each, second: each });
const votePair = fc.oneof(pairOf(signedPrePrepare), pairOf(signedPrepare), pairOf(signedCommit));

/** An operation on a shared document; what stands between its head and its signature is not looked at. */
const authored = fc
  .record({
    name: fc.constantFrom("a", "plan"),
    author: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    sequence: u64,
    rest: fc.uint8Array({ minLength: 2, maxLength: 40 }),
    signature,
  })
  .map(({ name, author, sequence: number, rest, signature: signed }) => {
    const numberBytes = Buffer.alloc(8);
    numberBytes.writeBigUInt64BE(BigInt(number));
    const head = Buffer.concat([Uint8Array.of(name.length), Buffer.from(name), author, numberBytes, rest]);
    const bytes = Uint8Array.from(Buffer.concat([head, signed]));
    return {
      document: name,
      author: Buffer.from(author).toString("hex") as PublicKey,
      sequence: number,
      id: sha256(head),
      signature: signed,
      bytes,
    };
  });

/** One of each kind; whoever signed the first is the culprit. */
export const evidence: fc.Arbitrary<Evidence> = fc.oneof(
  votePair.map((pair): Evidence => ({ kind: "conflicting-votes", culprit: pair.first.message.replica, ...pair })),
  pairOf(signedCheckpoint).map((pair): Evidence => ({ kind: "conflicting-checkpoints", culprit: pair.first.message.replica, ...pair })),
  pairOf(signedViewChange).map((pair): Evidence => ({ kind: "conflicting-view-changes", culprit: pair.first.message.replica, ...pair })),
  signedNewView.map((each): Evidence => ({ kind: "bad-new-view", culprit: each.message.replica, newView: each })),
  fc
    .record({ proposal: signedPrePrepare, batch, reason: fc.constantFrom("empty" as const, "duplicate-request" as const) })
    .map((content): Evidence => ({ kind: "invalid-batch", culprit: content.proposal.message.replica, ...content })),
  pairOf(commitCertificate).map((pair): Evidence => ({ kind: "conflicting-commits", ...pair })),
  fc
    .record({ epoch, replica, pair: pairOf(authored) })
    .map(({ epoch: of, replica: culprit, pair }): Evidence => ({ kind: "forked-document", epoch: of, culprit, ...pair })),
  pairOf(checkpointCertificate).map((pair): Evidence => ({ kind: "conflicting-stable-checkpoints", ...pair })),
  fc
    .record({ pair: pairOf(commitCertificate), each: signedNewView })
    .map(({ pair, each }): Evidence => ({ kind: "conflicting-commits", ...pair, newView: each })),
);

export const status: fc.Arbitrary<Status> = fc.record({
  kind: fc.constant("status" as const),
  epoch,
  view,
  active: fc.boolean(),
  demand: view,
  executed: sequence,
  stable: sequence,
  oldest: sequence,
  logHash: digest,
  reach: ascendingReplicas,
});
export const relay: fc.Arbitrary<Relay> = fc.record({
  kind: fc.constant("relay" as const),
  requests: fc.array(request, { minLength: 1, maxLength: 4 }),
});
export const blocks: fc.Arbitrary<Blocks> = fc
  .record({ first: fc.nat({ max: 2 ** 40 }), certified: fc.array(certifiedBatch, { maxLength: 3 }) })
  .map(({ first, certified }) => ({
    kind: "blocks" as const,
    blocks: certified.map((block, index) => ({ ...block, certificate: { ...block.certificate, sequence: (first + index) as Sequence } })),
  }));

export const proposalFrame: fc.Arbitrary<ProposalFrame> = fc.record({
  kind: fc.constant("proposal" as const),
  signed: signedPrePrepare,
  batch,
});

/** Each frame of the consensus channel, by kind. */
export const consensusFrames: { readonly [K in ConsensusFrame["kind"]]: fc.Arbitrary<Extract<ConsensusFrame, { kind: K }>> } = {
  proposal: proposalFrame,
  prepare: fc.record({ kind: fc.constant("prepare" as const), signed: signedPrepare }),
  commit: fc.record({ kind: fc.constant("commit" as const), signed: signedCommit }),
  checkpoint: fc.record({ kind: fc.constant("checkpoint" as const), signed: signedCheckpoint }),
  "view-change": fc.record({ kind: fc.constant("view-change" as const), signed: signedViewChange }),
  "new-view": fc.record({ kind: fc.constant("new-view" as const), signed: signedNewView }),
};

/** What clients ask and are answered. */
export const question: fc.Arbitrary<ClientQuestion> = fc.record({
  method: fc.constantFrom("GET" as const, "POST" as const),
  target: fc.stringMatching(/^\/[!-~]{0,60}$/),
  body: fc.uint8Array({ maxLength: 60 }),
});
export const clientAnswer: fc.Arbitrary<ClientAnswer> = fc.record({
  status: fc.integer({ min: 200, max: 599 }),
  retryAfterSeconds: fc.nat({ max: 0xffff }),
  body: fc.uint8Array({ maxLength: 60 }),
});

const fromOne: fc.Arbitrary<Sequence> = u64.map((value) => Math.max(1, value) as Sequence);

const stateBytes = fc.uint8Array({ maxLength: 40 });
const stateAnswer: fc.Arbitrary<StateAnswer> = fc.oneof(
  fc.record({ type: fc.constant("gone" as const), hash: digest }),
  fc.record({ type: fc.constant("page" as const), hash: digest, page: stateBytes }),
  fc.record({
    type: fc.constant("entries" as const),
    hash: digest,
    entries: fc.array(fc.record({ key: stateBytes, value: stateBytes }), { minLength: 1, maxLength: 4 }),
  }),
);

/** Each frame of the sync channel, by kind. */
export const syncFrames: { readonly [K in SyncFrame["kind"]]: fc.Arbitrary<Extract<SyncFrame, { kind: K }>> } = {
  status,
  relay,
  "fetch-batch": fc.record({ kind: fc.constant("fetch-batch" as const), digest }),
  batch,
  "fetch-blocks": fc
    .tuple(u64, u64)
    .map(([a, b]) => ({ kind: "fetch-blocks" as const, from: Math.max(1, Math.min(a, b)) as Sequence, to: Math.max(1, a, b) as Sequence })),
  blocks,
  "stable-checkpoint": fc.record({ kind: fc.constant("stable-checkpoint" as const), certificate: checkpointCertificate }),
  "fetch-checkpoint": fc
    .uniqueArray(fromOne, { minLength: 1, maxLength: 5 })
    .map((sequences) => ({ kind: "fetch-checkpoint" as const, sequences: sequences.toSorted((a, b) => a - b) })),
  "past-checkpoint": fc.record({ kind: fc.constant("past-checkpoint" as const), certificate: checkpointCertificate }),
  "fetch-receipt": fc.record({ kind: fc.constant("fetch-receipt" as const), sequence: fromOne }),
  "fetch-state": fc.record({
    kind: fc.constant("fetch-state" as const),
    parts: fc.array(
      fc.record({
        path: fc.string({ unit: fc.integer({ min: 0, max: 15 }).map((digit) => digit.toString(16)), maxLength: 64 }),
        hash: digest,
        whole: fc.boolean(),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  state: fc.record({ kind: fc.constant("state" as const), answers: fc.array(stateAnswer, { maxLength: 5 }) }),
  documents: fc.record({ kind: fc.constant("documents" as const), bytes: fc.uint8Array({ maxLength: 60 }) }),
  receipt: fc.record({
    kind: fc.constant("receipt" as const),
    epoch,
    sequence: fromOne,
    requests: fc.nat({ max: 4096 }),
    resultsRoot: digest,
    stateRoot: digest,
    logHash: digest,
    replica,
    signature,
  }),
};
