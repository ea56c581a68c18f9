/** Real processes: a document that both sides of a cut go on writing, one text everywhere once it heals, and the ledger's word on it (PROTOCOL §10, §11). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { PartitionAnswer } from "../../src/client/partition-answers.ts";
import type { OperationJson } from "../../src/client/answers.ts";
import { type AnchorDocument, verifyAnchorDocument } from "../../src/client/anchor-document.ts";
import { loadGenesis } from "../../src/node/home/genesis.ts";
import type { SharedAnchor } from "../../src/client/shared-answers.ts";
import { type Claim, decodeClaims } from "../../src/ledger/anchors.ts";
import type { Testnet } from "../../src/testnet/index.ts";
import { byz, killWhatRuns } from "./support/command.ts";
import { codeOf, indexesOf, networkFolder, startNetwork } from "./support/network.ts";
import { eventually, until } from "./support/wait.ts";

const dir = networkFolder();
killWhatRuns();
let testnet: Testnet;
const observer = 4;

beforeAll(async () => {
  testnet = await startNetwork(dir, { nodes: 4, observers: 1, parameters: { checkpointInterval: 4 } });
});

const url = (index: number, name: string): string => `${testnet.node(index).api}/v1/shared/${name}`;
const edit = async (index: number, name: string, ...changes: readonly unknown[]): Promise<number> => {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url(index, name), { method: "POST", headers, body: JSON.stringify({ changes }) });
  await response.arrayBuffer();
  return response.status;
};
const textAt = async (index: number, name: string): Promise<string> => (await fetch(`${url(index, name)}?raw=1`)).text();
const texts = (name: string, indexes: readonly number[] = indexesOf(testnet)): Promise<string[]> =>
  Promise.all(indexes.map((index) => textAt(index, name)));
const allShow = (name: string, text: string, indexes?: readonly number[], limitMs = 60_000): Promise<void> =>
  until(`all show ${text}`, limitMs, async () => (await texts(name, indexes)).every((each) => each === text));

/** what all show once both sides are merged */
const merged = '{"seen":{"set":["n0","n1","n2","n3"]},"title":{"register":["left","right"]},"votes":{"counter":80}}';

/** The anchor of what all nodes hold now, the same everywhere. */
const anchored = (name: string): Promise<SharedAnchor> =>
  eventually(`${name} is anchored`, 60_000, async () => {
    const shown = await Promise.all(indexesOf(testnet).map((index) => testnet.client(index).shared(name)));
    const anchors = shown.map((each) => (each?.anchor?.current === true ? each.anchor : undefined));
    return new Set(anchors.map((each) => JSON.stringify(each))).size === 1 ? anchors[0] : undefined;
  });
/** The last partition as this node reports it, once it is over and its documents are anchored. */
const lastReport = (index: number): Promise<PartitionAnswer> =>
  eventually("the partition is over", 60_000, async () => {
    const last = (await testnet.client(index).partitions()).at(-1);
    return last?.until === undefined || last.documents?.every(({ anchor }) => anchor !== undefined) === false ? undefined : last;
  });

/** What an operation in the log claims; such an operation is none of the key-value store's. */
const claimsIn = (operation: OperationJson): readonly Claim[] =>
  (operation.type === "unknown" ? decodeClaims(Buffer.from(operation.bytes, "base64")) : undefined) ?? [];

describe("a shared document", () => {
  it("reaches every node, the observer included", async () => {
    expect(await edit(0, "plan", { type: "register-set", path: ["title"], value: "common" })).toBe(200);
    await allShow("plan", '{"title":{"register":["common"]}}');
    expect(await edit(observer, "plan", { type: "counter-add", path: ["votes"], amount: 1 })).toBe(400);
  });

  it("is written on both sides of two and two, where the ledger is not, and loses no edit", async () => {
    await testnet.partition([
      [0, 1, observer],
      [2, 3],
    ]);
    await until("everybody knows that it is split", 60_000, async () => {
      const seen = await Promise.all([0, 1, 2, 3].map((index) => testnet.client(index).status()));
      return seen.every(({ connectivity, sides }) => connectivity === "split" && sides[0]?.length === 2);
    });
    expect(await codeOf(testnet.client(0).put("k", "v"))).toBe("no_quorum");
    for (let at = 0; at < 20; at++) {
      for (const index of [0, 1, 2, 3]) {
        expect(
          await edit(
            index,
            "plan",
            { type: "counter-add", path: ["votes"], amount: 1 },
            { type: "set-add", path: ["seen"], value: `n${index}` },
          ),
        ).toBe(200);
      }
    }
    await edit(1, "plan", { type: "register-set", path: ["title"], value: "left" });
    await edit(2, "plan", { type: "register-set", path: ["title"], value: "right" });
    await allShow("plan", '{"seen":{"set":["n0","n1"]},"title":{"register":["left"]},"votes":{"counter":40}}', [0, 1, observer]);
    await allShow("plan", '{"seen":{"set":["n2","n3"]},"title":{"register":["right"]},"votes":{"counter":40}}', [2, 3]);
    // a busy machine that stood still for a moment takes its time to call it a partition
    await until("it is reported", 60_000, async () => {
      const open = await Promise.all([0, 1, 2, 3].map(async (index) => (await testnet.client(index).partitions()).at(-1)));
      return open.every((report) => report !== undefined && report.until === undefined);
    });
    const [before] = await Promise.all([0].map((index) => testnet.client(index).shared("plan")));
    await testnet.heal();
    await allShow("plan", merged);

    const anchor = await anchored("plan");
    expect(anchor.digest).not.toBe(before?.anchor?.digest);
    const keys = (await testnet.client(0).validators()).map(({ validatorKey }) => validatorKey);
    expect(anchor.validators).toHaveLength(2);
    expect(keys).toEqual(expect.arrayContaining([...anchor.validators]));
    // nobody says twice what he holds, and those who said it of what is anchored are those whom the anchor names, and perhaps others whose turn had come
    const blocks = await testnet.client(0).blocks({ from: 1, limit: 256 });
    const claims = blocks
      .flatMap(({ requests }) => requests)
      .filter(({ client }) => keys.includes(client))
      .flatMap(({ client, operations }) => operations.flatMap(claimsIn).map(({ digest }) => ({ client, digest })));
    expect(new Set(claims.map(({ client, digest }) => `${client} ${digest}`)).size).toBe(claims.length);
    const speakers = claims.filter(({ digest }) => digest === anchor.digest).map(({ client }) => client);
    expect(speakers).toEqual(expect.arrayContaining([...anchor.validators]));
  });

  it("and the report says who was where, what was merged, what met and how it was resolved", async () => {
    const anchor = await anchored("plan");
    const names = (...indexes: readonly number[]) => indexes.map((index) => testnet.node(index).peerId);
    for (const [index, own, others] of [
      [0, [0, 1], [2, 3]],
      [3, [2, 3], [0, 1]],
    ] as const) {
      // prettier-ignore
      const report = await lastReport(index);
      expect(report).toMatchObject({ sides: [names(...own), names(...others)] });
      const [titles] = report.conflicts ?? [];
      expect(report.documents).toEqual([
        { name: "plan", ours: 81, theirs: 81, anchor: { digest: anchor.digest, sequence: anchor.sequence } },
      ]);
      expect(report.conflicts).toHaveLength(1);
      expect(titles).toMatchObject({
        kind: "concurrent-values",
        document: "plan",
        resolution: expect.stringContaining("both values stand"),
      });
      expect(titles?.detail).toContain(index === 0 ? '"left" and "right"' : '"right" and "left"');
    }
    const shown = await byz(["partitions", "--api", testnet.node(0).api]);
    expect(shown.stdout).toMatch(new RegExp(`document +plan: 81 changes here, 81 from the others; anchored in block ${anchor.sequence}`));
    expect(shown.stdout).toMatch(/conflict +concurrent-values: plan title: "left" and "right"; both values stand/);
  });

  it("is proven anchored, offline, with all that it shows; and nothing else is", async () => {
    const anchor = await anchored("plan");
    while ((await testnet.client(0).status()).sequence.stable < anchor.sequence) await testnet.client(0).put("on", "and on");
    const file = join(dir, "anchor.json");
    await until("the checkpoint is stable", 60_000, async () => {
      expect((await byz(["shared", "show", "plan", "--prove", file, "--api", testnet.node(2).api])).status).toBe(0);
      return (JSON.parse(readFileSync(file, "utf8")) as { anchor?: { digest: string } }).anchor?.digest === anchor.digest;
    });
    const genesis = join(testnet.node(0).home, "genesis.json");
    const verified = await byz(["prove", "verify", file, "--genesis", genesis]);
    expect(verified).toMatchObject({ status: 0, stdout: expect.stringContaining(`anchored in block ${anchor.sequence}`) });
    expect(verified.stdout).toContain(merged);

    const trust = loadGenesis(genesis);
    const good = JSON.parse(readFileSync(file, "utf8")) as AnchorDocument;
    expect(verifyAnchorDocument(trust, good)).toMatchObject({ ok: true, content: merged, anchor: { digest: anchor.digest } });
    const { operations = [], checkpoint } = good;
    const altered: readonly (readonly [string, unknown])[] = [
      ["other-network", { ...good, genesisHash: "00".repeat(32) }],
      ["bad-state-proof", { ...good, document: "notes" }],
      ["bad-state-proof", { ...good, anchor: { ...anchor, sequence: anchor.sequence + 1 } }],
      ["bad-state-proof", { ...good, anchor: { ...anchor, validators: anchor.validators.toReversed() } }],
      ["bad-state-proof", { ...good, anchor: undefined }],
      ["bad-state-proof", { ...good, checkpoint: { ...checkpoint, stateRoot: "11".repeat(32) } }],
      ["bad-certificate", { ...good, checkpoint: { ...checkpoint, sequence: checkpoint.sequence + 4 } }],
      ["bad-certificate", { ...good, checkpoint: { ...checkpoint, signatures: checkpoint.signatures.slice(1) } }],
      ["other-content", { ...good, operations: operations.slice(0, -1) }],
      ["malformed", { ...good, operations: operations.map((each, index) => (index === 0 ? `AAAA${each.slice(4)}` : each)) }],
      ["malformed", { ...good, format: "byz-anchor/2" }],
    ];
    for (const [problem, value] of altered)
      expect([problem, verifyAnchorDocument(trust, value)]).toMatchObject([problem, { ok: false, problem }]);
  });

  it("is there again after a node was killed, with every edit that was answered, and its author goes on", async () => {
    for (let at = 0; at < 10; at++) await edit(3, "notes", { type: "counter-add", path: ["c"], amount: 1 });
    await testnet.kill(3);
    await testnet.restart(3);
    await until("the node answers", 60_000, async () => (await textAt(3, "notes")) === '{"c":{"counter":10}}');
    expect(await edit(3, "notes", { type: "counter-add", path: ["c"], amount: 1 })).toBe(200);
    await allShow("notes", '{"c":{"counter":11}}');
    const shown = (await (await fetch(url(0, "notes"))).json()) as { forkers: unknown };
    expect(shown.forkers).toEqual([]);
  });

  it("comes to a node that is added late, with the ledger and its word", async () => {
    const { digest } = await anchored("notes");
    const added = await byz(["testnet", "add", "--dir", dir, "--json"]);
    expect(added).toMatchObject({ status: 0 });
    expect(JSON.parse(added.stdout)).toMatchObject({ index: 5, role: "observer", state: "running" });
    await allShow("plan", merged, [5]);
    await until("it has the anchors", 30_000, async () => (await testnet.client(5).shared("notes"))?.anchor?.digest === digest);
    await eventually("it takes part", 60_000, async () => {
      expect(await testnet.client(5).status()).toMatchObject({ role: "observer", connectivity: "whole", syncing: false });
      return true;
    });
  });
});
