import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { rows } from "./command-table.ts";
import { run, useWorkplace } from "./harness.ts";

const { at } = useWorkplace();

describe("help", () => {
  it("of byz lists every command, and is what a bare byz shows", async () => {
    const { stdout, status } = await run(["--help"]);
    expect(status).toBe(0);
    for (const { command } of rows) expect(stdout).toMatch(new RegExp(`^ {2}${command.split(" ")[0]} `, "m"));
    expect((await run([])).stdout).toContain("Set up and run:");
    for (const code of [0, 1, 2, 3, 4, 5, 6, 69, 130]) expect(stdout).toMatch(new RegExp(`^ {1,3}${code}  `, "m"));
  });

  it("names the environment of options that have one", async () => {
    const { stdout } = await run(["start", "--help"]);
    for (const name of ["BYZ_HOME", "BYZ_NETWORK_BOOTSTRAP", "BYZ_NETWORK_LISTEN", "BYZ_API_LISTEN"]) expect(stdout).toContain(name);
    expect(stdout).not.toContain("stop-with");
  });
});

describe("wrong usage is exit status 2 and one line", () => {
  const cases: readonly (readonly [args: string, complaint: RegExp])[] = [
    ["frobnicate", /unknown command 'frobnicate'/],
    ["testnet", /a command is missing/],
    ["keys frobnicate", /unknown command 'frobnicate'/],
    ["status --frobnicate", /unknown option '--frobnicate'/],
    ["status extra", /too many arguments/],
    ["status --api", /argument missing/],
    ["status --api ftp://host", /not an http\(s\) URL: ftp:\/\/host/],
    ["put", /missing required argument 'key'/],
    ["put key", /the value is missing/],
    ["put key value --file f", /a value and --file were given/],
    ["put key value --if-version -1", /if-version/],
    ["put key value --if-version 1.5", /whole number/],
    ["del key --if-version 0", /whole number/],
    ["get key --consistency eventual", /Allowed choices are linearizable, certified, local/],
    ["get key --prove --consistency local", /--prove does not go with --consistency local/],
    ["get key --raw --json", /cannot be used with/],
    ["list --limit 0", /whole number from 1 to 1000/],
    ["blocks one", /not a sequence: one/],
    ["blocks --limit 1000", /whole number from 1 to 256/],
    ["watch --from x", /whole number/],
    ["watch a b", /too many arguments/],
    ["completion tcsh", /not a shell: tcsh/],
    ["completion", /missing required argument 'shell'/],
    ["debug", /a command is missing/],
    ["join --bootstrap nowhere", /--bootstrap "nowhere" is not an address such as \/ip4/],
    ["simulate --seed x", /below 2\^64, not x; see --help/],
    ["doctor extra", /too many arguments/],
    ["explain --watch --frobnicate", /unknown option/],
    ["genesis create", /required option '--chain-id/],
    ["genesis create --chain-id x", /required option '--validator/],
    ["testnet kill", /missing required argument 'index'/],
    ["testnet kill one", /not a node's index: one/],
    ["testnet up -n 0", /whole number from 1 to 64/],
    ["testnet up -n 65", /whole number from 1 to 64/],
    ["testnet up --base-port 80", /whole number from 1024/],
    ["testnet logs --lines none", /whole number/],
  ];
  it.each(cases)("byz %s", async (line, complaint) => {
    const args = line.split(" ");
    const plain = await run(args);
    expect(plain.status).toBe(2);
    expect(plain.stderr).toMatch(complaint);
    expect(plain.stderr).toMatch(/^byz: [^\n]+; [^\n]+\n$/);
    expect(plain.stdout === "").toBe(!args.includes("--json"));
  });

  it("but a file that is not there, or is no record, is named with what to do", async () => {
    const none = at("none");
    const [txn, record, help] = [
      await run(["txn", none]),
      await run(["genesis", "create", "--chain-id", "x", "--validator", none]),
      "keys export",
    ];
    expect(txn).toMatchObject({ status: 1, stderr: `byz: ${none}: no such file or directory; check the path\n` });
    expect(record).toMatchObject({ status: 3, stderr: expect.stringContaining(help) as unknown });
  });

  it("and with --json also a document", async () => {
    const { status, stdout } = await run(["blocks", "one", "--json"]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ error: { code: "usage", message: "not a sequence: one", hint: expect.any(String) as unknown } });
  });

  it("an empty key", async () => {
    expect(await run(["put", "", "value"])).toMatchObject({ status: 2, stderr: expect.stringMatching(/the key is empty/) as unknown });
  });
});

const bin = fileURLToPath(new URL("../../bin/byz.js", import.meta.url));
// asked for and forbidden colours make Node.js say so
const environment = { ...process.env, BYZ_SOURCE: "1", NO_COLOR: "1", FORCE_COLOR: undefined };
/** an older Node.js, where the machine has one */
const oldNode = (process.env["PATH"] ?? "")
  .split(":")
  .map((entry) => join(entry, "node"))
  .find((file) => {
    const { stdout } = spawnSync(file, ["--version"], { encoding: "utf8" });
    return /^v(?:1[89]|2[01])\./.test(stdout ?? "");
  });

describe("the program", () => {
  it("passes on the exit status, stdout and stderr", () => {
    const version = spawnSync(process.execPath, [bin, "--version"], { encoding: "utf8", env: environment });
    expect(version).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as unknown, stderr: "" });
    const wrong = spawnSync(process.execPath, [bin, "frobnicate"], { encoding: "utf8", env: environment });
    expect(wrong).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/^byz: unknown command/) as unknown });
  });

  it.skipIf(oldNode === undefined)("runs on an older Node.js too, under the one it brings along (skipped where there is none)", () => {
    const wrong = spawnSync(oldNode as string, [bin, "frobnicate"], { encoding: "utf8", env: environment });
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringMatching(/^byz: unknown command/) as unknown });
  });

  it.skipIf(oldNode === undefined)("says so, status 69, where there is no other Node.js (skipped where there is no old one)", () => {
    mkdirSync(at("bin"));
    copyFileSync(bin, at("bin/byz.js"));
    copyFileSync(join(bin, "../../package.json"), at("package.json"));
    const refused = spawnSync(oldNode as string, [at("bin/byz.js"), "--version"], { encoding: "utf8", env: environment });
    expect(refused).toMatchObject({
      status: 69,
      stdout: "",
      stderr: expect.stringMatching(/^byz: this is Node.js .+ install Node.js 22.12 or newer\n$/) as unknown,
    });
  });

  it("does not mind that its reader left", () => {
    const line = 'set -o pipefail; "$0" "$1" config show --home "$2" | head -n 1';
    const { status, stdout } = spawnSync("bash", ["-c", line, process.execPath, bin, at()], { encoding: "utf8", env: environment });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^KEY/);
  });
});
