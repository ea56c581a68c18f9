import { afterEach, describe, expect, it } from "vitest";
import { generateLoad } from "../../src/cli/bench/load.ts";
import { decodeRequest } from "../../src/wire/requests.ts";
import { problem, run, startHttpNode } from "./harness.ts";
import type { Answers } from "./harness.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

const genesisHash = "ab".repeat(32);

/** A node that answers every request as executed, with the results given. */
const node = async (
  peerId: string,
  results: readonly string[],
  more: Answers = {},
): Promise<{ url: string; readonly seen: Set<string>; clients: Set<string> }> => {
  const seen = new Set<string>();
  const clients = new Set<string>();
  const { url, stop } = await startHttpNode({
    "GET /v1/status": () => ({ json: { peerId, genesisHash, quorum: { n: 4, f: 1, size: 3, reachable: 4 } } }),
    "GET /metrics": () => ({ bytes: Buffer.from("byz_process_cpu_seconds_total 1.5\nbyz_process_resident_memory_bytes 104857600\n") }),
    "POST /v1/requests": (body) => {
      const decoded = decodeRequest(body);
      if (!decoded.ok || seen.has(decoded.value.id)) return problem(400, "invalid_request");
      seen.add(decoded.value.id);
      clients.add(decoded.value.client);
      return { json: { id: decoded.value.id, state: "committed", sequence: 8, index: 0, results } };
    },
    ...more,
  });
  stops.push(stop);
  return { url, seen, clients };
};
const order = { genesisHash, believed: 2, clients: 4, payload: 16, seconds: 0.3 };

describe("the load", () => {
  it("counts what f+1 nodes answered alike, each request signed by its own client and sent to both", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const { committed, failed, latencies, cpuMicros } = await generateLoad({ ...order, urls: [one.url, two.url] });
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

  it("keeps to the rate that was asked for", async () => {
    const [one, two] = [await node("A", ["AQ=="]), await node("B", ["AQ=="])];
    const { committed } = await generateLoad({ ...order, urls: [one.url, two.url], rate: 40, seconds: 0.5 });
    expect(committed).toBe(20);
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
  });
});
