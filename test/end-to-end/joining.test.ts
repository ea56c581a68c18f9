/** Who needs the state itself, because the batches are gone: a newcomer, killed in the middle, and a validator without its data (PROTOCOL §6, §7). */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createHttpClient } from "../../src/client/http-client.ts";
import type { HttpClient } from "../../src/client/http-client.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { byz, killWhatRuns, start, type Started } from "./support/command.ts";
import { assertLogsEqual, networkFolder, settled, startNetwork, temporaryFolder } from "./support/network.ts";
import { eventually, until } from "./support/wait.ts";

const checkpointInterval = 8;
const values = 360;
const valueBytes = 60_000;
/** writes: few enough that many more sequences than are kept come of them all */
const atOnce = 8;
const liar = 3;
const dir = networkFolder();
const home = join(temporaryFolder(), "newcomer");
killWhatRuns();
let testnet: Testnet;

beforeAll(async () => {
  testnet = await startNetwork(dir, {
    parameters: { checkpointInterval },
    config: { storage: { retainSequences: 16 } },
    byzantine: { [liar]: "lie-in-transfer" },
  });
  for (let index = 0; index < values; index += atOnce)
    await Promise.all(
      Array.from({ length: atOnce }, (_, more) =>
        testnet.client(more % 3).put(`value ${index + more}`, `${index + more} `.padEnd(valueBytes, "x")),
      ),
    );
});

const anywhere = ["--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0"];
const joinArguments = (hash: string): string[] => {
  // an address alone will do: who answers there proves its name
  const [address = ""] = testnet.node(0).p2p.split("/p2p/");
  return ["join", "--json", "--home", home, "--bootstrap", address, "--genesis-hash", hash, ...anywhere];
};
const apiOf = (node: Started): Promise<string> =>
  eventually("it listens", 60_000, () => {
    if (node.child.exitCode !== null) throw new Error(node.stderr());
    return node.stdout().includes("}") ? (JSON.parse(node.stdout()) as { api: string }).api : undefined;
  });
const fetchedBytes = async (api: string): Promise<number> =>
  Number(/^byz_transfer_bytes_total (\d+)$/m.exec(await (await fetch(`${api}/metrics`)).text())?.[1] ?? 0);
const clientAt = (api: string): HttpClient => createHttpClient({ urls: [api] });

describe("a newcomer with an address and a hash", () => {
  it("refuses the genesis of another network", async () => {
    const { status, stdout } = await byz(joinArguments("ab".repeat(32)));
    expect(status).toBe(6);
    expect((JSON.parse(stdout) as { error: { code: string } }).error.code).toBe("wrong_genesis");
  });

  it("fetches the state although a validator lies in every part, goes on where it was killed, and follows", async () => {
    const { genesisHash } = await testnet.client(0).status();
    const first = start(joinArguments(genesisHash));
    const api = await apiOf(first);
    const before = await eventually("it is in the middle", 60_000, async () => {
      const { transfer } = await clientAt(api).status();
      return transfer !== undefined && transfer.fraction > 0.2 ? transfer.bytes : undefined;
    });
    // nothing of a state that is not whole is shown
    const read = await fetch(`${api}/v1/kv/value%200?consistency=local`);
    expect(read.status).toBe(503);
    expect(((await read.json()) as { code: string }).code).toBe("syncing");
    first.child.kill("SIGKILL");
    await first.ended;
    expect(first.stderr()).toContain("fetching the state from others");

    const second = start(["start", "--json", "--home", home, ...anywhere]);
    const secondApi = await apiOf(second);
    const newcomer = clientAt(secondApi);
    const there = await settled(testnet, [0, 1, 2, liar]);
    await until("it is where the others are", 60_000, async () => (await newcomer.status()).sequence.executed >= there);
    const status = await newcomer.status();
    const { logHash, stateRoot } = await testnet.client(0).status();
    expect(status).toMatchObject({ role: "observer", logHash, stateRoot, syncing: false });
    // what was checked before it was killed was not fetched again
    expect((await fetchedBytes(secondApi)) + before).toBeLessThan(values * valueBytes * 1.15);
    expect(first.stderr() + second.stderr()).toMatch(/"peer":3[^\n]*lied about the state/);
    for (const index of [0, 100, values - 1])
      expect(await newcomer.get(`value ${index}`, { consistency: "local" })).toMatchObject({ value: `${index} `.padEnd(valueBytes, "x") });

    await testnet.client(0).put("after", "joining");
    await until("it follows", 60_000, async () => (await newcomer.status()).sequence.executed > there);
    expect(await newcomer.get("after", { consistency: "local" })).toMatchObject({ value: "joining" });
    second.child.kill("SIGTERM");
    expect((await second.ended).status).toBe(0);
  });
});

describe("a validator that lost its data when the batches were gone", () => {
  it("fetches the state, says nothing until it may, and votes again", async () => {
    await testnet.byzantine(liar, "honest");
    const forgetful = 1;
    await testnet.kill(forgetful);
    rmSync(join(testnet.node(forgetful).home, "data"), { recursive: true });
    await testnet.restart(forgetful);
    const there = await settled(testnet, [0, 2, liar]);
    await until("it is where the others are", 60_000, async () => {
      const status = await testnet.client(forgetful).status();
      return status.sequence.executed >= there && status.passive === true;
    });
    expect(await fetchedBytes(testnet.node(forgetful).api)).toBeGreaterThan(0.8 * values * valueBytes);
    await eventually("it may vote", 60_000, async () => {
      for (let write = 0; write < checkpointInterval; write += 1) await testnet.client(0).put("more", String(write));
      const status = await testnet.client(forgetful).status();
      if (status.passive === true) throw new Error("it is passive");
      return true;
    });
    const place = await settled(testnet, [0, 1, 2, liar]);
    // everything that all of them still have
    await assertLogsEqual(testnet, [0, 1, 2, liar], place - 8);
    // it is needed: with another one gone, its vote is one of the three
    await testnet.kill(2);
    await eventually("commits with its vote", 60_000, async () => testnet.client(0).put("needs", "me"));
  });
});
