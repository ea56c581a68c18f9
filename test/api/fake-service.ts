/** An in-memory node behind the HTTP layer: one map, one log, every refusal on demand. */
import { toDigest, toEpoch, toPublicKey, toReplicaIndex, toSequence, toSignature, toView } from "../../src/protocol/ids.ts";
import type { Digest, Sequence } from "../../src/protocol/ids.ts";
import type { Batch, CheckpointCertificate, CommitCertificate, Request } from "../../src/protocol/messages.ts";
import type { KvOperation, KvResult, SimpleOperation, SimpleResult } from "../../src/ledger/kv/operations.ts";
import type { ExplainReport, LogLevels, NodeEvent, PlacedChange } from "../../src/node/feeds.ts";
import type { EvidenceReport } from "../../src/node/observe/evidence-report.ts";
import type { Cut, PartitionReport } from "../../src/node/partition-report.ts";
import { encodeOperation, encodeResult } from "../../src/ledger/kv/encoding.ts";
import {
  type BlockRecord,
  done,
  type Failure,
  failed,
  type KvEntry,
  type NodeService,
  type Outcome,
  type RequestReport,
  type StatusReport,
} from "../../src/node/service.ts";

export const hex = (digit: string): Digest => toDigest(digit.repeat(64));
const signatures = [0, 1, 2].map((replica) => ({
  replica: toReplicaIndex(replica),
  signature: toSignature(new Uint8Array(64).fill(replica + 1)),
}));

export const certificate = (sequence: number): CommitCertificate => ({
  epoch: toEpoch(0),
  view: toView(3),
  sequence: toSequence(sequence),
  digest: hex("d"),
  commits: signatures,
});
export const checkpoint: CheckpointCertificate = {
  epoch: toEpoch(0),
  sequence: toSequence(128),
  stateRoot: hex("1"),
  logHash: hex("2"),
  epochRoot: hex("3"),
  signatures,
};

export const statusReport: StatusReport = {
  version: "0.1.0",
  chainId: "test",
  genesisHash: hex("a"),
  peerId: "12D3KooWA",
  validatorKey: hex("b"),
  moniker: "alpha",
  role: "validator",
  epoch: 0,
  view: 3,
  primary: "12D3KooWB",
  sequence: { committed: 41, executed: 40, stable: 0 },
  logHash: hex("c"),
  stateRoot: hex("d"),
  quorum: { n: 4, f: 1, size: 3, reachable: 4 },
  connectivity: "whole",
  sides: [["12D3KooWA", "12D3KooWB"]],
  syncing: false,
  uptimeSeconds: 12.5,
  memory: { rss: 1, heapUsed: 1, limit: 0, pressure: 0, breaker: "closed" },
};

export const partitionReport: PartitionReport = {
  id: "1700000000000-1",
  since: 1_700_000_000_000,
  until: 1_700_000_005_000,
  state: "degraded",
  sides: [["12D3KooWA", "12D3KooWB"], ["12D3KooWC"]],
  brokenLinks: [{ from: "12D3KooWA", to: "12D3KooWC" }],
  sequences: { since: 40, until: 44 },
  phases: [{ at: 1_700_000_000_000, state: "degraded", sides: [["12D3KooWA", "12D3KooWB"], ["12D3KooWC"]] }],
  catchUp: { sequences: 4, bytes: 812, milliseconds: 37 },
};

export const explainReport: ExplainReport = {
  committing: false,
  summary: ["sequence 42 is proposed and lacks votes: 3 must commit"],
  blocked: { reason: "missing_votes", since: 1_700_000_000_000, waitingFor: ["12D3KooWB"] },
  quorum: { n: 4, f: 1, size: 3, reachable: 4 },
  view: { number: 3, active: true, demand: 3 },
  next: { sequence: 42, proposed: true },
  pool: { requests: 2, bytes: 300, oldestMilliseconds: 2_000, patienceMilliseconds: 1_000 },
  syncing: false,
  passive: false,
  validators: [
    {
      index: 0,
      peerId: "12D3KooWA",
      moniker: "alpha",
      self: true,
      reachable: true,
      primary: false,
      prepared: true,
      committed: false,
      wantsView: false,
      view: 3,
      executed: 41,
      stable: 0,
    },
  ],
};

const block = (sequence: number, operations: readonly Uint8Array[]): BlockRecord => {
  const request: Request = {
    kind: "request",
    client: toPublicKey("9".repeat(64)),
    sequence: 7,
    operations,
    signature: toSignature(new Uint8Array(64)),
    id: hex("e"),
    bytes: new Uint8Array(),
  };
  const batch: Batch = { kind: "batch", timestamp: 1_700_000_000_000, requests: [request], digest: hex("d"), bytes: new Uint8Array() };
  return { certificate: certificate(sequence), batch, logHash: hex("4") };
};

const text = new TextEncoder();
const nameOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1");

export interface FakeService extends NodeService {
  /** answered by everything that orders, instead of ordering */
  refuseWith: Failure | undefined;
  /** holds back every ordered operation until it is resolved */
  gate: Promise<void> | undefined;
  ready_: boolean;
  barriers: number;
  readonly submitted: KvOperation[];
  readonly received: Uint8Array[];
  readonly cuts: Cut[];
  readonly behaviours: string[];
  /** what `/v1/backup` sends */
  backupParts: () => AsyncIterable<Uint8Array>;
  /** what `/v1/watch` reads: the changes of each sequence from 1 on; those up to `pruned` are no longer kept */
  readonly history: PlacedChange[][];
  pruned: number;
  readonly happened: NodeEvent[];
  /** tells those who follow that there is more */
  readonly levels: LogLevels;
  wake(): void;
  followers(): number;
}

const createFeeds = () => {
  const wakes = new Set<() => void>();
  const subscribe = (wake: () => void) => {
    wakes.add(wake);
    return () => void wakes.delete(wake);
  };
  const feeds: Pick<FakeService, "history" | "pruned" | "happened" | "wake" | "followers" | "changes" | "events"> = {
    history: [],
    pruned: 0,
    happened: [],
    wake: () => {
      for (const wake of wakes) wake();
    },
    followers: () => wakes.size,
    changes: {
      read(from, prefix) {
        if (from.sequence <= feeds.pruned) return { status: "gone", oldest: toSequence(feeds.pruned + 1) };
        const block = feeds.history[from.sequence - 1];
        if (block === undefined) return { status: "ok", changes: [], next: from, more: false };
        const changes = block.filter(({ key, index }) => index >= from.index && nameOf(key).startsWith(nameOf(prefix)));
        return {
          status: "ok",
          changes,
          next: { sequence: toSequence(from.sequence + 1), index: 0 },
          more: from.sequence < feeds.history.length,
        };
      },
      subscribe,
      get upTo() {
        return toSequence(feeds.history.length);
      },
    },
    events: {
      read(after, limit) {
        const from = feeds.happened.findIndex(({ id }) => id === after) + 1;
        const lost = from === 0 && after !== "life-0";
        return { events: feeds.happened.slice(from, from + limit), lost };
      },
      subscribe,
      get last() {
        return feeds.happened.at(-1)?.id ?? "life-0";
      },
    },
  };
  return feeds;
};

const createStore = () => {
  const entries = new Map<string, KvEntry>();
  let sequence = 100;
  const applySimple = (operation: SimpleOperation): SimpleResult => {
    const name = nameOf(operation.key);
    const entry = entries.get(name);
    if (operation.type === "get") return entry === undefined ? { type: "get" } : { type: "get", entry };
    const version = entry?.version ?? 0;
    if (operation.expect !== undefined && operation.expect !== version) return { type: "conflict", version };
    if (operation.type === "delete") return { type: "delete", deleted: entries.delete(name) };
    entries.set(name, { key: operation.key, value: operation.value, version: version + 1, sequence: sequence as Sequence });
    return { type: "put", version: version + 1 };
  };
  const apply = (operation: KvOperation): KvResult => {
    sequence += 1;
    if (operation.type === "time") return { type: "time", timestamp: 1_700_000_000_000 };
    if (operation.type !== "txn") return applySimple(operation);
    const succeeded = operation.compare.every((comparison) => {
      const entry = entries.get(nameOf(comparison.key));
      if (comparison.type === "version") return (entry?.version ?? 0) === comparison.version;
      return entry !== undefined && Buffer.compare(entry.value, comparison.value) === 0;
    });
    const before = new Map(entries);
    const results: SimpleResult[] = [];
    for (const [index, simple] of (succeeded ? operation.success : operation.failure).entries()) {
      const result = applySimple(simple);
      if (result.type === "conflict" || result.type === "too-large") {
        entries.clear();
        for (const [name, entry] of before) entries.set(name, entry);
        return { type: "txn-refused", index, result };
      }
      results.push(result);
    }
    return { type: "txn", succeeded, results };
  };
  return { entries, apply, sequence: () => toSequence(sequence) };
};

const accused = { index: 0, peerId: "12D3KooWA", validatorKey: "b".repeat(64), moniker: "alpha" };

export const evidenceReport: EvidenceReport = {
  id: "e".repeat(64),
  kind: "conflicting-commits",
  culprit: "12D3KooWA",
  culprits: [accused],
  signedBoth: [accused],
  epoch: 0,
  view: 3,
  sequence: 9,
  detectedAt: 1_700_000_000_000,
  method: "two commit certificates for one sequence: whoever signed both",
  action: "stopped ordering",
  proof: "AQID",
};

export const createFakeService = (): FakeService => {
  const store = createStore();
  const feeds = createFeeds();
  const own: Omit<FakeService, keyof typeof feeds> = {
    refuseWith: undefined,
    gate: undefined,
    ready_: true,
    barriers: 0,
    submitted: [],
    received: [],
    cuts: [],
    behaviours: [],
    metrics: async () => ({ type: "text/plain; version=0.0.4; charset=utf-8", text: "byz_view 3\n" }),
    explain: () => explainReport,
    logLevels: () => service.levels,
    setLogLevels: (levels) => void Object.assign(service.levels, levels),
    levels: { node: "info", consensus: "info", network: "info", api: "info", libp2p: "error" },
    status: () => statusReport,
    anchors: {
      get: () => undefined,
      prove: () => failed({ code: "syncing", message: "no stable checkpoint", retryAfterSeconds: 1 }),
    },
    shared: {
      list: () => [],
      read: () => Promise.resolve(undefined),
      edit: () => Promise.resolve({ ok: false, reason: "not-an-author" }),
      forks: () => Promise.resolve([]),
      operations: () => Promise.resolve([]),
    },
    partitions: () => [partitionReport],
    backup: () => {
      if (service.refuseWith !== undefined) return failed(service.refuseWith);
      return done(service.backupParts());
    },
    backupParts: async function* () {
      yield text.encode("byz-backup/1\n");
      yield text.encode("rest");
    },
    evidence: ({ after, limit }) => (after === undefined ? [evidenceReport].slice(0, limit) : []),
    evidenceOf: (id) => (id === evidenceReport.id ? evidenceReport : undefined),
    cut(cut) {
      if (service.refuseWith !== undefined) return failed(service.refuseWith);
      service.cuts.push(cut);
      return done(cut);
    },
    behave(behaviour) {
      if (service.refuseWith !== undefined) return failed(service.refuseWith);
      service.behaviours.push(behaviour);
      return done({ behaviour });
    },
    validators: () => [
      {
        index: 0,
        peerId: "12D3KooWA",
        validatorKey: hex("b"),
        moniker: "alpha",
        reachable: true,
        reputation: 1,
        standing: "good",
        primary: false,
      },
    ],
    peers: () => [
      {
        peerId: "12D3KooWB",
        addresses: ["/ip4/127.0.0.1/tcp/1"],
        role: "validator",
        direction: "outbound",
        rttMs: null,
        connectedSince: 1_700_000_000_000,
      },
    ],
    ready: () => ({
      ready: service.ready_,
      checks: [
        { name: "storage", ok: true },
        { name: "quorum", ok: service.ready_, ...(service.ready_ ? {} : { reason: "2 of 3 validators are reachable" }) },
      ],
    }),
    block: async (sequence) =>
      sequence > 40
        ? undefined
        : block(sequence, [encodeOperation({ type: "put", key: text.encode("k"), value: text.encode("v") }), new Uint8Array([255, 255])]),
    blocks: async ({ from, limit }) =>
      Array.from({ length: Math.max(0, Math.min(limit, 41 - from)) }, (_, index) =>
        block(from + index, [encodeOperation({ type: "time" })]),
      ),
    async submitOperations(operations) {
      await service.gate;
      if (service.refuseWith !== undefined) return operations.map(() => failed(service.refuseWith as Failure));
      return operations.map((operation) => {
        service.submitted.push(operation);
        return done({ result: store.apply(operation), sequence: store.sequence(), requestId: hex("f") });
      });
    },
    async submitRequest(bytes): Promise<Outcome<RequestReport>> {
      await service.gate;
      if (service.refuseWith !== undefined) return failed(service.refuseWith);
      service.received.push(bytes);
      return done({
        id: hex("e"),
        state: "committed",
        sequence: toSequence(9),
        index: 2,
        results: [encodeResult({ type: "put", version: 4 }), encodeResult({ type: "conflict", version: 1 })],
      });
    },
    requestState: async (id) =>
      id === hex("e")
        ? { id, state: "committed", sequence: toSequence(9), index: 0, results: [new Uint8Array([250, 251])], certificate: certificate(9) }
        : { id, state: "unknown" },
    proveAnswer: async (sequence) => ({
      receipts: { epoch: toEpoch(0), sequence, requests: 3, resultsRoot: hex("5"), stateRoot: hex("6"), logHash: hex("7"), signatures },
      previousLogHash: hex("8"),
      siblings: [hex("9")],
    }),
    async readBarrier() {
      service.barriers += 1;
      await service.gate;
      return service.refuseWith === undefined ? done(store.sequence()) : failed(service.refuseWith);
    },
    async state(key, consistency) {
      const value = store.entries.get(nameOf(key))?.value;
      return done({
        asOf: store.sequence(),
        ...(value === undefined ? {} : { value }),
        ...(consistency === "certified" ? { proof: { checkpoint, path: new Uint8Array([1, 2, 3]) } } : {}),
      });
    },
    async get(key, consistency) {
      const entry = store.entries.get(nameOf(key));
      return done({
        asOf: store.sequence(),
        ...(entry === undefined ? {} : { entry }),
        ...(consistency === "certified" ? { proof: { checkpoint, path: new Uint8Array([1, 2, 3]) } } : {}),
      });
    },
    async list({ prefix, after, limit, consistency }) {
      const names = [...store.entries.keys()]
        .filter((name) => name.startsWith(nameOf(prefix)) && (after === undefined || name > nameOf(after)))
        .toSorted();
      const entries = names.slice(0, limit).map((name) => store.entries.get(name) as KvEntry);
      return done({
        entries: consistency === "certified" ? entries.map((entry) => ({ ...entry, path: new Uint8Array([7]) })) : entries,
        more: names.length > limit,
        asOf: store.sequence(),
        ...(consistency === "certified" ? { checkpoint } : {}),
      });
    },
  };
  // the feeds' `last` and `upTo` are read through
  const service: FakeService = Object.assign(feeds, own);
  return service;
};
