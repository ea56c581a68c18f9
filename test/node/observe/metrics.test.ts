import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Effect } from "../../../src/consensus/effect.ts";
import type { Input } from "../../../src/consensus/input.ts";
import type { Replica } from "../../../src/consensus/replica.ts";
import { createCounters as createNetworkCounters } from "../../../src/network/counters.ts";
import { createLibraryLog } from "../../../src/network/libp2p/library-log.ts";
import { createLibraryMetrics } from "../../../src/network/libp2p/library-metrics.ts";
import { createCounters } from "../../../src/node/counters.ts";
import { createExposition } from "../../../src/node/observe/exposition.ts";
import { createLogSwitch, libraryLogOf } from "../../../src/node/observe/log-parts.ts";
import { createMeasures } from "../../../src/node/observe/measures.ts";
import { libraryFamilies, metricFamilies } from "../../../src/node/observe/metrics.ts";
import { toDigest, toEpoch, toPublicKey, toSequence, toSignature, toView } from "../../../src/protocol/ids.ts";
import type { Batch, Request } from "../../../src/protocol/messages.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";

const digest = toDigest("d".repeat(64));
const requestOf = (digit: string): Request => ({
  kind: "request",
  client: toPublicKey("9".repeat(64)),
  sequence: 1,
  operations: [new Uint8Array(1), new Uint8Array(1)],
  signature: toSignature(new Uint8Array(64)),
  id: toDigest(digit.repeat(64)),
  bytes: new Uint8Array(100),
});
const batchOf = (...requests: Request[]): Batch => ({ kind: "batch", timestamp: 1, requests, digest, bytes: new Uint8Array(1_000) });

const createMeasured = () => {
  let time = 0;
  const measures = createMeasures(() => time);
  const summary = {
    view: 3,
    active: true,
    demand: 3,
    committed: 9,
    executed: 8,
    stable: { sequence: 0 },
    windowTop: 256,
    behind: 0,
    inFlight: 1,
    pool: { requests: 2, bytes: 200, oldestSince: undefined },
    heldBatchBytes: 0,
    earlyMessages: 0,
    requestTimeoutMs: 1_000,
    passive: false,
    halted: undefined,
  };
  const counters = createCounters();
  counters.count("refused.bad-signature", 4);
  const library = createLibraryMetrics();
  const network = {
    counters: () => ({ ...createNetworkCounters(), framesOut: 12 }),
    peers: () => [],
    libraryFamilies: library.families,
  };
  const families = metricFamilies({
    resources: { figures: () => ({ breaker: "half-open", used: 150, limit: 200, pressure: 0.75, refused: 3, opened: 2 }) },
    transferring: { progress: () => undefined, fetched: () => ({ entries: 0, bytes: 0 }) },
    measures,
    clock: { now: () => time },
    replica: { describe: () => summary } as unknown as Replica,
    status: () => ({
      connectivity: "whole",
      quorum: { n: 4, f: 1, size: 3, reachable: 4 },
      syncing: false,
      blocked: { reason: "no_quorum", since: 0, waitingFor: [] },
    }),
    network,
    pool: { stats: () => ({ queued: 0, inline: 5, offloaded: 7, workers: 1, crashes: 0 }) },
    counters,
  });
  const step = (input: Input, ...effects: Effect[]) => measures.observe(input, effects, {} as Replica);
  return {
    measures,
    families,
    library: library.metrics,
    step,
    at: (ms: number) => (time = ms),
    scrape: createExposition(() => [...families, ...libraryFamilies({ network })]),
  };
};

const tick: Input = { type: "tick" };
const slot = { epoch: toEpoch(0), view: toView(0), sequence: toSequence(7), digest };
const certificate = { ...slot, commits: [] };

describe("the metrics", () => {
  it("time a request through the phases, whoever proposes", async () => {
    const { measures, step, at } = createMeasured();
    const batch = batchOf(requestOf("a"), requestOf("b"));
    for (const request of batch.requests) step({ type: "request", request: request as never, local: true });
    at(10);
    step({ type: "pre-prepare", signed: { message: slot } as never, batch: batch as never });
    step({ type: "pre-prepare", signed: { message: slot } as never, batch: batch as never });
    at(30);
    step(tick, { type: "save", record: { type: "prepared", certificate: slot as never } });
    at(60);
    step(tick, { type: "execute", certificate, batch });
    at(100);
    step({ type: "executed", sequence: toSequence(7), stateRoot: digest, logHash: digest });
    const seen = Object.entries(measures.phases).map(([phase, { count, sum }]) => [phase, count, Number(sum.toFixed(3))]);
    expect(seen).toEqual([
      ["pre-prepare", 2, 0.02],
      ["prepare", 1, 0.02],
      ["commit", 1, 0.03],
      ["execute", 1, 0.04],
      ["request", 2, 0.2],
    ]);
    expect(measures.executed).toEqual({ batches: 1, requests: 2, operations: 4 });
  });

  it("are text that Prometheus reads: counted since the start, buckets cumulative", async () => {
    const { step, scrape, measures } = createMeasured();
    step(tick, { type: "execute", certificate, batch: batchOf(requestOf("a")) });
    step(tick, { type: "execute", certificate: { ...certificate, sequence: toSequence(8) }, batch: batchOf() });
    step(tick, { type: "reject", input: "commit", rejection: { reason: "duplicate", action: "ignore" } });
    step(tick, { type: "announce", message: { kind: "view-change", view: toView(1) } as never });
    const store = createMemoryStore();
    const write = measures.measured(store).write;
    await new Promise<void>((resolve) =>
      write([{ type: "put", key: Uint8Array.of(1), value: Uint8Array.of(1) }], { durable: true }, () => resolve()),
    );
    for (let turn = 0; turn < 2; turn += 1) {
      const { type, text } = await scrape();
      expect(type).toMatch(/^text\/plain/);
      for (const line of [
        "byz_view 3",
        'byz_sequence{kind="executed"} 8',
        'byz_blocked{reason="no_quorum"} 1',
        'byz_view_changes_total{cause="tick"} 1',
        'byz_rejections_total{input="commit",reason="duplicate",action="ignore"} 1',
        'byz_batch_requests_bucket{le="0"} 1',
        'byz_batch_requests_bucket{le="1"} 2',
        'byz_batch_requests_bucket{le="+Inf"} 2',
        "byz_batch_requests_sum 1",
        "byz_batch_requests_count 2",
        "byz_journal_operations_total 1",
        "byz_journal_write_seconds_count 1",
        'byz_messages_refused_total{reason="bad-signature"} 4',
        'byz_network_total{what="framesOut"} 12',
        'byz_signatures_total{where="offloaded"} 7',
      ]) {
        expect(text.split("\n")).toContain(line);
      }
      expect(text).toMatch(/^byz_nodejs_eventloop_lag_p99_seconds \d/m);
      expect(text).toMatch(/^byz_process_resident_memory_bytes \d/m);
    }
  });

  it("are all in docs/operators.md, and no others", () => {
    const page = readFileSync(new URL("../../../docs/operators.md", import.meta.url), "utf8");
    const section = page.slice(page.indexOf("## Metrics"), page.indexOf("## Logs"));
    const documented = [...section.matchAll(/^\| `(byz_[a-z_]+)` \| (\w+) \| ([^|]+) \| (.+) \|$/gm)].map((row) => row.slice(1));
    const { families } = createMeasured();
    const labelsOf = (labels: readonly string[] = []) => (labels.length === 0 ? "–" : labels.map((label) => `\`${label}\``).join(", "));
    expect(documented).toEqual(families.map(({ name, type, labels, help }) => [name, type, labelsOf(labels), help]));
  });
});

describe("what libp2p counts", () => {
  it("is in the same text, also what it registers after the first scrape, under its own names", async () => {
    const { library, scrape } = createMeasured();
    const dials = library.registerCounterGroup("libp2p_dials_total", { label: "event", help: "Dials" });
    dials.increment({ connect: true, error: 2 });
    dials.increment({ connect: 3 });
    library.registerMetric("libp2p_peers", { help: "Peers", calculate: async () => 7 });
    expect((await scrape()).text).toContain(
      '# TYPE libp2p_dials_total counter\nlibp2p_dials_total{event="connect"} 4\nlibp2p_dials_total{event="error"} 2\n',
    );
    const late = library.registerMetricGroup("libp2p/late", { label: "of-what" });
    late.update({ a: 5, b: 1 });
    late.decrement({ b: 1 });
    late.update({ a: 3 });
    library.registerHistogram("libp2p_seconds").observe(0.5);
    const { text } = await scrape();
    expect(text).toContain('libp2p_late{of_what="a"} 3\nlibp2p_late{of_what="b"} 0\n');
    expect(text).toContain("libp2p_peers 7\n");
    expect(text).toContain("libp2p_seconds_sum 0.5\n");
    expect(text).toContain("libp2p_seconds_count 1\n");
  });

  it("is bounded, whatever names peers think of", async () => {
    const { library, scrape } = createMeasured();
    const group = library.registerCounterGroup("libp2p_many_total", { label: "name" });
    for (let name = 0; name < 1_000; name += 1) group.increment({ [`n${name}`]: true });
    const { text } = await scrape();
    expect(text.match(/^libp2p_many_total\{/gm)).toHaveLength(129);
    expect(text).toContain('libp2p_many_total{name="other"} 872\n');
  });
});

describe("the log", () => {
  it("has libp2p's own lines when that part is turned up, put together only then", () => {
    const lines: unknown[] = [];
    const write = (fields: object, message: string): void => void lines.push({ ...fields, message });
    const log = createLogSwitch({ debug: write, info: write, warn: write, error: write }, "info");
    const component = createLibraryLog(libraryLogOf(log));
    const logger = component.forComponent("libp2p:dialer").newScope("queue");
    const dear = { toString: () => expect.fail("nobody asked for it") };
    logger("dialing %p", dear);
    logger.error("could not dial %p - %e", dear, new Error("refused"));
    log.set({ libp2p: "warn" });
    logger("dialing %p", dear);
    expect(logger.enabled).toBe(false);
    logger.error("could not dial %p - %e", { toString: () => "12D3" }, new Error("refused"));
    log.set({ libp2p: "debug" });
    expect(logger.enabled).toBe(true);
    logger("read %d of %b", 3, new Uint8Array(9));
    expect(lines).toEqual([
      { part: "libp2p", component: "libp2p:dialer:queue", message: "could not dial 12D3 - refused" },
      { part: "libp2p", component: "libp2p:dialer:queue", message: "read 3 of 9 bytes" },
    ]);
  });

  it("writes each part at its own level, which can change", () => {
    const lines: unknown[] = [];
    const write = (fields: object, message: string): void => void lines.push({ ...fields, message });
    const log = createLogSwitch({ debug: write, info: write, warn: write, error: write }, "info");
    log.of("consensus").debug({}, "not yet");
    log.of("consensus").info({ view: 1 }, "first");
    log.set({ consensus: "debug", network: "silent" });
    log.of("consensus").debug({}, "second");
    log.of("network").error({}, "never");
    log.of("api").debug({}, "never");
    expect(lines).toEqual([
      { part: "consensus", view: 1, message: "first" },
      { part: "consensus", message: "second" },
    ]);
    expect(log.levels()).toEqual({ node: "info", consensus: "debug", network: "silent", api: "info", libp2p: "error" });
  });
});
