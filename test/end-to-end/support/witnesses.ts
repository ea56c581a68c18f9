/** Clients that meet in a few keys and write down all that they ask and are told, for a judge (test/history). */
import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { createClient } from "../../../src/client/client.ts";
import { ClientError } from "../../../src/client/errors.ts";
import { createHttpClient } from "../../../src/client/http-client.ts";
import { loadGenesis } from "../../../src/node/genesis.ts";
import type { Testnet } from "../../../src/testnet/index.ts";
import { type Call, contradictions, type Outcome } from "../../history/linearizability.ts";
import { logOf, settled } from "./logs.ts";
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
  /** no new calls; resolves when all under way have ended */
  stop(): Promise<void>;
}

const answerMs = 6_000;
const pauseAfterFailureMs = 20;
const utf8 = new TextDecoder();

const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

const verifyingSight = (testnet: Testnet, urls: readonly string[], distrusted: Map<string, number>): Sight => {
  const genesis = loadGenesis(join(testnet.node(0).home, "genesis.json"));
  const client = createClient({ genesis, urls, timeoutMs: answerMs, distrusted: ({ problem }) => count(distrusted, problem) });
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

const plainSight = (urls: readonly string[]): Sight => {
  const client = createHttpClient({ urls, timeoutMs: answerMs });
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

  const turned = (indexes: readonly number[], by: number): string[] =>
    indexes.map((_, turn) => testnet.node(indexes[(by + turn) % indexes.length] as number).api);

  const run = async (client: string, number: number, sight: Sight): Promise<void> => {
    for (let round = 0; !stopping; round += 1) {
      const key = `witness/${history}/${(number + round) % (options.keys ?? 6)}`;
      const way = (number + 3 * round) % 10;
      const value = way < 4 ? undefined : `${client}:${round}`;
      const expect = way < 8 ? undefined : (versions.get(key) ?? 0);
      const asked = { client, key, ...(value === undefined ? {} : { value }), ...(expect === undefined ? {} : { expect }) };
      const start = performance.now();
      let outcome: Outcome;
      try {
        outcome = await (value === undefined ? sight.get(key) : sight.put(key, value, expect));
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        outcome = outcomeOf(error);
        if (outcome.type === "unknown") count(failures, error.code);
      }
      calls.push({ ...asked, start, end: performance.now(), outcome });
      if (outcome.type === "unknown") await delay(pauseAfterFailureMs);
      else {
        answered += 1;
        versions.set(key, outcome.version);
      }
    }
  };
  const running = Promise.all([
    ...Array.from({ length: options.verifying }, (_, at) => run(`v${at}`, at, verifyingSight(testnet, turned(all, at), distrusted))),
    ...Array.from({ length: options.plain }, (_, at) => run(`p${at}`, at + 5, plainSight(turned(options.trusted ?? all, at)))),
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
      await until(`${wanted} more answers`, limitMs, () => {
        if (answered >= goal) return true;
        throw new Error(`${goal - answered} are missing; failures: ${JSON.stringify([...failures])}`);
      });
      return performance.now() - began;
    },
    async stop() {
      stopping = true;
      await running;
    },
  };
};

/**
 * What the witnesses were told is linearizable; and durable: every write that was acknowledged stands in the log of these nodes at the place that was
 * named, and the last one of each key is what they have.
 *
 * @returns what contradicts that; empty when nothing does
 */
export const judgeWitnesses = async (testnet: Testnet, { calls }: Witnesses, nodes: readonly number[]): Promise<string[]> => {
  const problems = contradictions(calls);
  const last = await settled(testnet, nodes);
  for (const index of nodes) {
    const places = await logOf(testnet, index, last);
    const held = new Map<string, { readonly value: string; readonly version: number }>();
    for await (const { key, value, version } of testnet.client(index).listAll({ prefix: "witness/", consistency: "local", limit: 1000 }))
      held.set(key, { value, version });
    for (const { key, value, outcome } of calls) {
      if (outcome.type !== "written") continue;
      if (places.get(outcome.request) !== outcome.sequence)
        problems.push(`node ${index} has the write of ${value} at ${places.get(outcome.request)}, acknowledged was ${outcome.sequence}`);
      const now = held.get(key);
      if (now === undefined || now.version < outcome.version || (now.version === outcome.version && now.value !== value))
        problems.push(`node ${index} has ${JSON.stringify(now)} in ${key}, acknowledged was ${value} at version ${outcome.version}`);
    }
  }
  return problems;
};
