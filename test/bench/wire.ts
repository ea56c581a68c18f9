/** What encoding, decoding and verifying cost here: `node test/bench/wire.ts`. The best of several rounds, microseconds an operation. */
import type { Digest, Epoch, ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import { keyFromSeed } from "../../src/signing/keys.ts";
import { createSigner, signRequest } from "../../src/signing/signer.ts";
import { createWorkerPool } from "../../src/signing/worker-pool.ts";
import { decodeConsensusFrame, encodeFrame } from "../../src/wire/frames.ts";
import { createBatch, decodeBatch } from "../../src/wire/requests.ts";
import { createSignBytes } from "../../src/wire/sign-bytes.ts";

const report = (name: string, microseconds: number): void => console.log(`${name.padEnd(44)} ${microseconds.toFixed(2).padStart(10)} µs`);

const measure = (name: string, times: number, action: () => unknown): void => {
  let best = Infinity;
  for (let round = 0; round < 8; round++) {
    const start = performance.now();
    for (let index = 0; index < times; index++) action();
    best = Math.min(best, ((performance.now() - start) / times) * 1000);
  }
  report(name, best);
};

const key = keyFromSeed(new Uint8Array(32).fill(1));
const signBytes = createSignBytes("ab".repeat(32) as Digest);
const requests = Array.from({ length: 500 }, (_, sequence) => signRequest(key, signBytes, { sequence, operations: [new Uint8Array(128)] }));
const batch = createBatch(1, requests);
const slot = { epoch: 0 as Epoch, view: 2 as View, sequence: 5 as Sequence, digest: batch.digest };
const commit = {
  kind: "commit",
  signed: createSigner(key, signBytes).sign({ kind: "commit", ...slot, replica: 3 as ReplicaIndex }),
} as const;
const frame = encodeFrame(commit);

measure("encode a COMMIT", 20_000, () => encodeFrame(commit));
measure("decode a COMMIT", 20_000, () => decodeConsensusFrame(frame));
measure("sign-bytes of a COMMIT", 20_000, () => signBytes.ofMessage(commit.signed.message));
measure("sign", 500, () => key.sign(frame));
measure("make a batch of 500 requests", 100, () => createBatch(1, requests));
measure("decode a batch of 500 requests, with their ids", 100, () => decodeBatch(batch.bytes));

const pool = createWorkerPool();
const checks = requests.map((request) => ({
  publicKey: key.publicKeyBytes,
  message: signBytes.ofRequest(request),
  signature: request.signature,
  keyIsGood: true,
}));
const verifyAll = (): Promise<void> =>
  new Promise((resolve) => {
    let open = 4;
    const done = (): void => {
      open -= 1;
      if (open === 0) resolve();
    };
    for (let index = 0; index < 4; index++) pool.verify(checks, "bulk", done);
  });
let best = Infinity;
for (let round = 0; round < 8; round++) {
  const start = performance.now();
  await verifyAll();
  best = Math.min(best, ((performance.now() - start) / 2000) * 1000);
}
report("verify, in calls of 500, 4 under way", best);
console.log(pool.stats());
await pool.close();
