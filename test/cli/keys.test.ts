/** `byz keys`, and who else needs a passphrase. Homes are encrypted by the library, at less cost; what `byz keys encrypt` makes has the whole. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { initHome, peerIdOf } from "../../src/node/home/home.ts";
import { homeAt } from "../../src/node/home/layout.ts";
import { renderGenesis } from "../../src/node/home/genesis.ts";
import { encryptKeys } from "../../src/node/home/key-custody.ts";
import { signRecord } from "../../src/node/home/record.ts";
import { createPassphrase } from "../../src/signing/passphrase.ts";
import { problem, type Ran, run, type RunOptions, useWorkplace } from "./harness.ts";

const passphrase = "correct horse battery";
const { at, startNode } = useWorkplace();
let home: string;
let keys: ReturnType<typeof initHome>;
beforeEach(() => {
  home = at("home");
  keys = initHome(home, { moniker: "alice" });
});
const file = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(at(name), text);
  chmodSync(at(name), mode);
  return at(name);
};
const encrypted = () => encryptKeys(homeAt(home), { next: createPassphrase(passphrase), cost: { n: 2, r: 1, p: 1 } });
/** The folder's own path may have spaces in it. */
const wordsOf = (line: string): string[] =>
  line
    .replaceAll(at(), "\0")
    .split(" ")
    .map((word) => word.replaceAll("\0", at()));
const byz = (line: string, options?: RunOptions): Promise<Ran> => run([...wordsOf(line), "--home", home], options);
const keyFiles = (): string[] =>
  readdirSync(home)
    .filter((name) => name.includes(".key"))
    .map((name) => readFileSync(join(home, name), "utf8"));
const json = (ran: Ran): unknown => JSON.parse(ran.stdout);
const refused = (code: string, status = 3) => ({ status, stdout: expect.stringContaining(`"code":"${code}"`) as unknown });

describe("byz keys encrypt", () => {
  it("asks twice at a terminal, and then all of the home is encrypted, at the whole cost", async () => {
    const before = keyFiles();
    expect(await byz("keys encrypt --json")).toMatchObject(refused("passphrase_needed"));
    expect(await byz("keys encrypt --json", { answers: [passphrase, "correct horse batterie"] })).toMatchObject(
      refused("invalid_passphrase"),
    );
    expect(await byz("keys encrypt --json", { answers: ["short", "short"] })).toMatchObject(refused("invalid_passphrase"));
    expect(keyFiles()).toEqual(before);
    const ran = await byz("keys encrypt", { answers: [passphrase, passphrase] });
    expect(ran).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/node.key +encrypted\nvalidator.key +encrypted\nclient.key +encrypted/) as unknown,
    });
    expect(ran.stderr).toMatch(/New passphrase: \nThe same again: \n.*the node needs the passphrase at its next start/s);
    for (const text of keyFiles())
      expect(JSON.parse(text)).toMatchObject({ encryption: "scrypt-aes-256-gcm", kdf: { n: 2 ** 17, r: 8, p: 1 } });
    expect(ran.stdout + ran.stderr + keyFiles().join()).not.toContain(passphrase);
  });

  it("changes the passphrase when it is used again: the old one is asked for, and must be right", async () => {
    await encrypted();
    const before = keyFiles();
    const next = file("new", "a new passphrase\r\n");
    expect(await byz(`keys encrypt --json --new-passphrase-file ${next}`)).toMatchObject(refused("passphrase_needed"));
    const wrong = await byz(`keys encrypt --json --new-passphrase-file ${next}`, { answers: ["correct horse"] });
    expect(wrong).toMatchObject(refused("wrong_passphrase"));
    expect(wrong.stderr).toMatch(/node\.key: the passphrase does not open it.*; .*nothing was changed/);
    // where nobody can be asked for another one, everything is as it should be already
    const same = await byz("keys encrypt --json", { environment: { BYZ_PASSPHRASE: passphrase } });
    expect([same.status, json(same)]).toMatchObject([0, [{ key: "node", changed: false }, { changed: false }, { changed: false }]]);
    expect(keyFiles()).toEqual(before);
    expect(await byz(`keys encrypt --new-passphrase-file ${next}`, { answers: [passphrase] })).toMatchObject({ status: 0 });
    expect(await byz("keys export", { environment: { BYZ_PASSPHRASE: passphrase } })).toMatchObject({ status: 3 });
    expect(await byz("keys decrypt client", { environment: { BYZ_PASSPHRASE: "a new passphrase" } })).toMatchObject({ status: 0 });
    expect(json(await byz("keys show --json"))).toMatchObject({ encrypted: ["node", "validator"] });
  });
});

describe("a passphrase", () => {
  beforeEach(encrypted);

  it("comes from a file, else the environment, else a person; and a file of another means nothing less", async () => {
    const right = file("right", `${passphrase}\n`);
    const wrong = file("wrong", "correct horse batterie\n");
    const cases: readonly (readonly [words: string, options: RunOptions, status: number])[] = [
      [`--passphrase-file ${right}`, {}, 0],
      [`--passphrase-file ${right}`, { environment: { BYZ_PASSPHRASE_FILE: wrong, BYZ_PASSPHRASE: "wrong" }, answers: [] }, 0],
      ["--quiet", { environment: { BYZ_PASSPHRASE_FILE: right, BYZ_PASSPHRASE: "wrong" }, answers: [] }, 0],
      ["--quiet", { environment: { BYZ_PASSPHRASE: passphrase }, answers: [] }, 0],
      ["--quiet", { answers: [passphrase] }, 0],
      ["--quiet", { answers: ["wrong"] }, 3],
      ["--quiet", {}, 3],
      [`--passphrase-file ${wrong}`, { environment: { BYZ_PASSPHRASE: passphrase } }, 3],
      [`--passphrase-file ${at("none")}`, { environment: { BYZ_PASSPHRASE: passphrase } }, 3],
      [`--passphrase-file ${at()}`, {}, 3],
      [`--passphrase-file ${file("empty", "\n")}`, {}, 3],
      [`--passphrase-file ${file("long", "x".repeat(1_025))}`, {}, 3],
    ];
    for (const [words, options, status] of cases) {
      const ran = await byz(`keys export ${words}`, options);
      expect([words, options, ran.status]).toEqual([words, options, status]);
      expect(ran.stdout + ran.stderr).not.toContain(passphrase);
    }
  });

  it("in a file that everybody can read is used, and said to be", async () => {
    const { status, stderr } = await byz(`keys export --passphrase-file ${file("open", passphrase, 0o644)}`);
    expect([status, stderr]).toEqual([0, `byz: everybody on this machine can read ${at("open")}; chmod 600 it\n`]);
  });

  it("is not asked for where none is needed: for public keys, by doctor, in the debug bundle", async () => {
    const shown = await byz("keys show");
    expect(shown).toMatchObject({ status: 0, stderr: "" });
    expect(shown.stdout).toContain(`${keys.validator.publicKey} (encrypted)`);
    const { findings } = json(await byz("doctor --json --api http://127.0.0.1:1")) as {
      findings: { check: string; result: string; detail: string }[];
    };
    const found = findings
      .filter(({ check }) => check.endsWith(".key"))
      .map(({ result, detail }) => [result, detail.endsWith(" (encrypted)")]);
    expect(found).toEqual(Array.from({ length: 3 }, () => ["ok", true]));
    const bundle = await byz(`debug bundle --api http://127.0.0.1:1 -o ${at("bundle.json")}`, {
      environment: { BYZ_PASSPHRASE: passphrase },
    });
    expect([bundle.status, readFileSync(at("bundle.json"), "utf8").includes(passphrase)]).toEqual([0, false]);
  });

  it("is needed to write and to start: refused without or with a wrong one, before anything is done", async () => {
    const genesis = renderGenesis({
      chainId: "keys",
      createdAt: 1,
      testnet: true,
      parameters: {},
      validators: [signRecord("alice", keys)],
    });
    const node = await startNode({
      "GET /v1/status": () => ({ json: { genesisHash: "00".repeat(32) } }),
      "POST /v1/requests": () => problem(500, "x"),
    });
    const put = `put key value --json --api ${node}`;
    expect(await byz(put)).toMatchObject(refused("passphrase_needed"));
    expect(await byz(put, { answers: ["wrong"] })).toMatchObject(refused("wrong_passphrase"));
    expect(readdirSync(home)).not.toContain("client.seq");
    // signed, and told what this node says to it
    expect((await byz(put, { answers: [passphrase] })).stdout).not.toContain("passphrase");
    expect(readdirSync(home)).toContain("client.seq");
    writeFileSync(join(home, "genesis.json"), genesis);
    for (const words of [
      "start --json --api 127.0.0.1:0 --listen /ip4/127.0.0.1/tcp/0",
      `join --json --bootstrap /ip4/127.0.0.1/tcp/1/p2p/${peerIdOf(keys.node)}`,
    ]) {
      expect(await byz(words)).toMatchObject(refused("passphrase_needed"));
      expect(await byz(words, { environment: { BYZ_PASSPHRASE: "another" } })).toMatchObject(refused("wrong_passphrase"));
    }
    expect(readdirSync(join(home, "data"))).toEqual(["birth.json"]);
  });
});

describe("byz keys rotate", () => {
  it("gives the home another client key, says what that changes, and keeps the old one", async () => {
    const ran = await byz("keys rotate client --json");
    expect(ran).toMatchObject({ status: 0, stderr: expect.stringContaining("another client") as unknown });
    const { publicKey, oldPublicKey, oldFile } = json(ran) as Record<string, string>;
    expect(oldPublicKey).toBe(keys.client.publicKey);
    expect(json(await byz("keys show --json"))).toMatchObject({ clientKey: publicKey });
    expect(readdirSync(home)).toContain((oldFile ?? "").split("/").at(-1));
  });

  it.each(["validator", "node"])("does not rotate the %s key, which the genesis names: status 2, and nothing is changed", async (name) => {
    const before = keyFiles();
    const ran = await byz(`keys rotate ${name}`);
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringMatching(/the genesis names.*nothing was changed/) as unknown });
    expect(keyFiles()).toEqual(before);
  });
});

describe("byz init --encrypt", () => {
  it("makes keys that no disk ever had plain, and needs a passphrase for it", async () => {
    const other = ["--home", at("other"), "--json"];
    expect(await run(["init", "--encrypt", ...other])).toMatchObject(refused("passphrase_needed"));
    expect(await run(["init", "--encrypt", ...other], { answers: [passphrase, passphrase] })).toMatchObject({ status: 0 });
    expect(json(await run(["keys", "show", ...other]))).toMatchObject({ encrypted: ["node", "validator", "client"] });
  });
});
