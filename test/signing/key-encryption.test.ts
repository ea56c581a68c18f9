import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspectKeyFile, loadKeyFile, saveKeyFile } from "../../src/signing/key-file.ts";
import { KeyFileError, type KeyUse, parseKeyFile, secretOf } from "../../src/signing/key-format.ts";
import { createKey, keyFromSeed } from "../../src/signing/keys.ts";
import { createPassphrase, createSealing, isBearable, standardCost } from "../../src/signing/passphrase.ts";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { sha256 } from "../../src/wire/digests.ts";

/** as cheap as can be: tests open many */
const cheap = { n: 2, r: 1, p: 1 };
const text = (word: string): Uint8Array => new TextEncoder().encode(word);

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof KeyFileError) return error.code;
    throw error;
  }
  return "none";
};

describe("a passphrase", () => {
  it("becomes the key that RFC 7914 §12 has for scrypt", () => {
    const cases = [
      ["password", "NaCl", { n: 1024, r: 8, p: 16 }, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"],
      ["pleaseletmein", "SodiumChloride", { n: 16_384, r: 8, p: 1 }, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"],
    ] as const;
    for (const [word, salt, cost, key] of cases) expect(toHex(createPassphrase(word).keyFor({ ...cost, salt: text(salt) }))).toBe(key);
  });

  it("is the same however it was typed, as text or as bytes, and other bytes are others", () => {
    const kdf = { ...cheap, salt: new Uint8Array(32) };
    const key = toHex(createPassphrase("Z\u00fcrich").keyFor(kdf));
    for (const same of ["Zu\u0308rich", text("Z\u00fcrich"), text("Zu\u0308rich")])
      expect(toHex(createPassphrase(same).keyFor(kdf))).toBe(key);
    const binary = Uint8Array.of(0xff, 0x00, 0x5a);
    expect(toHex(createPassphrase(binary).keyFor(kdf))).not.toBe(toHex(createPassphrase(Uint8Array.of(0xfe, 0x00, 0x5a)).keyFor(kdf)));
  });

  it("is overwritten when it is forgotten, with what was derived, and leaves the caller's bytes alone", () => {
    const bytes = text("a passphrase");
    const passphrase = createPassphrase(bytes);
    const kdf = { ...cheap, salt: new Uint8Array(32) };
    const key = passphrase.keyFor(kdf);
    expect(passphrase.keyFor(kdf)).toBe(key);
    passphrase.forget();
    expect(key).toEqual(Buffer.alloc(32));
    expect(() => passphrase.keyFor(kdf)).toThrow(/forgotten/);
    expect(bytes).toEqual(text("a passphrase"));
  });

  it("costs as much as is recommended, and never more than can be borne", () => {
    expect(standardCost.n * standardCost.r * 128).toBe(128 * 1024 ** 2);
    expect(isBearable(standardCost)).toBe(true);
    expect(isBearable({ n: 2 ** 18, r: 8, p: 4 })).toBe(true);
    const unbearable = [
      { n: 2 ** 19, r: 8, p: 1 },
      { n: 2 ** 17, r: 8, p: 9 },
      { n: 2, r: 2 ** 22, p: 1 },
      { n: 2, r: 1, p: 2 ** 23 },
      { n: 1000, r: 8, p: 1 },
      { n: 1, r: 8, p: 1 },
      { n: 0, r: 8, p: 1 },
      { n: -2, r: 8, p: 1 },
      { n: 2.5, r: 8, p: 1 },
      { n: 1e300, r: 8, p: 1 },
      { n: Number.NaN, r: 8, p: 1 },
    ];
    for (const cost of unbearable) expect([cost, isBearable(cost)]).toEqual([cost, false]);
  });
});

describe("an encrypted key file", () => {
  let folder: string;
  let path: string;
  const passphrase = createPassphrase("correct horse");
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "byz-sealed-"));
    path = join(folder, "validator.key");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const save = (use: KeyUse = "validator", key = createKey(), cost = cheap) => {
    saveKeyFile(path, use, key, { overwrite: true, sealing: createSealing(passphrase, cost) });
    return key;
  };
  const rewrite = (change: (file: Record<string, unknown> & { kdf: Record<string, unknown> }) => unknown, withChecksum = true): void => {
    const file = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> & { kdf: Record<string, unknown> };
    const changed = change(file) as typeof file;
    const { format, version, use, algorithm, encryption, publicKey, kdf, nonce, ciphertext, tag } = changed;
    const all = [format, version, use, algorithm, encryption, publicKey, kdf["n"], kdf["r"], kdf["p"], kdf["salt"], nonce, ciphertext, tag];
    const checksum = withChecksum ? sha256(text(all.join("\n"))).slice(0, 16) : file["checksum"];
    writeFileSync(path, JSON.stringify({ ...changed, checksum }), { mode: 0o600 });
  };

  it("gives the key back to who has the passphrase, and does not contain it", () => {
    const key = save();
    expect(loadKeyFile(path, "validator", passphrase).exportSeed()).toEqual(key.exportSeed());
    expect(readFileSync(path, "utf8")).not.toContain(toHex(key.exportSeed()));
    expect(inspectKeyFile(path, "validator")).toEqual({ publicKey: key.publicKey, encrypted: true });
    expect(codeOf(() => loadKeyFile(path, "validator"))).toBe("encrypted");
    expect(codeOf(() => loadKeyFile(path, "validator", createPassphrase("correct hors")))).toBe("wrong-passphrase");
    expect(codeOf(() => loadKeyFile(path, "client", passphrase))).toBe("wrong-use");
  });

  it("of another implementation is read: Python's hashlib.scrypt and the AESGCM and Ed25519 of its package cryptography", () => {
    const file = parseKeyFile(
      "vector",
      `{"format": "byz-key", "version": 1, "use": "validator", "algorithm": "ed25519",
        "publicKey": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8", "encryption": "scrypt-aes-256-gcm",
        "kdf": {"n": 1024, "r": 8, "p": 2, "salt": "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"},
        "nonce": "404142434445464748494a4b", "ciphertext": "46d79a61b7c299ab8d538dfaa9e95c703f3757702f4ca34a33632ac46475512e",
        "tag": "d69968c3a6d050db4f84d4f96ab1f777", "checksum": "3a53fb74bc6f2796"}`,
    );
    const seed = secretOf("vector", file, createPassphrase("Z\u00fcrich, correct horse"));
    expect(toHex(seed)).toBe("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    expect(keyFromSeed(seed).publicKey).toBe(file.publicKey);
  });

  it("is refused with any of its bytes changed", () => {
    save();
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(path, damaged);
      expect(["malformed", "unsupported"], `byte ${at}`).toContain(codeOf(() => loadKeyFile(path, "validator", passphrase)));
    }
    for (const length of [0, 1, whole.length - 3]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(codeOf(() => loadKeyFile(path, "validator", passphrase))).toBe("malformed");
    }
  });

  it("does not open when somebody changed it and its checksum: all of it is under the encryption", () => {
    const flipped = (value: unknown): string => `${String(value).startsWith("0") ? "1" : "0"}${String(value).slice(1)}`;
    const changes: ((file: Record<string, unknown> & { kdf: Record<string, unknown> }) => unknown)[] = [
      (file) => ({ ...file, publicKey: createKey().publicKey }),
      (file) => ({ ...file, nonce: flipped(file["nonce"]) }),
      (file) => ({ ...file, ciphertext: flipped(file["ciphertext"]) }),
      (file) => ({ ...file, tag: flipped(file["tag"]) }),
      (file) => ({ ...file, kdf: { ...file.kdf, salt: flipped(file.kdf["salt"]) } }),
      (file) => ({ ...file, kdf: { ...file.kdf, n: 4 } }),
      (file) => ({ ...file, kdf: { ...file.kdf, p: 2 } }),
    ];
    for (const change of changes) {
      save();
      rewrite(change);
      expect(codeOf(() => loadKeyFile(path, "validator", passphrase))).toBe("wrong-passphrase");
    }
    // the unchanged one, written the same way, opens
    save();
    rewrite((file) => file);
    expect(codeOf(() => loadKeyFile(path, "validator", passphrase))).toBe("none");
  });

  it("can not be passed off as a key for another use, nor as another key of the same sealing", () => {
    save("client");
    rewrite((file) => ({ ...file, use: "validator" }));
    expect(codeOf(() => loadKeyFile(path, "validator", passphrase))).toBe("wrong-passphrase");

    const sealing = createSealing(passphrase, cheap);
    const [mine, other] = [createKey(), createKey()];
    saveKeyFile(path, "validator", other, { overwrite: true, sealing });
    const { nonce, ciphertext, tag } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    saveKeyFile(path, "validator", mine, { overwrite: true, sealing });
    rewrite((file) => ({ ...file, nonce, ciphertext, tag }));
    expect(codeOf(() => loadKeyFile(path, "validator", passphrase))).toBe("wrong-passphrase");
  });

  it("that asks for absurd memory or time is refused before any of it is spent", () => {
    save();
    const began = process.cpuUsage();
    const { maxRSS } = process.resourceUsage();
    const costs = [
      { n: 2 ** 40 },
      { n: 2 ** 19, r: 8 },
      { p: 2 ** 30 },
      { r: 2 ** 30 },
      { n: 3 },
      { n: "2" },
      { n: null },
      { n: -2 },
      { salt: "" },
    ];
    for (const cost of costs) {
      save();
      rewrite((file) => ({ ...file, kdf: { ...file.kdf, ...cost } }));
      expect([cost, codeOf(() => loadKeyFile(path, "validator", passphrase))]).toEqual([cost, "malformed"]);
    }
    for (const kdf of [null, 7, "scrypt", [], {}]) {
      save();
      rewrite((file) => ({ ...file, kdf: kdf ?? { n: null } }), false);
      expect(codeOf(() => loadKeyFile(path, "validator", passphrase))).toBe("malformed");
    }
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).toBeLessThan(1_500);
    // KiB; the most that this process ever took
    expect(process.resourceUsage().maxRSS - maxRSS).toBeLessThan(100 * 1024);
  });

  it("looks different each time, though passphrase and key are the same", () => {
    const key = keyFromSeed(fromHex("07".repeat(32)));
    const texts = [0, 1].map(() => {
      save("validator", key);
      const { kdf, nonce, ciphertext } = JSON.parse(readFileSync(path, "utf8")) as {
        kdf: { salt: string };
        nonce: string;
        ciphertext: string;
      };
      return [kdf.salt, nonce, ciphertext];
    });
    expect(new Set(texts.flat()).size).toBe(6);
  });
});
