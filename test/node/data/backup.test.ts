/** A backup is the data as it was at one moment, whole or refused; and what comes back from it makes no promises (PROTOCOL §6). */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeyValueStore } from "../../../src/ledger/kv/application.ts";
import { backupOf, createBackups } from "../../../src/node/data/backup.ts";
import { encodeBackup, readBackup } from "../../../src/node/data/backup-format.ts";
import { type Genesis, loadGenesis, renderGenesis } from "../../../src/node/home/genesis.ts";
import { genesisCommittee } from "../../../src/node/home/genesis-committee.ts";
import { initHome } from "../../../src/node/home/home.ts";
import { readBirth } from "../../../src/node/home/home-keys.ts";
import { homeAt, type Home } from "../../../src/node/home/layout.ts";
import { openNodeData } from "../../../src/node/data/node-data.ts";
import { restoreBackup } from "../../../src/node/data/restore.ts";
import { keys as recordKeys, put } from "../../../src/node/data/records.ts";
import { tables } from "../../../src/storage/keys.ts";
import { collectGarbage } from "../../../src/node/memory/process-memory.ts";
import { createMemoryStore, type MemoryStore } from "../../../src/storage/memory.ts";
import type { StoreEntry } from "../../../src/storage/port.ts";
import { createStoredNetwork, tampered } from "../stored-network.ts";

const network = createStoredNetwork();
const folder = mkdtempSync(join(tmpdir(), "byz-backup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let homes = 0;
const createHome = (): Home => {
  const path = join(folder, `home-${(homes += 1)}`);
  initHome(path, { moniker: "alice" });
  return homeAt(path);
};

let store: MemoryStore;
let file: Buffer;
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const collect = async (parts: AsyncIterable<Uint8Array>): Promise<Buffer> => Buffer.concat(await all(parts));
const inParts = async function* (bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
};
const restore = (home: Home, bytes: Uint8Array, own: Genesis | undefined) =>
  restoreBackup({ home, parts: inParts(bytes), cacheBytes: 1024 * 1024 }, own);

beforeAll(async () => {
  store = createMemoryStore();
  await network.run(store, 20);
  // what it promised, and must not come back
  const promises = [put(recordKeys.view, Uint8Array.of(1)), put(recordKeys.prepared(21 as never), Uint8Array.of(1))];
  await new Promise<void>((resolve) => store.write(promises, { durable: true }, () => resolve()));
  file = await collect(backupOf(store, network.genesis, 7));
});

describe("a backup", () => {
  it("holds the data of the moment when it began, whatever is written meanwhile, and no promises", async () => {
    const parts = backupOf(store, network.genesis, 7)[Symbol.asyncIterator]();
    const first = await parts.next();
    const later = put(recordKeys.results(1 as never), Uint8Array.of(9));
    const before = store.entries();
    await new Promise<void>((resolve) => store.write([later], { durable: true }, () => resolve()));
    const rest = [first.value as Uint8Array];
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) rest.push(next.value);
    const { header, entries } = await readBackup(inParts(Buffer.concat(rest)));
    expect(header).toMatchObject({ createdAt: 7, genesis: renderGenesis(network.genesis) });
    const found = await all(entries);
    const kept = before.filter(
      ({ key }) => ![tables.accepted, tables.prepared, tables.view, tables.meta].some((table) => table === key[0]),
    );
    expect(found.map(({ key, value }) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")])).toEqual(
      kept.map(({ key, value }) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")]),
    );
    const undone = before.find(({ key }) => Buffer.compare(key, later.key) === 0);
    await new Promise<void>((resolve) =>
      store.write([put(later.key, undone?.value ?? new Uint8Array())], { durable: true }, () => resolve()),
    );
  });

  it("is refused when it is cut off anywhere, changed anywhere, longer than it was, or nothing of the kind", async () => {
    const readAll = async (bytes: Uint8Array): Promise<string> => {
      try {
        const { entries } = await readBackup(inParts(bytes, 777));
        await all(entries);
        return "whole";
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    };
    expect(await readAll(file)).toBe("whole");
    for (const length of [0, 5, 13, 40, file.length >> 1, file.length - 45, file.length - 1]) {
      expect([length, await readAll(file.subarray(0, length))]).toEqual([length, length < 13 ? "not-a-backup" : "torn"]);
    }
    for (let at = 0; at < file.length; at += 97) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect([at, await readAll(changed)]).not.toEqual([at, "whole"]);
    }
    expect(await readAll(Buffer.concat([file, Buffer.of(0)]))).toBe("damaged");
    expect(await readAll(Buffer.from("PK something else"))).toBe("not-a-backup");
  });

  it("takes a chunk of memory, however large the store is", async () => {
    const value = new Uint8Array(64 * 1024);
    // what is held: when the collector comes by itself depends on what others left in this process
    const held = async (): Promise<number> => {
      // buffers are given back in later turns
      for (let turns = 0; turns < 3; turns += 1) {
        collectGarbage();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage().arrayBuffers;
    };
    const start = await held();
    let peak = start;
    const many = async function* (): AsyncGenerator<StoreEntry> {
      for (let index = 0; index < 4_000; index += 1) {
        yield { key: Uint8Array.of(0x53, index >> 8, index & 255), value };
        if (index % 500 === 499) peak = Math.max(peak, await held());
      }
    };
    let bytes = 0;
    for await (const part of encodeBackup({ genesis: "", createdAt: 0, version: "" }, many())) bytes += part.length;
    expect(bytes).toBeGreaterThan(250 * 1024 * 1024);
    expect(peak - start).toBeLessThan(8 * 1024 * 1024);
  });

  it("is made one at a time of a running node", async () => {
    const backup = createBackups(store, network.genesis, () => 7);
    const first = backup();
    if (!first.ok) throw new Error("refused");
    const reading = first.value[Symbol.asyncIterator]();
    await reading.next();
    expect(backup()).toMatchObject({ ok: false, failure: { code: "overloaded" } });
    await reading.return?.();
    expect(backup().ok).toBe(true);
  });
});

describe("what is restored", () => {
  it("is the data, verified, under the backup's genesis; and the validator's birth is over", async () => {
    const home = createHome();
    const validatorKey = network.keys[0]?.validator.publicKey;
    const { report } = await restore(home, file, undefined);
    expect(report).toMatchObject({ ok: true, sequence: { executed: 20, stable: 16 } });
    expect(loadGenesis(home.genesis).hash).toBe(network.genesis.hash);
    expect(validatorKey !== undefined && readBirth(home, validatorKey)).toBe(false);
    expect(existsSync(home.birth)).toBe(false);
    const committee = genesisCommittee(network.genesis);
    const data = await openNodeData({
      home,
      genesis: network.genesis,
      committee,
      application: createKeyValueStore(),
      validatorKey,
      retain: 0,
      damaged: () => undefined,
      cacheBytes: 1024 * 1024,
    });
    // as one that lost its data: passive, without votes, in no view of its past
    expect(data.restored).toMatchObject({ mayVote: false, executed: 20, accepted: [], prepared: [], view: 0, active: true });
    expect(data.ledger.position().logHash).toBe(report.logHash);
    await data.ledger.close();
    await data.store.close();
  });

  it("is nothing where there is data, where the network is another, and where the backup is damaged, wrong or lies; the home stays as it was", async () => {
    const home = createHome();
    const before = readdirSync(home.data);
    const codeOf = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "done",
        (error: Error & { code?: string }) => error.code ?? error.name,
      );
    expect(await codeOf(restore(home, file.subarray(0, file.length - 9), network.genesis))).toBe("torn");
    expect(await codeOf(restore(home, file, createStoredNetwork("other").genesis))).toBe("wrong-network");
    const lie = await collect(
      backupOf(
        tampered(store, tables.state, (value) => {
          value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
          return value;
        }),
        network.genesis,
        7,
      ),
    );
    expect(await codeOf(restore(home, lie, network.genesis))).toBe("VerificationError");
    const promise = await collect(
      encodeBackup({ genesis: renderGenesis(network.genesis), createdAt: 1, version: "1" }, inEntries(recordKeys.view)),
    );
    expect(await codeOf(restore(home, promise, network.genesis))).toBe("damaged");
    expect(readdirSync(home.data)).toEqual(before);
    expect(existsSync(home.genesis)).toBe(false);
    expect(await codeOf(restore(home, file, network.genesis))).toBe("done");
    expect(await codeOf(restore(home, file, network.genesis))).toBe("exists");
  });
});

const inEntries = async function* (key: Uint8Array): AsyncGenerator<StoreEntry> {
  yield { key, value: Uint8Array.of(1) };
};
