/** Every command on a network of real processes: with --json, and again with 2 of 4 validators gone. The rest of the table: test/cli/table.test.ts. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Testnet } from "../../src/testnet/index.ts";
import { freeBasePort } from "../../src/testnet/ports.ts";
import { type Row, rowOf, rows, wordsOf, type World } from "../cli/command-table.ts";
import { type Ran, run } from "../cli/harness.ts";
import { killWhatRuns, start } from "./support/command.ts";
import { networkFolder, somePort, temporaryFolder } from "./support/network.ts";
import { eventually, until } from "./support/wait.ts";

const folder = temporaryFolder();
const dir = networkFolder();
killWhatRuns();
let world: World;
let testnet: Testnet;

/** asks one node, through a home that knows the genesis */
const globals = (): readonly string[] => ["--home", world.home, "--api", world.apis[0] ?? ""];
const isOfTestnet = ({ command }: Row): boolean => command.startsWith("testnet ");
const argumentsOf = (row: Row): readonly string[] => [...(isOfTestnet(row) ? [] : globals()), ...row.use(world)];
const runRow = (row: Row, ...more: readonly string[]): Promise<Ran> => run(wordsOf(row, [...more, ...argumentsOf(row)]));

/** One document on stdout, or one a line, and nothing else there. */
const documents = (row: Row, stdout: string): readonly unknown[] => {
  const lines = stdout.trimEnd().split("\n");
  if (row.follows !== true) expect(lines).toHaveLength(1);
  return lines.map((line) => JSON.parse(line) as unknown);
};

/** For people and for programs. */
const expectAnswered = async (row: Row, status: number): Promise<void> => {
  const plain = await runRow(row);
  expect(plain).toMatchObject({ status, stdout: expect.stringMatching(/\S.*\n$/s) as unknown });
  const json = await runRow(row, "--json", "--quiet");
  expect(json).toMatchObject({ status, stderr: "" });
  for (const document of documents(row, json.stdout)) expect(document).not.toHaveProperty("error");
};
const expectDone = (row: Row): Promise<void> => expectAnswered(row, 0);

beforeAll(async () => {
  world = { folder, home: join(folder, "home"), testnet: dir, apis: [] };
  const ports = ["--base-port", String(await freeBasePort(10, somePort()))];
  const up = await run(wordsOf(rowOf("testnet up"), ["--json", "--quiet", "-n", "4", ...ports, ...rowOf("testnet up").use(world)]));
  expect(up).toMatchObject({ status: 0, stderr: "" });
  const { nodes } = JSON.parse(up.stdout) as { nodes: readonly { api: string; home: string }[] };
  testnet = Testnet.open(world.testnet);
  for (const { index } of testnet.state().nodes) expect(await testnet.client(index).status()).toMatchObject({ connectivity: "whole" });
  world = { ...world, apis: nodes.map(({ api }) => api) };
  mkdirSync(world.home);
  expect((await run(["init", "--home", world.home])).status).toBe(0);
  copyFileSync(join(nodes[0]?.home ?? "", "genesis.json"), join(world.home, "genesis.json"));
  expect((await run(["keys", "export", "-o", join(folder, "record.json"), "--home", world.home])).status).toBe(0);
  await run(["put", "table/key", "value", ...globals()]);
  await run(["shared", "edit", "table", "--set", "title=hello", ...globals()]);
});

/** tried on their own, below */
const apart = [
  "start",
  "join",
  "prove verify",
  "restore",
  "verify",
  "evidence show",
  "evidence verify",
  "shared watch",
  "testnet up",
  "testnet demo",
  "validate",
  "testnet down",
];
const changing = ["add", "kill", "pause", "resume", "restart"].map((name) => `testnet ${name}`);

describe("on a network", () => {
  it.each(rows.filter(({ command }) => ![...apart, ...changing].includes(command)))("$command, with --json one document", expectDone);

  it("libp2p's own numbers and lines are in the same places as the node's", async () => {
    const [api = ""] = world.apis;
    const metrics = await testnet.client(0).metrics();
    for (const name of ["libp2p_connection_manager_connections", "libp2p_noise_encrypted_packets_total", "libp2p_tcp_dialer_events_total"])
      expect(metrics).toMatch(new RegExp(`^# TYPE ${name} `, "m"));
    expect(metrics).toMatch(/^libp2p_connection_manager_connections\{\w+="(inbound|outbound)"\} [1-9]/m);
    expect(testnet.logs(0, 1_000)).not.toContain('"part":"libp2p"');
    const headers = { "content-type": "application/json" };
    const changed = await fetch(`${api}/v1/log`, { method: "PUT", headers, body: '{"libp2p":"debug"}' });
    expect(await changed.json()).toMatchObject({ libp2p: "debug", node: "info" });
    await until("it says something", 60_000, () => testnet.logs(0, 1_000).includes('"part":"libp2p"'));
    await fetch(`${api}/v1/log`, { method: "PUT", headers, body: '{"libp2p":"error"}' });
  });

  it("testnet add starts one more, which the others see", async () => {
    const { status, stdout } = await runRow(rowOf("testnet add"), "--json", "--quiet");
    expect(status).toBe(0);
    expect(documents(rowOf("testnet add"), stdout)).toHaveLength(1);
    expect(testnet.state().nodes).toHaveLength(5);
  });

  it("prove verify checks a proof that get wrote", async () => {
    await eventually("a stable checkpoint with the key", 60_000, async () => {
      for (let round = 0; round < 16; round += 1) await testnet.client(round % 4).put("table/filler", String(round));
      const { status } = await run(["get", "table/key", "--prove", join(folder, "proof.json"), ...globals()]);
      return status === 0 ? true : undefined;
    });
    await expectDone(rowOf("prove verify"));
  });

  it("shared watch follows until it is interrupted, status 130", async () => {
    const stop = new AbortController();
    const watching = run(wordsOf(rowOf("shared watch"), ["--json", "--quiet", ...argumentsOf(rowOf("shared watch"))]), {
      signal: stop.signal,
      onStdout: () => stop.abort(),
    });
    const { status, stdout } = await watching;
    expect(status).toBe(130);
    expect(documents(rowOf("shared watch"), stdout)).toEqual([expect.objectContaining({ name: "table" })]);
  });

  it("start says where it is in one document, and a SIGINT ends it, status 0", async () => {
    const home = testnet.node(3).home;
    await testnet.kill(3);
    const node = start(["start", "--home", home, "--json"]);
    await until("it says where it is", 30_000, () => node.stdout().includes("\n"));
    expect(JSON.parse(node.stdout())).toMatchObject({ peerId: testnet.node(3).peerId, api: testnet.node(3).api });
    node.child.kill("SIGINT");
    expect(await node.ended).toMatchObject({ status: 0, stdout: node.stdout() });
    await testnet.restart(3);
    await testnet.ready();
  });
});

describe("without a quorum", () => {
  beforeAll(async () => {
    // certified reads need a checkpoint behind the key, however few sequences the commands before took
    await eventually("a stable checkpoint", 60_000, async () => {
      for (let round = 0; round < 16; round += 1) await testnet.client(round % 4).put("table/filler", String(round));
      return (await testnet.client(0).status()).sequence.stable > 0 ? true : undefined;
    });
    expect(await runRow(rowOf("testnet kill"))).toMatchObject({ status: 0, stdout: "node 2 is killed\n" });
    const paused = await runRow(rowOf("testnet pause"), "--json");
    expect(JSON.parse(paused.stdout)).toMatchObject({ index: 3, state: "paused" });
    await until("two nodes miss the others", 60_000, async () => {
      const seen = await Promise.all([0, 1].map((index) => testnet.client(index).status()));
      return seen.every(({ blocked }) => blocked?.reason === "no_quorum");
    });
  });

  it.each(rows.filter(({ withoutQuorum }) => withoutQuorum === 5))("$command: exit status 5, and at once", async (row) => {
    const began = performance.now();
    const [plain, json] = await Promise.all([runRow(row, "--quiet"), runRow(row, "--quiet", "--json")]);
    expect(plain).toMatchObject({ status: 5, stdout: "" });
    expect(plain.stderr).toMatch(/^byz: [^\n]+; [^\n]+\n$/);
    expect(json.status).toBe(5);
    const code = row.command === "bench" ? "nothing_committed" : "no_quorum";
    expect(documents(row, json.stdout)).toEqual([
      { error: { code, message: expect.any(String) as unknown, hint: expect.any(String) as unknown } },
    ]);
    // not the time-out of a request; a measurement takes the time it was given
    if (row.command !== "bench") expect(performance.now() - began).toBeLessThan(8_000);
  });

  it.each(rows.filter(({ withoutQuorum }) => withoutQuorum === 0))("$command is answered as ever", expectDone);

  it("doctor is answered, and its status tells that something is wrong", () => expectAnswered(rowOf("doctor"), 1));

  it("reads that promise less go on", async () => {
    for (const consistency of ["local", "certified"]) {
      const json = await run(["get", "table/key", "--consistency", consistency, "--json", ...globals()]);
      expect(json).toMatchObject({ status: 0, stdout: expect.stringContaining('"value":"value"') as unknown });
    }
  });

  it("ends when the nodes come back, and everything stops when told to", async () => {
    for (const command of ["testnet resume", "testnet restart"]) {
      expect(documents(rowOf(command), (await runRow(rowOf(command), "--json", "--quiet")).stdout)).toEqual([
        expect.objectContaining({ state: "running" }),
      ]);
    }
    await testnet.ready();
    await expectDone(rowOf("put"));
    await expectDone(rowOf("testnet down"));
  });
});
