/**
 * One replica alone with a script: every other validator's words are written by the test. The shell around it has a disk without latency:
 * what the replica signs comes home at once.
 */
import { defaultSettings, type ReplicaConfig, type ReplicaSettings, type Restored } from "../../src/consensus/config.ts";
import type { Effect } from "../../src/consensus/effect.ts";
import type { Input } from "../../src/consensus/input.ts";
import { createReplica, type Replica } from "../../src/consensus/replica.ts";
import { createCommittee, type Committee } from "../../src/protocol/committee.ts";
import {
  toEpoch,
  type Digest,
  type Epoch,
  type PeerName,
  type PublicKey,
  type ReplicaIndex,
  type Sequence,
  type View,
} from "../../src/protocol/ids.ts";
import { defaultParameters, type Parameters } from "../../src/protocol/limits.ts";
import type {
  Batch,
  CertifiedBatch,
  CheckpointCertificate,
  ConsensusMessage,
  NewView,
  PreparedCertificate,
  Request,
  Signed,
  SignedNewView,
  Status,
  Verified,
  ViewChange,
  VoteSignature,
} from "../../src/protocol/messages.ts";
import type { RejectionReason } from "../../src/protocol/rejections.ts";
import { createNotary, type Notary } from "./world/notary.ts";
import { EPOCH_MS } from "./world/node.ts";
import { arithmetic } from "./world/verify.ts";

export interface LoneOptions {
  readonly n?: number;
  /** absent: an observer */
  readonly self?: number | undefined;
  readonly observer?: boolean;
  readonly settings?: Partial<ReplicaSettings>;
  readonly parameters?: Partial<Parameters>;
  readonly restored?: Partial<Restored>;
  readonly notary?: Notary;
  /** it stopped while its state was being fetched */
  readonly transferring?: boolean;
  /** false: what it signs never becomes durable */
  readonly disk?: boolean;
}

export interface Lone {
  readonly replica: Replica;
  readonly notary: Notary;
  readonly committee: Committee;
  readonly q: number;
  readonly f: number;
  now: number;
  /** how far its wall clock is from the truth, milliseconds */
  wallOffset: number;
  /** One input, and what comes home because of it; returns all effects. */
  give(input: Input): readonly Effect[];
  /** Time passes and the replica is ticked as it asked. */
  wait(ms: number): readonly Effect[];
  reach(...peers: number[]): readonly Effect[];
  request(sequence: number, client?: string, bytes?: number): Verified<Request>;
  batch(...requests: Request[]): Batch;
  prePrepare(view: number, sequence: number, batch: Batch | Digest, by?: number): readonly Effect[];
  prepare(from: number, view: number, sequence: number, digest: Digest): readonly Effect[];
  commit(from: number, view: number, sequence: number, digest: Digest): readonly Effect[];
  checkpoint(from: number, sequence: number, name?: string): readonly Effect[];
  /** The ledger finished a sequence. */
  executed(sequence: number, name?: string): readonly Effect[];
  /** Pre-prepare, prepares and commits of the first q validators, then execution. */
  order(view: number, sequence: number, batch: Batch): readonly Effect[];
  viewChange(from: number, view: number, content?: Partial<ViewChange>): readonly Effect[];
  signedViewChange(from: number, view: number, content?: Partial<ViewChange>): Signed<ViewChange>;
  signedNewView(view: number, changes: readonly Signed<ViewChange>[], proposals: NewView["proposals"]): SignedNewView;
  newView(view: number, changes: readonly Signed<ViewChange>[], proposals?: NewView["proposals"]): readonly Effect[];
  status(from: number, content: Partial<Status>): readonly Effect[];
  prepared(view: number, sequence: number, digest: Digest): PreparedCertificate;
  stable(sequence: number, name?: string): CheckpointCertificate;
  block(view: number, sequence: number, batch: Batch): CertifiedBatch;
  blocks(from: number, ...blocks: CertifiedBatch[]): readonly Effect[];
  sign<M extends ConsensusMessage>(message: M): Verified<Signed<M>>;
}

export const effectsOf = <T extends Effect["type"]>(effects: readonly Effect[], type: T): Extract<Effect, { type: T }>[] =>
  effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);

/** Kinds of messages it signed, in order. */
export const said = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) =>
    effect.type === "broadcast" || effect.type === "announce" || effect.type === "propose" ? [effect.message.kind] : [],
  );

export const reasonsOf = (effects: readonly Effect[]): RejectionReason[] =>
  effects.flatMap((effect) =>
    effect.type === "reject" ? [effect.rejection.reason] : effect.type === "refuse-request" ? [effect.reason] : [],
  );

export const blames = (effects: readonly Effect[]): boolean => effectsOf(effects, "reject").some((one) => one.rejection.action === "blame");

const epoch: Epoch = toEpoch(0);

export const createLone = (options: LoneOptions = {}): Lone => {
  const n = options.n ?? 4;
  const self = (options.observer === true ? undefined : (options.self ?? 1)) as ReplicaIndex | undefined;
  const notary = options.notary ?? createNotary();
  const indexes = Array.from({ length: n }, (_, index) => index as ReplicaIndex);
  const committee = createCommittee(
    epoch,
    indexes.map((index) => ({ index, publicKey: `k${index}` as PublicKey, peer: `p${index}` as PeerName, moniker: `m${index}` })),
  );
  const { f, q } = arithmetic(n);
  const epochRoot = notary.hash("epoch root");
  const roots = (sequence: number, name = ""): { stateRoot: Digest; logHash: Digest } => ({
    stateRoot: notary.hash(`state ${sequence}${name}`),
    logHash: notary.hash(`log ${sequence}${name}`),
  });
  const signaturesOf = (who: readonly ReplicaIndex[], message: (replica: ReplicaIndex) => ConsensusMessage): VoteSignature[] =>
    who.map((replica) => ({ replica, signature: notary.sign(replica, message(replica)) }));
  const stable = (sequence: number, name = ""): CheckpointCertificate => {
    const content = { epoch, sequence: sequence as Sequence, ...roots(sequence, name), epochRoot };
    const signers = sequence === 0 ? [] : indexes.slice(0, q);
    return { ...content, signatures: signaturesOf(signers, (replica) => ({ kind: "checkpoint", ...content, replica })) };
  };
  const parameters: Parameters = { ...defaultParameters, checkpointInterval: 4, ...options.parameters };
  const config: ReplicaConfig = {
    committee,
    ...(self === undefined ? {} : { self }),
    parameters,
    settings: { ...defaultSettings, ...options.settings },
    emptyBatch: notary.emptyBatch,
    epochRoot,
    createBatch: notary.createBatch,
  };
  const genesis = stable(0);
  const replica = createReplica(config, {
    epoch,
    view: 0 as View,
    active: true,
    stable: genesis,
    executed: 0 as Sequence,
    logHash: genesis.logHash,
    timestamp: 0,
    executedDigests: new Map(),
    executedRequests: [],
    accepted: [],
    prepared: [],
    checkpoints: [],
    mayVote: true,
    transferring: options.transferring ?? false,
    ...options.restored,
  });

  const leader = (view: number): ReplicaIndex => (view % n) as ReplicaIndex;
  const sign = <M extends ConsensusMessage>(message: M): Verified<Signed<M>> =>
    ({ message, signature: notary.sign(message.replica, message) }) as unknown as Verified<Signed<M>>;
  const proposalSignature = (view: number, sequence: number, digest: Digest) => {
    const slot = { epoch, view: view as View, sequence: sequence as Sequence, digest };
    return notary.sign(leader(view), { kind: "pre-prepare", ...slot, replica: leader(view) });
  };
  const signNewView = (message: NewView): Verified<SignedNewView> =>
    ({
      ...sign(message),
      proposalSignatures: message.proposals.map(({ sequence, digest }) => proposalSignature(message.view, sequence, digest)),
    }) as unknown as Verified<SignedNewView>;

  const homeOf = (effect: Effect): Input | undefined => {
    if (effect.type === "broadcast") return { type: effect.message.kind, signed: sign(effect.message) } as unknown as Input;
    if (effect.type === "propose") return { type: "pre-prepare", signed: sign(effect.message), batch: effect.batch as Verified<Batch> };
    if (effect.type !== "announce") return undefined;
    return effect.message.kind === "view-change"
      ? { type: "view-change", signed: sign(effect.message) }
      : { type: "new-view", signed: signNewView(effect.message) };
  };

  const lone: Lone = {
    replica,
    notary,
    committee,
    q,
    f,
    now: 0,
    wallOffset: 0,
    give(input) {
      const own = replica.step(input, { now: lone.now, wall: EPOCH_MS + lone.now + lone.wallOffset });
      const effects = [...own];
      if (options.disk === false) return effects;
      for (const effect of own) {
        const home = homeOf(effect);
        if (home !== undefined) effects.push(...lone.give(home));
      }
      return effects;
    },
    wait(ms) {
      const until = lone.now + ms;
      const effects: Effect[] = [];
      for (;;) {
        const due = replica.deadline();
        if (due === undefined || due > until) break;
        lone.now = Math.max(lone.now, due);
        effects.push(...lone.give({ type: "tick" }));
      }
      lone.now = until;
      return effects;
    },
    reach: (...peers) => lone.give({ type: "reachable", peers: peers as ReplicaIndex[] }),
    request: (sequence, client = "alice", bytes = 100) => notary.createRequest(client, sequence, bytes),
    batch: (...requests) => notary.createBatch(EPOCH_MS + lone.now + 1, requests),
    prePrepare(view, sequence, batch, by = leader(view)) {
      const digest = typeof batch === "string" ? batch : batch.digest;
      const signed = sign({
        kind: "pre-prepare",
        epoch,
        view: view as View,
        sequence: sequence as Sequence,
        digest,
        replica: by as ReplicaIndex,
      });
      return lone.give({ type: "pre-prepare", signed, ...(typeof batch === "string" ? {} : { batch: batch as Verified<Batch> }) });
    },
    prepare: (from, view, sequence, digest) =>
      lone.give({
        type: "prepare",
        signed: sign({
          kind: "prepare",
          epoch,
          view: view as View,
          sequence: sequence as Sequence,
          digest,
          replica: from as ReplicaIndex,
          proposalSignature: proposalSignature(view, sequence, digest),
        }),
      }),
    commit: (from, view, sequence, digest) =>
      lone.give({
        type: "commit",
        signed: sign({ kind: "commit", epoch, view: view as View, sequence: sequence as Sequence, digest, replica: from as ReplicaIndex }),
      }),
    checkpoint: (from, sequence, name) =>
      lone.give({
        type: "checkpoint",
        signed: sign({
          kind: "checkpoint",
          epoch,
          sequence: sequence as Sequence,
          ...roots(sequence, name),
          epochRoot,
          replica: from as ReplicaIndex,
        }),
      }),
    executed: (sequence, name) => lone.give({ type: "executed", sequence: sequence as Sequence, ...roots(sequence, name) }),
    order(view, sequence, batch) {
      const effects = leader(view) === self ? [] : [...lone.prePrepare(view, sequence, batch)];
      const others = indexes.filter((index) => index !== self);
      for (const from of others) if (from !== leader(view)) effects.push(...lone.prepare(from, view, sequence, batch.digest));
      for (const from of others) effects.push(...lone.commit(from, view, sequence, batch.digest));
      effects.push(...lone.executed(sequence));
      return effects;
    },
    signedViewChange: (from, view, content = {}) =>
      sign({ kind: "view-change", epoch, view: view as View, replica: from as ReplicaIndex, stable: genesis, prepared: [], ...content }),
    viewChange: (from, view, content) =>
      lone.give({ type: "view-change", signed: lone.signedViewChange(from, view, content) as Verified<Signed<ViewChange>> }),
    signedNewView: (view, viewChanges, proposals) =>
      signNewView({ kind: "new-view", epoch, view: view as View, replica: leader(view), viewChanges, proposals }),
    newView: (view, changes, proposals = []) =>
      lone.give({ type: "new-view", signed: lone.signedNewView(view, changes, proposals) as Verified<SignedNewView> }),
    status: (from, content) =>
      lone.give({
        type: "status",
        from: from as ReplicaIndex,
        status: {
          kind: "status",
          epoch,
          view: 0 as View,
          active: true,
          demand: (content.view ?? 0) as View,
          executed: 0 as Sequence,
          stable: 0 as Sequence,
          oldest: 1 as Sequence,
          logHash: genesis.logHash,
          reach: [],
          ...content,
        },
      }),
    prepared(view, sequence, digest) {
      const slot = { epoch, view: view as View, sequence: sequence as Sequence, digest };
      const signature = proposalSignature(view, sequence, digest);
      const signers = indexes.filter((index) => index !== leader(view)).slice(0, q - 1);
      return {
        ...slot,
        proposalSignature: signature,
        prepares: signaturesOf(signers, (one) => ({ kind: "prepare", ...slot, replica: one, proposalSignature: signature })),
      };
    },
    stable,
    block(view, sequence, batch) {
      const slot = { epoch, view: view as View, sequence: sequence as Sequence, digest: batch.digest };
      const commits = signaturesOf(indexes.slice(0, q), (one) => ({ kind: "commit", ...slot, replica: one }));
      return { certificate: { ...slot, commits }, batch };
    },
    blocks: (from, ...blocks) => lone.give({ type: "blocks", blocks: blocks as Verified<CertifiedBatch>[], from: from as ReplicaIndex }),
    sign,
  };
  lone.give({ type: "start" });
  lone.reach(...indexes.filter((index) => index !== self));
  return lone;
};
