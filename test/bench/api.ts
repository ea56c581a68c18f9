/**
 * What the HTTP layer itself costs: CPU in the server process per request, over a service that answers at once, next to a bare node:http server.
 *
 *     node test/bench/api.ts [--requests 10000] [--clients 64]
 */
import { fork, type ChildProcess } from "node:child_process";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Usage {
  /** microseconds since the start of the process */
  readonly cpu: number;
  readonly rss: number;
}

const serve = async (mode: string): Promise<number> => {
  if (mode === "bare") {
    const body = JSON.stringify({ id: "e".repeat(64), state: "committed", sequence: 9, index: 2, results: ["AQAAAAAAAAAE"] });
    const server = createServer((incoming, outgoing) => {
      incoming.resume();
      incoming.on("end", () => outgoing.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }
  const { createApi } = await import("../../src/api/create-api.ts");
  const { createFakeService } = await import("../api/fake-service.ts");
  const codec = await import("../../src/ledger/kv/encoding.ts");
  const service = createFakeService();
  // it keeps all that it was sent, for tests to look at
  setInterval(() => {
    service.submitted.length = 0;
    service.received.length = 0;
  }, 50).unref();
  return Number(new URL(await createApi({ service, host: "127.0.0.1", port: 0, keyValue: codec }).listen()).port);
};

const runServer = async (mode: string): Promise<void> => {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system, rss: process.memoryUsage().rss } satisfies Usage);
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.(await serve(mode));
};

const hear = <T>(child: ChildProcess): Promise<T> => new Promise((resolve) => child.once("message", (message) => resolve(message as T)));
const usageOf = (child: ChildProcess): Promise<Usage> => {
  const answer = hear<Usage>(child);
  child.send("usage");
  return answer;
};

interface Load {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: Buffer;
}

const runLoad = async (port: number, load: Load, requests: number, clients: number): Promise<void> => {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const headers = load.body === undefined ? {} : { "content-type": "application/octet-stream", "content-length": load.body.length };
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request({ agent, host: "127.0.0.1", port, method: load.method, path: load.path, headers }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`${load.name}: ${answer.statusCode}`));
        answer.resume().on("end", resolve);
      });
      sent.on("error", reject).end(load.body);
    });
  let left = requests;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left > 0) {
        left -= 1;
        await once();
      }
    }),
  );
  agent.destroy();
};

const measure = async (mode: string, loads: readonly Load[], requests: number, clients: number): Promise<void> => {
  const child = fork(fileURLToPath(import.meta.url), ["--serve", mode]);
  try {
    const port = await hear<number>(child);
    for (const load of loads) {
      await runLoad(port, load, Math.ceil(requests / 5), clients);
      const before = await usageOf(child);
      const began = performance.now();
      await runLoad(port, load, requests, clients);
      const seconds = (performance.now() - began) / 1000;
      const after = await usageOf(child);
      const cpu = (after.cpu - before.cpu) / requests;
      console.log(
        `${mode.padEnd(5)} ${load.name.padEnd(28)} ${cpu.toFixed(0).padStart(4)} µs CPU/request ${(requests / seconds).toFixed(0).padStart(6)}/s  rss ${(after.rss / 2 ** 20).toFixed(0)} MiB`,
      );
    }
  } finally {
    child.disconnect();
  }
};

const { values } = parseArgs({
  options: {
    serve: { type: "string" },
    requests: { type: "string", default: "10000" },
    clients: { type: "string", default: "64" },
  },
});

if (values.serve !== undefined) await runServer(values.serve);
else {
  const requests = Number(values.requests);
  const clients = Number(values.clients);
  const post: Load = { name: "POST /v1/requests 350 B", method: "POST", path: "/v1/requests", body: Buffer.alloc(350, 7) };
  await measure("bare", [post], requests, clients);
  const put: Load = { name: "PUT /v1/kv 128 B", method: "PUT", path: "/v1/kv/some%2Fkey", body: Buffer.alloc(128, 97) };
  const get: Load = { name: "GET /v1/kv local", method: "GET", path: "/v1/kv/some%2Fkey?consistency=local" };
  const status: Load = { name: "GET /v1/status", method: "GET", path: "/v1/status" };
  await measure("api", [post, put, get, status], requests, clients);
}
