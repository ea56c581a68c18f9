/** `NodeService` over the parts of a running node: what the HTTP interface, and later others, ask. */
import type { Ledger } from "../ledger/ledger.ts";
import type { Committee } from "../protocol/committee.ts";
import type { Digest, ReplicaIndex, Sequence } from "../protocol/ids.ts";
import type { Network } from "../network/port.ts";
import type { Observable } from "./feeds.ts";
import type { ProveAnswer } from "./desk/answer-proofs.ts";
import type { EvidenceStore } from "./data/evidence.ts";
import { evidenceReport } from "./observe/evidence-report.ts";
import type { Genesis } from "./home/genesis.ts";
import type { History } from "./data/history.ts";
import { partitionReports } from "./observe/partitions.ts";
import type { Engine } from "./pipeline/engine.ts";
import type { Reads } from "./desk/reads.ts";
import type { Resources } from "./memory/resources.ts";
import type { BlockRecord, NodeService, StatusReport } from "./service.ts";
import type { Standing } from "./observe/standing.ts";
import type { Submission } from "./desk/submission.ts";
import type { Transferring } from "./pipeline/transferring.ts";
import type { createSubmitter } from "./desk/submitter.ts";

export interface NodeServiceOptions {
  readonly version: string;
  readonly genesis: Genesis;
  readonly moniker: string;
  readonly committee: Committee;
  readonly self: ReplicaIndex | undefined;
  readonly ledger: Ledger;
  readonly history: History;
  readonly network: Network;
  readonly engine: Pick<Engine, "replica" | "presence" | "opinionOf">;
  readonly submitter: ReturnType<typeof createSubmitter>;
  readonly submission: Submission;
  readonly proveAnswer: ProveAnswer;
  readonly standing: Standing;
  readonly reads: Reads;
  readonly backup: NodeService["backup"];
  readonly evidence: Pick<EvidenceStore, "list" | "get">;
  readonly transferring: Pick<Transferring, "progress">;
  readonly resources: Pick<Resources, "report" | "check">;
  /** monotonic milliseconds */
  readonly now: () => number;
  readonly shared: NodeService["shared"];
  readonly anchors: NodeService["anchors"];
  readonly cut: NodeService["cut"];
  readonly behave: NodeService["behave"];
  /** seconds since the start */
  readonly uptime: () => number;
  readonly refreshStanding: () => void;
  readonly observable: Observable;
}

export const createNodeService = (options: NodeServiceOptions): NodeService => {
  const { committee, self, genesis, ledger, history, network, standing, engine } = options;
  const { replica, presence } = engine;
  const own = self === undefined ? undefined : committee.validators[self];

  const status = (): StatusReport => {
    options.refreshStanding();
    const summary = replica.describe();
    return {
      version: options.version,
      chainId: genesis.chainId,
      genesisHash: genesis.hash,
      peerId: network.self,
      ...(own === undefined ? {} : { validatorKey: own.publicKey }),
      moniker: options.moniker,
      role: own === undefined ? "observer" : "validator",
      epoch: committee.epoch,
      view: summary.view,
      primary: committee.validators[summary.primary]?.peer ?? "",
      sequence: { committed: summary.committed, executed: summary.executed, stable: summary.stable.sequence },
      logHash: summary.logHash,
      stateRoot: ledger.root(),
      quorum: { n: committee.n, f: committee.f, size: committee.quorum, reachable: standing.reachable },
      connectivity: standing.connectivity,
      sides: standing.sides,
      ...(standing.brokenLinks.length === 0 ? {} : { brokenLinks: standing.brokenLinks }),
      syncing: standing.syncing,
      ...transferOf(),
      ...(summary.passive ? { passive: true } : {}),
      ...(standing.blocked === undefined ? {} : { blocked: standing.blocked }),
      uptimeSeconds: options.uptime(),
      memory: options.resources.report(),
    };
  };

  const transferOf = (): Pick<StatusReport, "transfer"> => {
    const progress = options.transferring.progress();
    if (progress === undefined) return {};
    const { since, ...rest } = progress;
    return { transfer: { ...rest, milliseconds: Math.round(options.now() - since) } };
  };

  const block = (sequence: Sequence): BlockRecord | undefined => {
    const found = history.block(sequence);
    return found === undefined ? undefined : { certificate: found.certificate, batch: found.batch, logHash: found.logHash };
  };

  return {
    ...options.observable,
    status,
    validators: () => {
      const { primary } = replica.describe();
      return committee.validators.map(({ index, peer, publicKey, moniker }) => ({
        index,
        peerId: peer,
        validatorKey: publicKey,
        moniker,
        reachable: index === self || presence.linked().includes(index),
        ...engine.opinionOf(peer),
        primary: index === primary,
      }));
    },
    peers: () =>
      network.peers().map(({ peer, addresses, validator, direction, rttMs, connectedSince }) => ({
        peerId: peer,
        addresses,
        role: validator ? "validator" : "observer",
        direction,
        rttMs: rttMs ?? null,
        connectedSince,
      })),
    partitions: () => partitionReports(committee, presence.episodes()),
    shared: {
      ...options.shared,
      // a key that returned without its data may have written what it does not know any more: it must not fork its own history
      edit: (name, changes) =>
        replica.describe().passive ? Promise.resolve({ ok: false, reason: "behind" }) : options.shared.edit(name, changes),
    },
    anchors: options.anchors,
    backup: options.backup,
    evidence: (page) => options.evidence.list(page).map((record) => evidenceReport(committee, record)),
    evidenceOf(id) {
      const record = options.evidence.get(id);
      return record && evidenceReport(committee, record);
    },
    cut: options.cut,
    behave: options.behave,
    ready: () => {
      options.refreshStanding();
      const checks = [...standing.checks(), options.resources.check()];
      return { ready: checks.every(({ ok }) => ok), checks };
    },
    block: (sequence) => Promise.resolve(block(sequence)),
    blocks: ({ from, limit, maxBytes }) => {
      const found: BlockRecord[] = [];
      let bytes = 0;
      for (let sequence = from; found.length < limit; sequence = (sequence + 1) as Sequence) {
        const next = block(sequence);
        if (next === undefined || (found.length > 0 && bytes + next.batch.bytes.length > maxBytes)) break;
        bytes += next.batch.bytes.length;
        found.push(next);
      }
      return Promise.resolve(found);
    },
    ...options.submitter,
    submitRequest: (bytes) => new Promise((resolve) => options.submission.submit(bytes, resolve)),
    proveAnswer: options.proveAnswer,
    requestState: (id: Digest) => Promise.resolve(options.submission.state(id)),
    state: (key, consistency) => Promise.resolve(options.reads.state(key, consistency)),
    get: (key, consistency) => Promise.resolve(options.reads.keyValue.get(key, consistency)),
    list: (query) => options.reads.keyValue.list(query),
  };
};
