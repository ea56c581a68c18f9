/** Writers that never stop, and remember what the network acknowledged. */
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { ClientError } from "../../../src/client/errors.ts";
import { createHttpClient } from "../../../src/client/http-client.ts";
import { createRequestSigner } from "../../../src/client/request-signer.ts";
import { createSigningClient } from "../../../src/client/signing-client.ts";
import { encodeOperation } from "../../../src/ledger/kv/encoding.ts";
import { toDigest } from "../../../src/protocol/ids.ts";
import { createKey } from "../../../src/signing/keys.ts";
import type { Testnet } from "../../../src/testnet/index.ts";
import { until } from "./wait.ts";

export interface Acknowledged {
  readonly key: string;
  readonly value: string;
  readonly sequence: number;
  /** milliseconds of `performance.now()` */
  readonly at: number;
}

export interface Load {
  readonly acknowledged: readonly Acknowledged[];
  /** how often a write ended with this code */
  readonly failures: ReadonlyMap<string, number>;
  /** Waits until `count` more writes than now are acknowledged. */
  more(count: number, limitMs?: number): Promise<void>;
  /** the longest time between two acknowledgements, or from `since` to the first, milliseconds */
  longestGap(since: number): number;
  /** no new writes; resolves when all under way have ended */
  stop(): Promise<void>;
}

type Write = (key: string, value: string) => Promise<number>;

/** Longer than a change of the primary takes, shorter than the patience of a test. */
const answerMs = 6_000;
const pauseAfterFailureMs = 20;

const utf8 = new TextEncoder();

const plainWriter = (urls: readonly string[]): Write => {
  const client = createHttpClient({ urls, timeoutMs: answerMs });
  return async (key, value) => (await client.put(key, value)).sequence;
};

const signingWriter = (urls: readonly string[], genesisHash: string): Write => {
  const client = createSigningClient({
    http: createHttpClient({ urls, timeoutMs: answerMs }),
    sign: createRequestSigner(createKey(), toDigest(genesisHash)),
  });
  return async (key, value) => {
    const answer = await client.submit([encodeOperation({ type: "put", key: utf8.encode(key), value: utf8.encode(value) })]);
    const [result] = answer.result ?? [];
    if (result?.type !== "put" || answer.sequence === undefined) throw new Error(`an odd answer: ${JSON.stringify(answer)}`);
    return answer.sequence;
  };
};

let loads = 0;

/**
 * Half of the clients write plainly, half sign their requests; each begins with another node and goes on to the next when one fails. Every write
 * has a key of its own.
 *
 * @param pauseMs of a client after each write
 */
export const startLoad = async (testnet: Testnet, clients = 16, through?: readonly number[], pauseMs = 0): Promise<Load> => {
  const { nodes } = testnet.state();
  const urls = (through ?? nodes.map(({ index }) => index)).map((index) => testnet.node(index).api);
  const { genesisHash } = await testnet.client(through?.[0] ?? 0).status();
  const acknowledged: Acknowledged[] = [];
  const failures = new Map<string, number>();
  const load = (loads += 1);
  let stopping = false;

  const run = async (client: number): Promise<void> => {
    const own = urls.map((_, turn) => urls[(client + turn) % urls.length] as string);
    const write = client % 2 === 0 ? plainWriter(own) : signingWriter(own, genesisHash);
    for (let round = 0; !stopping; round += 1) {
      const key = `load/${load}/${client}/${round}`;
      const value = `${client}:${round}`;
      try {
        const sequence = await write(key, value);
        acknowledged.push({ key, value, sequence, at: performance.now() });
        if (pauseMs > 0) await delay(pauseMs);
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        failures.set(error.code, (failures.get(error.code) ?? 0) + 1);
        await delay(pauseAfterFailureMs);
      }
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, client) => run(client)));
  // reported by `stop`
  running.catch(() => undefined);

  return {
    acknowledged,
    failures,
    more: (count, limitMs = 60_000) => {
      const goal = acknowledged.length + count;
      return until(`${count} more writes`, limitMs, () => {
        if (acknowledged.length >= goal) return true;
        throw new Error(`${goal - acknowledged.length} are missing; failures: ${JSON.stringify([...failures])}`);
      });
    },
    longestGap(since) {
      let last = since;
      let longest = 0;
      for (const { at } of acknowledged) {
        if (at < since) continue;
        longest = Math.max(longest, at - last);
        last = at;
      }
      return longest;
    },
    async stop() {
      stopping = true;
      await running;
    },
  };
};

/** Every acknowledged write, read through this node. */
export const expectAllThere = async (testnet: Testnet, index: number, load: Load): Promise<void> => {
  const values = new Map<string, string>();
  for await (const { key, value } of testnet.client(index).listAll({ prefix: "load/", limit: 1000 })) values.set(key, value);
  const lost = load.acknowledged.filter(({ key, value }) => values.get(key) !== value);
  expect(lost, `lost, as read through node ${index}`).toEqual([]);
};
