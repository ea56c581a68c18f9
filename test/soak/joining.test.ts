/**
 * A newcomer fetches a large state from a network that has nothing else left, while one validator lies in every part of it: `npm run soak:join` (some five
 * minutes). BYZ_SOAK_MIB makes the state smaller or larger, 1024 MiB by default. The figures go into docs/performance.md.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { ClientError } from "../../src/client/errors.ts";
import { createHttpClient } from "../../src/client/http-client.ts";
import { createRequestSigner } from "../../src/client/request-signer.ts";
import { createSigningClient } from "../../src/client/signing-client.ts";
import type { SigningClient } from "../../src/client/signing-client.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import { createKey } from "../../src/signing/keys.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { killWhatRuns, start } from "../end-to-end/support/command.ts";
import { indexesOf, networkFolder, settled, startNetwork, temporaryFolder } from "../end-to-end/support/network.ts";
import { eventually } from "../end-to-end/support/wait.ts";
import { forgetPeak, residentMiB } from "./support/memory.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const stateBytes = Number(process.env["BYZ_SOAK_MIB"] ?? 1024) * MiB;
/** of values, in turn */
const sizes = [32 * KiB, 256 * KiB, 64 * KiB, 176 * KiB];
const requestBytes = 1056 * KiB;
const writers = 4;
const liar = 3;
const honest = [0, 1, 2];
const dir = networkFolder();
const home = join(temporaryFolder(), "newcomer");
killWhatRuns();

const noise = randomBytes(MiB);
/** The value of an entry: no two are alike, and none compresses. */
const valueOf = (index: number): Uint8Array => {
  const size = sizes[index % sizes.length] as number;
  const value = Buffer.from(noise.subarray(index % (MiB - size), (index % (MiB - size)) + size));
  value.writeUInt32BE(index, 0);
  return value;
};
const keyOf = (index: number): string => `value ${index}`;

/** Entries of one request after the other, until the state is as large as wanted. */
const createParts = () => {
  let index = 0;
  let total = 0;
  return {
    next(): Uint8Array[] {
      const operations: Uint8Array[] = [];
      for (let bytes = 0; total < stateBytes;) {
        const size = sizes[index % sizes.length] as number;
        if (bytes + size > requestBytes) break;
        operations.push(encodeOperation({ type: "put", key: Buffer.from(keyOf(index)), value: valueOf(index) }));
        bytes += size;
        total += size;
        index += 1;
      }
      return operations;
    },
    entries: () => index,
    bytes: () => total,
  };
};

/** A busy machine may lose its quorum for a moment. */
const untilWritten = async (client: SigningClient, operations: readonly Uint8Array[]): Promise<void> => {
  for (;;) {
    try {
      await client.submit(operations);
      return;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      await delay(500);
    }
  }
};

/** Writes the state over HTTP, in signed requests through the honest nodes. @returns how many entries it has */
const fill = async (testnet: Testnet): Promise<number> => {
  const { genesisHash } = await testnet.client(0).status();
  const parts = createParts();
  const write = async (writer: number): Promise<void> => {
    const client = createSigningClient({
      http: createHttpClient({ urls: [testnet.node(honest[writer % honest.length] as number).api], timeoutMs: 60_000 }),
      sign: createRequestSigner(createKey(), toDigest(genesisHash)),
      patienceMs: 120_000,
    });
    for (let operations = parts.next(); operations.length > 0; operations = parts.next()) await untilWritten(client, operations);
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return parts.entries();
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const pidOf = (testnet: Testnet, index: number): number => testnet.node(index).pid ?? 0;

describe(`a newcomer, a state of ${stateBytes / MiB} MiB, and a validator that lies in every part`, () => {
  let testnet: Testnet;
  let idle = 0;
  let entries = 0;

  beforeAll(async () => {
    testnet = await startNetwork(dir, {
      parameters: { checkpointInterval: 16, maxBatchBytes: 1_900_000 },
      config: { storage: { retainSequences: 16 } },
    });
    await delay(3_000);
    idle = Math.max(...indexesOf(testnet).map((index) => residentMiB(pidOf(testnet, index), "now")));
    const began = performance.now();
    entries = await fill(testnet);
    console.log(`idle ${idle} MiB; ${entries} values written in ${seconds(performance.now() - began)}`);
    await testnet.byzantine(liar, "lie-in-transfer");
  }, 1_200_000);

  it("joins with little memory, and follows", async () => {
    const there = await settled(testnet, honest);
    const { genesisHash, logHash, stateRoot } = await testnet.client(0).status();
    for (const index of honest) forgetPeak(pidOf(testnet, index));
    const began = performance.now();
    const { p2p } = testnet.node(0);
    const args = ["--bootstrap", p2p, "--genesis-hash", genesisHash, "--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0"];
    const node = start(["join", "--json", "--home", home, ...args]);
    const { pid } = node.child;
    const { api } = await eventually("it listens", 30_000, () => {
      if (node.child.exitCode !== null) throw new Error(node.stderr());
      return node.stdout().includes("}") ? (JSON.parse(node.stdout()) as { api: string }) : undefined;
    });
    const newcomer = createHttpClient({ urls: [api] });
    let told = 0;
    const status = await eventually("it is where the others are", 1_000_000, async () => {
      const seen = await newcomer.status();
      if (seen.transfer !== undefined && performance.now() > told + 5_000) {
        told = performance.now();
        const { fraction, bytes } = seen.transfer;
        console.log(
          `${seconds(told - began)}: ${(fraction * 100).toFixed(1)} %, ${Math.round(bytes / MiB)} MiB, RSS ${residentMiB(pid ?? 0, "now")} MiB`,
        );
      }
      return seen.sequence.executed >= there ? seen : undefined;
    });
    const took = performance.now() - began;
    const peak = residentMiB(pid ?? 0, "peak");
    const serving = honest.map((index) => residentMiB(pidOf(testnet, index), "peak"));
    const rate = stateBytes / 1e6 / (took / 1000);
    console.log(
      `joined in ${seconds(took)}, ${rate.toFixed(1)} MB/s; peak RSS ${peak} MiB, of those who serve it ${serving.join(", ")} MiB; idle ${idle} MiB`,
    );

    expect(status).toMatchObject({ role: "observer", logHash, stateRoot, syncing: false });
    expect(node.stderr()).toMatch(/"peer":3[^\n]*lied about the state/);
    expect(node.stderr()).not.toMatch(/"peer":[012][^\n]*lied about the state/);
    expect(peak - idle).toBeLessThan(300);
    for (const index of [0, Math.floor(entries / 2), entries - 1]) {
      const found = await newcomer.get(keyOf(index), { consistency: "local" });
      expect(found?.value).toBe(Buffer.from(valueOf(index)).toString("base64"));
    }
    await testnet.client(0).put("after", "joining");
    await eventually("it follows", 20_000, async () => (await newcomer.get("after", { consistency: "local" })) ?? undefined);
  });
});
