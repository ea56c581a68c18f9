/**
 * Every family of `GET /metrics` as data: its name, its meaning and where its numbers come from. docs/operators.md lists the same; a test holds it.
 */
import type { Replica } from "../../consensus/replica.ts";
import type { NetworkCounters } from "../../network/counters.ts";
import type { LibraryFamily } from "../../network/library.ts";
import type { Network } from "../../network/port.ts";
import type { WorkerPool } from "../../signing/worker-pool.ts";
import type { Clock } from "../clock.ts";
import type { Counters } from "../counters.ts";
import type { Distribution } from "./distribution.ts";
import { type Measures, phases } from "./measures.ts";
import type { Resources } from "../memory/resources.ts";
import type { StatusReport } from "../service.ts";
import type { Transferring } from "../pipeline/transferring.ts";

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface NumberFamily {
  readonly type: "gauge" | "counter";
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  read(): Promise<readonly Sample[]> | readonly Sample[] | number;
}

export interface HistogramFamily {
  readonly type: "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  read(): readonly { readonly labels?: Readonly<Record<string, string>>; readonly distribution: Distribution }[];
}

export type Family = NumberFamily | HistogramFamily;

/** Where the numbers come from; each is asked when somebody looks. */
export interface MetricSources {
  readonly measures: Measures;
  readonly replica: Pick<Replica, "describe">;
  readonly status: () => Pick<StatusReport, "connectivity" | "quorum" | "syncing" | "blocked">;
  readonly network: { counters(): Readonly<NetworkCounters>; libraryFamilies(): readonly LibraryFamily[] } & Pick<Network, "peers">;
  readonly pool: Pick<WorkerPool, "stats">;
  /** the node's own, by `family.reason` */
  readonly counters: Pick<Counters, "read">;
  readonly clock: Pick<Clock, "now">;
  readonly transferring: Pick<Transferring, "progress" | "fetched">;
  readonly resources: Pick<Resources, "figures">;
}

const gauge = (name: string, help: string, read: NumberFamily["read"], labels?: readonly string[]): NumberFamily => ({
  type: "gauge",
  name,
  help,
  read,
  ...(labels === undefined ? {} : { labels }),
});
const counter = (name: string, help: string, read: NumberFamily["read"], labels?: readonly string[]): NumberFamily => ({
  ...gauge(name, help, read, labels),
  type: "counter",
});
const histogram = (name: string, help: string, distribution: Distribution): HistogramFamily => ({
  type: "histogram",
  name,
  help,
  read: () => [{ distribution }],
});

const flag = (value: boolean): number => (value ? 1 : 0);

const consensusFamilies = ({ replica, status, clock }: MetricSources): Family[] => [
  gauge("byz_view", "The view this node is in", () => replica.describe().view),
  gauge("byz_view_active", "1 in the normal case, 0 between views", () => flag(replica.describe().active)),
  gauge("byz_view_demand", "The view this node would rather be in", () => replica.describe().demand),
  gauge(
    "byz_sequence",
    "How far the ledger is",
    () => {
      const { committed, executed, stable, windowTop } = replica.describe();
      const values = { committed, executed, stable: stable.sequence, window_top: windowTop };
      return Object.entries(values).map(([kind, value]) => ({ labels: { kind }, value }));
    },
    ["kind"],
  ),
  gauge("byz_behind_sequences", "Sequences that a peer is known to be ahead", () => replica.describe().behind),
  gauge("byz_in_flight_sequences", "Sequences accepted and not committed", () => replica.describe().inFlight),
  gauge("byz_pool_requests", "Requests waiting to be ordered", () => replica.describe().pool.requests),
  gauge("byz_pool_bytes", "Bytes of requests waiting to be ordered", () => replica.describe().pool.bytes),
  gauge("byz_pool_oldest_seconds", "How long the oldest request has waited", () => {
    const { oldestSince } = replica.describe().pool;
    return oldestSince === undefined ? 0 : Math.max(0, clock.now() - oldestSince) / 1_000;
  }),
  gauge("byz_held_batch_bytes", "Bytes of batches held for slots that wait", () => replica.describe().heldBatchBytes),
  gauge("byz_early_messages", "Messages kept for a view that has not begun", () => replica.describe().earlyMessages),
  gauge("byz_request_timeout_seconds", "The request timeout, as adapted", () => replica.describe().requestTimeoutMs / 1_000),
  gauge(
    "byz_quorum",
    "Validators: n of them, f may fail, size must agree, reachable are reached",
    () => {
      const { n, f, size, reachable } = status().quorum;
      return Object.entries({ n, f, size, reachable }).map(([kind, value]) => ({ labels: { kind }, value }));
    },
    ["kind"],
  ),
  gauge(
    "byz_connectivity",
    "1 for the state of the links as seen from here, 0 for the others",
    () => ["whole", "degraded", "minority", "split"].map((state) => ({ labels: { state }, value: flag(status().connectivity === state) })),
    ["state"],
  ),
  gauge("byz_syncing", "1 while catching up", () => flag(status().syncing)),
  gauge(
    "byz_blocked",
    "1 while nothing is committed, as seen from here, by reason",
    () => {
      const { blocked } = status();
      return blocked === undefined ? [] : [{ labels: { reason: blocked.reason }, value: 1 }];
    },
    ["reason"],
  ),
  gauge("byz_passive", "1 while this validator may not vote", () => flag(replica.describe().passive)),
  gauge("byz_halted", "1 once this replica has halted", () => flag(replica.describe().halted !== undefined)),
];

const transferFamilies = ({ transferring }: MetricSources): Family[] => [
  gauge("byz_transfer_fraction", "Of the state that is being fetched, what is here", () => transferring.progress()?.fraction ?? 1),
  counter("byz_transfer_bytes_total", "Bytes of state fetched from others", () => transferring.fetched().bytes),
  counter("byz_transfer_entries_total", "Entries of state fetched from others", () => transferring.fetched().entries),
];

const memoryFamilies = ({ resources }: MetricSources): Family[] => [
  gauge("byz_memory_limit_bytes", "Memory that this node may take", () => resources.figures().limit),
  gauge("byz_memory_used_bytes", "Memory in use: what was freed and not given back yet is left out", () => resources.figures().used),
  gauge(
    "byz_memory_pressure",
    "Memory in use as a fraction of the limit, or the heap as one of V8's, whichever is more",
    () => resources.figures().pressure,
  ),
  gauge(
    "byz_memory_breaker",
    "1 for the state of the breaker, 0 for the others; open: no new work is taken",
    () => ["closed", "open", "half-open"].map((state) => ({ labels: { state }, value: flag(resources.figures().breaker === state) })),
    ["state"],
  ),
  counter("byz_memory_openings_total", "How often the breaker opened", () => resources.figures().opened),
  counter("byz_memory_refused_total", "Requests refused because memory was short", () => resources.figures().refused),
];

const measuredFamilies = ({ measures }: MetricSources): Family[] => [
  counter(
    "byz_view_changes_total",
    "Views given up, by the kind of input that caused it",
    () => [...measures.viewChanges].map(([cause, value]) => ({ labels: { cause }, value })),
    ["cause"],
  ),
  counter("byz_new_views_total", "Views entered", () => measures.newViews),
  counter(
    "byz_rejections_total",
    "Refused inputs; action blame: no honest sender could have sent it",
    () =>
      [...measures.rejections].map(([name, value]) => {
        const [input = "", reason = "", action = ""] = name.split(" ");
        return { labels: { input, reason, action }, value };
      }),
    ["input", "reason", "action"],
  ),
  counter("byz_batches_total", "Batches executed", () => measures.executed.batches),
  counter("byz_requests_total", "Requests executed", () => measures.executed.requests),
  counter("byz_operations_total", "Operations executed", () => measures.executed.operations),
  histogram("byz_batch_requests", "Requests in a batch", measures.batchRequests),
  histogram("byz_batch_bytes", "Bytes of a batch", measures.batchBytes),
  {
    type: "histogram",
    name: "byz_phase_seconds",
    help: "pre-prepare: request known to proposed; prepare: to prepared; commit: to committed; execute: to executed and durable; request: all of it",
    labels: ["phase"],
    read: () => phases.map((phase) => ({ labels: { phase }, distribution: measures.phases[phase] })),
  },
  counter("byz_journal_operations_total", "Store operations of durable writes", () => measures.journal.operations),
  histogram("byz_journal_group_operations", "Store operations that went down in one durable write", measures.journal.group),
  histogram("byz_journal_write_seconds", "How long a durable write took", measures.journal.seconds),
];

/** Counters of the node by the first word of their name. */
const countedFamilies: Readonly<Record<string, { readonly name: string; readonly label: string; readonly help: string }>> = {
  refused: { name: "byz_messages_refused_total", label: "reason", help: "Messages whose signatures or rules did not hold" },
  malformed: { name: "byz_messages_malformed_total", label: "reason", help: "Frames that are no message" },
  dropped: { name: "byz_messages_dropped_total", label: "reason", help: "Messages of no use, dropped before they were verified" },
  unsent: { name: "byz_messages_unsent_total", label: "channel", help: "Messages for which there was no channel, or no room in its queue" },
  frames: { name: "byz_frames_total", label: "channel", help: "Frames received" },
  evidence: { name: "byz_evidence_total", label: "kind", help: "Proofs of misbehaviour" },
};

const counterFamilies = ({ counters }: MetricSources): Family[] =>
  Object.entries(countedFamilies).map(([prefix, { name, label, help }]) =>
    counter(
      name,
      help,
      () =>
        Object.entries(counters.read()).flatMap(([key, value]) =>
          key.startsWith(`${prefix}.`) ? [{ labels: { [label]: key.slice(prefix.length + 1) }, value }] : [],
        ),
      [label],
    ),
  );

const networkFamilies = ({ network }: MetricSources): Family[] => [
  gauge(
    "byz_peers",
    "Peers with a live channel, by role",
    () =>
      [true, false].map((is) => ({
        labels: { role: is ? "validator" : "observer" },
        value: network.peers().filter(({ validator }) => validator === is).length,
      })),
    ["role"],
  ),
  gauge("byz_peer_queued_bytes", "Bytes queued towards all peers", () =>
    network.peers().reduce((sum, { queuedBytes }) => sum + queuedBytes, 0),
  ),
  counter(
    "byz_network_total",
    "What the network counted (docs/network.md), by name: frames, bytes, drops, dials, gossip",
    () => Object.entries(network.counters()).map(([what, value]) => ({ labels: { what }, value: value as number })),
    ["what"],
  ),
];

const verificationFamilies = ({ pool }: MetricSources): Family[] => [
  counter(
    "byz_signatures_total",
    "Signatures checked, inline on the main thread or offloaded to workers",
    () => {
      const { inline, offloaded } = pool.stats();
      return [
        { labels: { where: "inline" }, value: inline },
        { labels: { where: "offloaded" }, value: offloaded },
      ];
    },
    ["where"],
  ),
  gauge("byz_signatures_queued", "Signatures that wait to be checked", () => pool.stats().queued),
  gauge("byz_verification_workers", "Worker threads that run", () => pool.stats().workers),
  counter("byz_verification_crashes_total", "Worker threads that died", () => pool.stats().crashes),
];

/** What the peer-to-peer library counts, under the names that it gives: they begin with `libp2p_`. */
export const libraryFamilies = ({ network }: Pick<MetricSources, "network">): readonly Family[] =>
  network.libraryFamilies().map(({ type, name, help, label, read }) => ({
    type,
    name,
    help,
    ...(label === undefined ? {} : { labels: [label] }),
    read: async () => {
      const samples = await read();
      return samples.map(({ key, value }) => (label === undefined || key === undefined ? { value } : { labels: { [label]: key }, value }));
    },
  }));

/** The node's own. */
export const metricFamilies = (sources: MetricSources): readonly Family[] => [
  ...consensusFamilies(sources),
  ...transferFamilies(sources),
  ...memoryFamilies(sources),
  ...measuredFamilies(sources),
  ...counterFamilies(sources),
  ...networkFamilies(sources),
  ...verificationFamilies(sources),
];
