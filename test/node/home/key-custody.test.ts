import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openClientKey } from "../../../src/client/client-key.ts";
import { exportRecord, initHome } from "../../../src/node/home/home.ts";
import { loadNodeKey, loadOrCreateClientKey, publicKeyOf } from "../../../src/node/home/home-keys.ts";
import { type Home, homeAt, HomeError } from "../../../src/node/home/layout.ts";
import { decryptKeys, encryptKeys, heldKeys, rotateClientKey } from "../../../src/node/home/key-custody.ts";
import { loadKeyFile, saveKeyFile } from "../../../src/signing/key-file.ts";
import { KeyFileError, type KeyUse } from "../../../src/signing/key-format.ts";
import { createKey } from "../../../src/signing/keys.ts";
import { createPassphrase, type Passphrase } from "../../../src/signing/passphrase.ts";

const cost = { n: 2, r: 1, p: 1 };
let folder: string;
let home: Home;
let first: Passphrase;
let second: Passphrase;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "byz-custody-"));
  home = homeAt(join(folder, "home"));
  [first, second] = [createPassphrase("the first one"), createPassphrase("the second one")];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof KeyFileError || error instanceof HomeError) return error.code;
    throw error;
  }
  return "none";
};

const files = ["node.key", "validator.key", "client.key"] as const;
const textOf = (name: string): string => readFileSync(join(home.path, name), "utf8");
const texts = (): string[] => files.map(textOf);
const isEncrypted = (): boolean[] => heldKeys(home).map(({ encrypted }) => encrypted);
const publicKeys = (): string[] => heldKeys(home).map(({ publicKey }) => publicKey);
const opensAll = (passphrase: Passphrase): void => {
  for (const { path, use, publicKey } of heldKeys(home)) expect(loadKeyFile(path, use, passphrase).publicKey).toBe(publicKey);
};
/** everything in the home's folder, as one text */
const everything = (): string =>
  readdirSync(home.path)
    .filter((name) => statSync(join(home.path, name)).isFile())
    .map(textOf)
    .join("\n");

describe("encrypting a home's keys", () => {
  it("leaves the keys what they are, and no plain one anywhere; decrypting is the inverse", async () => {
    const keys = initHome(home.path);
    const plain = texts();
    const secrets = [keys.node, keys.validator, keys.client].map((key) => Buffer.from(key.exportSeed()).toString("hex"));
    // a crash of an earlier time left a key under a name that nobody looks at
    writeFileSync(join(home.path, "validator.key.00112233aabb.tmp"), plain[1] ?? "");
    const done = await encryptKeys(home, { next: first, cost });
    expect(done.map(({ use, changed, encrypted }) => [use, changed, encrypted])).toEqual([
      ["node", true, true],
      ["validator", true, true],
      ["client", true, true],
    ]);
    for (const secret of secrets) expect(everything()).not.toContain(secret);
    expect(readdirSync(home.path).filter((name) => name.includes(".key"))).toEqual([...files].toSorted());
    for (const name of files) expect(statSync(join(home.path, name)).mode & 0o777).toBe(0o600);
    opensAll(first);
    // one salt: opening all costs one derivation
    expect(new Set(texts().map((text) => (JSON.parse(text) as { kdf: { salt: string } }).kdf.salt)).size).toBe(1);

    expect((await decryptKeys(home, [], first)).map(({ changed }) => changed)).toEqual([true, true, true]);
    expect(texts()).toEqual(plain);
    expect((await decryptKeys(home, [], undefined)).map(({ changed }) => changed)).toEqual([false, false, false]);
  });

  it("is for those that are named; what is added later has the home's passphrase, or nothing is changed", async () => {
    initHome(home.path);
    await encryptKeys(home, { uses: ["validator"], next: first, cost });
    expect(isEncrypted()).toEqual([false, true, false]);
    const before = texts();
    expect(await codeOf(() => encryptKeys(home, { current: second, cost }))).toBe("wrong-passphrase");
    expect(await codeOf(() => encryptKeys(home, { cost }))).toBe("encrypted");
    expect(await codeOf(() => encryptKeys(home, { uses: ["client"], current: second, cost }))).toBe("wrong-passphrase");
    expect(texts()).toEqual(before);
    const done = await encryptKeys(home, { current: first, cost });
    expect(done.map(({ changed }) => changed)).toEqual([true, false, true]);
    opensAll(first);
    await decryptKeys(home, ["client"], first);
    expect(isEncrypted()).toEqual([true, true, false]);
  });

  it("changes the passphrase of all that is encrypted, and goes on where a crash cut it short", async () => {
    initHome(home.path);
    const was = publicKeys();
    await encryptKeys(home, { next: first, cost });
    const old = texts();
    expect(await codeOf(() => encryptKeys(home, { current: second, next: first, cost }))).toBe("none"); // all have the new one already
    expect(texts()).toEqual(old);
    await encryptKeys(home, { uses: ["client"], current: first, next: second, cost });
    opensAll(second);
    // as if it had ended after the first file
    for (const [index, name] of files.entries()) if (index > 0) writeFileSync(join(home.path, name), old[index] ?? "");
    expect(await codeOf(() => decryptKeys(home, [], second))).toBe("wrong-passphrase");
    const done = await encryptKeys(home, { current: first, next: second, cost });
    expect(done.map(({ changed }) => changed)).toEqual([false, true, true]);
    opensAll(second);
    expect(publicKeys()).toEqual(was);
    expect(await codeOf(() => loadKeyFile(home.nodeKey, "node", first))).toBe("wrong-passphrase");
  });

  it("says what it can not do, and does nothing then", async () => {
    expect(await codeOf(() => encryptKeys(home, { next: first, cost }))).toBe("missing");
    loadOrCreateClientKey(home);
    expect(await codeOf(() => encryptKeys(home, { uses: ["validator"], next: first, cost }))).toBe("missing");
    // a home that only writes has a client key, and no other
    expect((await encryptKeys(home, { next: first, cost })).map(({ use }) => use)).toEqual(["client"]);
    const text = textOf("client.key");
    chmodSync(home.clientKey, 0o640);
    expect(await codeOf(() => encryptKeys(home, { current: first, next: second, cost }))).toBe("permissions");
    chmodSync(home.clientKey, 0o600);
    writeFileSync(join(home.path, "keys.lock"), "");
    const refused = encryptKeys(home, { current: first, next: second, cost }).then(() => textOf("client.key"));
    expect(textOf("client.key")).toBe(text); // while another command holds the lock
    rmSync(join(home.path, "keys.lock"));
    expect(await refused).not.toBe(text);
  });
});

describe("an encrypted home", () => {
  it("can be made as such: no plain key was ever written", async () => {
    const keys = initHome(home.path, { passphrase: first, cost });
    expect(isEncrypted()).toEqual([true, true, true]);
    expect(loadNodeKey(home, first).publicKey).toBe(keys.node.publicKey);
    rmSync(home.clientKey);
    // completed with the same passphrase
    initHome(home.path, { passphrase: first, cost });
    opensAll(first);
  });

  it("tells its public keys to everybody, and signs for who has the passphrase", async () => {
    const keys = initHome(home.path, { passphrase: first, cost });
    expect(publicKeyOf(home, "validator")).toBe(keys.validator.publicKey);
    expect(exportRecord(home, {}, first)).toMatchObject({ validatorKey: keys.validator.publicKey });
    expect(await codeOf(() => exportRecord(home))).toBe("encrypted");
    expect(await codeOf(() => loadOrCreateClientKey(home))).toBe("encrypted");
    expect(openClientKey(home.clientKey, first).publicKey).toBe(keys.client.publicKey);
  });

  it.each([["node"], ["validator"], ["client"]] as const)(
    "notices that its %s key is another home's or for another use",
    async (use: KeyUse) => {
      initHome(home.path, { passphrase: first, cost });
      const other = homeAt(join(folder, "other"));
      initHome(other.path, { passphrase: second, cost });
      const path = join(home.path, `${use}.key`);
      writeFileSync(path, readFileSync(join(other.path, `${use}.key`)));
      expect(await codeOf(() => loadKeyFile(path, use, first))).toBe("wrong-passphrase");
      writeFileSync(path, textOf(use === "client" ? "node.key" : "client.key"));
      expect(await codeOf(() => loadKeyFile(path, use, first))).toBe("wrong-use");
    },
  );
});

describe("rotating the client key", () => {
  it("makes another key and keeps the old one", async () => {
    const old = initHome(home.path).client.publicKey;
    const rotated = await rotateClientKey(home, undefined);
    expect(rotated).toEqual({
      publicKey: loadOrCreateClientKey(home).publicKey,
      oldPublicKey: old,
      oldPath: join(home.path, `client.key.${old.slice(0, 16)}.old`),
    });
    expect(rotated.publicKey).not.toBe(old);
    expect(loadKeyFile(rotated.oldPath, "client").publicKey).toBe(old);
    expect(statSync(rotated.oldPath).mode & 0o777).toBe(0o600);
    // the old ones are encrypted with the rest
    expect((await encryptKeys(home, { next: first, cost })).map(({ path }) => path)).toContain(rotated.oldPath);
    opensAll(first);
  });

  it("encrypts the new one as the old one was, and changes nothing without the passphrase", async () => {
    const old = initHome(home.path, { passphrase: first, cost }).client.publicKey;
    const before = everything();
    expect(await codeOf(() => rotateClientKey(home, undefined))).toBe("encrypted");
    expect(await codeOf(() => rotateClientKey(home, second))).toBe("wrong-passphrase");
    expect(everything()).toBe(before);
    const { publicKey, oldPath } = await rotateClientKey(home, first, cost);
    expect([loadKeyFile(home.clientKey, "client", first).publicKey, loadKeyFile(oldPath, "client", first).publicKey]).toEqual([
      publicKey,
      old,
    ]);
    expect(isEncrypted()).toEqual([true, true, true, true]);
  });

  it("goes on where a crash cut it short, and never loses an old key to another of its name", async () => {
    const old = initHome(home.path).client.publicKey;
    const oldPath = join(home.path, `client.key.${old.slice(0, 16)}.old`);
    writeFileSync(oldPath, textOf("client.key"), { mode: 0o600 });
    expect((await rotateClientKey(home, undefined)).oldPath).toBe(oldPath);
    // the old key comes back, and a file of its name holds something else
    renameSync(oldPath, home.clientKey);
    saveKeyFile(oldPath, "client", createKey());
    const before = everything();
    expect(await codeOf(() => rotateClientKey(home, undefined))).toBe("io");
    expect(everything()).toBe(before);
    rmSync(home.clientKey);
    expect(await codeOf(() => rotateClientKey(home, undefined))).toBe("missing");
    expect(existsSync(home.clientKey)).toBe(false);
  });
});
