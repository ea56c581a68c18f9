import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/node/home/config.ts";
import { loadGenesis } from "../../src/node/home/genesis.ts";
import { makeHomes, makeObserverHome } from "../../src/testnet/homes.ts";
import { Testnet, TestnetError } from "../../src/testnet/index.ts";
import { createLogFollower, tailOf } from "../../src/testnet/logs.ts";
import { changeState, readState, withProcess } from "../../src/testnet/state.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "byz-testnet-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

const plan = { chainId: "t", validators: 4, observers: 1, basePort: 21_000, config: {}, parameters: { checkpointInterval: 16 } };

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof TestnetError) return error.code;
    throw error;
  }
  return "none";
};

describe("the homes of a testnet", () => {
  it("give every node but the first one bootstrap address: the first one's", () => {
    const { nodes } = makeHomes({ ...plan, dir });
    expect(nodes.map(({ role }) => role)).toEqual(["validator", "validator", "validator", "validator", "observer"]);
    nodes.forEach((node, index) => {
      const { config } = loadConfig({ file: join(node.home, "config.toml") });
      expect(config.network.bootstrap).toEqual(index === 0 ? [] : [nodes[0]?.p2p]);
      expect(config.network.listen).toEqual([`/ip4/127.0.0.1/tcp/${21_000 + 2 * index}`]);
      expect(node.api).toBe(`http://${config.api.listen}`);
      expect(node.p2p.endsWith(`/p2p/${node.peerId}`)).toBe(true);
    });
    const genesis = loadGenesis(join(nodes[4]?.home ?? "", "genesis.json"));
    expect(genesis).toMatchObject({ chainId: "t", testnet: true, parameters: { checkpointInterval: 16 } });
    expect(genesis.validators.map(({ peerId }) => peerId)).toEqual(nodes.slice(0, 4).map(({ peerId }) => peerId));
  });
});

describe("testnet.json", () => {
  it("has the fields that scripts rely on", () => {
    makeHomes({ ...plan, dir });
    const state = JSON.parse(readFileSync(join(dir, "testnet.json"), "utf8")) as { chainId: string; nodes: object[] };
    expect(state.chainId).toBe("t");
    for (const field of ["index", "role", "peerId", "api", "p2p", "pid", "home", "behaviour"]) expect(state.nodes[0]).toHaveProperty(field);
  });

  it("loses no change when several processes work on it", async () => {
    makeHomes({ ...plan, dir });
    await Promise.all(
      [0, 1, 2, 3, 4].map((index) => changeState(dir, (state) => withProcess(state, index, { pid: 100 + index, started: "x" }))),
    );
    expect(readState(dir).nodes.map(({ pid }) => pid)).toEqual([100, 101, 102, 103, 104]);
  });

  it("is refused when it is damaged, missing, or does not know the node", async () => {
    expect(await codeOf(() => Testnet.open(dir))).toBe("no_testnet");
    makeHomes({ ...plan, dir });
    const testnet = Testnet.open(dir);
    expect(await codeOf(() => testnet.kill(5))).toBe("no_such_node");
    expect(await codeOf(() => testnet.pause(0))).toBe("not_running");
    writeFileSync(join(dir, "testnet.json"), "{");
    expect(await codeOf(() => testnet.state())).toBe("invalid_testnet");
  });
});

it("a latecomer has the memory limit of the others, unless it is given another", () => {
  const state = makeHomes({ ...plan, dir, observers: 0, config: { node: { memoryLimitMib: 256 } } });
  const limitOf = ({ home }: { readonly home: string }) => loadConfig({ file: join(home, "config.toml") }).config.node.memoryLimitMib;
  const late = makeObserverHome(dir, state, 22_000, {});
  expect([...state.nodes, late].map(limitOf)).toEqual([256, 256, 256, 256, 256]);
  const other = makeObserverHome(dir, { ...state, nodes: [...state.nodes, late] }, 22_002, { node: { memoryLimitMib: 512 } });
  expect(limitOf(other)).toBe(512);
});

describe("up", () => {
  it("refuses numbers that make no network", async () => {
    expect(await codeOf(() => Testnet.up({ dir: join(dir, "a"), nodes: 0 }))).toBe("usage");
    expect(await codeOf(() => Testnet.up({ dir: join(dir, "a"), nodes: 65 }))).toBe("usage");
    expect(await codeOf(() => Testnet.up({ dir: join(dir, "a"), observers: -1 }))).toBe("usage");
    makeHomes({ ...plan, dir });
    expect(await codeOf(() => Testnet.up({ dir, nodes: 7 }))).toBe("exists");
    expect(await codeOf(() => Testnet.up({ dir, memoryLimitMib: 256 }))).toBe("exists");
    await expect(Testnet.up({ dir: join(dir, "a"), memoryLimitMib: 100 })).rejects.toThrow(
      /memory_limit_mib must be 0 or a whole number from 160/,
    );
  });

  it("says why a node ended, and leaves none running", async () => {
    const { nodes } = makeHomes({ ...plan, dir, validators: 2, observers: 0 });
    for (const { home } of nodes) writeFileSync(join(home, "genesis.json"), "{}");
    vi.stubEnv("BYZ_SOURCE", "1");
    const failure = await Testnet.up({ dir }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "exited", message: expect.stringMatching(/node [01] ended: byz: .*genesis.json/) as unknown });
    const testnet = Testnet.open(dir);
    expect([0, 1].map((index) => testnet.processState(index))).toEqual(["gone", "gone"]);
    expect(testnet.state()).toMatchObject({ owner: null, nodes: [{ pid: null }, { pid: null }] });
  });
});

describe("logs", () => {
  it("are read from their end", () => {
    expect(tailOf({ home: dir }, 3)).toBe("");
    writeFileSync(join(dir, "node.log"), `${Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n")}\n`);
    expect(tailOf({ home: dir }, 2)).toBe("line 98\nline 99");
    const read = createLogFollower({ home: dir });
    expect(read()).toBe("");
    writeFileSync(join(dir, "node.log"), "more\n", { flag: "a" });
    expect(read()).toBe("more\n");
    writeFileSync(join(dir, "node.log"), "anew\n");
    expect(read()).toBe("anew\n");
  });
});
