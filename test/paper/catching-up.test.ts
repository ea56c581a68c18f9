/** PROTOCOL §7, and the heartbeat of §3: how one that fell behind follows, and how it is not led astray. */
import type { Input } from "../../src/consensus/input.ts";
import { culpritsOf } from "../../src/protocol/evidence.ts";
import { describe, expect, it } from "vitest";
import type { CertifiedBatch } from "../../src/protocol/messages.ts";
import { createLone, effectsOf, reasonsOf, said, type Lone } from "../consensus/lone.ts";

const history = (lone: Lone, length: number): CertifiedBatch[] =>
  Array.from({ length }, (_, index) => {
    lone.now += 2;
    return lone.block(0, index + 1, lone.batch(lone.request(index + 1)));
  });

describe("a replica that is behind", () => {
  it("asks a peer whose heartbeat shows more, after its own progress has paused", () => {
    const backup = createLone();
    expect(effectsOf(backup.status(2, { executed: 3 as never }), "fetch-blocks")).toEqual([]);
    expect(effectsOf(backup.wait(301), "fetch-blocks")).toEqual([{ type: "fetch-blocks", from: 1, to: 3, peer: 2 }]);
  });

  it("asks at once when it is far behind", () => {
    const backup = createLone();
    expect(effectsOf(backup.status(2, { executed: 5 as never }), "fetch-blocks")).toMatchObject([{ from: 1, to: 5 }]);
  });

  it("asks whoever is ahead where the batches are gone and no checkpoint is known, also when it stopped in the middle of fetching a state", () => {
    for (const transferring of [false, true]) {
      const newcomer = createLone({ observer: true, transferring });
      const effects = [0, 2].flatMap((from) => [...newcomer.status(from, { executed: 50 as never, oldest: 30 as never })]);
      expect(effectsOf([...effects, ...newcomer.wait(1_000)], "fetch-blocks")[0]).toMatchObject({ from: 1 });
      newcomer.give({ type: "stable-checkpoint", certificate: newcomer.stable(48) as never });
      const begun = [...newcomer.wait(1_000), ...newcomer.give({ type: "compared" })];
      expect(effectsOf(begun, "begin-transfer")).toMatchObject([{ target: { sequence: 48 } }]);
    }
  });

  it("asks for no more than one answer holds", () => {
    const backup = createLone();
    expect(effectsOf(backup.status(2, { executed: 100_000 as never }), "fetch-blocks")).toMatchObject([{ from: 1, to: 256 }]);
  });

  it("executes what comes, in order, whatever view it was ordered in, and asks for the rest", () => {
    const backup = createLone();
    const blocks = history(backup, 4);
    backup.status(2, { executed: 9 as never });
    const effects = backup.blocks(2, ...blocks);
    expect(effectsOf(effects, "execute").map((one) => one.certificate.sequence)).toEqual([1, 2, 3, 4]);
    expect(effectsOf([...effects, ...backup.wait(301)], "fetch-blocks")).toMatchObject([{ from: 5, to: 9 }]);
  });

  it("does so between views, too", () => {
    const backup = createLone();
    for (const from of [2, 3]) backup.viewChange(from, 3);
    expect(effectsOf(backup.blocks(2, ...history(backup, 2)), "execute").length).toBe(2);
  });

  it("asks another peer when one does not answer, and comes back to the silent one last", () => {
    const backup = createLone();
    backup.status(3, { executed: 1_000_000 as never });
    for (const from of [0, 2]) backup.status(from, { executed: 9 as never });
    const asked = effectsOf(backup.wait(2_900), "fetch-blocks").map((one) => one.peer);
    expect(new Set(asked)).toEqual(new Set([0, 2]));
    expect(effectsOf(backup.wait(1_500), "fetch-blocks").map((one) => one.peer)).toContain(3);
  });

  it("is not kept busy by a liar that answers with nothing: an empty answer is none", () => {
    const backup = createLone();
    backup.status(3, { executed: 1_000 as never });
    for (let round = 0; round < 5; round += 1) {
      const effects = backup.blocks(3);
      expect([effectsOf(effects, "fetch-blocks"), reasonsOf(effects)]).toEqual([[], ["unrequested"]]);
    }
  });

  it("prefers one that answered to a liar that says it is further", () => {
    const backup = createLone();
    backup.status(3, { executed: 1_000_000 as never });
    backup.wait(1_100);
    backup.status(2, { executed: 600 as never });
    backup.wait(1_100);
    const blocks = history(backup, 512);
    const asked = [0, 256].flatMap((at) =>
      effectsOf(backup.blocks(2, ...blocks.slice(at, at + 256)), "fetch-blocks").map(({ peer }) => peer),
    );
    expect(new Set(asked)).toEqual(new Set([2]));
  });

  it("is not kept slow by a liar that gives one block at a time", () => {
    const backup = createLone({ parameters: { checkpointInterval: 128 } });
    const blocks = history(backup, 3);
    backup.status(3, { executed: 1_000_000 as never });
    for (const from of [0, 2]) backup.status(from, { executed: 600 as never });
    const asked = effectsOf(backup.blocks(3, blocks[0]!), "fetch-blocks");
    expect(asked).toMatchObject([{ from: 2, to: 256, peer: 2 }]);
  });

  it("is not kept from the others' state by a liar that gives one block at a time, when nobody else has them any more", () => {
    const backup = createLone();
    const blocks = history(backup, 8);
    backup.give({ type: "stable-checkpoint", certificate: backup.stable(596) as never });
    const effects = [...backup.status(3, { executed: 600 as never })];
    for (const from of [0, 2]) effects.push(...backup.status(from, { executed: 600 as never, oldest: 500 as never }));
    for (const block of blocks) {
      effects.push(...backup.wait(900), ...backup.blocks(3, block));
      effects.push(...backup.executed(block.certificate.sequence));
    }
    expect(effectsOf(effects, "begin-transfer")).toHaveLength(1);
  });

  it("does not pile up what it has not executed", () => {
    const backup = createLone({ parameters: { checkpointInterval: 128 } });
    backup.status(2, { executed: 10_000 as never });
    const blocks = history(backup, 300);
    expect(effectsOf(backup.blocks(2, ...blocks), "fetch-blocks")).toEqual([]);
    expect(effectsOf(backup.wait(5_000), "fetch-blocks")).toEqual([]);
    for (let sequence = 1; sequence <= 100; sequence += 1) backup.executed(sequence);
    expect(effectsOf(backup.wait(1), "fetch-blocks").length).toBe(1);
  });

  it("takes part again in the slots of its view that it fetched: its PREPARE may be the one that lacks", () => {
    const backup = createLone();
    const blocks = history(backup, 1);
    backup.prePrepare(0, 1, blocks[0]!.batch.digest);
    expect(said(backup.blocks(2, ...blocks))).toEqual(["prepare"]);
  });

  it("ignores a late proposal of a view that lost the slot to a later one", () => {
    const backup = createLone();
    backup.now += 2;
    backup.blocks(2, backup.block(3, 1, backup.batch(backup.request(1))));
    const effects = backup.prePrepare(0, 1, backup.batch(backup.request(2)));
    expect([said(effects), reasonsOf(effects), effectsOf(effects, "evidence")]).toEqual([[], ["conflicting-proposal"], []]);
    expect(backup.replica.describe()).toMatchObject({ halted: undefined, demand: 0 });
  });

  it("is not stopped by a carried proposal that a later view overruled", () => {
    const backup = createLone();
    const stale = backup.batch(backup.request(7));
    const changes = [0, 2, 3].map((from) => backup.signedViewChange(from, 2, { prepared: [backup.prepared(0, 1, stale.digest)] }));
    backup.newView(2, changes, [{ sequence: 1 as never, digest: stale.digest }]);
    backup.now += 2;
    const effects = backup.blocks(2, backup.block(5, 1, backup.batch(backup.request(1))));
    expect([effectsOf(effects, "execute").length, effectsOf(effects, "halt"), said(effects)]).toEqual([1, [], []]);
  });

  it("stops when a second certificate for a sequence shows that more than f cheat", () => {
    const backup = createLone();
    backup.blocks(2, ...history(backup, 1));
    const effects = backup.blocks(3, backup.block(0, 1, backup.batch(backup.request(66))));
    expect(effectsOf(effects, "halt")[0]).toMatchObject({ reason: "conflicting-commit" });
    const [evidence] = effectsOf(effects, "evidence").map((effect) => effect.evidence);
    expect(evidence).toMatchObject({ kind: "conflicting-commits", first: { sequence: 1 }, second: { sequence: 1 } });
    expect(evidence === undefined ? [] : culpritsOf(evidence).length).toBeGreaterThan(backup.f);
    expect(effectsOf(backup.blocks(2, ...history(backup, 3)), "execute")).toEqual([]);
  });

  it("keeps the proof that agreement is broken also when it stands still for another reason, and once only", () => {
    const backup = createLone();
    backup.blocks(2, ...history(backup, 1));
    backup.prepare(1, 0, 2, backup.notary.hash("nothing that we voted for"));
    expect(backup.replica.describe().halted?.reason).toBe("key-used-elsewhere");
    const [ours, theirs] = [backup.block(0, 1, backup.batch(backup.request(1))), backup.block(0, 1, backup.batch(backup.request(66)))];
    const input = { type: "conflicting-commits", ours: ours.certificate, theirs: theirs.certificate } as Extract<
      Input,
      { type: "conflicting-commits" }
    >;
    expect(effectsOf(backup.give(input), "evidence")).toHaveLength(1);
    expect(backup.replica.describe().halted?.reason).toBe("conflicting-commit");
    expect(backup.give(input)).toEqual([]);
  });

  it("asks two at a time when it is far behind, for what follows on each other, and takes their answers in order", () => {
    const backup = createLone({ parameters: { checkpointInterval: 128 } });
    const blocks = history(backup, 600);
    const asked = [0, 2, 3].flatMap((from) => effectsOf(backup.status(from, { executed: 600 as never }), "fetch-blocks"));
    expect(asked).toMatchObject([
      { from: 1, to: 256, peer: 0 },
      { from: 257, to: 512, peer: 2 },
    ]);
    const early = backup.blocks(2, ...blocks.slice(256, 512));
    // one answer is kept, and nothing more is asked for that would have to be kept, too
    expect([effectsOf(early, "execute"), effectsOf(early, "fetch-blocks"), reasonsOf(early)]).toEqual([[], [], []]);
    expect(reasonsOf(backup.blocks(2, ...blocks.slice(512)))).toEqual(["unrequested"]);
    const effects = backup.blocks(0, ...blocks.slice(0, 256));
    expect(effectsOf(effects, "execute").map((one) => one.certificate.sequence)).toEqual(blocks.slice(0, 512).map((_, index) => index + 1));
    for (let sequence = 1; sequence <= 300; sequence += 1) backup.executed(sequence);
    expect(effectsOf(backup.wait(301), "fetch-blocks")).toMatchObject([{ from: 513, to: 600 }]);
  });

  it("asks another for what one of two did not give, and keeps what the other gave", () => {
    const backup = createLone({ parameters: { checkpointInterval: 128 } });
    const blocks = history(backup, 600);
    for (const from of [0, 2, 3]) backup.status(from, { executed: 600 as never });
    backup.blocks(2, ...blocks.slice(256, 512));
    const again = effectsOf(backup.wait(1_000), "fetch-blocks");
    expect(again).toMatchObject([{ from: 1, to: 256 }]);
    expect(again[0]?.peer).not.toBe(0);
    expect(effectsOf(backup.blocks(again[0]?.peer ?? 0, ...blocks.slice(0, 256)), "execute").length).toBe(512);
  });

  it("goes on from where votes brought it while an answer had come early", () => {
    const backup = createLone({ parameters: { checkpointInterval: 128 } });
    const blocks = history(backup, 600);
    for (const from of [0, 2, 3]) backup.status(from, { executed: 600 as never });
    backup.blocks(2, ...blocks.slice(256, 512));
    // as votes would: nobody was asked for these
    backup.blocks(3, ...blocks.slice(0, 300));
    for (let sequence = 1; sequence <= 300; sequence += 1) backup.executed(sequence);
    const effects = backup.status(2, { executed: 600 as never });
    expect(backup.replica.describe().committed).toBe(512);
    expect(effectsOf(effects, "halt")).toEqual([]);
  });

  it("asks for as many as answers have room for", () => {
    const backup = createLone({ parameters: { checkpointInterval: 128 } });
    for (const from of [0, 2]) backup.status(from, { executed: 10_000 as never });
    const large = history(backup, 3).map((block) => ({ ...block, batch: { ...block.batch, bytes: new Uint8Array(600_000) } }));
    const effects = [...backup.blocks(0, ...large), ...backup.executed(3), ...backup.wait(1)];
    expect(effectsOf(effects, "fetch-blocks")[0]).toMatchObject({ from: 4, to: 6 });
  });
});

describe("a replica that needs the others' state", () => {
  /** far behind, with a certified checkpoint to aim at and nobody who still has the batches before it */
  const needy = () => {
    const backup = createLone();
    backup.reach(0, 2, 3);
    backup.give({ type: "stable-checkpoint", certificate: backup.stable(48) as never });
    const far = { executed: 50 as never, stable: 48 as never, oldest: 45 as never };
    const effects = [0, 2, 3].flatMap((from) => backup.status(from, far));
    return { backup, effects };
  };

  it("compares past checkpoints first, with everybody it reaches", () => {
    const { backup, effects } = needy();
    expect([effectsOf(effects, "compare-checkpoints"), effectsOf(effects, "begin-transfer")]).toEqual([
      [{ type: "compare-checkpoints", peers: [0, 2, 3] }],
      [],
    ]);
    expect(effectsOf(backup.give({ type: "compared" }), "begin-transfer")).toMatchObject([{ target: { sequence: 48 } }]);
    expect(backup.give({ type: "compared" })).toEqual([]);
  });

  it("is not kept waiting by those who do not answer", () => {
    const { backup } = needy();
    expect(effectsOf(backup.wait(900), "begin-transfer")).toEqual([]);
    expect(effectsOf(backup.wait(200), "begin-transfer")).toHaveLength(1);
  });

  it("goes on as soon as somebody is back, when all were gone as it was about to ask", () => {
    const { backup } = needy();
    backup.reach();
    expect(effectsOf(backup.give({ type: "compared" }), "begin-transfer")).toHaveLength(1);
    const missing = [{ path: "", hash: backup.notary.hash("root"), whole: true }];
    expect(effectsOf(backup.give({ type: "transfer-begun", sequence: 48 as never, missing }), "fetch-state")).toEqual([]);
    expect(effectsOf(backup.wait(60_000), "fetch-state")).toEqual([]);
    backup.reach(2);
    expect(effectsOf(backup.status(2, { executed: 50 as never, stable: 48 as never, oldest: 45 as never }), "fetch-state")).toMatchObject([
      { peer: 2, parts: missing },
    ]);
  });

  it("keeps its own, and stops, when a checkpoint of the others contradicts one of its own", () => {
    const { backup } = needy();
    const [ours, theirs] = [backup.stable(4), backup.stable(4, " of another ledger")];
    const effects = backup.give({ type: "conflicting-checkpoints", ours, theirs: theirs as never });
    const [evidence] = effectsOf(effects, "evidence").map((effect) => effect.evidence);
    expect(evidence?.kind).toBe("conflicting-stable-checkpoints");
    expect(evidence === undefined ? 0 : culpritsOf(evidence).length).toBeGreaterThan(backup.f);
    expect(effectsOf(effects, "halt")).toMatchObject([{ reason: "conflicting-commit" }]);
    expect(effectsOf([...backup.give({ type: "compared" }), ...backup.wait(5_000)], "begin-transfer")).toEqual([]);
    expect(backup.replica.describe().transfer).toBeUndefined();
  });

  it("is not stopped by two certificates that say the same, or are of two checkpoints", () => {
    const { backup } = needy();
    backup.give({ type: "conflicting-checkpoints", ours: backup.stable(4), theirs: backup.stable(4) as never });
    backup.give({ type: "conflicting-checkpoints", ours: backup.stable(4), theirs: backup.stable(8) as never });
    expect(backup.replica.describe().halted).toBeUndefined();
  });
});

describe("an observer", () => {
  it("takes COMMITs of two views for no certificate: what they are for may never be committed", () => {
    const observer = createLone({ observer: true });
    const batch = observer.batch(observer.request(1));
    for (const from of [0, 1]) observer.commit(from, 0, 1, batch.digest);
    observer.give({ type: "batch", batch: batch as never });
    for (const from of [1, 2, 3]) observer.status(from, { view: 3 as never });
    observer.prePrepare(3, 1, batch);
    const commit = (from: number) => effectsOf(observer.commit(from, 3, 1, batch.digest), "execute").map((one) => one.certificate);
    expect([2, 3].flatMap(commit)).toEqual([]);
    expect(commit(1).map(({ view, commits }) => [view, commits.map(({ replica }) => replica)])).toEqual([[3, [1, 2, 3]]]);
  });

  it("never votes, follows the blocks, and relays to the primary that f+1 validators tell of", () => {
    const observer = createLone({ observer: true });
    const effects = [
      ...observer.status(0, { view: 9 as never }),
      ...observer.status(1, { view: 2 as never }),
      ...observer.status(2, { view: 2 as never }),
    ];
    effects.push(...observer.blocks(2, ...history(observer, 4)), ...observer.executed(4));
    effects.push(...observer.viewChange(2, 5), ...observer.viewChange(3, 5), ...observer.wait(60_000));
    expect([said(effects), effectsOf(effects, "execute").length]).toEqual([[], 4]);
    expect(effectsOf(observer.give({ type: "request", request: observer.request(9), local: true }), "relay")[0]?.to).toEqual([2]);
  });
});

describe("everything from outside is bounded", () => {
  it("messages of later views are kept up to a bound for each sender, and nobody pushes out another's", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prepare(0, 2, 1, batch.digest);
    const reasons = Array.from({ length: 400 }, (_, index) => reasonsOf(backup.commit(3, 2 + index, 1, backup.notary.hash("x")))).flat();
    expect(new Set(reasons)).toEqual(new Set(["early-buffer-full"]));
    expect(reasons.length).toBe(400 - 256);
    backup.prePrepare(2, 1, batch);
    expect(
      said(
        backup.newView(
          2,
          [0, 2, 3].map((from) => backup.signedViewChange(from, 2)),
        ),
      ),
    ).toEqual(["prepare", "commit"]);
  });

  it("the copies of one proposal that many PREPAREs bring are kept once", () => {
    const backup = createLone({ n: 10 });
    const digest = backup.notary.hash("x");
    backup.prePrepare(3, 1, digest);
    for (let copy = 0; copy < 300; copy += 1) expect(reasonsOf(backup.prePrepare(3, 1, digest))).toEqual(["duplicate"]);
    expect(backup.replica.describe().earlyMessages).toBe(1);
  });

  it("the pool refuses beyond its requests, its bytes, and a client's share, and displaces nothing", () => {
    const give = (lone: Lone, sequence: number, client?: string, bytes?: number, from = 0) =>
      reasonsOf(lone.give({ type: "request", request: lone.request(sequence, client, bytes), local: false, from: from as never }));
    const few = createLone({ settings: { poolRequests: 2 } });
    expect([give(few, 1), give(few, 1), give(few, 2, "a", 1, 2), give(few, 3, "a", 1, 3)]).toEqual([
      [],
      ["already-pending"],
      [],
      ["pool-full", "pool-full"],
    ]);
    const small = createLone({ settings: { poolBytes: 1_000 } });
    expect([give(small, 1, "a", 900), give(small, 2, "b", 101, 2), give(small, 3, "b", 100, 2)]).toEqual([
      [],
      ["pool-full", "pool-full"],
      [],
    ]);
    const fair = createLone({ parameters: { sessionWindow: 2 } });
    expect([give(fair, 1), give(fair, 2), give(fair, 3), give(fair, 3, "bob")]).toEqual([
      [],
      [],
      ["client-pool-full", "client-pool-full"],
      [],
    ]);
  });

  it("batches that wait are held up to a bound, the next in line always", () => {
    const backup = createLone({ settings: { heldBatchBytes: 150 } });
    const batches = [1, 2, 3].map((n) => {
      backup.now += 5;
      return backup.batch(backup.request(n));
    });
    backup.prePrepare(0, 3, batches[2]!);
    backup.prePrepare(0, 2, batches[1]!);
    expect(backup.replica.describe().heldBatchBytes).toBe(116);
    expect(said(backup.prePrepare(0, 1, batches[0]!))).toEqual(["prepare"]);
    // the second one's turn comes with the first one's commit: not before, or a primary whose proposals nobody commits would fill the window
    expect(effectsOf(backup.give({ type: "tick" }), "fetch-batch")).toEqual([]);
    expect(said(backup.give({ type: "batch", batch: batches[1] as never }))).toEqual([]);
    expect(backup.replica.describe().heldBatchBytes).toBe(232);
    const committed = [0, 2, 3].flatMap((from) => [...backup.commit(from, 0, 1, batches[0]!.digest)]);
    expect(effectsOf(committed, "fetch-batch").map(({ digest }) => digest)).toEqual([batches[1]!.digest]);
    expect(said(backup.give({ type: "batch", batch: batches[1] as never }))).toEqual(["prepare", "prepare"]);
  });

  it("a batch for which there is no room is not asked for again and again", () => {
    const backup = createLone({ n: 7, settings: { heldBatchBytes: 0 } });
    const batch = backup.batch(backup.request(2));
    for (const from of [0, 2, 3, 4, 5]) backup.commit(from, 0, 2, batch.digest);
    expect(effectsOf(backup.give({ type: "batch", batch: batch as never }), "fetch-batch")).toEqual([]);
  });

  it("batches of what ran already take no room", () => {
    const backup = createLone();
    const blocks = history(backup, 1);
    backup.blocks(2, ...blocks);
    expect(said(backup.prePrepare(0, 1, blocks[0]!.batch))).toEqual(["prepare"]);
    backup.now += 5;
    backup.prePrepare(0, 2, backup.batch(backup.request(2)));
    backup.blocks(2, backup.block(3, 2, backup.batch(backup.request(3))));
    expect(backup.replica.describe().heldBatchBytes).toBe(0);
  });

  it("a batch that nobody waits for is refused", () => {
    const backup = createLone();
    expect(reasonsOf(backup.give({ type: "batch", batch: backup.batch(backup.request(1)) as never }))).toEqual(["unrequested"]);
  });
});
