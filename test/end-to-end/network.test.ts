/** Four validators and an observer: every route, the command line, the limits, and what must not disturb them. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createRequestSigner } from "../../src/client/request-signer.ts";
import { encodeOperation } from "../../src/ledger/kv/encoding.ts";
import { toDigest } from "../../src/protocol/ids.ts";
import { createKey } from "../../src/signing/keys.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { byz, killWhatRuns } from "./support/command.ts";
import { assertLogsEqual, codeOf, indexesOf, networkFolder, startNetwork, temporaryFolder } from "./support/network.ts";
import { p2pPort, sendRaw, startStranger } from "./support/stranger.ts";
import { eventually, until } from "./support/wait.ts";

const dir = networkFolder();
const home = temporaryFolder();
killWhatRuns();
let testnet: Testnet;
const observer = 4;
const MiB = 1024 * 1024;

beforeAll(async () => {
  testnet = await startNetwork(dir, { nodes: 4, observers: 1, parameters: { checkpointInterval: 8 } });
});

const url = (index: number, path: string): string => testnet.node(index).api + path;
const http = async (index: number, method: string, path: string, init: RequestInit = {}) => {
  const response = await fetch(url(index, path), { method, signal: AbortSignal.timeout(20_000), ...init });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
};
/** It goes on: a new write through each of these is read through the next. */
const expectItGoesOn = async (): Promise<void> => {
  const value = randomBytes(8).toString("hex");
  for (const index of [0, 1, 2, 3]) {
    await testnet.client(index).put("pulse", `${value}${index}`);
    expect(await testnet.client((index + 1) % 4).get("pulse")).toMatchObject({ value: `${value}${index}` });
  }
};

describe("HTTP", () => {
  it("puts through node 0 and reads linearizably through node 3", async () => {
    const put = await http(0, "PUT", "/v1/kv/greeting", { body: "hello" });
    expect(put).toMatchObject({ status: 200, json: { key: "greeting", version: 1 } });
    const got = await http(3, "GET", "/v1/kv/greeting");
    expect(got.json).toMatchObject({
      value: "hello",
      encoding: "utf8",
      version: 1,
      sequence: put.json["sequence"],
      consistency: "linearizable",
    });
    expect((await http(2, "GET", "/v1/kv/greeting?raw=1")).text).toBe("hello");
  });

  it("writes only on the version that is expected", async () => {
    expect((await http(1, "PUT", "/v1/kv/guarded", { body: "1", headers: { "if-none-match": "*" } })).status).toBe(200);
    expect(await http(2, "PUT", "/v1/kv/guarded", { body: "2", headers: { "if-none-match": "*" } })).toMatchObject({
      status: 409,
      json: { code: "version_conflict", version: 1 },
    });
    expect(await http(3, "PUT", "/v1/kv/guarded", { body: "2", headers: { "if-match": '"1"' } })).toMatchObject({ json: { version: 2 } });
    expect((await http(0, "DELETE", "/v1/kv/guarded", { headers: { "if-match": '"1"' } })).status).toBe(409);
    expect((await http(0, "DELETE", "/v1/kv/guarded")).json).toMatchObject({ deleted: true });
    expect((await http(1, "DELETE", "/v1/kv/guarded")).json).toMatchObject({ deleted: false });
    expect(await http(2, "GET", "/v1/kv/guarded")).toMatchObject({ status: 404, json: { code: "not_found" } });
  });

  it("lists by prefix, page by page", async () => {
    for (const name of ["a", "b", "c"]) await testnet.client(0).put(`list/${name}`, name);
    const first = await testnet.client(1).list({ prefix: "list/", limit: 2 });
    expect(first.items.map(({ key }) => key)).toEqual(["list/a", "list/b"]);
    const second = await testnet.client(2).list({ prefix: "list/", limit: 2, after: first.next as string });
    expect(second.items.map(({ value }) => value)).toEqual(["c"]);
    expect(second.next).toBeUndefined();
  });

  it("does all of a transaction or nothing", async () => {
    const lock = {
      compare: [{ key: "lock", version: 0 }],
      success: [{ type: "put", key: "lock", value: "me" }],
      failure: [{ type: "get", key: "lock" }],
    };
    const post = (index: number) =>
      http(index, "POST", "/v1/txn", { body: JSON.stringify(lock), headers: { "content-type": "application/json" } });
    expect((await post(0)).json).toMatchObject({ succeeded: true, results: [{ type: "put", version: 1 }] });
    expect((await post(3)).json).toMatchObject({ succeeded: false, results: [{ type: "get", found: true, value: "me" }] });
  });

  it("executes a signed request once, whichever nodes it is sent to, and tells of it by its id", async () => {
    const { genesisHash } = await testnet.client(0).status();
    const sign = createRequestSigner(createKey(), toDigest(genesisHash));
    const operation = encodeOperation({ type: "put", key: Buffer.from("signed"), value: Buffer.from("once") });
    const { id, bytes } = sign(Date.now() * 1024, [operation]);
    const answers = await Promise.all(indexesOf(testnet).map((index) => testnet.client(index).submitRequest(bytes)));
    for (const answer of answers) expect(answer).toMatchObject({ id, state: "committed", sequence: answers[0]?.sequence });
    expect(await testnet.client(1).get("signed")).toMatchObject({ value: "once", version: 1 });
    const known = await testnet.client(2).request(id);
    expect(known).toMatchObject({ id, state: "committed", result: [{ type: "put", version: 1 }] });
    expect(known.certificate?.signatures.length).toBeGreaterThanOrEqual(3);
    expect(await testnet.client(2).request("00".repeat(32))).toMatchObject({ state: "unknown" });

    const forged = Uint8Array.from(sign(Date.now() * 1024 + 1, [operation]).bytes);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(await codeOf(testnet.client(0).submitRequest(forged))).toBe("invalid_request");
    expect(await codeOf(testnet.client(0).submitRequest(randomBytes(200)))).toBe("invalid_request");
  });

  it("serves certified reads with their proof once a checkpoint is stable", async () => {
    for (let round = 0; round < 12; round += 1) await testnet.client(0).put("certified", String(round));
    const read = await eventually("a certified value", 30_000, () => testnet.client(3).get("certified", { consistency: "certified" }));
    expect(read.proof?.checkpoint.signatures.length).toBeGreaterThanOrEqual(3);
    expect((read.proof?.checkpoint.sequence ?? 1) % 8).toBe(0);
  });

  it("tells of the network: status, validators, peers, blocks, health", async () => {
    // a network that is ready to commit may still miss one, and on a busy machine one may be missed for a moment
    await eventually("all reach each other", 60_000, async () => {
      expect(await testnet.client(2).status()).toMatchObject({
        role: "validator",
        moniker: "node-2",
        quorum: { n: 4, f: 1, size: 3, reachable: 4 },
        connectivity: "whole",
      });
      expect((await testnet.client(0).validators()).map(({ reachable }) => reachable)).toEqual([true, true, true, true]);
      const peers = await testnet.client(0).peers();
      expect(peers.filter(({ role }) => role === "validator").length).toBeGreaterThanOrEqual(3);
      return true;
    });
    const block = await testnet.client(1).block(1);
    expect(block).toMatchObject({ sequence: 1, epoch: 0 });
    expect(await testnet.client(3).block(1)).toMatchObject({ digest: block?.digest, logHash: block?.logHash });
    expect(await testnet.client(1).block(1_000_000)).toBeUndefined();
    expect((await http(0, "GET", "/livez")).json).toEqual({ alive: true });
    const ready = await http(0, "GET", "/readyz?verbose");
    expect(ready).toMatchObject({ status: 200, json: { ready: true } });
    expect((ready.json["checks"] as { name: string }[]).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["consensus", "quorum", "sync", "committing"]),
    );
  });
});

describe("an observer", () => {
  it("follows, and takes writes and reads for the validators", async () => {
    expect(await testnet.client(observer).status()).toMatchObject({ role: "observer" });
    await testnet.client(observer).put("observed", "written");
    expect(await testnet.client(0).get("observed")).toMatchObject({ value: "written" });
    await testnet.client(1).put("observed", "again");
    expect(await testnet.client(observer).get("observed")).toMatchObject({ value: "again", version: 2 });
  });
});

describe("the command line", () => {
  const api = (index: number): string[] => ["--home", home, "--api", testnet.node(index).api];

  it("puts, gets, lists and deletes through any node", async () => {
    expect(await byz(["put", "cli/key", "value", ...api(0)])).toMatchObject({ status: 0 });
    expect(await byz(["get", "cli/key", "--raw", ...api(3)])).toMatchObject({ status: 0, stdout: "value" });
    expect((await byz(["list", "cli/", ...api(2)])).stdout).toContain("cli/key");
    expect(await byz(["del", "cli/key", ...api(1)])).toMatchObject({ status: 0 });
    expect(await byz(["get", "cli/key", "--json", ...api(2)])).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("not_found") as unknown,
    });
  });

  it("shows what a node knows, and exits with 4 when none answers", async () => {
    for (const command of ["status", "validators", "peers", "blocks"]) {
      const ran = await byz([command, "--json", ...api(0)]);
      expect(ran.status, command).toBe(0);
      expect(() => JSON.parse(ran.stdout) as unknown, command).not.toThrow();
    }
    expect((await byz(["status", "--home", home, "--api", "http://127.0.0.1:1"])).status).toBe(4);
  });
});

describe("sizes", () => {
  it("accepts a key of 1 KiB and a value of 1 MiB, and every node has them", async () => {
    const key = "k".repeat(1024);
    const value = randomBytes(MiB);
    await testnet.client(1).put(key, value);
    for (const index of indexesOf(testnet)) {
      const read = await testnet.client(index).getRaw(key);
      expect(read !== undefined && Buffer.from(read).equals(value), `node ${index}`).toBe(true);
    }
  });

  it("orders several largest values at once", async () => {
    const values = [0, 1, 2, 3].map(() => randomBytes(MiB));
    await Promise.all(values.map((value, index) => testnet.client(index).put(`large/${index}`, value)));
    for (const [index, value] of values.entries()) {
      const read = await testnet.client((index + 1) % 4).getRaw(`large/${index}`);
      expect(read !== undefined && Buffer.from(read).equals(value), `value ${index}`).toBe(true);
    }
  });

  it("refuses larger ones with too_large, and goes on", async () => {
    expect(await codeOf(testnet.client(0).put("k".repeat(1025), "v"))).toBe("too_large");
    expect(await codeOf(testnet.client(0).put("key", new Uint8Array(MiB + 1)))).toBe("too_large");
    expect(await codeOf(testnet.client(0).submitRequest(new Uint8Array(2 * MiB)))).toBe("too_large");
    const file = join(home, "large");
    writeFileSync(file, new Uint8Array(MiB + 1));
    const ran = await byz(["put", "key", "--file", file, "--json", "--home", home, "--api", testnet.node(0).api]);
    expect(ran).toMatchObject({ status: 1, stdout: expect.stringContaining("too_large") as unknown });
    await expectItGoesOn();
  });
});

describe("wrong input", () => {
  it("over HTTP gets its clear error", async () => {
    const json = { "content-type": "application/json" };
    const wrong: readonly (readonly [string, string, RequestInit, number])[] = [
      ["PUT", "/v1/kv/", { body: "v" }, 400],
      ["PUT", "/v1/kv/%zz", { body: "v" }, 400],
      ["PUT", "/v1/kv/k", { body: "v", headers: { "if-match": "1" } }, 400],
      ["GET", "/v1/kv/k?consistency=perfect", {}, 400],
      ["GET", "/v1/kv/k?colour=blue", {}, 400],
      ["GET", "/v1/kv?limit=0", {}, 400],
      ["POST", "/v1/txn", { body: "{", headers: json }, 400],
      ["POST", "/v1/txn", { body: JSON.stringify({ compare: [], success: [{ type: "fly", key: "k" }], failure: [] }), headers: json }, 400],
      ["POST", "/v1/requests", { body: JSON.stringify({ request: "!" }), headers: json }, 400],
      ["GET", "/v1/requests/not-an-id", {}, 400],
      ["GET", "/v1/blocks/minus-one", {}, 400],
      ["GET", "/v1/nothing", {}, 404],
      ["POST", "/v1/status", { body: "" }, 405],
    ];
    for (const [method, path, init, status] of wrong) {
      const answer = await http(0, method, path, init);
      expect({ path, status: answer.status }).toEqual({ path, status });
      expect(answer.headers.get("content-type"), path).toContain("application/problem+json");
      expect(answer.json, path).toMatchObject({ status, code: expect.any(String) as unknown, detail: expect.any(String) as unknown });
    }
    await sendRaw(Number(new URL(testnet.node(0).api).port), randomBytes(4096));
    await expectItGoesOn();
  });

  it("on the command line gets one line on stderr and its exit status", async () => {
    const at = ["--home", home, "--api", testnet.node(0).api];
    const wrong: readonly (readonly [string[], number])[] = [
      [["fly"], 2],
      [["put", "key"], 2],
      [["put", "", "value"], 2],
      [["put", "key", "value", "--if-version", "-1"], 2],
      [["get", "key", "--consistency", "perfect"], 2],
      [["blocks", "first"], 2],
      [["put", "greeting", "value", "--if-version", "77"], 1],
      [["blocks", "1000000"], 1],
    ];
    for (const [args, status] of wrong) {
      const ran = await byz([...args, ...at]);
      expect({ args, status: ran.status, stderr: ran.stderr }).toEqual({
        args,
        status,
        stderr: expect.stringMatching(/^byz: .+\n$/) as unknown,
      });
    }
  });

  it("on the peers' port does not disturb it: raw bytes, half a handshake, silence", async () => {
    const port = p2pPort(testnet.node(0));
    await Promise.all([
      sendRaw(port, randomBytes(64 * 1024)),
      sendRaw(port, new Uint8Array(1)),
      sendRaw(port, Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n")),
      sendRaw(port, Buffer.concat([Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n", "latin1"), randomBytes(600)])),
      sendRaw(port, Buffer.from("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "latin1")),
    ]);
    await expectItGoesOn();
  });

  it("from a stranger who knows the protocols' names does not disturb it", async () => {
    const { genesisHash } = await testnet.client(1).status();
    const stranger = await startStranger(testnet.node(1), genesisHash);
    try {
      for (const protocol of ["consensus", "sync"] as const) {
        const frames = [
          Buffer.concat([Buffer.from([64]), randomBytes(64)]),
          Buffer.concat([Buffer.from([0x80, 0x80, 0x04]), randomBytes(65_536)]),
          Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]),
          Buffer.from([0]),
          randomBytes(3000),
          ...Array.from({ length: 30 }, (_, tag) => Buffer.concat([Buffer.from([40, tag]), randomBytes(39)])),
        ];
        for (const bytes of frames) await stranger.send(protocol, bytes);
      }
    } finally {
      await stranger.stop();
    }
    await expectItGoesOn();
    await until("node 1 reaches all the others", 30_000, async () => (await testnet.client(1).status()).quorum.reachable === 4);
  });

  it("left the logs of all equal", async () => {
    await assertLogsEqual(testnet);
    for (const { index } of testnet.state().nodes) expect(testnet.processState(index)).toBe("running");
  });
});
