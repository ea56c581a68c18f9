import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { BenchFigures } from "../../src/cli/bench/figures.ts";
import { generateLoad } from "../../src/cli/bench/load.ts";
import { barsText, plotSvg } from "../../src/cli/bench/plot.ts";
import { pointsOf } from "../../src/cli/bench/sweep.ts";
import { decodeRequest } from "../../src/wire/requests.ts";
import { problem, run, useWorkplace } from "./harness.ts";
import type { Answers } from "./harness.ts";

const { at, startNode } = useWorkplace();

const genesisHash = "ab".repeat(32);

/** A node that answers every request as executed, with the results given. */
const node = async (
  peerId: string,
  results: readonly string[],
  more: Answers = {},
): Promise<{ readonly url: string; readonly seen: Set<string>; readonly clients: Set<string>; readonly operations: number }> => {
  let operations = 0;
  const seen = new Set<string>();
  const clients = new Set<string>();
  const url = await startNode({
    "GET /v1/status": () => ({ json: { peerId, genesisHash, quorum: { n: 4, f: 1, size: 3, reachable: 4 } } }),
    "GET /metrics": () => ({ bytes: Buffer.from("byz_process_cpu_seconds_total 1.5\nbyz_process_resident_memory_bytes 104857600\n") }),
    "POST /v1/requests": (body) => {
      const decoded = decodeRequest(body);
      if (!decoded.ok || seen.has(decoded.value.id)) return problem(400, "invalid_request");
      seen.add(decoded.value.id);
      clients.add(decoded.value.client);
      operations += decoded.value.operations.length;
      return { json: { id: decoded.value.id, state: "committed", sequence: 8, index: 0, results } };
    },
    ...more,
  });
  return {
    url,
    seen,
    clients,
    get operations() {
      return operations;
    },
  };
};
const order = { genesisHash, believed: 2, clients: 4, payload: 16, seconds: 0.3, operations: 1 };
/** so many requests, however long each of them takes on a busy machine */
const twelve = { ...order, rate: 40 };

describe("the load", () => {
  it("counts what f+1 nodes answered alike, each request signed by its own client and sent to both", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const { committed, failed, latencies, cpuMicros } = await generateLoad({ ...order, seconds: 1, urls: [one.url, two.url] });
    expect(failed).toBe(0);
    expect(committed).toBeGreaterThan(4);
    expect(one.seen).toEqual(two.seen);
    expect(one.seen.size).toBe(committed);
    expect(one.clients.size).toBe(4);
    expect(latencies).toEqual(latencies.toSorted((a, b) => a - b));
    expect(cpuMicros).toBeGreaterThan(0);
  });

  it("does not believe a node that stands alone with its answer, nor one that refuses", async () => {
    const honest = await node("A", ["AQ=="]);
    const liar = await node("B", ["Ag=="]);
    expect(await generateLoad({ ...order, urls: [honest.url, liar.url] })).toMatchObject({ committed: 0 });
    const refusing = await node("C", [], { "POST /v1/requests": () => problem(503, "no_quorum") });
    const { committed, failed } = await generateLoad({ ...order, urls: [honest.url, refusing.url] });
    expect(committed).toBe(0);
    expect(failed).toBeGreaterThan(0);
    // it waits after a refusal
    expect(failed).toBeLessThan(4 * 10);
  });

  it("asks the others too when the first do not agree, and believes f+1 that do", async () => {
    const liar = await node("B", ["Ag=="]);
    const honest = [await node("A", ["AQ=="]), await node("C", ["AQ=="]), await node("D", ["AQ=="])];
    const { committed, failed } = await generateLoad({ ...twelve, urls: [liar.url, ...honest.map(({ url }) => url)] });
    expect(committed).toBe(12);
    expect(failed).toBe(0);
    expect(liar.seen.size).toBeGreaterThan(0);
  });

  it("keeps to the rate that was asked for", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const { committed } = await generateLoad({ ...order, urls: [one.url, two.url], rate: 40, seconds: 0.5 });
    expect(committed).toBe(20);
  });

  it("puts several operations into one signed request", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const { committed } = await generateLoad({ ...twelve, urls: [one.url, two.url], operations: 7 });
    expect(committed).toBe(12);
    expect(one.operations).toBe(12 * 7);
  });

  it("writes plainly, each client through one node, one value at a time", async () => {
    const puts: number[] = [];
    const write = { "PUT /v1/kv/bench/0/0": (body: Buffer) => (puts.push(body.length), { json: {} }) };
    const [one, two] = [await node("A", [], write), await node("B", [], write)];
    const { committed, failed } = await generateLoad({ ...twelve, urls: [one.url, two.url], clients: 1, operations: 0 });
    expect(puts).toEqual([16]);
    // the other keys are not found there
    expect([committed, failed]).toEqual([1, 11]);
  });

  it("counts an answer without a length, and one that is no JSON, as failed", async () => {
    const odd = createServer((incoming, response) => {
      incoming.resume();
      response.write("x");
      response.end();
    });
    await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => new Promise((resolve) => odd.close(() => resolve())));
    const text = await node("B", [], { "POST /v1/requests": () => ({ bytes: Buffer.from("welcome") }) });
    const urls = [`http://127.0.0.1:${(odd.address() as AddressInfo).port}`, text.url];
    const { committed, failed } = await generateLoad({ ...order, urls });
    expect(committed).toBe(0);
    expect(failed).toBeGreaterThan(0);
  });
});

describe("byz bench", () => {
  it("measures the network that --api names, in the figures that it promises", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const args = [
      "bench",
      "--api",
      `${one.url},${two.url}`,
      "--clients",
      "2",
      "--seconds",
      "1",
      "--payload",
      "9",
      "--rate",
      "50",
      "--json",
    ];
    const { status, stdout, stderr } = await run([...args, "--quiet"]);
    expect([status, stderr]).toEqual([0, ""]);
    const figures = JSON.parse(stdout) as { committed: number; throughput: number; floor: Record<string, number> };
    expect(figures).toMatchObject({
      nodes: 4,
      clients: 2,
      payload: 9,
      seconds: 1,
      rate: 50,
      failed: 0,
      latencyMs: {
        p50: expect.any(Number) as unknown,
        p90: expect.any(Number) as unknown,
        p99: expect.any(Number) as unknown,
        max: expect.any(Number) as unknown,
      },
      cpuSecondsPerThousand: 0,
      rssMiB: [100, 100],
      generator: { cpuSecondsPerThousand: expect.any(Number) as unknown },
    });
    expect(figures.committed).toBe(50);
    for (const rate of Object.values(figures.floor)) expect(rate).toBeGreaterThan(0);
  });

  it("wants f+1 different nodes, and no --nodes beside --api", async () => {
    const { url } = await node("A", []);
    expect(await run(["bench", "--api", `${url},${url}`])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/at least 2 different nodes/) as unknown,
    });
    expect(await run(["bench", "--api", url, "--nodes", "4"])).toMatchObject({ status: 2 });
    expect(await run(["bench", "--api", "http://127.0.0.1:9"])).toMatchObject({ status: 4 });
    expect(await run(["bench", "--clients", "0"])).toMatchObject({ status: 2 });
    expect(await run(["bench", "--sweep", "payload=1,x"])).toMatchObject({ status: 2 });
    expect(await run(["bench", "--sweep", "colour=1"])).toMatchObject({ status: 2 });
    expect(await run(["bench", "--sweep", "clients=0,1"])).toMatchObject({ status: 2 });
    expect(await run(["bench", "--plot", "x.svg"])).toMatchObject({ status: 2 });
    expect(await run(["bench", "--operations", "1024", "--payload", "65536"])).toMatchObject({ status: 2 });
  });

  it("sweeps over clients and payloads, and draws what it found", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const file = at("sweep.svg");
    const args = ["bench", "--api", `${one.url},${two.url}`, "--seconds", "1", "--rate", "20", "--plot", file, "--quiet"];
    const { status, stdout, stderr } = await run([...args, "--sweep", "clients=1,2", "--json"]);
    expect([status, stderr]).toEqual([0, ""]);
    const { axes, points } = JSON.parse(stdout) as { axes: unknown; points: { clients: number; committed: number }[] };
    expect(axes).toEqual([{ name: "clients", values: [1, 2] }]);
    expect(points.map(({ clients, committed }) => [clients, committed])).toEqual([
      [1, 20],
      [2, 20],
    ]);
    expect(readFileSync(file, "utf8").match(/<polyline /g)).toHaveLength(4);
  });
});

const floor = { verificationsPerSecond: 9, durableWritesPerSecond: 9, roundTripsPerSecond: 9 };
const measured = (point: Partial<BenchFigures>): BenchFigures => ({
  nodes: 4,
  clients: 1,
  payload: 128,
  operations: 1,
  seconds: 1,
  committed: 10,
  failed: 0,
  throughput: 10,
  operationsPerSecond: 10,
  latencyMs: { p50: 1, p90: 1, p99: 2, max: 2 },
  cpuSecondsPerThousand: 1,
  cpuMicrosPerOperation: 20,
  rssMiB: [],
  generator: { cpuSecondsPerThousand: 1 },
  floor,
  ...point,
});

describe("a sweep", () => {
  const axes = [
    { name: "clients", values: [1, 8, 64] },
    { name: "nodes", values: [4, 7] },
  ] as const;
  const points = pointsOf({ nodes: 1, clients: 1, payload: 5, operations: 0 }, axes);
  const all = points.map((point) => measured({ ...point, operationsPerSecond: (point.clients * 100) / point.nodes }));

  it("measures every combination", () => {
    expect(points).toHaveLength(6);
    expect(points[5]).toEqual({ nodes: 7, clients: 64, payload: 5, operations: 0 });
  });

  it("is shown as bars, the longest of them the largest", () => {
    const lines = barsText(axes, all).split("\n");
    expect(lines[0]).toBe("clients  operations a second, nodes 4");
    expect(lines[1]).toMatch(/^ {6}1 {2}▊ 25$/);
    expect(lines[3]).toBe(`     64  ${"█".repeat(48)} 1600`);
    expect(lines[5]).toBe("clients  operations a second, nodes 7");
  });

  it("is drawn: a line for each number of nodes, in each chart, within its bounds", () => {
    const svg = plotSvg(axes, all);
    const lines = [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, text = ""]) =>
      text.split(" ").map((each) => each.split(",").map(Number)),
    );
    expect(lines.map(({ length }) => length)).toEqual(Array.from({ length: 8 }, () => 3));
    for (const [x = -1, y = -1] of lines.flat()) expect(x >= 64 && x <= 404 && y >= 32 && y <= 220).toBe(true);
    // more of anything is drawn higher
    expect(lines[0]?.map(([, y = 0]) => y)).toEqual(lines[0]?.map(([, y = 0]) => y).toSorted((a, b) => b - a));
    for (const words of ["operations a second", "p99 latency, ms", "CPU of a node", ">nodes 7<", ">clients<"]) expect(svg).toContain(words);
    expect(
      plotSvg(
        axes,
        all.map((each) => ({ ...each, cpuMicrosPerOperation: null })),
      ),
    ).not.toContain("CPU of a node");
  });
});
