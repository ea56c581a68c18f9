/** Damaged data is never voted on and never thrown away (PROTOCOL §6). */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { LedgerError } from "../../../src/ledger/errors.ts";
import { isDamage, notedDamage, noteDamage, setAside, watchDamage } from "../../../src/node/data/damage.ts";
import { parseGenesis, renderGenesis } from "../../../src/node/home/genesis.ts";
import { exportRecord, initHome } from "../../../src/node/home/home.ts";
import { readBirth } from "../../../src/node/home/home-keys.ts";
import { homeAt, type Home } from "../../../src/node/home/layout.ts";
import { signRecord } from "../../../src/node/home/record.ts";
import { RecordError } from "../../../src/node/data/records.ts";
import { createKey } from "../../../src/signing/keys.ts";
import { StoreError } from "../../../src/storage/port.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A validator's home, with data of some kind, in a network of `n`. */
const createHome = (n: number) => {
  const path = mkdtempSync(join(tmpdir(), "byz-damage-"));
  folders.push(path);
  const home: Home = homeAt(join(path, "home"));
  const { validator } = initHome(home.path, { moniker: "dave" });
  mkdirSync(join(home.data, "store"));
  writeFileSync(join(home.data, "store", "000005.ldb"), "not what was written");
  writeFileSync(join(home.data, "addresses.json"), "{}");
  const others = Array.from({ length: n - 1 }, (_, index) => signRecord(`v${index}`, { validator: createKey(), node: createKey() }));
  const text = renderGenesis({ chainId: "damaged", createdAt: 1_790_000_000_000, validators: [...others, exportRecord(home)] });
  return { home, key: validator.publicKey, genesis: parseGenesis(text, "genesis") };
};

describe("damage", () => {
  it("is told apart from another network's data, a lock, a full disk and a fault of the program", () => {
    const damaged = [new StoreError("corrupt", "x"), new RecordError("A", "x"), new LedgerError("wrong-root", "x")];
    const other = [
      new StoreError("locked", "x"),
      new StoreError("full", "x"),
      new StoreError("io", "x"),
      new RecordError("M", "the data belongs to another network", true),
      new LedgerError("wrong-ledger", "x"),
      new LedgerError("application-failed", "x"),
      new TypeError("x"),
      undefined,
    ];
    expect([damaged.map(isDamage), other.map(isDamage)]).toEqual([damaged.map(() => true), other.map(() => false)]);
  });

  it("that a running node meets is told at once, whoever reads, and nothing else is", () => {
    const found: string[] = [];
    let error: StoreError | undefined;
    const store = watchDamage(
      {
        ...createMemoryStore(),
        get: (key) => {
          if (error !== undefined) throw error;
          return key;
        },
      },
      ({ message }) => found.push(message),
    );
    const key = Uint8Array.of(1);
    expect(store.get(key)).toBe(key);
    error = new StoreError("closed", "closed");
    expect(() => store.get(key)).toThrow("closed");
    error = new StoreError("corrupt", "the record does not match its checksum");
    expect(() => store.get(key)).toThrow("checksum");
    expect(found).toEqual(["the record does not match its checksum"]);
  });

  it("is remembered until the data is set aside", () => {
    const { home, genesis } = createHome(4);
    expect(notedDamage(home)).toBeUndefined();
    noteDamage(home, new Error("block 7 is not what it was"));
    expect(notedDamage(home)).toBe("block 7 is not what it was");
    setAside(home, genesis, 1_790_000_000_000);
    expect(notedDamage(home)).toBeUndefined();
    writeFileSync(join(home.data, "damage.json"), "{");
    expect(notedDamage(home)).toBe("unknown damage");
  });
});

describe("damaged data that is set aside", () => {
  it("stays as it is, beside what was not damaged, and leaves a validator that was not born with what comes next", () => {
    const { home, key, genesis } = createHome(4);
    expect(readBirth(home, key)).toBe(true);
    const folder = setAside(home, genesis, 1_790_000_000_000);
    expect(readFileSync(join(folder, "store", "000005.ldb"), "utf8")).toBe("not what was written");
    expect(readdirSync(home.data).toSorted()).toEqual(["addresses.json", "damaged-2026-09-21T14-13-20.000Z"]);
    expect([existsSync(home.birth), readBirth(home, key)]).toEqual([false, false]);
    mkdirSync(join(home.data, "store"));
    expect(readdirSync(join(setAside(home, genesis, 1_790_000_001_000)))).toEqual(["store"]);
  });

  it("needs others who can give it back: of one or two validators nobody can", () => {
    for (const n of [1, 2]) {
      const { home, genesis } = createHome(n);
      expect(() => setAside(home, genesis, 0)).toThrow("no quorum");
      expect(existsSync(join(home.data, "store"))).toBe(true);
    }
    const { home, genesis } = createHome(3);
    expect(existsSync(setAside(home, genesis, 0))).toBe(true);
  });
});
