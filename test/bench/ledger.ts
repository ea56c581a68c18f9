/**
 * What a batch costs: `node test/bench/ledger.ts [keys] [batch] [rounds]`. Loads a state of that many keys, then overwrites random ones in batches.
 * Prints CPU microseconds per put, of execution alone and with the store's write, and what a batch reads and writes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLevelStore } from "../../src/storage/level.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { committeeOf } from "../ledger/support.ts";
import { createKeyValueStore } from "../../src/ledger/kv/application.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import { defaultParameters } from "../../src/protocol/limits.ts";
import { toDigest, toPublicKey, toSequence } from "../../src/protocol/ids.ts";
import { sha256 } from "../../src/wire/digests.ts";
import type { StoreOperation } from "../../src/storage/port.ts";

const [keys = 100_000, batch = 500, rounds = 40] = process.argv.slice(2).map(Number);
const path = mkdtempSync(join(tmpdir(), "byz-bench-"));
const store = await openLevelStore(path);
let reads = 0;
const counted = {
  ...store,
  get: (key: Uint8Array) => {
    reads++;
    return store.get(key);
  },
};
const ledger = await openLedger({
  store: counted,
  application: createKeyValueStore(),
  committee: committeeOf(4),
  parameters: defaultParameters,
  genesisLogHash: toDigest("00".repeat(32)),
});
const value = new Uint8Array(128).fill(7);
const clients = Array.from({ length: 64 }, (_, index) => toPublicKey(sha256(Uint8Array.of(index))));
let number = 0;
let sequence = 0;

const request = (key: string) => {
  number++;
  const client = clients[number % clients.length] ?? toPublicKey("00".repeat(32));
  const operations = [encodeOperation({ type: "put", key: Buffer.from(key), value })];
  return { id: sha256(Buffer.from(String(number))), client, sequence: number, operations };
};
const run = (names: readonly string[]) => {
  sequence++;
  const requests = names.map(request);
  const before = process.threadCpuUsage();
  const execution = ledger.execute({
    sequence: toSequence(sequence),
    timestamp: 1_700_000_000_000 + sequence,
    digest: sha256(Buffer.from(String(sequence))),
    requests,
  });
  const cpu = process.threadCpuUsage(before);
  return { execution, microseconds: cpu.user + cpu.system };
};
const write = (operations: readonly StoreOperation[]): Promise<void> =>
  new Promise((resolve, reject) => {
    store.write(operations, { durable: true }, (error) => (error === undefined ? resolve() : reject(error)));
  });

const start = performance.now();
for (let from = 0; from < keys; from += 1000) {
  const { execution } = run(Array.from({ length: Math.min(1000, keys - from) }, (_, index) => `account/${from + index}`));
  await write(execution.writes);
  ledger.written(execution.sequence);
}
process.stdout.write(`loaded ${keys} keys in ${Math.round(performance.now() - start)} ms\n`);

let executing = 0;
let records = 0;
let bytes = 0;
reads = 0;
const samples: number[] = [];
const whole = process.cpuUsage();
for (let round = 0; round < rounds; round++) {
  const { execution, microseconds } = run(Array.from({ length: batch }, () => `account/${Math.floor(Math.random() * keys)}`));
  executing += microseconds;
  samples.push(microseconds / batch);
  records += execution.writes.length;
  for (const operation of execution.writes) bytes += operation.key.length + (operation.type === "put" ? operation.value.length : 0);
  await write(execution.writes);
  ledger.written(execution.sequence);
}
const total = process.cpuUsage(whole);
const puts = rounds * batch;
samples.sort((a, b) => a - b);
process.stdout.write(
  `${JSON.stringify({
    keys,
    batch,
    executeMicrosecondsPerPut: Number((executing / puts).toFixed(1)),
    median: Number((samples[samples.length >> 1] ?? 0).toFixed(1)),
    withWriteMicrosecondsPerPut: Number(((total.user + total.system) / puts).toFixed(1)),
    readsPerPut: Number((reads / puts).toFixed(2)),
    recordsPerPut: Number((records / puts).toFixed(2)),
    bytesPerPut: Math.round(bytes / puts),
    memoryMiB: Object.fromEntries(Object.entries(process.memoryUsage()).map(([name, amount]) => [name, Math.round(amount / 1024 / 1024)])),
  })}\n`,
);
await ledger.close();
await store.close();
rmSync(path, { recursive: true });
