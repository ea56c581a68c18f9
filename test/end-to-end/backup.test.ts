/** A node's data as a file, and what comes back from it, on real processes (PROTOCOL §6; docs/operators.md, "Backup and restore"). */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { Testnet } from "../../src/testnet/index.ts";
import { byz, killWhatRuns, start } from "./support/command.ts";
import { startLoad } from "./support/load.ts";
import { assertLogsEqual, indexesOf, networkFolder, settled, startNetwork, temporaryFolder } from "./support/network.ts";
import { until } from "./support/wait.ts";

const checkpointInterval = 8;
const restored = 3;
const dir = networkFolder();
const file = join(temporaryFolder(), "node.byzbackup");
killWhatRuns();
let testnet: Testnet;

beforeAll(async () => {
  testnet = await startNetwork(dir, { parameters: { checkpointInterval } });
});

const home = (): string => testnet.node(restored).home;
const executed = async (index: number): Promise<number> => (await testnet.client(index).status()).sequence.executed;
/** What a command says with --json. */
const said = async (...args: string[]): Promise<{ readonly status: number | null; readonly json: Record<string, unknown> }> => {
  const { status, stdout } = await byz([...args, "--json", "--quiet"]);
  return { status, json: JSON.parse(stdout) as Record<string, unknown> };
};

it("is taken of a running node under load, and neither verify nor backup nor restore touch the data of one", async () => {
  for (let round = 1; round <= 20; round += 1) await testnet.client(round % 4).put(`before/${round}`, String(round));
  const load = await startLoad(testnet, 8, [0, 1, 2]);
  const { status, json } = await said("backup", file, "--api", testnet.node(restored).api);
  await load.stop();
  expect({ status, json }).toMatchObject({ status: 0, json: { file } });
  const locked = { status: 1, json: { error: { code: "locked" } } };
  expect(await said("verify", "--home", home())).toMatchObject(locked);
  // the home that is named is meant, not the node that the environment names
  const named = await byz(["backup", `${file}.more`, "--home", home(), "--json"], { BYZ_API: testnet.node(0).api });
  expect({ status: named.status, json: JSON.parse(named.stdout) as unknown }).toMatchObject(locked);
  expect(await said("restore", file, "--home", home())).toMatchObject({ status: 3, json: { error: { code: "invalid_home" } } });
});

it("brings back a validator that follows, votes on nothing that it may have voted on, and votes again later", async () => {
  for (let round = 1; round <= checkpointInterval; round += 1) await testnet.client(0).put(`after/${round}`, String(round));
  const before = await settled(testnet, indexesOf(testnet));
  await testnet.kill(restored);
  rmSync(join(home(), "data"), { recursive: true });
  const { status, json } = await said("restore", file, "--home", home());
  expect({ status, json }).toMatchObject({ status: 0, json: { passive: true, chainId: testnet.state().chainId } });
  expect((json["sequence"] as { executed: number }).executed).toBeLessThan(before);
  await testnet.restart(restored);
  await until("it says that it is passive", 30_000, async () => (await testnet.client(restored).status()).passive === true);
  await until("it has what it missed", 60_000, async () => (await executed(restored)) >= before);
  expect(await testnet.client(restored).get("before/7", { consistency: "local" })).toMatchObject({ value: "7" });

  const from = before + 1;
  while ((await testnet.client(restored).status()).passive === true) await testnet.client(0).put("more", String(await executed(0)));
  const last = await executed(restored);
  // no certificate of the time in which it may have voted before bears its vote
  const window = await testnet.client(0).blocks({ from, limit: Math.min(256, last - from + 1) });
  const voted = window.filter(({ certificate }) => certificate.signatures.some(({ replica }) => replica === restored));
  const mayHaveVoted = before - (before % checkpointInterval) + 2 * checkpointInterval;
  expect(Math.min(Number.POSITIVE_INFINITY, ...voted.map(({ sequence }) => sequence))).toBeGreaterThan(mayHaveVoted);
  await testnet.ready();
  await assertLogsEqual(testnet);
  for (const index of indexesOf(testnet)) expect(await testnet.client(index).evidence()).toEqual([]);
});

/** In the middle of what the stopped node wrote. */
const flipOneBit = (): void => {
  const store = join(home(), "data", "store");
  const name = readdirSync(store).find((each) => each.endsWith(".ldb")) ?? readdirSync(store).find((each) => each.endsWith(".log")) ?? "";
  const bytes = readFileSync(join(store, name));
  bytes[bytes.length >> 2] = (bytes[bytes.length >> 2] ?? 0) ^ 4;
  writeFileSync(join(store, name), bytes);
};

it("verifies, and one flipped bit on the disk does not", async () => {
  await testnet.kill(restored);
  const { status, json } = await said("verify", "--home", home());
  expect({ status, json }).toMatchObject({ status: 0, json: { ok: true, gaps: [] } });
  const copy = `${file}.stopped`;
  expect(await said("backup", copy, "--home", home())).toMatchObject({ status: 0 });
  expect(readFileSync(copy).length).toBeGreaterThan(readFileSync(file).length);

  flipOneBit();
  expect(await said("verify", "--home", home())).toMatchObject({ status: 6, json: { error: { code: "verification_failed" } } });

  const torn = `${file}.torn`;
  writeFileSync(torn, readFileSync(file).subarray(0, 5_000));
  rmSync(join(home(), "data"), { recursive: true });
  expect(await said("restore", torn, "--home", home())).toMatchObject({ status: 3, json: { error: { code: "invalid_backup" } } });
  expect(await said("restore", copy, "--home", home())).toMatchObject({ status: 0 });
});

it("is refused when it is damaged; with --repair it is set aside, fetched from the others, and voted on again only later", async () => {
  flipOneBit();
  const refused = await byz(["start", "--home", home()]);
  expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining("byz start --repair") });
  const before = await settled(testnet, [0, 1, 2]);

  const node = start(["start", "--home", home(), "--repair"]);
  await until("it says that it is passive", 60_000, async () => (await testnet.client(restored).status()).passive === true);
  expect(node.stderr()).toContain("it is set aside in");
  const folder = readdirSync(join(home(), "data")).find((name) => name.startsWith("damaged-")) ?? "";
  expect(readdirSync(join(home(), "data", folder, "store")).length).toBeGreaterThan(0);
  await until("it has what it lost", 60_000, async () => (await executed(restored)) >= before);
  expect(await testnet.client(restored).get("before/7", { consistency: "local" })).toMatchObject({ value: "7" });
  while ((await testnet.client(restored).status()).passive === true) await testnet.client(0).put("more", String(await executed(0)));
  const window = await testnet.client(0).blocks({ from: before + 1 });
  const voted = window.filter(({ certificate }) => certificate.signatures.some(({ replica }) => replica === restored));
  const mayHaveVoted = before - (before % checkpointInterval) + 2 * checkpointInterval;
  expect(Math.min(Number.POSITIVE_INFINITY, ...voted.map(({ sequence }) => sequence))).toBeGreaterThan(mayHaveVoted);
  // the testnet did not start this one
  await until("it is ready", 60_000, async () => (await testnet.client(restored).ready()).ready);
  await assertLogsEqual(testnet);

  // started again it is whole: what was damaged is beside the data, not in it
  node.child.kill("SIGTERM");
  expect((await node.ended).status).toBe(0);
  expect(await said("verify", "--home", home())).toMatchObject({ status: 0, json: { ok: true } });
});
