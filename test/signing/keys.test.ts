import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { verifySignature } from "../../src/signing/ed25519.ts";
import { loadKeyFile, saveKeyFile } from "../../src/signing/key-file.ts";
import { KeyFileError } from "../../src/signing/key-format.ts";
import { createKey, keyFromSeed } from "../../src/signing/keys.ts";
import { createKnownKeys } from "../../src/signing/known-keys.ts";
import type { PublicKey } from "../../src/protocol/ids.ts";

describe("keys", () => {
  it("sign what their public half verifies", () => {
    const key = createKey();
    const message = Uint8Array.of(1, 2, 3);
    expect(verifySignature(key.publicKeyBytes, message, key.sign(message))).toBe(true);
    expect(key.publicKey).toBe(Buffer.from(key.publicKeyBytes).toString("hex"));
    expect(createKey().publicKey).not.toBe(key.publicKey);
  });

  it("come from a seed: RFC 8032 §7.1, test 1", () => {
    const key = keyFromSeed(new Uint8Array(Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex")));
    expect(key.publicKey).toBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    expect(Buffer.from(key.sign(new Uint8Array(0))).toString("hex")).toBe(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    expect(() => keyFromSeed(new Uint8Array(31))).toThrow(RangeError);
  });

  it("do not follow changes to the seed they were made of or gave away", () => {
    const seed = new Uint8Array(32).fill(5);
    const key = keyFromSeed(seed);
    seed.fill(0);
    key.exportSeed().fill(0);
    expect(keyFromSeed(new Uint8Array(32).fill(5)).publicKey).toBe(key.publicKey);
    expect(keyFromSeed(key.exportSeed()).publicKey).toBe(key.publicKey);
    expect(verifySignature(key.publicKeyBytes, seed, key.sign(seed))).toBe(true);
  });
});

describe("key files", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "byz-keys-"));
    path = join(folder, "node.key");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const errorOf = (action: () => unknown): { code: string; message: string } => {
    try {
      action();
    } catch (error) {
      if (error instanceof KeyFileError) return { code: error.code, message: error.message };
      throw error;
    }
    throw new Error("nothing was thrown");
  };
  const rewrite = (change: (file: Record<string, unknown>) => unknown): void => {
    const file = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify(change(file)));
  };

  it("give the key back, are their owner's only, and leave nothing else behind", () => {
    const key = createKey();
    saveKeyFile(path, "node", key);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["node.key"]);
    const loaded = loadKeyFile(path, "node");
    expect(loaded.publicKey).toBe(key.publicKey);
    expect(loaded.exportSeed()).toEqual(key.exportSeed());
  });

  it("do not replace a key unless told to", () => {
    const [first, second] = [createKey(), createKey()];
    saveKeyFile(path, "client", first);
    expect(errorOf(() => saveKeyFile(path, "client", second)).code).toBe("exists");
    expect(loadKeyFile(path, "client").publicKey).toBe(first.publicKey);
    saveKeyFile(path, "client", second, { overwrite: true });
    expect(loadKeyFile(path, "client").publicKey).toBe(second.publicKey);
    expect(readdirSync(folder)).toEqual(["node.key"]);
  });

  it("say what is wrong with them, and never the secret", () => {
    const key = createKey();
    expect(errorOf(() => loadKeyFile(path, "node"))).toEqual({ code: "missing", message: `${path}: there is no key file` });
    expect(errorOf(() => saveKeyFile(join(folder, "no", "folder"), "node", key)).code).toBe("io");
    saveKeyFile(path, "node", key);
    expect(errorOf(() => loadKeyFile(path, "validator")).code).toBe("wrong-use");
    const cases: [string, (file: Record<string, unknown>) => unknown][] = [
      ["malformed", (file) => ({ ...file, publicKey: createKey().publicKey })],
      ["malformed", (file) => ({ ...file, use: "validator" })],
      ["malformed", (file) => ({ ...file, secret: "00" })],
      ["malformed", (file) => ({ ...file, secret: "00".repeat(32) })],
      ["malformed", (file) => ({ ...file, checksum: undefined })],
      ["malformed", () => null],
      ["malformed", () => ({ format: "other" })],
      ["unsupported", (file) => ({ ...file, version: 2 })],
      ["unsupported", (file) => ({ ...file, encryption: "argon2id" })],
    ];
    for (const [code, change] of cases) {
      saveKeyFile(path, "node", key, { overwrite: true });
      rewrite(change);
      const error = errorOf(() => loadKeyFile(path, "node"));
      expect(error.code).toBe(code);
      expect(error.message).not.toContain(Buffer.from(key.exportSeed()).toString("hex"));
    }
    writeFileSync(path, `{"secret": "${Buffer.from(key.exportSeed()).toString("hex")}"`);
    expect(errorOf(() => loadKeyFile(path, "node"))).toEqual({ code: "malformed", message: `${path}: this is not a key file` });
  });

  it.skipIf(process.platform === "win32")("are refused while others can read or change them", () => {
    saveKeyFile(path, "node", createKey());
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      chmodSync(path, mode);
      expect(errorOf(() => loadKeyFile(path, "node")).code).toBe("permissions");
    }
    chmodSync(path, 0o400);
    expect(existsSync(path) && loadKeyFile(path, "node").publicKey).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("known keys", () => {
  it("are the ones used last, no more than the capacity", () => {
    const [a, b, c] = ["a", "b", "c"] as PublicKey[] as [PublicKey, PublicKey, PublicKey];
    const keys = createKnownKeys(2);
    keys.add(a);
    keys.add(b);
    expect(keys.has(a)).toBe(true); // now b is the one unused for longest
    keys.add(c);
    expect([a, b, c].map((key) => keys.has(key))).toEqual([true, false, true]);
    expect(keys.size).toBe(2);
  });
});
