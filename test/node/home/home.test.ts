import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/node/home/config.ts";
import { parseRecord } from "../../../src/node/home/genesis.ts";
import { gatewayKeyOf } from "../../../src/node/home/gateway-key.ts";
import { exportRecord, initHome, peerIdOf } from "../../../src/node/home/home.ts";
import { consumeBirth, loadOrCreateClientKey, readBirth } from "../../../src/node/home/home-keys.ts";
import { HomeError, homeAt } from "../../../src/node/home/layout.ts";
import type { Home } from "../../../src/node/home/layout.ts";
import { KeyFileError } from "../../../src/signing/key-format.ts";
import { createKey } from "../../../src/signing/keys.ts";

let folder: string;
let home: Home;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "byz-home-"));
  home = homeAt(join(folder, "home"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof HomeError || error instanceof KeyFileError) return error.code;
    throw error;
  }
  return "none";
};

describe("init", () => {
  it("makes three keys that only their owner can read, a configuration and a birth marker", () => {
    const keys = initHome(home.path, { moniker: "alice", config: { network: { listen: ["/ip4/127.0.0.1/tcp/4001"] } } });
    for (const path of [home.nodeKey, home.validatorKey, home.clientKey]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(new Set([keys.node.publicKey, keys.validator.publicKey, keys.client.publicKey]).size).toBe(3);
    const { config } = loadConfig({ file: home.config });
    expect(config.node.moniker).toBe("alice");
    expect(config.network.listen).toEqual(["/ip4/127.0.0.1/tcp/4001"]);
    expect(readBirth(home, keys.validator.publicKey)).toBe(true);
    const record = exportRecord(home);
    expect(record).toMatchObject({ moniker: "alice", validatorKey: keys.validator.publicKey, peerId: peerIdOf(keys.node) });
    expect(parseRecord(JSON.stringify(record), "record")).toEqual(record);
  });

  it("refuses a home that is there, and changes nothing in it", () => {
    initHome(home.path);
    const before = readFileSync(home.validatorKey, "utf8");
    expect(codeOf(() => initHome(home.path))).toBe("exists");
    expect(readFileSync(home.validatorKey, "utf8")).toBe(before);
  });

  it.each(["node.key", "validator.key", "client.key", "config.toml"])("completes a home that lacks %s", (name) => {
    const first = initHome(home.path);
    rmSync(join(home.path, name));
    const second = initHome(home.path);
    expect(second.node.publicKey === first.node.publicKey).toBe(name !== "node.key");
    expect(second.validator.publicKey === first.validator.publicKey).toBe(name !== "validator.key");
    expect(readBirth(home, second.validator.publicKey)).toBe(true);
    expect(existsSync(join(home.path, name))).toBe(true);
  });

  it("does not give a new validator key to another's data", () => {
    initHome(home.path);
    rmSync(home.validatorKey);
    writeFileSync(join(home.data, "something"), "x");
    expect(codeOf(() => initHome(home.path))).toBe("foreign-data");
    expect(existsSync(home.validatorKey)).toBe(false);
  });

  it("refuses a moniker that a genesis would refuse, before it makes anything", () => {
    expect(codeOf(() => initHome(home.path, { moniker: "a\nb" }))).toBe("invalid");
    expect(existsSync(home.path)).toBe(false);
  });

  it("refuses keys that others can read", () => {
    initHome(home.path);
    chmodSync(home.nodeKey, 0o644);
    expect(codeOf(() => exportRecord(home))).toBe("permissions");
  });

  it("says that there is no home", () => {
    expect(codeOf(() => exportRecord(home))).toBe("missing");
  });
});

describe("the birth marker", () => {
  it("is good for one start", () => {
    const { validator } = initHome(home.path);
    consumeBirth(home);
    expect(readBirth(home, validator.publicKey)).toBe(false);
    consumeBirth(home);
  });

  it("speaks for its own key only: a validator key brought from elsewhere is amnesiac", () => {
    initHome(home.path);
    expect(readBirth(home, createKey().publicKey)).toBe(false);
  });

  it("is not believed when it is damaged or gone with the data", () => {
    const { validator } = initHome(home.path);
    for (const damaged of ["", "null", "[]", "{", '{"validatorKey":1}']) {
      writeFileSync(home.birth, damaged);
      expect(readBirth(home, validator.publicKey)).toBe(false);
    }
    rmSync(home.data, { recursive: true });
    expect(readBirth(home, validator.publicKey)).toBe(false);
  });
});

describe("the client key", () => {
  it("is made on the fly, even without a home, and stays", () => {
    const made = loadOrCreateClientKey(home);
    expect(statSync(home.clientKey).mode & 0o777).toBe(0o600);
    expect(loadOrCreateClientKey(home).publicKey).toBe(made.publicKey);
    expect(initHome(home.path).client.publicKey).toBe(made.publicKey);
  });

  it("gives the gateway a key of its own, the same one at every start", () => {
    const client = loadOrCreateClientKey(home);
    const gateway = gatewayKeyOf(client);
    expect(gateway.publicKey).not.toBe(client.publicKey);
    expect(gatewayKeyOf(loadOrCreateClientKey(home)).publicKey).toBe(gateway.publicKey);
  });
});
