/** What is on disk is checked to the last hash and signature: each kind of damage is found, and named. */
import { describe, expect, it, beforeAll } from "vitest";
import { verifyData, type DataReport } from "../../../src/node/data/verify-data.ts";
import { put, keys as recordKeys } from "../../../src/node/data/records.ts";
import { openEvidence } from "../../../src/node/data/evidence.ts";
import { conflictingCommits } from "../../../src/protocol/evidence.ts";
import { genesisCommittee } from "../../../src/node/home/genesis-committee.ts";
import { toSequence } from "../../../src/protocol/ids.ts";
import { tables } from "../../../src/storage/keys.ts";
import { createMemoryStore, type MemoryStore } from "../../../src/storage/memory.ts";
import type { Store } from "../../../src/storage/port.ts";
import { sha256 } from "../../../src/wire/digests.ts";
import { decodeBlockHeader, encodeBlockHeader } from "../../../src/node/data/records.ts";
import { createStoredNetwork, tampered } from "../stored-network.ts";

const network = createStoredNetwork();
let store: MemoryStore;
beforeAll(async () => {
  store = createMemoryStore();
  await network.run(store, 20);
});

const verify = (found: Store): Promise<DataReport> => verifyData({ store: found, genesis: network.genesis });
const problems = async (found: Store): Promise<Record<string, readonly string[]>> => {
  const { checks, ok } = await verify(found);
  const bad = checks.filter(({ problems: each }) => each.length > 0);
  expect(ok).toBe(bad.length === 0);
  return Object.fromEntries(bad.map(({ name, problems: each }) => [name, each]));
};
const flipped = (value: Uint8Array): Uint8Array => {
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
  return value;
};
const header = (change: (of: ReturnType<typeof decodeBlockHeader>) => ReturnType<typeof decodeBlockHeader>) => (value: Uint8Array) =>
  encodeBlockHeader(change(decodeBlockHeader(value)));
const other = sha256(new TextEncoder().encode("another"));

describe("data as a node wrote it", () => {
  it("verifies, and says where it stands", async () => {
    const report = await verify(store);
    expect(report).toMatchObject({ ok: true, sequence: { first: 1, executed: 20, stable: 16 }, gaps: [] });
    expect(Object.fromEntries(report.checks.map(({ name, count }) => [name, count]))).toMatchObject({ checkpoint: 3, blocks: 20 });
    expect(report.checks.find(({ name }) => name === "state")?.count).toBeGreaterThan(16);
  });

  it("verifies when it is pruned, before a checkpoint, and when nothing ran yet", async () => {
    const pruned = createMemoryStore();
    await network.run(pruned, 20, 9);
    expect(await verify(pruned)).toMatchObject({ ok: true, sequence: { first: 8, executed: 20, stable: 16 } });
    // before the first checkpoint the sessions have no entries of their own
    const early = createMemoryStore();
    await network.run(early, 4);
    expect(await verify(early)).toMatchObject({ ok: true, sequence: { first: 1, executed: 4, stable: 0 } });
    const fresh = createMemoryStore();
    await network.run(fresh, 0);
    expect(await verify(fresh)).toMatchObject({ ok: true, sequence: { first: 0, executed: 0, stable: 0 } });
  });

  it("does not verify against another genesis", async () => {
    const report = await verifyData({ store, genesis: createStoredNetwork("other").genesis });
    expect(report.ok).toBe(false);
    expect(report.checks[0]?.problems.join()).toContain("not of this network");
  });
});

describe("damage is found", () => {
  const cases: readonly (readonly [
    what: string,
    table: number,
    change: (value: Uint8Array) => Uint8Array | undefined,
    RegExp,
    which?: number,
  ])[] = [
    ["a signature of a commit certificate", tables.blocks, flipped, /block 3: its commit certificate does not hold/, 2],
    ["a log hash", tables.blocks, header((each) => ({ ...each, logHash: other })), /block 20: its log hash does not follow/, 19],
    [
      "a state root at the checkpoint",
      tables.blocks,
      header((each) => ({ ...each, stateRoot: other })),
      /block 16: its roots are not those/,
      15,
    ],
    [
      "a state root of an empty block",
      tables.blocks,
      header((each) => ({ ...each, stateRoot: other })),
      /block 5: it has another state root/,
      4,
    ],
    ["a time", tables.blocks, header((each) => ({ ...each, timestamp: 7 })), /block 2: its time does not follow/, 1],
    ["a missing block below the checkpoint", tables.blocks, () => undefined, /^$/, 2],
    ["a missing block above the checkpoint", tables.blocks, () => undefined, /blocks 18 to 18 are missing/, 17],
    ["a missing last block", tables.blocks, () => undefined, /the ledger is at 20, the blocks end at 19/, 19],
    ["a batch", tables.batches, flipped, /wrong digest|malformed|trailing|too/],
    ["a missing batch", tables.batches, () => undefined, /its batch is missing/],
    ["answers", tables.results, flipped, /answers are not/, 1],
    ["missing answers", tables.results, () => undefined, /answers are missing/, 1],
    ["an entry of the state", tables.state, flipped, /is not the one that its leaf was made of|does not have the root/],
    ["a missing entry", tables.state, () => undefined, /leaf|missing|session/, 3],
    ["a page of the tree", tables.pages, flipped, /root|page|leaf/],
    ["the stable checkpoint", tables.stable, flipped, /its certificate does not hold/],
    ["a place of a request", tables.requests, (value) => value.fill(200, 7, 8), /said to have run elsewhere/],
  ];
  const named = cases.map(([what, table, change, expected, which = 0]) => ({ what, table, change, expected, which }));
  it.each(named)("in $what", async ({ table, change, expected, which }) => {
    const found = await problems(tampered(store, table, change, which));
    expect(Object.values(found).flat().join("\n")).toMatch(expected);
  });

  it("in an extra entry of the state, a record of no table, and a proof that proves nothing", async () => {
    const more = createMemoryStore({ entries: store.entries() });
    const [entry] = store.entries().filter(({ key }) => key[0] === tables.state);
    const committee = genesisCommittee(network.genesis);
    const evidence = await openEvidence(more, committee);
    evidence.keep(
      conflictingCommits(network.certificate(3, other), network.certificate(3, other, [0, 1, 3]), undefined),
      1,
      () => undefined,
    );
    await new Promise<void>((resolve) =>
      more.write(
        [put(Uint8Array.of(tables.state, 1, 0x7a, 0x7a), entry?.value ?? new Uint8Array()), put(Uint8Array.of(0x21, 1), Uint8Array.of(1))],
        { durable: true },
        () => resolve(),
      ),
    );
    const found = await problems(more);
    expect(Object.keys(found).sort()).toEqual(["evidence", "records", "state"]);
    expect(found["state"]?.join()).toContain("entries more than its tree has leaves");
    expect(found["evidence"]?.join()).toContain("no-contradiction");
  });

  it("in a block of another number under a certificate of its own", async () => {
    const moved = createMemoryStore({ entries: store.entries() });
    const value = store.get(recordKeys.block(toSequence(7)));
    await new Promise<void>((resolve) =>
      moved.write([put(recordKeys.block(toSequence(6)), value ?? new Uint8Array())], { durable: true }, () => resolve()),
    );
    expect((await problems(moved))["blocks"]?.[0]).toBe("block 6: its certificate is of another sequence");
  });
});
