/** Commands for trouble, and what every command that asks a node does when there is none. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { explainReport } from "../api/fake-service.ts";
import { start, until } from "../api/harness.ts";
import { toSequence } from "../../src/protocol/ids.ts";
import { run, useWorkplace } from "./harness.ts";
import type { Ran } from "./harness.ts";

const { at } = useWorkplace();

/** A port that nobody listens on. */
const closedPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
};

const initialised = async (): Promise<void> => {
  const port = await closedPort();
  expect((await run(["init", "--home", at("home"), "--moniker", "alice"])).status).toBe(0);
  expect((await run(["keys", "export", "-o", at("alice.json"), "--home", at("home")])).status).toBe(0);
  const created = await run(["genesis", "create", "--chain-id", "t", "--validator", at("alice.json"), "-o", at("home", "genesis.json")]);
  expect(created.status).toBe(0);
  const config = readFileSync(at("home", "config.toml"), "utf8")
    .replace("[api]", `[api]\nlisten = "127.0.0.1:${port}"`)
    .replace("[network]", '[network]\nlisten = ["/ip4/127.0.0.1/tcp/0"]');
  writeFileSync(at("home", "config.toml"), config);
};

describe("--watch", () => {
  it.each([["status"], ["peers"], ["validators"], ["blocks"], ["evidence"], ["partitions"], ["explain"]])(
    "byz %s shows it again and again until Ctrl-C, which is 130",
    async (command) => {
      const { url } = await start();
      const interrupt = new AbortController();
      let shown = 0;
      const onStdout = (): void => {
        shown += 1;
        if (shown === 2) interrupt.abort();
      };
      expect(await run([command, "--watch", "--api", url], { signal: interrupt.signal, onStdout })).toMatchObject({
        status: 130,
        stderr: "",
      });
      expect(shown).toBe(2);
    },
  );
});

describe("byz watch", () => {
  const put = (key: string, index: number, sequence: number) =>
    ({ type: "put", key: Buffer.from(key), value: Buffer.from("v"), version: 1, sequence: toSequence(sequence), index }) as const;

  it("shows changes, one a line, and ends after --count", async () => {
    const { url, service } = await start();
    service.history.push([
      put("user/1", 0, 1),
      put("other", 1, 1),
      { type: "delete", key: Buffer.from("user/1"), version: 0, sequence: toSequence(1), index: 2 },
    ]);
    const plain = await run(["watch", "user/", "--from", "1", "--count", "2", "--api", url]);
    expect(plain).toEqual({ status: 0, stdout: "1  put     user/1  v1  v\n1  delete  user/1\n", stderr: "" });
    const json = await run(["watch", "--from", "1", "--count", "2", "--api", url, "--json"]);
    expect(
      json.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { type: "put", key: "user/1", value: "v", version: 1, sequence: 1 },
      { type: "put", key: "other" },
    ]);
  });

  it("goes on with another node where one ends, missing and repeating nothing; Ctrl-C is 130", async () => {
    const [one, two] = [await start(), await start()];
    const blocks = Array.from({ length: 400 }, (_, sequence) => [
      put(`k${sequence}a`, 0, sequence + 1),
      put(`k${sequence}b`, 1, sequence + 1),
    ]);
    for (const block of blocks) two.service.history.push(block);
    for (const block of blocks.slice(0, 150)) one.service.history.push(block);
    const interrupt = new AbortController();
    let told = 0;
    const running = run(["watch", "--from", "1", "--api", `${one.url},${two.url}`, "--json"], {
      signal: interrupt.signal,
      onStdout: () => (told += 1),
    });
    await until(() => one.service.followers() === 1);
    await new Promise((resolve) => setImmediate(resolve));
    await one.api.close();
    await until(() => two.service.followers() === 1);
    two.service.wake();
    await until(() => told >= 800);
    interrupt.abort();
    const ran = await running;
    expect(ran.status).toBe(130);
    const keys = ran.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { key: string }).key);
    expect(keys).toEqual(blocks.flat().map(({ key }) => key.toString()));
    expect(ran.stderr).toMatch(/going on/);
  });

  it("says what is no longer kept", async () => {
    const { url, service } = await start();
    service.history.push([], [], []);
    service.pruned = 2;
    expect(await run(["watch", "--from", "1", "--api", url])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/keeps changes from sequence 3/) as unknown,
    });
  });
});

describe("byz explain", () => {
  it("shows the sentences and who voted", async () => {
    const { url } = await start();
    const { status, stdout } = await run(["explain", "--api", url]);
    expect(status).toBe(0);
    expect(stdout).toContain("not committing, since 2023-11-14T22:13:20.000Z (missing_votes)");
    expect(stdout).toContain(explainReport.summary[0]);
    expect(stdout).toMatch(/^alpha \(this one\) +- +- +yes +- /m);
    expect(JSON.parse((await run(["explain", "--api", url, "--json"])).stdout)).toEqual(explainReport);
  });
});

describe("byz doctor", () => {
  const findings = (ran: Ran): Map<string, { result: string; detail: string; hint?: string }> => {
    const { findings: found } = JSON.parse(ran.stdout) as { findings: { check: string; result: string; detail: string }[] };
    return new Map(found.map((finding) => [finding.check, finding]));
  };
  const examine = (api: string): Promise<Ran> => run(["doctor", "--home", at("home"), "--api", api, "--json"]);

  it("finds a good home good, though nothing runs", async () => {
    await initialised();
    const ran = await examine(`http://127.0.0.1:${await closedPort()}`);
    expect([...findings(ran)].filter(([, { result }]) => result === "failed")).toEqual([]);
    expect(ran.status).toBe(0);
    expect(findings(ran).get("membership")?.detail).toBe("validator alice");
    expect(findings(ran).get("API")).toMatchObject({ result: "warning" });
  });

  it("names what is wrong, all at once, with what to do", async () => {
    await initialised();
    chmodSync(at("home", "validator.key"), 0o644);
    writeFileSync(at("home", "genesis.json"), "{}");
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = blocker.address() as { port: number };
      const config = readFileSync(at("home", "config.toml"), "utf8").replace(/^listen = "127.*$/m, `listen = "127.0.0.1:${port}"`);
      writeFileSync(at("home", "config.toml"), config);
      const ran = await examine(`http://127.0.0.1:${await closedPort()}`);
      expect(ran.status).toBe(1);
      const found = findings(ran);
      expect(found.get("validator.key")).toMatchObject({ result: "failed", detail: expect.stringMatching(/others can read/) as unknown });
      expect(found.get("genesis")?.result).toBe("failed");
      expect(found.get(`port ${port}`)).toMatchObject({ result: "failed", hint: expect.stringMatching(/another port/) as unknown });
    } finally {
      blocker.close();
    }
  });

  it("asks the node that runs, and notices another network", async () => {
    await initialised();
    const { url, service } = await start();
    const found = findings(await examine(url));
    expect(found.get("API")).toMatchObject({ result: "ok" });
    expect(found.get("network")).toMatchObject({ result: "failed" });
    expect(found.get("clock")).toMatchObject({ result: "ok" });
    service.ready_ = false;
    expect(findings(await examine(url)).get("ready")).toMatchObject({
      result: "failed",
      detail: "quorum: 2 of 3 validators are reachable",
    });
  });

  it("says so when there is no home, and shows people a table", async () => {
    const ran = await run(["doctor", "--home", at("none")]);
    expect(ran.status).toBe(1);
    expect(ran.stdout).toMatch(/^home +failed +.*none does not exist; make one with `byz init`$/m);
    mkdirSync(at("bare"));
    expect((await run(["doctor", "--home", at("bare")])).stdout).toMatch(
      /^config +ok +there is no .*config\.toml: every setting is the default$/m,
    );
  });
});

describe("byz debug bundle", () => {
  it("tells everything but secrets and values, in a file of its own", async () => {
    await initialised();
    const { url } = await start();
    writeFileSync(at("home", "api.token"), "token-that-nobody-must-see\n", { mode: 0o600 });
    const args = ["debug", "bundle", "-o", at("bundle.json"), "--home", at("home"), "--api", url];
    const ran = await run([...args, "--json"]);
    expect(ran.status).toBe(0);
    const text = readFileSync(at("bundle.json"), "utf8");
    const bundle = JSON.parse(text) as Record<string, unknown>;
    expect(bundle).toMatchObject({ status: { view: 3 }, explain: explainReport, genesis: { chainId: "t" }, metrics: "byz_view 3\n" });
    expect(bundle["blocks"]).toHaveLength(20);
    expect(statSync(at("bundle.json")).mode & 0o777).toBe(0o600);
    const secrets = ["node.key", "validator.key", "client.key"]
      .filter((name) => existsSync(at("home", name)))
      .flatMap((name) => {
        const content = readFileSync(at("home", name), "utf8");
        return [...content.matchAll(/"(?:seed|secret|private\w*)"\s*:\s*"([^"]+)"/gi)].map((match) => match[1] as string);
      });
    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of [...secrets, "token-that-nobody-must-see"]) expect(text).not.toContain(secret);
    expect(await run(args)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/bundle.json: file already exists; choose another file with -o/) as unknown,
    });
  });

  it("is made without a node too: what is missing says why", async () => {
    await initialised();
    const api = `http://127.0.0.1:${await closedPort()}`;
    expect((await run(["debug", "bundle", "-o", at("b.json"), "--home", at("home"), "--api", api])).status).toBe(0);
    expect(JSON.parse(readFileSync(at("b.json"), "utf8"))).toMatchObject({
      status: { error: expect.stringMatching(/no node answers/) as unknown },
    });
  });
});

describe("byz completion", () => {
  it("completes commands, their members and options in bash", async () => {
    const { stdout, status } = await run(["completion", "bash"]);
    expect(status).toBe(0);
    writeFileSync(at("byz.bash"), stdout);
    const complete = (...words: string[]): string[] => {
      const line = `source "$0"; COMP_WORDS=(byz "$@"); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _byz; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", line, at("byz.bash"), ...words], { encoding: "utf8", cwd: at() })
        .stdout.trim()
        .split("\n");
    };
    expect(complete("wat")).toEqual(["watch"]);
    expect(complete("testnet", "re")).toEqual(["restart", "resume"]);
    expect(complete("--json", "debug", "")).toContain("bundle");
    expect(complete("watch", "--fr")).toEqual(["--from"]);
    expect(complete("start", "--stop")).toEqual([""]);
  });

  it("has every command for each shell, and knows no others", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { stdout } = await run(["completion", shell]);
      for (const name of ["testnet", "watch", "doctor", "--consistency", "--help"])
        expect(stdout).toContain(shell === "fish" ? name.replace(/^--/, "") : name);
    }
    expect(await run(["completion", "tcsh"])).toMatchObject({ status: 2, stderr: expect.stringMatching(/bash, zsh, fish/) as unknown });
  });
});
