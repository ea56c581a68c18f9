import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { run, useWorkplace } from "./harness.ts";
import type { Ran } from "./harness.ts";

const { at } = useWorkplace();

const json = <T>(ran: Ran): T => JSON.parse(ran.stdout) as T;

describe("founding a network by hand, as README has it", () => {
  it("takes init, keys export and genesis create", async () => {
    const peerIds: string[] = [];
    for (const name of ["alice", "bob", "carol", "dave"]) {
      const made = await run(["init", "--home", at(name), "--moniker", name, "--json"]);
      expect(made.status).toBe(0);
      const { peerId, validatorKey } = json<{ peerId: string; validatorKey: string }>(made);
      peerIds.push(peerId);
      expect(json(await run(["keys", "show", "--json", "--home", at(name)]))).toMatchObject({ peerId, validatorKey });
      expect(await run(["keys", "export", "--home", at(name), "-o", at(`${name}.json`)])).toMatchObject({ status: 0 });
    }
    const validators = ["alice", "bob", "carol", "dave"].flatMap((name) => ["--validator", at(`${name}.json`)]);
    const founded = await run([
      "genesis",
      "create",
      "--chain-id",
      "acme",
      ...validators,
      "--parameter",
      "checkpointInterval=64",
      "-o",
      at("genesis.json"),
      "--json",
    ]);
    expect(founded.status).toBe(0);
    const { hash } = json<{ hash: string }>(founded);
    expect((await run(["genesis", "hash", "--genesis", at("genesis.json")])).stdout).toBe(`${hash}\n`);
    const shown = json<{ parameters: object; validators: { peerId: string }[] }>(
      await run(["genesis", "show", "--genesis", at("genesis.json"), "--json"]),
    );
    expect(shown.parameters).toMatchObject({ checkpointInterval: 64, sessionWindow: 64 });
    expect(shown.validators.map(({ peerId }) => peerId)).toEqual(peerIds);
  });

  it("never overwrites a home or a genesis unasked", async () => {
    await run(["init", "--home", at("a"), "--moniker", "a"]);
    const key = readFileSync(at("a", "validator.key"), "utf8");
    expect(await run(["init", "--home", at("a")])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/is a home already/) as unknown,
    });
    expect(readFileSync(at("a", "validator.key"), "utf8")).toBe(key);
    await run(["keys", "export", "--home", at("a"), "-o", at("a.json")]);
    const create = ["genesis", "create", "--home", at("a"), "--chain-id", "one", "--validator", at("a.json")];
    expect(await run(create)).toMatchObject({ status: 0 });
    expect(await run(create)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/is there already; give another with -o, or --force/) as unknown,
    });
    expect(await run([...create, "--force"])).toMatchObject({ status: 0 });
  });

  it("refuses records that are no records, with status 3", async () => {
    writeFileSync(at("bad.json"), "{}");
    expect(await run(["genesis", "create", "--chain-id", "x", "--validator", at("bad.json"), "-o", at("g.json")])).toMatchObject({
      status: 3,
    });
    expect(await run(["genesis", "create", "--chain-id", "x", "--validator", at("none.json")])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/none.json: is missing/) as unknown,
    });
    expect(existsSync(at("g.json"))).toBe(false);
  });

  it("names a parameter that is none, with status 2", async () => {
    const create = ["genesis", "create", "--chain-id", "x", "--validator", at("a.json"), "--parameter"];
    await run(["init", "--home", at("a")]);
    await run(["keys", "export", "--home", at("a"), "-o", at("a.json")]);
    expect(await run([...create, "speed=1"])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/speed is not a parameter/) as unknown,
    });
    expect(await run([...create, "sessionWindow"])).toMatchObject({ status: 2 });
    expect(await run([...create, "sessionWindow=0"])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/from 1 to 1024/) as unknown,
    });
  });
});

describe("keys", () => {
  it("that others can read are refused, with status 3 and what to do", async () => {
    await run(["init", "--home", at("a")]);
    const { chmodSync } = await import("node:fs");
    chmodSync(at("a", "node.key"), 0o640);
    expect(await run(["keys", "show", "--home", at("a")])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/chmod 600/) as unknown,
    });
  });

  it("need a home", async () => {
    expect(await run(["keys", "export", "--home", at("none")])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/make one with `byz init`/) as unknown,
    });
  });

  it("never show a secret", async () => {
    await run(["init", "--home", at("a")]);
    const secrets = ["node.key", "validator.key", "client.key"].map(
      (name) => (JSON.parse(readFileSync(at("a", name), "utf8")) as { secret: string }).secret,
    );
    const outputs = await Promise.all(
      [
        ["keys", "show"],
        ["keys", "export"],
        ["config", "show"],
      ].map((args) => run([...args, "--home", at("a"), "--json", "--trace"])),
    );
    for (const { stdout, stderr } of outputs) for (const secret of secrets) expect(stdout + stderr).not.toContain(secret);
    expect(statSync(at("a", "validator.key")).mode & 0o077).toBe(0);
  });
});

describe("config", () => {
  it("validate names file, line and key, with status 3", async () => {
    await run(["init", "--home", at("a")]);
    expect(await run(["config", "validate", "--home", at("a")])).toMatchObject({ status: 0 });
    writeFileSync(at("a", "config.toml"), "[api]\nlissten = '127.0.0.1:1'\n");
    const { status, stderr, stdout } = await run(["config", "validate", "--home", at("a"), "--json"]);
    expect(status).toBe(3);
    expect(stderr).toContain(`${at("a", "config.toml")} line 2: api.lissten is not a known key (did you mean listen?)`);
    expect(json<{ error: { code: string } }>({ status, stdout, stderr }).error.code).toBe("invalid_config");
  });

  it("validate says so where there is no file, and no home", async () => {
    await run(["init", "--home", at("a")]);
    rmSync(at("a", "config.toml"));
    const left = await run(["config", "validate", "--home", at("a")]);
    expect(left).toMatchObject({ status: 0, stdout: `${at("a", "config.toml")} is not there: the defaults hold, and the environment\n` });
    const none = await run(["config", "validate", "--home", at("none")]);
    expect(none).toMatchObject({ status: 3, stderr: expect.stringContaining(`${at("none")} does not exist`) as unknown });
  });

  it("show says where a value came from", async () => {
    await run(["init", "--home", at("a"), "--moniker", "alice"]);
    const shown = await run(["config", "show", "--origin", "--json", "--home", at("a")], { environment: { BYZ_LOG_LEVEL: "warn" } });
    expect(json<object>(shown)).toMatchObject({
      node: { moniker: { value: "alice", origin: "file" } },
      log: { level: { value: "warn", origin: "environment", detail: "BYZ_LOG_LEVEL" } },
      consensus: { pipeline_depth: { value: 8, origin: "default" } },
    });
  });
});

describe("start", () => {
  it.each([
    ["no home", [], /is not a node's home; make one with `byz init`/],
    ["no genesis", ["init"], /genesis.json: is missing/],
  ] as const)("with %s ends with status 3", async (_name, [init], complaint) => {
    if (init !== undefined) await run(["init", "--home", at("a")]);
    const { status, stderr } = await run(["start", "--home", at("a")]);
    expect(status).toBe(3);
    expect(stderr).toMatch(complaint);
  });

  it("names a bad flag, which is wrong usage, unless the file is wrong as well", async () => {
    await run(["init", "--home", at("a")]);
    const start = ["start", "--home", at("a"), "--api", "27657"];
    const listen = [...start, "--listen", "nowhere", "--log-level", "loud"];
    expect(await run(listen)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^byz: --listen "nowhere" is not an address.*; --api must be HOST:PORT.*; --log-level must be one of/,
      ) as unknown,
    });
    writeFileSync(at("a", "config.toml"), "[api]\nlissten = '127.0.0.1:1'\n");
    expect(await run(start)).toMatchObject({ status: 3, stderr: expect.stringContaining("line 2: api.lissten") as unknown });
  });
});

describe("join", () => {
  it("looks at its flags before it makes a home that would keep them", async () => {
    const node = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooW";
    expect(await run(["join", "--home", at("a"), "--bootstrap", node])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`--bootstrap "${node}" does not end in a peer id`) as unknown,
    });
    expect(existsSync(at("a"))).toBe(false);
  });
});
