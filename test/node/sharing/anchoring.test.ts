/** Documents that came to rest find their way into the ledger: once, by f+1 of those who hold them, whoever is missing. */
import { beforeEach, describe, expect, it } from "vitest";
import type { DocumentName } from "../../../src/documents/operation.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import { type Anchoring, createAnchoring } from "../../../src/node/sharing/anchoring.ts";
import { done, failed } from "../../../src/node/service.ts";
import { type Digest, toDigest, toReplicaIndex } from "../../../src/protocol/ids.ts";
import { createMemoryStore } from "../../../src/storage/memory.ts";
import { decodeRequest } from "../../../src/wire/requests.ts";
import { author, committee, signBytes } from "../../documents/support.ts";
import { baseTime, hex, open, run, sha, bytes } from "../../ledger/support.ts";

const plan = "plan" as DocumentName;
const digest = (text: string): Digest => toDigest(hex(sha(bytes(text))));

interface Member {
  readonly anchoring: Anchoring;
  readonly holds: Map<DocumentName, Digest>;
  readonly anchored: string[];
  able: boolean;
}

let ledger: Ledger;
let now: number;
let requests: number;
/** requests get lost while it is set */
let losing: boolean;
let members: Member[];

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

beforeEach(async () => {
  const store = createMemoryStore();
  ledger = await open(store, { committee });
  [now, requests, losing] = [0, 0, false];
  let queue = Promise.resolve();
  members = [0, 1, 2, 3, undefined].map((index) => {
    const holds = new Map<DocumentName, Digest>();
    const anchored: string[] = [];
    const member: Member = {
      holds,
      anchored,
      able: true,
      anchoring: createAnchoring({
        identity: {
          committee,
          self: index === undefined ? undefined : toReplicaIndex(index),
          validatorKey: index === undefined ? undefined : author(index),
          signBytes,
        },
        ledger,
        documents: { list: () => [], digest: (name) => holds.get(name) },
        submission: {
          submit(encoded, answer) {
            requests += 1;
            const decoded = decodeRequest(encoded);
            if (!decoded.ok || losing) return answer(failed({ code: "no_quorum", message: "lost" }));
            const { value } = decoded;
            const order = async (before: Promise<void>): Promise<void> => {
              await before;
              await run(ledger, store, [value], baseTime + now);
              answer(done({ id: value.id, state: "committed" }));
            };
            queue = order(queue);
          },
        },
        clock: { now: () => now, wall: () => baseTime + now },
        sessionWindow: 8,
        isAble: () => member.able,
        anchored: (name, anchor) => void anchored.push(`${name}@${anchor.sequence}`),
      }),
    };
    return member;
  });
});

const pass = async (milliseconds: number): Promise<void> => {
  for (const end = now + milliseconds; now < end;) {
    now += 100;
    for (const { anchoring } of members) anchoring.tick();
    await settle();
  }
};
const hold = (name: DocumentName, text: string, who = [0, 1, 2, 3, 4]): void => {
  for (const index of who) {
    members[index]?.holds.set(name, digest(text));
    members[index]?.anchoring.changed(name);
  }
};

describe("anchoring", () => {
  it("orders f+1 claims once a document is at rest, and no more", async () => {
    hold(plan, "a");
    await pass(900);
    expect(requests).toBe(0);
    await pass(1_600);
    expect(ledger.anchor(plan)?.digest).toBe(digest("a"));
    await pass(20_000);
    expect(requests).toBe(2);
    for (const { anchored } of members) expect(anchored).toEqual([`plan@${ledger.anchor(plan)?.sequence}`]);
  });

  it("waits while the document goes on changing, then says the last", async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      hold(plan, `${turn}`);
      await pass(500);
    }
    expect(requests).toBe(0);
    await pass(3_000);
    expect(ledger.anchor(plan)?.digest).toBe(digest("19"));
  });

  it("is done by the others when those whose turn it is are gone", async () => {
    for (const gone of [0, 1, 2, 3]) {
      for (const [index, member] of members.entries()) member.able = index !== gone && index !== (gone + 1) % 4;
      hold(plan, `without ${gone}`);
      await pass(6_000);
      expect([gone, ledger.anchor(plan)?.digest]).toEqual([gone, digest(`without ${gone}`)]);
    }
  });

  it("does not anchor what only one holds; says it once, and takes it back when it is no longer so", async () => {
    hold(plan, "alone", [2]);
    await pass(60_000);
    expect(ledger.anchor(plan)).toBeUndefined();
    expect(requests).toBe(1);
    hold(plan, "common");
    await pass(10_000);
    expect(ledger.anchor(plan)?.digest).toBe(digest("common"));
    expect([0, 1, 2, 3].map((index) => ledger.claims(author(index).publicKey).size)).toEqual([0, 0, 0, 0]);
  });

  it("tries again at a bounded rate while requests are lost", async () => {
    losing = true;
    hold(plan, "a");
    await pass(20_000);
    expect(requests).toBeGreaterThan(10);
    expect(requests).toBeLessThanOrEqual(4 * 21);
    losing = false;
    await pass(3_000);
    expect(ledger.anchor(plan)?.digest).toBe(digest("a"));
  });

  it("takes many documents along in one request, and more than fit one after the other", async () => {
    const names = Array.from({ length: 150 }, (_, index) => `d${index}` as DocumentName);
    for (const name of names) hold(name, name);
    await pass(30_000);
    expect(names.filter((name) => ledger.anchor(name)?.digest !== digest(name))).toEqual([]);
    expect(requests).toBeLessThan(30);
  });

  it("does not let claims that nobody shares stand in the others' way for ever", async () => {
    for (let index = 0; index < 80; index += 1) hold(`a${index}` as DocumentName, "alone", [0]);
    await pass(5_000);
    hold(plan, "common");
    for (const member of members.slice(2)) member.able = false;
    await pass(120_000);
    expect(ledger.anchor(plan)?.digest).toBe(digest("common"));
  });
});
