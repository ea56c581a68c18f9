/** A network founded and started as docs/operators.md tells people on separate machines: by `byz init`, `genesis create` and `start`. */
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { byz, killWhatRuns, start } from "./support/command.ts";
import type { Ran, Started } from "./support/command.ts";
import { temporaryFolder } from "./support/network.ts";
import { eventually } from "./support/wait.ts";

const folder = temporaryFolder();
killWhatRuns();
const names = ["alice", "bob", "carol", "dave"] as const;
const homeOf = (name: string): string => join(folder, name);
const genesisFile = join(folder, "genesis.json");

interface Running {
  readonly node: Started;
  readonly api: string;
  readonly address: string;
}
const running: Running[] = [];

const succeed = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await byz(args);
  if (status !== 0) throw new Error(`byz ${args.join(" ")}: ${status} ${stderr}`);
  return stdout.trim();
};

const startNode = async (name: string, ...more: string[]): Promise<Running> => {
  const listen = ["--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0"];
  const node = start(["start", "--json", "--home", homeOf(name), ...listen, ...more]);
  const said = await eventually(`${name} listens`, 120_000, () => {
    if (node.child.exitCode !== null) throw new Error(node.stderr());
    return node.stdout().includes("}") ? (JSON.parse(node.stdout()) as { api: string; addresses: readonly string[] }) : undefined;
  });
  const [address] = said.addresses;
  if (address === undefined) throw new Error(`${name} has no address`);
  return { node, api: said.api, address };
};

const failure = async (...args: string[]): Promise<Ran & { readonly said: { readonly code: string; readonly message: string } }> => {
  const ran = await byz(["--json", ...args]);
  return { ...ran, said: (JSON.parse(ran.stdout) as { error: { code: string; message: string } }).error };
};

beforeAll(async () => {
  await Promise.all(
    names.map(async (name) => {
      await succeed("init", "--home", homeOf(name), "--moniker", name);
      await succeed("keys", "export", "--home", homeOf(name), "-o", join(folder, `${name}.json`));
    }),
  );
  const records = names.flatMap((name) => ["--validator", join(folder, `${name}.json`)]);
  await succeed("genesis", "create", "--chain-id", "acme", ...records, "-o", genesisFile);
  for (const name of names) copyFileSync(genesisFile, join(homeOf(name), "genesis.json"));
});

describe("four nodes started by hand", () => {
  it("agree on the genesis before they start", async () => {
    const hashes = await Promise.all(names.map((name) => succeed("genesis", "hash", "--genesis", join(homeOf(name), "genesis.json"))));
    expect(new Set(hashes).size).toBe(1);
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("form a network from the first one's address, and order what the command line signs", async () => {
    running.push(await startNode("alice"));
    const bootstrap = (running[0] as Running).address;
    running.push(...(await Promise.all(names.slice(1).map((name) => startNode(name, "--bootstrap", bootstrap)))));
    await eventually("a first value", 60_000, async () => {
      const ran = await byz(["put", "greeting", "hello", "--home", homeOf("alice"), "--api", (running[0] as Running).api]);
      return ran.status === 0 ? ran : Promise.reject(new Error(ran.stderr));
    });
    const read = await byz(["get", "greeting", "--home", homeOf("dave"), "--api", (running[3] as Running).api, "--raw"]);
    expect(read).toMatchObject({ status: 0, stdout: "hello" });
    // three of them order a value: the fourth may come later
    await eventually("carol reaches all", 60_000, async () => {
      const status = JSON.parse(await succeed("status", "--json", "--api", (running[2] as Running).api)) as object;
      expect(status).toMatchObject({ chainId: "acme", moniker: "carol", role: "validator", connectivity: "whole" });
      return true;
    });
  });

  it("stand up without any bootstrap once they know each other", async () => {
    const [, , , dave] = running;
    const { child, ended } = (dave as Running).node;
    child.kill("SIGTERM");
    const { status, stderr } = await ended;
    expect(status).toBe(0);
    expect(
      stderr
        .trim()
        .split("\n")
        .slice(-2)
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { part: "node", reason: "SIGTERM", msg: "stopping" },
      { part: "node", msg: "stopped" },
    ]);
    const again = await startNode("dave");
    running[3] = again;
    const read = await eventually("dave is back", 60_000, async () => {
      const ran = await byz(["get", "greeting", "--api", again.api, "--raw"]);
      return ran.status === 0 ? ran : Promise.reject(new Error(ran.stderr));
    });
    expect(read.stdout).toBe("hello");
  });

  it("have their homes to themselves: a second process on one is refused with a clear error", async () => {
    const second = await failure("start", "--home", homeOf("bob"), "--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0");
    expect(second).toMatchObject({ status: 1, said: { code: "locked" } });
    expect((await failure("get", "greeting", "--api", (running[1] as Running).api)).status).toBe(0);
  });

  it("refuse another network's genesis, a damaged one, a wrong configuration and a readable key, each with its own error", async () => {
    const [alice] = running;
    alice?.node.child.kill("SIGINT");
    expect((await alice?.node.ended)?.status).toBe(0);
    const ports = ["--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0"];
    const home = ["start", "--home", homeOf("alice"), ...ports];

    const records = names.flatMap((name) => ["--validator", join(folder, `${name}.json`)]);
    const other = join(folder, "other.json");
    await succeed("genesis", "create", "--chain-id", "other", ...records, "-o", other);
    expect(await failure(...home, "--genesis", other)).toMatchObject({
      status: 3,
      said: { message: expect.stringMatching(/another network|other network/) as unknown },
    });

    writeFileSync(other, readFileSync(genesisFile, "utf8").replace('"acme"', '"ACME"'));
    expect(await failure(...home, "--genesis", other)).toMatchObject({ status: 3 });
    writeFileSync(other, "{}");
    expect(await failure(...home, "--genesis", other)).toMatchObject({ status: 3, said: { code: expect.any(String) as unknown } });

    const wrong = await byz([...home, "--json"], { BYZ_CONSENSUS_PIPELINE_DEPTH: "many" });
    expect(wrong.status).toBe(3);
    expect(wrong.stdout).toContain("pipeline");
    expect(await failure(...home, "--bootstrap", "nowhere")).toMatchObject({
      status: 2,
      said: { message: expect.stringContaining('--bootstrap "nowhere"') as unknown },
    });
    expect((await failure(...home, "--no-such-flag")).status).toBe(2);

    const taken = new URL((running[1] as Running).api).host;
    expect(await failure("start", "--home", homeOf("alice"), "--listen", "/ip4/127.0.0.1/tcp/0", "--api", taken)).toMatchObject({
      status: 1,
      said: { code: "in_use", message: `can not listen on ${taken}: the port is in use` },
    });

    chmodSync(join(homeOf("alice"), "validator.key"), 0o644);
    expect(await failure(...home)).toMatchObject({ status: 3, said: { message: expect.stringContaining("validator.key") as unknown } });
    chmodSync(join(homeOf("alice"), "validator.key"), 0o600);
  });

  it("run with encrypted keys: not without the passphrase nor with a wrong one, and with it they vote and write", async () => {
    const [right, wrong] = [join(folder, "right"), join(folder, "wrong")];
    const passphrase = "a passphrase of alice";
    writeFileSync(right, `${passphrase}\n`, { mode: 0o600 });
    writeFileSync(wrong, "a passphrase of mallory\n", { mode: 0o600 });
    await succeed("keys", "encrypt", "--home", homeOf("alice"), "--passphrase-file", right);
    const bootstrap = ["--bootstrap", (running[1] as Running).address];
    const home = ["start", "--home", homeOf("alice"), "--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0", ...bootstrap];
    const [none, other] = await Promise.all([failure(...home), failure(...home, "--passphrase-file", wrong)]);
    expect(none).toMatchObject({ status: 3, said: { code: "passphrase_needed", message: expect.stringContaining("node.key") as unknown } });
    expect(other).toMatchObject({ status: 3, said: { code: "wrong_passphrase" } });

    running[0] = await startNode("alice", ...bootstrap, "--passphrase-file", right);
    // dave stops: without alice's vote nothing commits any more
    running[3]?.node.child.kill("SIGTERM");
    expect((await running[3]?.node.ended)?.status).toBe(0);
    const { api, node } = running[0];
    const put = ["put", "encrypted", "yes", "--home", homeOf("alice"), "--api", api];
    await eventually("a value signed and voted on with encrypted keys", 120_000, async () => {
      const ran = await byz(put, { BYZ_PASSPHRASE_FILE: right });
      return ran.status === 0 ? ran : Promise.reject(new Error(ran.stderr));
    });
    const status = await fetch(`${api}/v1/status`);
    for (const text of [node.stdout(), node.stderr(), await status.text()]) expect(text).not.toContain(passphrase);
  });
});
