/** Every command: its help, what it says to wrong usage, and what it does where no node runs. The rest of the table: test/end-to-end/commands.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandsFor } from "../../src/cli/commands.ts";
import { type Row, rows, wordsOf, type World } from "./command-table.ts";
import { run, temporaryFolder } from "./harness.ts";

/** A port that nobody listens on. */
const closedPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
};

const namesOf = (command: Command, above: readonly string[]): string[] => {
  const path = [...above, command.name()];
  return command.commands.length === 0 ? [path.join(" ")] : command.commands.flatMap((child) => namesOf(child, path));
};

let folder: ReturnType<typeof temporaryFolder>;
let world: World;
let globals: readonly string[];
beforeAll(async () => {
  folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const api = `http://127.0.0.1:${await closedPort()}`;
  world = { folder: folder.path, home: at("home"), testnet: at("no-testnet"), apis: [api, `http://127.0.0.1:${await closedPort()}`] };
  globals = ["--home", world.home, "--api", api];
  const done = [
    await run(["init", "--home", world.home, "--moniker", "alice"]),
    await run(["keys", "export", "-o", at("record.json"), "--home", world.home]),
    await run(["genesis", "create", "--chain-id", "t", "--validator", at("record.json"), "-o", join(world.home, "genesis.json")]),
  ];
  expect(done.map(({ status }) => status)).toEqual([0, 0, 0]);
  const config = readFileSync(join(world.home, "config.toml"), "utf8")
    .replace("[api]", `[api]\nlisten = "${api.slice("http://".length)}"`)
    .replace("[network]", '[network]\nlisten = ["/ip4/127.0.0.1/tcp/0"]');
  writeFileSync(join(world.home, "config.toml"), config);
});
afterAll(() => folder.remove());

/** One error, as people and as programs are told of it. */
const expectError = async (row: Row, rest: readonly string[], status: number): Promise<string> => {
  const plain = await run(wordsOf(row, rest));
  expect({ status: plain.status, stdout: plain.stdout }).toEqual({ status, stdout: "" });
  expect(plain.stderr).toMatch(/^byz: [^\n]+; [^\n]+\n$/);
  const json = await run(wordsOf(row, ["--json", ...rest]));
  expect(json).toMatchObject({ status, stderr: plain.stderr });
  const document = JSON.parse(json.stdout) as { error: { code: string } };
  expect(document).toEqual({
    error: {
      code: expect.stringMatching(/^[a-z_]+$/) as unknown,
      message: expect.any(String) as unknown,
      hint: expect.any(String) as unknown,
    },
  });
  return document.error.code;
};

describe("the table", () => {
  it("has every command", async () => {
    const io = {
      stdout: () => {},
      stderr: () => {},
      environment: {},
      terminal: false,
      colour: false,
      signal: new AbortController().signal,
      stdin: async () => new Uint8Array(),
    };
    const declared = (await commandsFor([], { io, exit: () => {} })).flatMap((command) => namesOf(command, []));
    expect(rows.map(({ command }) => command).toSorted()).toEqual(declared.toSorted());
  });
});

describe("--help", () => {
  it.each(rows)("of $command has a line, usage, two examples and the exit status", async (row) => {
    const { status, stdout, stderr } = await run(wordsOf(row, ["--help"]));
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`Usage: byz ${row.command}`);
    expect(stdout.match(/^ {2}\$ byz .+$/gm)).toHaveLength(2);
    expect(stdout).toContain("Exit status:\n  0  done\n  1  it failed\n  2  wrong usage");
    expect(stdout).toContain("--json");
    for (const code of [row.withoutNode, row.withoutQuorum])
      if (code !== undefined) expect(stdout).toMatch(new RegExp(`^ {2}${code}  `, "m"));
  });
});

describe("wrong arguments", () => {
  it.each(rows)("$command $wrong: exit status 2 and one line, with --json a document too", async (row) => {
    if (row.wrong !== "") expect(await expectError(row, row.wrong.split(" "), 2)).toBe("usage");
    // everybody refuses an option that is not there
    expect(await expectError(row, ["--frobnicate"], 2)).toBe("usage");
    if (row.wrong === "") expect(await expectError(row, [], 2)).toBe("usage");
  });
});

describe("where no node runs", () => {
  const those = rows.filter(({ command, withoutNode }) => withoutNode !== undefined && command !== "prove verify");
  it.each(those)("$command: exit status $withoutNode", async (row) => {
    // the row's own --api comes last and wins
    const args = (): readonly string[] => [...globals, ...row.use(world)];
    if (row.withoutNode !== 0) {
      expect(await expectError(row, args(), row.withoutNode as number)).toBe(row.withoutNode === 4 ? "no_node" : "no_testnet");
      return;
    }
    const plain = await run(wordsOf(row, args()));
    expect(plain).toMatchObject({ status: 0, stdout: expect.stringMatching(/\n$/) as unknown });
    const json = await run(wordsOf(row, ["--json", "--quiet", ...args()]));
    expect(json).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(json.stdout)).toEqual(expect.anything());
  });
});
