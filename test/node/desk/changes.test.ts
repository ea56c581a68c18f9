import { describe, expect, it } from "vitest";
import { encodeAnswers } from "../../../src/ledger/answers.ts";
import type { KvOperation, SimpleOperation } from "../../../src/ledger/kv/operations.ts";
import { createChangeFeed } from "../../../src/node/desk/changes.ts";
import { createHistory } from "../../../src/node/data/history.ts";
import { encodeBlockHeader, keys, put } from "../../../src/node/data/records.ts";
import { toEpoch, toReplicaIndex, toSequence, toSignature, toView } from "../../../src/protocol/ids.ts";
import { createKey } from "../../../src/signing/keys.ts";
import { signRequest } from "../../../src/signing/signer.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import type { StoreOperation } from "../../../src/storage/port.ts";
import { encodeOperation } from "../../../src/ledger/kv/encoding.ts";
import { createBatch } from "../../../src/wire/requests.ts";
import { createSignBytes } from "../../../src/wire/sign-bytes.ts";
import { bytes, genesisLogHash, open } from "../../ledger/support.ts";

const putting = (key: string, value: string): SimpleOperation => ({ type: "put", key: bytes(key), value: bytes(value) });

/** A ledger whose executed blocks are kept as a node keeps them. */
const createKept = async () => {
  const store = createMemoryStore();
  const ledger = await open(store);
  const history = createHistory(store);
  const feed = createChangeFeed(history, toSequence(0));
  const key = createKey();
  let number = 0;
  const write = (operations: readonly StoreOperation[]): Promise<void> =>
    new Promise((resolve, reject) =>
      store.write(operations, { durable: true }, (error) => (error === undefined ? resolve() : reject(error))),
    );
  const execute = async (...operations: readonly KvOperation[]): Promise<void> => {
    const sequence = toSequence(ledger.position().sequence + 1);
    const request = signRequest(key, createSignBytes(genesisLogHash), { sequence: ++number, operations: operations.map(encodeOperation) });
    const batch = createBatch(1_700_000_000_000 + sequence, operations.length === 0 ? [] : [request]);
    const { digest, timestamp, requests } = batch;
    const { answers, logHash, stateRoot, timeMs, writes } = ledger.execute({ sequence, digest, timestamp, requests });
    const commits = [{ replica: toReplicaIndex(0), signature: toSignature(new Uint8Array(64)) }];
    const certificate = { epoch: toEpoch(0), view: toView(0), sequence, digest, commits };
    await write([
      ...writes,
      put(keys.block(sequence), encodeBlockHeader({ certificate, logHash, stateRoot, timestamp: timeMs })),
      put(keys.results(sequence), encodeAnswers(answers)),
      put(keys.batch(digest), batch.bytes),
    ]);
    ledger.written(sequence);
    feed.executed(sequence);
  };
  const forget = (sequence: number): Promise<void> => write(history.forget(toSequence(sequence)));
  return { feed, history, execute, forget };
};
const all = new Uint8Array();
const at = (sequence: number, index = 0) => ({ sequence: toSequence(sequence), index });

describe("the changes of kept blocks", () => {
  it("are those that were executed, with their places, pages and prefixes", async () => {
    const { feed, execute } = await createKept();
    await execute(putting("a", "1"), { ...putting("a", "2"), expect: 9 } as KvOperation, putting("b", "1"));
    await execute({ type: "get", key: bytes("a") });
    await execute({ type: "txn", compare: [], success: [putting("c", "1"), { type: "delete", key: bytes("a") }], failure: [] });
    const page = feed.read(at(1), all, 1_000_000);
    expect(page).toMatchObject({ status: "ok", next: at(4), more: false });
    const told = page.status === "ok" ? page.changes.map((change) => [change.sequence, change.index, change.type, change.version]) : [];
    expect(told).toEqual([
      [1, 0, "put", 1],
      [1, 1, "put", 1],
      [3, 0, "put", 1],
      [3, 1, "delete", 0],
    ]);
    expect(feed.read(at(1, 1), bytes("b"), 1_000_000)).toMatchObject({ changes: [{ sequence: 1, index: 1 }] });
    expect(feed.read(at(1), all, 1)).toMatchObject({ changes: [{}, {}], next: at(2), more: true });
    expect(feed.read(at(4), all, 1)).toEqual({ status: "ok", changes: [], next: at(4), more: false });
    expect(feed.read(at(9), all, 1)).toEqual({ status: "ok", changes: [], next: at(9), more: false });
  });

  it("wake those who follow, until they leave", async () => {
    const { feed, execute } = await createKept();
    let woken = 0;
    const leave = feed.subscribe(() => (woken += 1));
    await execute(putting("a", "1"));
    leave();
    await execute(putting("a", "2"));
    expect([woken, feed.upTo]).toEqual([1, 2]);
  });

  it("say from where on they are kept", async () => {
    const { execute, forget, history } = await createKept();
    for (let index = 0; index < 9; index += 1) await execute(putting("a", String(index)));
    for (const sequence of [1, 2, 3, 4]) await forget(sequence);
    const feed = createChangeFeed(history, toSequence(9));
    expect(feed.read(at(1), all, 1_000)).toEqual({ status: "gone", oldest: 5 });
    expect(feed.read(at(4), all, 1_000)).toEqual({ status: "gone", oldest: 5 });
    expect(feed.read(at(5), all, 1_000)).toMatchObject({ status: "ok" });
  });
});
