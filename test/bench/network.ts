/**
 * The speed of a real network: n processes, durable and signed, on this machine. Clients sign each request themselves and send it to one node
 * after the other; a request counts when it is answered as executed. Beside it the floor: what this machine could do at best, measured in the
 * same run.
 *
 *     node test/bench/network.ts [--nodes 4] [--clients 64] [--seconds 10] [--payload 128] [--json] [--prof DIR]
 *
 * It runs the source as it stands, not `dist`. CPU and memory of the nodes come from /proc: Linux only.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createRequestSigner } from "../../src/client/request-signer.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import { verifySignature } from "../../src/signing/ed25519.ts";
import { createKey } from "../../src/signing/keys.ts";
import { openLevelStore } from "../../src/storage/level.ts";
import { Testnet } from "../../src/testnet/index.ts";
import { fromHex } from "../../src/wire/bytes.ts";

interface Order {
  readonly urls: readonly string[];
  readonly genesisHash: string;
  readonly clients: number;
  readonly payload: number;
  readonly seconds: number;
}

interface Measured {
  readonly committed: number;
  readonly failed: number;
  readonly seconds: number;
  /** milliseconds, ascending */
  readonly latencies: readonly number[];
  /** of the generator itself, signing included */
  readonly cpuMicros: number;
}

/* ------------------------------------------------------------------ the generator: a process of its own */

const post = (agent: Agent, url: URL, body: Uint8Array): Promise<boolean> =>
  new Promise((resolve) => {
    const headers = { "content-type": "application/octet-stream", "content-length": body.length };
    const sent = request({ agent, host: url.hostname, port: url.port, method: "POST", path: "/v1/requests", headers }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode === 200));
    });
    sent.on("error", () => resolve(false)).end(body);
  });

const generate = async ({ urls, genesisHash, clients, payload, seconds }: Order): Promise<Measured> => {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const nodes = urls.map((url) => new URL(url));
  const latencies: number[] = [];
  let failed = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + seconds * 1000;
  const runClient = async (client: number): Promise<void> => {
    const sign = createRequestSigner(createKey(), toDigest(genesisHash));
    const value = Buffer.alloc(payload, client);
    const first = Date.now() * 1024;
    for (let round = 0; performance.now() < end; round += 1) {
      const operation = encodeOperation({ type: "put", key: Buffer.from(`bench/${client}/${round % 64}`), value });
      const { bytes } = sign(first + round, [operation]);
      const at = performance.now();
      const ok = await post(agent, nodes[(client + round) % nodes.length] as URL, bytes);
      if (ok) latencies.push(performance.now() - at);
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => runClient(client)));
  const { user, system } = process.cpuUsage(cpu);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return { committed: latencies.length, failed, seconds: (performance.now() - began) / 1000, latencies, cpuMicros: user + system };
};

const runGenerator = (): void => {
  process.on("message", (order) => {
    void generate(order as Order).then((measured) => process.send?.(measured));
  });
  process.on("disconnect", () => process.exit(0));
};

const order = (child: ChildProcess, what: Order): Promise<Measured> =>
  new Promise((resolve, reject) => {
    child.once("message", (measured) => resolve(measured as Measured));
    child.once("exit", () => reject(new Error("the generator ended")));
    child.send(what);
  });

/* ------------------------------------------------------------------ the nodes, seen from outside */

const ticksPerSecond = 100;
const pageBytes = 4096;

/** CPU time of a process so far, all threads, microseconds. */
const cpuOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
};
const rssOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * pageBytes;

/* ------------------------------------------------------------------ the floor */

const perSecond = async (seconds: number, once: () => Promise<void> | void): Promise<number> => {
  const began = performance.now();
  let count = 0;
  while (performance.now() - began < seconds * 1000) {
    await once();
    count += 1;
  }
  return (count / (performance.now() - began)) * 1000;
};

/** The CPU of one verification tells how slow this machine's CPU is just now: costs are best read as multiples of it. */
const measureVerifications = async (seconds: number): Promise<{ readonly rate: number; readonly cpuMicros: number }> => {
  const key = createKey();
  const publicKey = fromHex(key.publicKey);
  const message = Buffer.alloc(128, 1);
  const signature = key.sign(message);
  let count = 0;
  const cpu = process.cpuUsage();
  const rate = await perSecond(seconds, () => {
    if (!verifySignature(publicKey, message, signature)) throw new Error("an honest signature was refused");
    count += 1;
  });
  const { user, system } = process.cpuUsage(cpu);
  return { rate, cpuMicros: (user + system) / count };
};

const durableWritesPerSecond = async (folder: string, seconds: number): Promise<number> => {
  const store = await openLevelStore(join(folder, "floor"));
  let key = 0;
  const value = Buffer.alloc(256, 1);
  const rate = await perSecond(
    seconds,
    () =>
      new Promise<void>((resolve, reject) => {
        store.write([{ type: "put", key: Buffer.from(`k${(key += 1)}`), value }], { durable: true }, (error) =>
          error === undefined ? resolve() : reject(error),
        );
      }),
  );
  await store.close();
  return rate;
};

const roundTripsPerSecond = async (seconds: number): Promise<number> => {
  const server = createServer((socket) => socket.setNoDelay(true).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").setNoDelay(true);
  const rate = await perSecond(
    seconds,
    () =>
      new Promise<void>((resolve) => {
        socket.once("data", () => resolve());
        socket.write("x");
      }),
  );
  socket.destroy();
  server.close();
  return rate;
};

/* ------------------------------------------------------------------ the measurement */

const percentile = (ascending: readonly number[], part: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * part))] ?? Number.NaN;
const rounded = (value: number, digits = 0): number => Number(value.toFixed(digits));

const summary = ({ committed, failed, seconds, latencies, cpuMicros }: Measured, sequences: number, nodeMicros: readonly number[]) => ({
  committed,
  perBatch: rounded(committed / sequences, 1),
  failed,
  perSecond: rounded(committed / seconds),
  latencyMs: {
    p50: rounded(percentile(latencies, 0.5), 2),
    p90: rounded(percentile(latencies, 0.9), 2),
    p99: rounded(percentile(latencies, 0.99), 2),
    max: rounded(latencies.at(-1) ?? Number.NaN, 2),
  },
  /** microseconds */
  cpuPerRequest: {
    allNodes: rounded(nodeMicros.reduce((sum, each) => sum + each, 0) / committed),
    eachNode: nodeMicros.map((each) => rounded(each / committed)),
    generator: rounded(cpuMicros / committed),
  },
});

const measure = async (options: { nodes: number; clients: number; seconds: number; payload: number; prof: string | undefined }) => {
  const folder = mkdtempSync(join(tmpdir(), "byz-bench-"));
  process.env["BYZ_SOURCE"] = "1";
  const generator = fork(fileURLToPath(import.meta.url), ["--generate"]);
  let testnet: Testnet | undefined;
  try {
    const verifications = await measureVerifications(1);
    const floor = {
      verificationsPerSecond: rounded(verifications.rate),
      /** microseconds */
      cpuPerVerification: rounded(verifications.cpuMicros, 1),
      durableWritesPerSecond: rounded(await durableWritesPerSecond(folder, 1)),
      roundTripsPerSecond: rounded(await roundTripsPerSecond(1)),
    };
    testnet = await Testnet.up({
      dir: join(folder, "net"),
      nodes: options.nodes,
      config: { log: { level: "warn" } },
      nodeArguments: options.prof === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.prof}`],
    });
    const { nodes } = testnet.state();
    const pids = nodes.map(({ pid }) => pid as number);
    const { genesisHash } = await testnet.client(0).status();
    const rss = (): number[] => pids.map((pid) => rounded(rssOf(pid) / 2 ** 20));
    const idleRss = rss();
    const client = testnet.client(0);
    const executed = async (): Promise<number> => (await client.status()).sequence.executed;
    const run = async (clients: number, seconds: number) => {
      const first = await executed();
      const before = pids.map(cpuOf);
      const measured = await order(generator, {
        urls: nodes.map(({ api }) => api),
        genesisHash,
        clients,
        seconds,
        payload: options.payload,
      });
      return summary(
        measured,
        (await executed()) - first,
        pids.map((pid, index) => cpuOf(pid) - (before[index] ?? 0)),
      );
    };
    await run(options.clients, Math.min(3, options.seconds));
    const many = await run(options.clients, options.seconds);
    const one = await run(1, options.seconds);
    const status = await testnet.client(0).status();
    return {
      ...options,
      floor,
      many,
      one,
      sequences: status.sequence.executed,
      view: status.view,
      rssMiB: { idle: idleRss, after: rss() },
    };
  } finally {
    generator.disconnect();
    await testnet?.down();
    rmSync(folder, { recursive: true, force: true });
  }
};

const { values } = parseArgs({
  options: {
    generate: { type: "boolean", default: false },
    nodes: { type: "string", default: "4" },
    clients: { type: "string", default: "64" },
    seconds: { type: "string", default: "10" },
    payload: { type: "string", default: "128" },
    prof: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

if (values.generate) runGenerator();
else if (!existsSync("/proc/self/stat")) throw new Error("this measurement needs /proc");
else {
  const { nodes, clients, seconds, payload } = values;
  const result = await measure({
    nodes: Number(nodes),
    clients: Number(clients),
    seconds: Number(seconds),
    payload: Number(payload),
    prof: values.prof,
  });
  const { many, one, floor, rssMiB } = result;
  const latency = ({ latencyMs: { p50, p90, p99 } }: typeof many): string => `p50 ${p50} ms  p90 ${p90} ms  p99 ${p99} ms`;
  if (!values.json) {
    console.log(`${clients} clients  ${many.perSecond} requests/s  ${latency(many)}  ${many.perBatch} a batch  failed ${many.failed}`);
    console.log(
      `           CPU per request: nodes ${many.cpuPerRequest.allNodes} µs (${many.cpuPerRequest.eachNode.join(", ")}), generator ${many.cpuPerRequest.generator} µs`,
    );
    console.log(`1 client    ${one.perSecond} requests/s  ${latency(one)}  failed ${one.failed}`);
    console.log(`           CPU per request: nodes ${one.cpuPerRequest.allNodes} µs, generator ${one.cpuPerRequest.generator} µs`);
    console.log(
      `floor       ${floor.verificationsPerSecond} verifications/s (${floor.cpuPerVerification} µs CPU)  ${floor.durableWritesPerSecond} durable writes/s  ${floor.roundTripsPerSecond} round trips/s`,
    );
    console.log(`RSS         idle ${rssMiB.idle.join(", ")} MiB  after ${rssMiB.after.join(", ")} MiB`);
  }
  console.log(JSON.stringify(result));
}
