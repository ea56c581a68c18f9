/** Clients of a universe: they sign requests, hand them to any node, ask again elsewhere when no answer comes, and tell the judges what they saw. */
import { encodeOperation } from "../ledger/kv/encoding.ts";
import { createKvQueries } from "../ledger/kv/queries.ts";
import type { KvOperation, SimpleOperation } from "../ledger/kv/operations.ts";
import { createClientSequence } from "../protocol/client-sequence.ts";
import type { Request } from "../protocol/messages.ts";
import type { Parameters } from "../protocol/limits.ts";
import type { KeyPair } from "../signing/keys.ts";
import { signRequest } from "../signing/signer.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import { EPOCH_MS } from "./clock.ts";
import type { Asked, ClientJudge } from "./judges/clients.ts";
import type { SimulatedNode } from "./node.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

export interface WorkloadOptions {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly key: (name: string) => KeyPair;
  readonly signBytes: SignBytes;
  readonly parameters: Parameters;
  readonly clients: number;
  readonly thinkUs: number;
  readonly askAgainUs: number;
  readonly keys: number;
  readonly judge: ClientJudge;
  /** whether what this node answers is judged */
  readonly isHonest: (node: SimulatedNode) => boolean;
  /** nodes that a client may turn to */
  readonly nodes: () => readonly SimulatedNode[];
}

/** A request that has no answer yet. */
export interface Outstanding {
  readonly request: Request;
  readonly asked: Asked;
  /** settled, or never to be */
  closed: boolean;
}

export interface Workload {
  start(): void;
  /** no more new requests by themselves; what is outstanding is still asked for */
  stop(): void;
  /** one more request, through this node */
  ask(through: SimulatedNode): Outstanding | undefined;
  /** in the order in which they were made */
  readonly outstanding: readonly Outstanding[];
}

interface Client {
  readonly key: KeyPair;
  readonly numbers: ReturnType<typeof createClientSequence>;
}

/** failures after which asking again can not help */
const final: ReadonlySet<string> = new Set(["invalid_request", "too_large", "not_found", "version_conflict"]);

/** Operations on few keys, so that they meet. */
const createOperations = (random: Random, keys: number): (() => KvOperation) => {
  let made = 0;
  const key = (): Uint8Array => Buffer.from(`key ${random.int(keys)}`);
  const value = (): Uint8Array => Buffer.from(`value ${(made += 1)}`);
  const expect = (): { expect?: number } => (random.chance(0.2) ? { expect: random.int(4) } : {});
  const simple = (): SimpleOperation => {
    const kind = random.int(4);
    if (kind === 0) return { type: "get", key: key() };
    if (kind === 1) return { type: "delete", key: key(), ...expect() };
    return { type: "put", key: key(), value: value(), ...expect() };
  };
  const few = (): SimpleOperation[] => Array.from({ length: random.int(3) }, simple);
  return () => {
    if (!random.chance(0.15)) return simple();
    return { type: "txn", compare: [{ type: "version", key: key(), version: random.int(3) }], success: few(), failure: few() };
  };
};

/** Clients that did not begin. */
export const createWorkload = (options: WorkloadOptions): Workload => {
  const { schedule, random, judge } = options;
  const operation = createOperations(random, options.keys);
  const clients = Array.from({ length: options.clients }, (_, index): Client => ({
    key: options.key(`client ${index}`),
    numbers: createClientSequence({ window: options.parameters.sessionWindow }),
  }));
  let outstanding: Outstanding[] = [];
  let active = false;

  const close = (entry: Outstanding, client: Client): void => {
    entry.closed = true;
    client.numbers.settle(entry.request.sequence);
  };

  const submit = (entry: Outstanding, client: Client, node: SimulatedNode): void => {
    const { assembly, process } = node;
    if (assembly === undefined) return;
    process?.run(() =>
      assembly.desk.submission.submit(entry.request.bytes, (outcome) => {
        if (entry.closed || !options.isHonest(node)) return;
        if (!outcome.ok) return final.has(outcome.failure.code) ? close(entry, client) : undefined;
        const { id, sequence = 0, index, results = [] } = outcome.value;
        close(entry, client);
        judge.answered(node.index, entry.asked, id, sequence, index, results);
      }),
    );
  };

  const pickNode = (): SimulatedNode | undefined => {
    const nodes = options.nodes();
    return nodes.length === 0 ? undefined : random.pick(nodes);
  };

  const askAgain = (entry: Outstanding, client: Client): void => {
    schedule.after(options.askAgainUs, () => {
      if (entry.closed) return;
      const node = pickNode();
      if (node !== undefined) submit(entry, client, node);
      askAgain(entry, client);
    });
  };

  const ask = (client: Client, through: SimulatedNode): Outstanding | undefined => {
    const sequence = client.numbers.next(EPOCH_MS + schedule.now / 1000);
    if (sequence === undefined) return undefined;
    const operations = Array.from({ length: random.chance(0.8) ? 1 : 1 + random.int(4) }, () => encodeOperation(operation()));
    const request = signRequest(client.key, options.signBytes, { sequence, operations });
    const entry: Outstanding = { request, asked: judge.asks(), closed: false };
    outstanding.push(entry);
    submit(entry, client, through);
    askAgain(entry, client);
    return entry;
  };

  /** A plain user: the node signs for it. What is not answered is not asked again. */
  const askPlainly = ({ assembly, process, index }: SimulatedNode, judged: boolean): void => {
    const asked = judge.asks();
    process?.run(() =>
      assembly?.desk.gateway.submit([encodeOperation(operation())], (outcome) => {
        if (outcome.ok && judged)
          judge.answered(index, asked, outcome.value.requestId, outcome.value.sequence, undefined, outcome.value.results);
      }),
    );
  };

  const readPlainly = (node: SimulatedNode, judged: boolean): void => {
    const asked = judge.asks();
    const key = Buffer.from(`key ${random.int(options.keys)}`);
    node.process?.run(() =>
      node.assembly?.desk.gateway.barrier((outcome) => {
        const ledger = node.data?.ledger;
        if (!outcome.ok || !judged || ledger === undefined) return;
        judge.read(node.index, asked, key, createKvQueries(ledger).get(key)?.value, ledger.position().sequence);
      }),
    );
  };

  const live = (client: Client): void => {
    schedule.after(random.exponential(options.thinkUs), () => {
      if (!active) return;
      const node = pickNode();
      const way = random.int(10);
      if (node !== undefined) {
        if (way < 6) ask(client, node);
        else if (way < 8) askPlainly(node, options.isHonest(node));
        else readPlainly(node, options.isHonest(node));
      }
      live(client);
    });
  };

  return {
    start() {
      active = true;
      for (const client of clients) live(client);
    },
    stop() {
      active = false;
    },
    ask: (through) => ask(random.pick(clients), through),
    get outstanding() {
      outstanding = outstanding.filter(({ closed }) => !closed);
      return outstanding;
    },
  };
};
