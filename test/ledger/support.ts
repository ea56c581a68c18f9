/** Ledgers in memory, batches made of operations, and an independent computation of the state's root. */
import { createHash } from "node:crypto";
import { createKeyValueStore } from "../../src/ledger/kv/application.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import type { KvOperation } from "../../src/ledger/kv/operations.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import type { Execution, Ledger, LedgerOptions, OrderedBatch } from "../../src/ledger/ledger.ts";
import type { OrderedRequest } from "../../src/ledger/executor.ts";
import { defaultParameters } from "../../src/protocol/limits.ts";
import { createCommittee } from "../../src/protocol/committee.ts";
import { toDigest, toEpoch, toPeerName, toPublicKey, toReplicaIndex, toSequence } from "../../src/protocol/ids.ts";
import type { Digest, PublicKey } from "../../src/protocol/ids.ts";
import type { Store } from "../../src/storage/port.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");
export const sha = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const genesisLogHash = toDigest("ab".repeat(32));
export const client = (index: number): PublicKey => toPublicKey(sha(bytes(`client ${index}`)).toString("hex"));
/** Validators with keys that no client has. */
export const validator = (index: number): PublicKey => toPublicKey(sha(bytes(`validator ${index}`)).toString("hex"));
export const committeeOf = (n: number) =>
  createCommittee(
    toEpoch(0),
    Array.from({ length: n }, (_, index) => ({
      index: toReplicaIndex(index),
      publicKey: validator(index),
      peer: toPeerName(`peer ${index}`),
      moniker: `v${index}`,
    })),
  );
/** ledger time at which tests run unless they say otherwise */
export const baseTime = 1_700_000_000_000;

export type LedgerSettings = Partial<Omit<LedgerOptions, "parameters">> & { parameters?: Partial<LedgerOptions["parameters"]> };

export const open = (store: Store = createMemoryStore(), { parameters, ...options }: LedgerSettings = {}): Promise<Ledger> =>
  openLedger({
    store,
    application: createKeyValueStore(),
    committee: committeeOf(4),
    genesisLogHash,
    ...options,
    parameters: { ...defaultParameters, checkpointInterval: 4, ...parameters },
  });

export const request = (who: PublicKey, number: number, operations: readonly (KvOperation | Uint8Array)[]): OrderedRequest => {
  const encoded = operations.map((operation) => (operation instanceof Uint8Array ? operation : encodeOperation(operation)));
  return {
    id: sha(Buffer.from(who, "hex"), bytes(String(number)), ...encoded).toString("hex") as Digest,
    client: who,
    sequence: number,
    operations: encoded,
  };
};

/** The batch that follows what the ledger has executed. */
export const nextBatch = (ledger: Ledger, requests: readonly OrderedRequest[], timestamp = baseTime): OrderedBatch => {
  const sequence = ledger.position().sequence + 1;
  const digest = sha(bytes(`batch ${sequence}`), ...requests.map(({ id }) => Buffer.from(id, "hex"))).toString("hex") as Digest;
  return { sequence: toSequence(sequence), timestamp: requests.length === 0 ? 0 : timestamp, digest, requests };
};

export const write = (store: Store, execution: Execution): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(execution.writes, { durable: true }, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** Executes and writes one batch. */
export const run = async (ledger: Ledger, store: Store, requests: readonly OrderedRequest[], timestamp?: number): Promise<Execution> => {
  const execution = ledger.execute(nextBatch(ledger, requests, timestamp));
  await write(store, execution);
  ledger.written(execution.sequence);
  return execution;
};

const empty = Buffer.alloc(32);

/** The tree's definition taken literally: no pages, no batches, no cache. */
export const naiveRoot = (entries: Iterable<readonly [Uint8Array, Uint8Array]>): string => {
  const leaves = [...entries].map(([key, value]) => {
    const path = sha(key);
    return { bits: [...path].map((byte) => byte.toString(2).padStart(8, "0")).join(""), hash: sha(Uint8Array.of(0), path, sha(value)) };
  });
  const subtree = (below: typeof leaves, depth: number): Buffer => {
    const [only] = below;
    if (only === undefined) return empty;
    if (below.length === 1) return only.hash;
    const side = (bit: string) =>
      subtree(
        below.filter(({ bits }) => bits[depth] === bit),
        depth + 1,
      );
    return sha(Uint8Array.of(1), side("0"), side("1"));
  };
  return subtree(leaves, 0).toString("hex");
};
