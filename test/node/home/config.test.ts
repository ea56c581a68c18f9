import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "smol-toml";
import { renderConfig } from "../../../src/node/home/config-file.ts";
import { ConfigError, createConfig, loadConfig } from "../../../src/node/home/config.ts";
import type { ConfigProblem, ConfigSources } from "../../../src/node/home/config.ts";
import { environmentName, fileName, settings } from "../../../src/node/home/settings.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "byz-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (text: string): string => {
  const path = join(folder, "config.toml");
  writeFileSync(path, text);
  return path;
};

const problemsOf = (sources: ConfigSources): readonly ConfigProblem[] => {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe("precedence", () => {
  it("is flag over environment over file over default, and the origin says which", () => {
    const path = file('[consensus]\npipeline_depth = 4\nmax_batch_delay_ms = 7\nretransmit_interval_ms = 300\n[log]\nlevel = "warn"\n');
    const environment = { BYZ_CONSENSUS_MAX_BATCH_DELAY_MS: "9", BYZ_LOG_LEVEL: "error", BYZ_NETWORK_BOOTSTRAP: "" };
    const { config, entries } = loadConfig({ file: path, environment, flags: { log: { level: "debug" } } });
    expect(config.consensus).toMatchObject({ pipelineDepth: 4, maxBatchDelayMs: 9, retransmitIntervalMs: 300, poolMaxRequests: 8192 });
    expect(config.log.level).toBe("debug");
    expect(config.network.bootstrap).toEqual([]);
    const origin = (key: string) => entries.find((entry) => entry.key === key);
    expect(origin("pipeline_depth")).toMatchObject({ origin: "file", detail: `${path}:2` });
    expect(origin("max_batch_delay_ms")).toMatchObject({ origin: "environment", detail: "BYZ_CONSENSUS_MAX_BATCH_DELAY_MS" });
    expect(origin("level")).toMatchObject({ origin: "flag" });
    expect(origin("pool_max_requests")).toMatchObject({ origin: "default" });
  });

  it("falls back to the defaults when there is no file", () => {
    expect(loadConfig({ file: join(folder, "none.toml") }).config).toEqual(createConfig());
    expect(createConfig().api.listen).toBe("127.0.0.1:27657");
    expect(createConfig().network.listen).toEqual(["/ip4/0.0.0.0/tcp/27656"]);
  });

  it("reads lists from the environment", () => {
    const environment = { BYZ_NETWORK_LISTEN: "/ip4/127.0.0.1/tcp/1, /ip6/::1/tcp/2" };
    expect(loadConfig({ environment }).config.network.listen).toEqual(["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/2"]);
  });
});

describe("the file that init writes", () => {
  it("shows every key with its default, and means nothing but defaults", () => {
    const text = renderConfig();
    for (const [section, keys] of Object.entries(settings)) {
      for (const key of Object.keys(keys)) {
        expect(text).toMatch(new RegExp(`^# ${fileName(key)} = .+$`, "m"));
        expect(text).toContain(environmentName(section, key));
      }
    }
    expect(loadConfig({ file: file(text) }).config).toEqual(createConfig());
  });

  it("is valid with every # before a key removed", () => {
    const text = renderConfig().replaceAll(/^# (\w+ = )/gm, "$1");
    const loaded = loadConfig({ file: file(text) });
    expect(loaded.config).toEqual(createConfig());
    expect(loaded.entries.every((entry) => entry.origin === "file")).toBe(true);
  });

  it("sets what it is given, whatever the characters", () => {
    const text = renderConfig({ node: { moniker: "né 1" }, network: { listen: ["/ip4/127.0.0.1/tcp/4001"] } });
    expect(parse(text)).toMatchObject({ node: { moniker: "né 1" }, network: { listen: ["/ip4/127.0.0.1/tcp/4001"] } });
  });
});

describe("what is wrong is named with its key and line", () => {
  const cases: readonly (readonly [name: string, text: string, key: string, line: number | undefined, message: RegExp])[] = [
    ["unknown key", "[network]\n\nmax_pears = 3\n", "network.max_pears", 3, /not a known key \(did you mean max_peers\?\)/],
    ["unknown section", "\n[netwrok]\na = 1\n", "netwrok", 2, /not a known section \(did you mean network\?\)/],
    ["prototype key", "[network]\nconstructor = 3\n", "network.constructor", 2, /not a known key/],
    ["key outside of sections", "moniker = 'a'\n", "moniker", 1, /not a known section/],
    ["value where a section is meant", "log = 'info'\n", "log", 1, /must be a section/],
    ["text for a number", "[consensus]\npipeline_depth = '8'\n", "consensus.pipeline_depth", 2, /whole number/],
    ["fraction", "[consensus]\npipeline_depth = 1.5\n", "consensus.pipeline_depth", 2, /whole number from 1 to 64/],
    ["out of range", "[consensus]\npipeline_depth = 65\n", "consensus.pipeline_depth", 2, /from 1 to 64/],
    ["not a number", "[consensus]\npipeline_depth = nan\n", "consensus.pipeline_depth", 2, /whole number/],
    ["number for a text", "[log]\nlevel = 1\n", "log.level", 2, /text in quotes/],
    ["unknown choice", "[log]\nlevel = 'loud'\n", "log.level", 2, /one of trace, debug/],
    ["text for a list", "[network]\nlisten = '/ip4/127.0.0.1/tcp/1'\n", "network.listen", 2, /list of texts/],
    ["not an address", "[network]\nlisten = ['127.0.0.1:80']\n", "network.listen", 2, /is not an address such as/],
    ["port out of range", "[network]\nlisten = ['/ip4/127.0.0.1/tcp/65536']\n", "network.listen", 2, /port from 0 to 65535/],
    ["no peer id", "[network]\nbootstrap = ['/ip4/192.0.2.1/tcp/1/p2p/12D3KooW']\n", "network.bootstrap", 2, /does not end in a peer id/],
    ["twice the same", "[network]\nannounce = ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.1/tcp/1']\n", "network.announce", 2, /twice/],
    ["dotted key", "api.listen = 'nowhere'\n", "api.listen", 1, /HOST:PORT/],
    ["moniker of spaces", "[node]\nmoniker = '  '\n", "node.moniker", 2, /letters/],
    ["moniker too long", `[node]\nmoniker = '${"é".repeat(33)}'\n`, "node.moniker", 2, /at most 64 bytes/],
    ["relation", "[network]\nheartbeat_interval_ms = 900\ndead_peer_ms = 1000\n", "network.dead_peer_ms", 3, /three times/],
    ["relation to a default", "[network]\nmax_peers = 25\n", "network.max_peers", 2, /above max_observers/],
    ["too few blocks kept", "[storage]\nretain_sequences = 10\n", "storage.retain_sequences", 2, /from 16/],
    ["no room to work in", "[node]\nmemory_limit_mib = 128\n", "node.memory_limit_mib", 2, /0 or a whole number from 160/],
    ["unknown history", "[storage]\nhistory = 'some'\n", "storage.history", 2, /one of prune, archive/],
    ["no TOML", "[network\n", "", 1, /not valid TOML/],
    ["key given twice", "[log]\nlevel = 'info'\nlevel = 'info'\n", "", 3, /not valid TOML/],
  ];
  it.each(cases)("%s", (_name, text, key, line, message) => {
    const [problem, ...more] = problemsOf({ file: file(text) });
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ key, message: expect.stringMatching(message) as unknown });
    expect(problem?.line).toBe(line);
  });

  it("tells everything at once, in one line a person can read", () => {
    const path = file("[log]\nlevel = 'loud'\n[api]\nlisten = 'x'\n");
    expect(problemsOf({ file: path })).toHaveLength(2);
    expect(() => loadConfig({ file: path })).toThrow(`${path} line 2: log.level must be one of`);
  });

  it("names the variable", () => {
    expect(problemsOf({ environment: { BYZ_API_LISTN: "x" } })).toMatchObject([{ source: "BYZ_API_LISTN" }]);
    expect(problemsOf({ environment: { BYZ_STORAGE_CACHE_BYTES: "lots" } })).toMatchObject([
      { source: "BYZ_STORAGE_CACHE_BYTES", key: "storage.cache_bytes" },
    ]);
    expect(problemsOf({ environment: { BYZ_HOME: "/x", BYZ_API: "http://x", PATH: "/bin" } })).toEqual([]);
  });

  it("says that a file can not be read", () => {
    expect(problemsOf({ file: folder })).toMatchObject([{ source: folder, message: expect.stringMatching(/can not be read/) as unknown }]);
  });

  it("takes no date for a section", () => {
    expect(problemsOf({ file: file("network = 2020-01-01\n") })).toMatchObject([
      { key: "network", line: 1, message: "must be a section, [network]" },
    ]);
  });

  it("shows what a terminal would obey, in one line of bounded length", () => {
    const path = file(`"\\u001B[2J" = 1\n"b\\nyz: all is well" = 2\n${"x".repeat(50_000)} = 3\n`);
    const load = () => loadConfig({ file: path });
    expect(load).toThrow(/\\u\{1b\}\[2J is not a known section/);
    expect(load).toThrow(/b\\u\{a\}yz: all is well is not a known section/);
    expect(load).not.toThrow(/[\p{Cc}\p{Cf}]|x{1000}/u);
  });

  it("is found in time that grows with the file, not with its square, and the first complaints are told", () => {
    const lines = Array.from({ length: 8_000 }, (_, index) => `k${index} = 1`);
    const before = process.cpuUsage();
    const problems = problemsOf({ file: file(`[network]\n${lines.join("\n")}\n`) });
    const { user, system } = process.cpuUsage(before);
    expect(problems[7_999]).toMatchObject({ key: "network.k7999", line: 8_001 });
    // a search through the file for each key took 17 s
    expect((user + system) / 1e6).toBeLessThan(6);
    expect(() => loadConfig({ file: join(folder, "config.toml") })).toThrow(/; and 7960 more$/);
  });

  it("is not looked for in a file larger than any configuration", () => {
    expect(problemsOf({ file: file("#".repeat(1024 * 1024 + 1)) })).toMatchObject([{ key: "", message: "is larger than 1048576 bytes" }]);
  });
});
