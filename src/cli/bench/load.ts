/**
 * The load. Signed: clients sign each request themselves, hand it to f+1 nodes, to all where these do not agree, and believe what f+1 answer alike (PROTOCOL §3.6). Plain: users of
 * HTTP write one value at a time through one node, whose gateway coalesces what arrives together (PROTOCOL §9), and take its word.
 */
import { createRequestSigner } from "../../client/request-signer.ts";
import { encodeOperation } from "../../ledger/kv/encoding.ts";
import { toDigest } from "../../protocol/ids.ts";
import { createKey } from "../../signing/keys.ts";
import { createHttpPool, type HttpPool } from "./http.ts";

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
  /** in each signed request; 0: plain writes, one operation each */
  readonly operations: number;
  /** requests a second of all clients together; without it each client sends the next request once the last is answered */
  readonly rate?: number;
}

export interface LoadResult {
  /** requests */
  readonly committed: number;
  readonly failed: number;
  readonly seconds: number;
  /** milliseconds, ascending; with a rate, from the moment the request was due */
  readonly latencies: readonly number[];
  /** CPU of this process in that time, signing included, microseconds */
  readonly cpuMicros: number;
}

/** keys of each client, at least */
const keysPerClient = 64;
/** after a refusal, so that an overloaded network is not asked in a tight circle */
const refusedPauseMs = 50;
/** for the first nodes asked, before the others are asked as well */
const patienceMs = 1_000;
/** signed requests under way on one connection; of plain ones each waits for the one before it */
const pipelined = 16;

/** Sends a client's n-th request; true once it counts. */
type Send = (round: number) => Promise<boolean>;

/** The answer's part that f+1 must agree on; undefined when the request was not executed. */
const essence = (body: string): string | undefined => {
  try {
    const { state, sequence, index, results } = JSON.parse(body) as Record<string, unknown>;
    return state === "committed" ? JSON.stringify([sequence, index, results]) : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Asks the first `needed` nodes and, when these do not say the same in time, the others too: some may lie, or be silent.
 *
 * @returns true once `needed` say the same, false when all have answered otherwise
 */
const believed = (nodes: readonly URL[], needed: number, ask: (node: URL) => Promise<string | undefined>): Promise<boolean> =>
  new Promise((resolve) => {
    const votes = new Map<string, number>();
    let asked = 0;
    let heard = 0;
    const askUpTo = (count: number): void => {
      while (asked < count) void ask(nodes[asked++] as URL).then(hear);
    };
    const askAll = (): void => askUpTo(nodes.length);
    const hear = (said: string | undefined): void => {
      heard += 1;
      const alike = said === undefined ? 0 : (votes.get(said) ?? 0) + 1;
      if (said !== undefined) votes.set(said, alike);
      if (alike < needed && heard === needed) askAll();
      if (alike < needed && heard < asked) return;
      clearTimeout(timer);
      resolve(alike >= needed);
    };
    const timer = setTimeout(askAll, patienceMs);
    askUpTo(needed);
  });

const signedClient = (order: LoadOrder, nodes: readonly URL[], pool: HttpPool, client: number): Send => {
  const sign = createRequestSigner(createKey(), toDigest(order.genesisHash));
  const value = Buffer.alloc(order.payload, client);
  const keys = Math.max(keysPerClient, order.operations);
  const first = Date.now() * 1024;
  const operation = (at: number): Uint8Array => encodeOperation({ type: "put", key: Buffer.from(`bench/${client}/${at % keys}`), value });
  return (round) => {
    const operations = Array.from({ length: order.operations }, (_, place) => operation(round * order.operations + place));
    const { bytes } = sign(first + round, operations);
    const turn = nodes.map((_, place) => nodes[(client + round + place) % nodes.length] as URL);
    return believed(turn, order.believed, async (node) => {
      const answer = await pool.exchange(node, "POST", "/v1/requests", bytes);
      return answer?.status === 200 ? essence(answer.body) : undefined;
    });
  };
};

const plainClient = (order: LoadOrder, nodes: readonly URL[], pool: HttpPool, client: number): Send => {
  const value = Buffer.alloc(order.payload, client);
  const node = nodes[client % nodes.length] as URL;
  return async (round) => (await pool.exchange(node, "PUT", `/v1/kv/bench/${client}/${round % keysPerClient}`, value))?.status === 200;
};

const sleepUntil = (time: number): Promise<void> | undefined => {
  const wait = time - performance.now();
  return wait < 1 ? undefined : new Promise((resolve) => setTimeout(resolve, wait));
};

/** Runs for `order.seconds`; requests under way at the end are waited for. */
export const generateLoad = async (order: LoadOrder, signal?: AbortSignal): Promise<LoadResult> => {
  const plain = order.operations === 0;
  const pool = createHttpPool(plain ? 1 : pipelined);
  const nodes = order.urls.map((url) => new URL(url));
  const latencies: number[] = [];
  let failed = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + order.seconds * 1_000;
  /** each client's own share of the rate, milliseconds between two requests */
  const every = order.rate === undefined ? undefined : (order.clients / order.rate) * 1_000;

  const runClient = async (client: number): Promise<void> => {
    const send = plain ? plainClient(order, nodes, pool, client) : signedClient(order, nodes, pool, client);
    for (let round = 0; signal?.aborted !== true; round += 1) {
      const due = every === undefined ? performance.now() : began + (round + client / order.clients) * every;
      if (due >= end) return;
      await sleepUntil(due);
      if (await send(round)) latencies.push(performance.now() - due);
      else {
        failed += 1;
        await sleepUntil(performance.now() + refusedPauseMs);
      }
    }
  };
  await Promise.all(Array.from({ length: order.clients }, (_, client) => runClient(client)));
  const { user, system } = process.cpuUsage(cpu);
  pool.close();
  latencies.sort((a, b) => a - b);
  return { committed: latencies.length, failed, seconds: (performance.now() - began) / 1_000, latencies, cpuMicros: user + system };
};
