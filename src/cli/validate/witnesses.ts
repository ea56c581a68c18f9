/** Clients that meet in a few keys and write down all that they ask and are told, for a judge (linearizability.ts). */
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { createClient } from "../../client/client.ts";
import { ClientError } from "../../client/errors.ts";
import { createHttpClient } from "../../client/http-client.ts";
import type { HttpClientOptions } from "../../client/http-transport.ts";
import { loadGenesis } from "../../node/home/genesis.ts";
import type { Testnet } from "../../testnet/testnet.ts";
import type { Call, Outcome } from "./linearizability.ts";
import { until } from "./wait.ts";

/** One key-value store as one client sees it. */
interface Sight {
  put(key: string, value: string, expect: number | undefined): Promise<Outcome>;
  get(key: string): Promise<Outcome>;
}

export interface WitnessOptions {
  /** those who check each answer against the genesis; they ask all nodes, the cheats too */
  readonly verifying: number;
  /** those who believe the node they ask; each asks one of these nodes first */
  readonly plain: number;
  /** nodes that plain clients ask; all by default */
  readonly trusted?: readonly number[];
  readonly keys?: number;
  /** of each of them after an answer */
  readonly pauseMs?: number;
  /** ends all calls and all waiting */
  readonly signal?: AbortSignal;
}

export interface Witnesses {
  readonly calls: readonly Call[];
  /** calls with an answer that tells */
  readonly answered: number;
  /** how often a call ended with this code */
  readonly failures: ReadonlyMap<string, number>;
  /** answers that did not hold, by what was wrong with them */
  readonly distrusted: ReadonlyMap<string, number>;
  /** Waits until `count` more calls than now are answered. @returns how long it took, milliseconds */
  more(count: number, limitMs?: number): Promise<number>;
  /** Nobody asks for anything while this runs. */
  silent<T>(meanwhile: () => Promise<T>): Promise<T>;
  /** no new calls; resolves when all under way have ended */
  stop(): Promise<void>;
}

const answerMs = 6_000;
const pauseAfterFailureMs = 20;
const utf8 = new TextDecoder();

const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

const verifyingSight = (testnet: Testnet, options: HttpClientOptions, distrusted: Map<string, number>): Sight => {
  const genesis = loadGenesis(join(testnet.node(0).home, "genesis.json"));
  const client = createClient({ ...options, genesis, distrusted: ({ problem }) => count(distrusted, problem) });
  return {
    async put(key, value, expect) {
      const { version, sequence, requestId } = await client.put(key, value, expect === undefined ? {} : { ifVersion: expect });
      return { type: "written", version, sequence, request: requestId };
    },
    async get(key) {
      const { value, version } = await client.get(key);
      return { type: "read", version, value: value === undefined ? undefined : utf8.decode(value) };
    },
  };
};

const plainSight = (options: HttpClientOptions): Sight => {
  const client = createHttpClient(options);
  return {
    async put(key, value, expect) {
      const { version, sequence, requestId } = await client.put(key, value, expect === undefined ? {} : { ifVersion: expect });
      return { type: "written", version, sequence, request: requestId };
    },
    async get(key) {
      const found = await client.get(key);
      return { type: "read", version: found?.version ?? 0, value: found?.value };
    },
  };
};

/** What an error tells: that a condition did not hold, or nothing. A refusal may be a liar's, or come after another node took the request. */
const outcomeOf = (error: ClientError): Outcome => {
  const { version } = error.details;
  return error.code === "version_conflict" && typeof version === "number" ? { type: "conflict", version } : { type: "unknown" };
};

let histories = 0;

/** They go on until they are stopped. */
export const startWitnesses = (testnet: Testnet, options: WitnessOptions): Witnesses => {
  const all = testnet.state().nodes.map(({ index }) => index);
  const history = (histories += 1);
  const calls: Call[] = [];
  const failures = new Map<string, number>();
  const distrusted = new Map<string, number>();
  /** the version that any client saw last: what conditions are made of */
  const versions = new Map<string, number>();
  let answered = 0;
  let stopping = false;
  let underWay = 0;
  let silence: Promise<unknown> | undefined;

  /** all of these nodes, another one of them first for each client */
  const reach = (indexes: readonly number[], by: number): HttpClientOptions => ({
    urls: indexes.map((_, turn) => testnet.node(indexes[(by + turn) % indexes.length] as number).api),
    timeoutMs: answerMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });

  const run = async (client: string, number: number, sight: Sight): Promise<void> => {
    for (let round = 0; !stopping && options.signal?.aborted !== true; round += 1) {
      await silence;
      const key = `witness/${history}/${(number + round) % (options.keys ?? 6)}`;
      const way = (number + 3 * round) % 10;
      const value = way < 4 ? undefined : `${client}:${round}`;
      const expect = way < 8 ? undefined : (versions.get(key) ?? 0);
      const asked = { client, key, ...(value === undefined ? {} : { value }), ...(expect === undefined ? {} : { expect }) };
      const start = performance.now();
      let outcome: Outcome;
      underWay += 1;
      try {
        outcome = await (value === undefined ? sight.get(key) : sight.put(key, value, expect));
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        outcome = outcomeOf(error);
        if (outcome.type === "unknown") count(failures, error.code);
      } finally {
        underWay -= 1;
      }
      calls.push({ ...asked, start, end: performance.now(), outcome });
      if (outcome.type === "unknown") await delay(pauseAfterFailureMs);
      else {
        answered += 1;
        versions.set(key, outcome.version);
        if (options.pauseMs !== undefined) await delay(options.pauseMs);
      }
    }
  };
  const running = Promise.all([
    ...Array.from({ length: options.verifying }, (_, at) => run(`v${at}`, at, verifyingSight(testnet, reach(all, at), distrusted))),
    ...Array.from({ length: options.plain }, (_, at) => run(`p${at}`, at + 5, plainSight(reach(options.trusted ?? all, at)))),
  ]);
  // reported by `stop`
  running.catch(() => undefined);

  return {
    calls,
    get answered() {
      return answered;
    },
    failures,
    distrusted,
    async more(wanted, limitMs = 20_000) {
      const goal = answered + wanted;
      const began = performance.now();
      await until(
        `${wanted} more answers`,
        limitMs,
        () => {
          if (answered >= goal) return true;
          throw new Error(`${goal - answered} are missing; failures: ${JSON.stringify([...failures])}`);
        },
        options.signal,
      );
      return performance.now() - began;
    },
    async silent(meanwhile) {
      const { promise, resolve } = Promise.withResolvers<void>();
      silence = promise;
      try {
        await until("all calls have ended", 2 * answerMs, () => underWay === 0, options.signal);
        return await meanwhile();
      } finally {
        silence = undefined;
        resolve();
      }
    },
    async stop() {
      stopping = true;
      await running;
    },
  };
};
