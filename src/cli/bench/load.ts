/** Clients that sign each request themselves, hand it to f+1 nodes, and believe what all of them answer alike (PROTOCOL §3.6). */
import { Agent, request } from "node:http";
import { createRequestSigner } from "../../client/request-signer.ts";
import { encodeOperation } from "../../ledger/kv/encoding.ts";
import { toDigest } from "../../protocol/ids.ts";
import { createKey } from "../../signing/keys.ts";

export interface LoadOrder {
  /** base URLs of different nodes, at least `believed` */
  readonly urls: readonly string[];
  /** f+1: so many matching answers contain one of an honest node */
  readonly believed: number;
  readonly genesisHash: string;
  readonly clients: number;
  /** bytes of each value */
  readonly payload: number;
  readonly seconds: number;
  /** requests a second of all clients together; without it each client sends the next request once the last is answered */
  readonly rate?: number;
}

export interface LoadResult {
  readonly committed: number;
  readonly failed: number;
  readonly seconds: number;
  /** milliseconds, ascending; with a rate, from the moment the request was due */
  readonly latencies: readonly number[];
  /** CPU of this process in that time, signing included, microseconds */
  readonly cpuMicros: number;
}

/** keys of each client */
const keysPerClient = 64;
/** after a refusal, so that an overloaded network is not asked in a tight circle */
const refusedPauseMs = 50;

/** The answer's part that f+1 must agree on; undefined when the request was not executed. */
const post = (agent: Agent, url: URL, body: Uint8Array): Promise<string | undefined> =>
  new Promise((resolve) => {
    const headers = { "content-type": "application/octet-stream", "content-length": body.length };
    const options = { agent, host: url.hostname, port: url.port, method: "POST", path: "/v1/requests", headers };
    const sent = request(options, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", () => resolve(undefined));
      answer.on("end", () => {
        if (answer.statusCode !== 200) return resolve(undefined);
        const { state, sequence, index, results } = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
        resolve(state === "committed" ? JSON.stringify([sequence, index, results]) : undefined);
      });
    });
    sent.on("error", () => resolve(undefined)).end(body);
  });

const sleepUntil = (time: number): Promise<void> | undefined => {
  const wait = time - performance.now();
  return wait < 1 ? undefined : new Promise((resolve) => setTimeout(resolve, wait));
};

/** Runs for `order.seconds`; requests under way at the end are waited for. */
export const generateLoad = async (order: LoadOrder, signal?: AbortSignal): Promise<LoadResult> => {
  const agent = new Agent({ keepAlive: true, maxSockets: order.clients });
  const nodes = order.urls.map((url) => new URL(url));
  const latencies: number[] = [];
  let failed = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + order.seconds * 1_000;
  /** each client's own share of the rate, milliseconds between two requests */
  const every = order.rate === undefined ? undefined : (order.clients / order.rate) * 1_000;

  const runClient = async (client: number): Promise<void> => {
    const sign = createRequestSigner(createKey(), toDigest(order.genesisHash));
    const value = Buffer.alloc(order.payload, client);
    const first = Date.now() * 1024;
    for (let round = 0; signal?.aborted !== true; round += 1) {
      const due = every === undefined ? performance.now() : began + (round + client / order.clients) * every;
      if (due >= end) return;
      await sleepUntil(due);
      const key = Buffer.from(`bench/${client}/${round % keysPerClient}`);
      const { bytes } = sign(first + round, [encodeOperation({ type: "put", key, value })]);
      const asked = Array.from({ length: order.believed }, (_, place) => nodes[(client + round + place) % nodes.length] as URL);
      const answers = await Promise.all(asked.map((node) => post(agent, node, bytes)));
      if (answers[0] !== undefined && answers.every((answer) => answer === answers[0])) latencies.push(performance.now() - due);
      else {
        failed += 1;
        await sleepUntil(performance.now() + refusedPauseMs);
      }
    }
  };
  await Promise.all(Array.from({ length: order.clients }, (_, client) => runClient(client)));
  const { user, system } = process.cpuUsage(cpu);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return { committed: latencies.length, failed, seconds: (performance.now() - began) / 1_000, latencies, cpuMicros: user + system };
};
