/**
 * Code in README and docs/ does what it says: every block marked `run` is run, page by page, against one network, in a folder where the package is
 * installed. Comments below a command are its output; `…` stands for anything.
 */
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Testnet } from "../../src/testnet/index.ts";
import { freeBasePort } from "../../src/testnet/ports.ts";
import { type Block, patternOf, runnableBlocks, stepsOf } from "./support/documents.ts";
import { somePort, temporaryFolder } from "./support/network.ts";
import { until } from "./support/wait.ts";

const top = new URL("../../", import.meta.url);
const folder = temporaryFolder();
const dir = join(folder, ".byz-testnet");
/** for one block; generous, the machine may be busy */
const blockLimitMs = 120_000;

let basePort: number;

/** A page speaks of the ports that a first network gets; this one has others. */
const atOurPorts = (text: string): string =>
  text
    .replaceAll(/\b276(5[6-9]|6[0-9])\b/g, (port) => String(Number(port) - 27_656 + basePort))
    .replace("byz testnet up", `byz testnet up --base-port ${basePort}`);

interface Ran {
  readonly status: number | null;
  readonly output: string;
}

const run = (command: string, args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BYZ_")));
    const path = `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`;
    const child = spawn(command, args, { cwd: folder, env: { ...own, HOME: folder, PATH: path }, timeout: blockLimitMs });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", (error) => resolve({ status: null, output: String(error) }));
    child.once("close", (status) => resolve({ status, output }));
  });

/** Standard output goes to a file of its own: what is promised is that, not the notes beside it. */
const runShell = async (block: Block, prelude: string): Promise<void> => {
  const steps = stepsOf(block);
  const script = steps.map(({ command }, index) => `{ ${atOurPorts(command)}\n} > out.${index} || { echo "step ${index}" >&2; exit 1; }`);
  const ran = await run("bash", ["-c", [prelude, ...script].join("\n")]);
  expect(ran, `line ${block.line}\n${ran.output}`).toMatchObject({ status: 0 });
  for (const [index, { command, expected }] of steps.entries()) {
    if (expected !== "") expect(readFileSync(join(folder, `out.${index}`), "utf8"), command).toMatch(patternOf(expected));
  }
};

const runScript = async (block: Block): Promise<void> => {
  const file = join(folder, `line-${block.line}.${block.language === "ts" ? "ts" : "mjs"}`);
  writeFileSync(file, atOurPorts(block.text));
  const ran = await run(process.execPath, [file]);
  expect(ran, `line ${block.line}\n${ran.output}`).toMatchObject({ status: 0 });
};

/** `curl -N` goes on for ever: three seconds of it. */
const prelude = (): string => `
export A=http://127.0.0.1:${basePort + 1} BYZ_API=http://127.0.0.1:${basePort + 1}
curl() { case " $* " in *" -N "*) command curl -s --max-time 3 "$@" || true ;; *) command curl -sS "$@" ;; esac; }
`;

const runBlock = async (block: Block): Promise<void> => {
  if (block.language === "sh") return runShell(block, prelude());
  expect(["js", "ts"]).toContain(block.language);
  return runScript(block);
};

/** Some pages show certified reads, and all of them a network that is whole: writes until there is a checkpoint. */
const untilCertified = async (testnet: Testnet): Promise<void> => {
  const client = testnet.client(0);
  await until("a stable checkpoint of a whole network", 60_000, async () => {
    for (let writes = 0; writes < 8; writes += 1) await client.put("page", "turned");
    const { connectivity, sequence } = await client.status();
    return connectivity === "whole" && sequence.stable > 0;
  });
};

const readme = runnableBlocks(new URL("README.md", top));
const isLast = ({ words }: Block): boolean => words.includes("last");
const pages = readdirSync(new URL("docs/", top))
  .filter((name) => name.endsWith(".md"))
  .map((name) => ({ name, blocks: runnableBlocks(new URL(`docs/${name}`, top)) }))
  .filter(({ blocks }) => blocks.length > 0);

beforeAll(async () => {
  basePort = await freeBasePort(8, somePort());
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(fileURLToPath(top), join(folder, "node_modules", "byzantine-coordinator"));
  const byz = fileURLToPath(new URL("bin/byz.js", top));
  writeFileSync(join(folder, "bin", "byz"), `#!/bin/sh\nexec "${process.execPath}" "${byz}" "$@"\n`, { mode: 0o755 });
});

afterAll(async () => {
  // gone already, unless something failed
  if (existsSync(dir)) await Testnet.open(dir).down();
});

describe("README", () => {
  it("starts a network, and everything it shows works on it", async () => {
    expect(readme.length).toBeGreaterThan(1);
    for (const block of readme.filter((each) => !isLast(each))) await runBlock(block);
    const testnet = Testnet.open(dir);
    await testnet.ready();
    await untilCertified(testnet);
    copyFileSync(join(testnet.node(0).home, "genesis.json"), join(folder, "genesis.json"));
  });
});

describe.each(pages)("docs/$name", ({ blocks }) => {
  it.each(blocks)("line $line", runBlock);
});

it("docs/reference.md is what the package exports", async () => {
  const { renderReference } = (await import(new URL("scripts/reference.js", top).href)) as { readonly renderReference: () => string };
  // what the page says of each is renewed by `npm run reference`; what it names must never be behind
  const named = (page: string): string[] => page.split("\n").filter((line) => /^##+ /.test(line));
  expect(named(readFileSync(new URL("docs/reference.md", top), "utf8")), "run `npm run reference`").toEqual(named(renderReference()));
});

const example = (name: string, ...args: readonly string[]): Promise<Ran> =>
  run(process.execPath, [fileURLToPath(new URL(`examples/${name}`, top)), ...args]);

describe("examples", () => {
  it("lock.ts: a lease ends by ledger time, and who lost the lock can not write under it", async () => {
    const { output, status } = await example(
      "lock.ts",
      "genesis.json",
      `http://127.0.0.1:${basePort + 1}`,
      `http://127.0.0.1:${basePort + 3}`,
    );
    expect(output).toMatch(
      /^alice has the lock, token \d+\nbob gets it: false\nbob has the lock .*: true\nalice can renew: false\nalice, late, .*: false\nalice gets it after bob's release: true\n$/,
    );
    expect(status).toBe(0);
  });

  it("check-a-proof.ts: proofs hold offline, and not with one digit changed", async () => {
    const { output, status } = await example("check-a-proof.ts", "genesis.json", `http://127.0.0.1:${basePort + 1}`);
    expect(output).toMatch(
      /^proven: .* the contract is "signed by both"\nproven: my bid is in block \d+, at place \d+\nand with one digit changed:\nnot proven: .*\nnot proven: .*\n$/,
    );
    expect(status).toBe(0);
  });
});

describe("README's end", () => {
  it("leaves nothing behind", async () => {
    for (const block of readme.filter(isLast)) await runBlock(block);
    expect(readdirSync(folder)).not.toContain(".byz-testnet");
  });
});

// last, when the network of the pages does not take its part of the machine any more
describe("examples with networks of their own", () => {
  it("cut-and-heal.ts: both sides of a cut work, and the report says what met when it healed", async () => {
    const { output, status } = await example("cut-and-heal.ts");
    expect(output).toMatch(
      /^cut 2 \| 2: the ledger answers no_quorum\nhealed: .* after \d+\.\d s\nthe network was split for .*: node-0 \+ node-1 \| node-2 \+ node-3\ndocument plan: 2 changes here, 3 there, anchored in block \d+\nconcurrent-values in plan: title: "picnic at the lake" and "picnic on Sunday"; both values stand .*\nall nodes show the same: true\n/,
    );
    expect(output).toContain(
      '{"bring":{"set":["bread","cheese"]},"people":{"counter":2},"title":{"register":["picnic at the lake","picnic on Sunday"]}}',
    );
    expect(status).toBe(0);
  });

  it("audit-log, survive-the-primary: both lose a node", async () => {
    const audit = await example("audit-log/run.ts");
    expect(audit.output).toMatch(
      /alice wrote entry 1\nbob wrote entry 2\nafter the primary was killed, alice wrote entry 3\n(\{"number":.*\}\n){8}entry 1 is certified .* is alice's: true\n$/,
    );
    const survive = await example("survive-the-primary.ts");
    expect(survive.output).toMatch(
      /is killed\nthe next write took \d+ ms\n(day\/\d = entry of day \d\n){4}node \d is back and says: entry of day 4\n$/,
    );
    expect([audit.status, survive.status]).toEqual([0, 0]);
  });
});
