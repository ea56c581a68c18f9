/** PROTOCOL §5; Castro & Liskov, OSDI '99, §4.4 and §4.5: one test per sentence. */
import { describe, expect, it } from "vitest";
import type { Digest, Sequence, View } from "../../src/protocol/ids.ts";
import type { ViewChange } from "../../src/protocol/messages.ts";
import { carryOver } from "../../src/protocol/carry-over.ts";
import { blames, createLone, effectsOf, reasonsOf, said, type Lone } from "../consensus/lone.ts";

const viewChangeOf = (effects: ReturnType<Lone["give"]>): ViewChange =>
  effectsOf(effects, "announce").map((one) => one.message)[0] as ViewChange;
const slot = (sequence: number, digest: Digest) => ({ sequence: sequence as Sequence, digest });

describe("asking for another view", () => {
  it("a request that does not commit in time makes a replica demand the next view in its heartbeat, and go on working", () => {
    const backup = createLone();
    backup.give({ type: "request", request: backup.request(1), local: true });
    backup.wait(990);
    expect(backup.replica.status().demand).toBe(0);
    const effects = backup.wait(20);
    expect(backup.replica.status()).toMatchObject({ view: 0, active: true, demand: 1 });
    expect([said(effects), effectsOf(effects, "send-status").length]).toEqual([[], 1]);
    expect(said(backup.prePrepare(0, 1, backup.batch(backup.request(1))))).toEqual(["prepare"]);
  });

  it("takes the demand back when what was overdue comes after all", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.give({ type: "request", request, local: true });
    backup.wait(1_100);
    backup.order(0, 1, backup.batch(request));
    expect(backup.replica.status().demand).toBe(0);
  });

  it("takes it back when the ledger says that the overdue request can never run: no primary could have ordered it", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.give({ type: "request", request, local: true });
    backup.wait(1_100);
    expect(backup.replica.oldestRequests()).toEqual([request]);
    const effects = backup.give({ type: "settled", request: request.id });
    expect(effectsOf(effects, "refuse-request")).toEqual([{ type: "refuse-request", id: request.id, reason: "already-executed" }]);
    expect([backup.replica.status().demand, backup.replica.oldestRequests()]).toEqual([0, []]);
    expect(backup.give({ type: "settled", request: request.id })).toEqual([]);
  });

  it("does not take it back because others' requests go through: a primary can not censor one client", () => {
    const backup = createLone();
    backup.give({ type: "request", request: backup.request(1, "censored"), local: true });
    for (let sequence = 1; sequence <= 3; sequence += 1) {
      backup.wait(600);
      backup.order(0, sequence, backup.batch(backup.request(sequence, "favoured")));
    }
    expect(backup.replica.status().demand).toBe(1);
  });

  it("is patient with a long queue that moves, as fast as the validators go on with it", () => {
    const backup = createLone({ parameters: { checkpointInterval: 4, maxBatchRequests: 1 } });
    const requests = Array.from({ length: 12 }, (_, index) => backup.request(index + 1));
    for (const request of requests) backup.give({ type: "request", request, local: true });
    for (const [index, request] of requests.entries()) {
      const batch = backup.batch(request);
      backup.prePrepare(0, index + 1, batch);
      backup.wait(700);
      backup.order(0, index + 1, batch);
      if ((index + 1) % 4 === 0) for (const from of [0, 2]) backup.checkpoint(from, index + 1);
      expect(backup.replica.status().demand).toBe(0);
    }
  });

  it("asks for the next view on proof against the primary, whatever is ordered meanwhile", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    backup.prePrepare(0, 1, backup.batch(backup.request(2)));
    for (const from of [0, 2, 3]) backup.commit(from, 0, 1, batch.digest);
    expect(backup.replica.status()).toMatchObject({ demand: 1 });
    expect(backup.replica.describe().committed).toBe(1);
  });

  it("knows which views somebody honest may have asked for: one above what f+1 want", () => {
    const backup = createLone();
    const reach = (): boolean[] => [1, 2, 5, 6, 7].map((view) => backup.replica.isWithinReach(view as View));
    expect(reach()).toEqual([true, false, false, false, false]);
    backup.status(3, { demand: 1_000_000 as View });
    expect(reach()).toEqual([true, false, false, false, false]);
    backup.status(0, { demand: 1 as View });
    expect(reach()).toEqual([true, true, false, false, false]);
    backup.viewChange(2, 5);
    expect(reach()).toEqual([true, true, true, true, false]);
  });

  it("asks when the primary is plainly slower than its own history", () => {
    const backup = createLone({ parameters: { checkpointInterval: 100 } });
    const round = (sequence: number, waitMs: number): void => {
      const request = backup.request(sequence);
      backup.give({ type: "request", request, local: true });
      backup.wait(waitMs);
      backup.order(0, sequence, backup.batch(request));
    };
    for (let sequence = 1; sequence <= 16; sequence += 1) round(sequence, 5);
    for (let sequence = 17; sequence <= 23; sequence += 1) round(sequence, 900);
    expect(backup.replica.status().demand).toBe(0);
    backup.give({ type: "request", request: backup.request(24), local: true });
    backup.wait(900);
    backup.prePrepare(0, 24, backup.batch(backup.request(24)));
    expect(backup.replica.status().demand).toBe(1);
    // what it goes on to order does not make it faster, and those who have no clients are to see it, too
    backup.order(0, 24, backup.batch(backup.request(24)));
    expect(backup.replica.status().demand).toBe(1);
    backup.give({ type: "request", request: backup.request(25), local: true });
    expect(effectsOf(backup.wait(1), "relay").map(({ to }) => to)).toEqual([[0, 2, 3]]);
    for (let sequence = 25; sequence <= 32; sequence += 1) round(sequence, 5);
    expect(backup.replica.status().demand).toBe(0);
  });

  it("votes for slots that nobody proposed make nobody wait, let alone ask for another view", () => {
    const backup = createLone();
    for (let sequence = 1; sequence <= 8; sequence += 1) backup.commit(3, 0, sequence, backup.notary.hash("nothing"));
    backup.wait(120_000);
    expect(backup.replica.status().demand).toBe(0);
  });

  it("a process that stood still does not hold the lost time against the primary", () => {
    const backup = createLone();
    backup.give({ type: "request", request: backup.request(1), local: true });
    backup.wait(400);
    backup.now += 60_000;
    backup.give({ type: "tick" });
    expect(backup.replica.status().demand).toBe(0);
    backup.wait(1_100);
    expect(backup.replica.status().demand).toBe(1);
  });

  it("does not climb views alone: without a reachable quorum nothing is timed", () => {
    const backup = createLone();
    backup.reach(2);
    backup.give({ type: "request", request: backup.request(1), local: true });
    backup.wait(600_000);
    expect(backup.replica.status()).toMatchObject({ view: 0, active: true, demand: 0 });
    backup.reach(0, 2);
    backup.wait(900);
    expect(backup.replica.status().demand).toBe(0);
    backup.wait(200);
    expect(backup.replica.status().demand).toBe(1);
  });

  it("does not ask without a quorum even on proof", () => {
    const backup = createLone();
    backup.reach(0);
    backup.prePrepare(0, 1, backup.batch(backup.request(1)));
    backup.prePrepare(0, 1, backup.batch(backup.request(2)));
    expect(backup.replica.status().demand).toBe(0);
  });

  it("gives up a primary that it does not reach sooner than the request's timeout", () => {
    const backup = createLone({ settings: { requestTimeoutFloorMs: 10_000 } });
    backup.give({ type: "request", request: backup.request(1), local: true });
    backup.reach(2, 3);
    backup.wait(520);
    expect(backup.replica.status().demand).toBe(1);
  });

  it("the timeout doubles with each view change without progress, up to the ceiling, and progress brings it back", () => {
    const backup = createLone({ settings: { requestTimeoutCeilingMs: 8_000 } });
    const timeouts: number[] = [];
    for (let view = 1; view <= 6; view += 1) {
      for (const from of [2, 3]) backup.viewChange(from, view);
      timeouts.push(backup.replica.describe().requestTimeoutMs);
    }
    expect(timeouts).toEqual([2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
    backup.newView(
      6,
      [0, 2, 3].map((from) => backup.signedViewChange(from, 6)),
    );
    backup.order(6, 1, backup.batch(backup.request(1)));
    expect(backup.replica.describe().requestTimeoutMs).toBe(1_000);
  });
});

describe("joining", () => {
  it("f demands bind nobody, f+1 bind: the smallest view above its own that they ask for", () => {
    const backup = createLone({ n: 7 });
    expect(said(backup.status(2, { demand: 9 as never }))).toEqual([]);
    expect(said(backup.status(3, { demand: 5 as never }))).toEqual([]);
    const effects = backup.status(4, { demand: 7 as never });
    expect(viewChangeOf(effects)).toMatchObject({ kind: "view-change", view: 5, replica: 1 });
    expect(backup.replica.status()).toMatchObject({ view: 5, active: false });
  });

  it("its own demand counts among the f+1", () => {
    const backup = createLone();
    backup.give({ type: "request", request: backup.request(1), local: true });
    backup.wait(1_100);
    expect(viewChangeOf(backup.status(3, { demand: 1 as never }))).toMatchObject({ view: 1 });
  });

  it("a demand that was taken back does not count", () => {
    const backup = createLone();
    backup.status(2, { demand: 1 as never });
    backup.status(2, { demand: 0 as never });
    expect(said(backup.status(3, { demand: 1 as never }))).toEqual([]);
  });

  it("one validator's many VIEW-CHANGEs count once", () => {
    const backup = createLone();
    for (let view = 1; view < 50; view += 1) expect(said(backup.viewChange(3, view))).toEqual([]);
    expect(reasonsOf(backup.viewChange(3, 5))).toEqual(["stale-view-change"]);
  });

  it("VIEW-CHANGEs and demands count together", () => {
    const backup = createLone();
    backup.viewChange(2, 3);
    expect(viewChangeOf(backup.status(3, { demand: 1 as never }))).toMatchObject({ view: 1 });
  });
});

describe("the VIEW-CHANGE", () => {
  it("holds the stable checkpoint and the prepared certificate of each sequence above it", () => {
    const backup = createLone();
    const batches = [1, 2, 3].map((n) => {
      backup.now += 5;
      return backup.batch(backup.request(n));
    });
    for (const [index, batch] of batches.entries()) {
      backup.prePrepare(0, index + 1, batch);
      if (index !== 1) backup.prepare(2, 0, index + 1, batch.digest);
    }
    backup.viewChange(2, 1);
    const message = viewChangeOf(backup.viewChange(3, 1));
    expect(message.stable.sequence).toBe(0);
    expect(message.prepared.map((one) => [one.sequence, one.digest])).toEqual([
      [1, batches[0]?.digest],
      [3, batches[2]?.digest],
    ]);
  });

  it("holds what committed and ran here but is not under a stable checkpoint", () => {
    const backup = createLone();
    backup.order(0, 1, backup.batch(backup.request(1)));
    backup.viewChange(2, 1);
    expect(viewChangeOf(backup.viewChange(3, 1)).prepared.map((one) => one.sequence)).toEqual([1]);
  });

  it("keeps the certificate of an earlier view through later ones that brought nothing", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    backup.prepare(2, 0, 1, batch.digest);
    for (const view of [1, 2, 3]) {
      backup.viewChange(2, view);
      expect(viewChangeOf(backup.viewChange(3, view)).prepared[0]).toMatchObject({ view: 0, digest: batch.digest });
    }
  });

  it("ends all part in the old view: proposals and votes of it are refused, checkpoints are not", () => {
    const backup = createLone();
    for (const from of [2, 3]) backup.viewChange(from, 1);
    const batch = backup.batch(backup.request(1));
    expect(reasonsOf(backup.prePrepare(0, 1, batch))).toEqual(["old-view"]);
    expect(reasonsOf(backup.commit(2, 0, 1, batch.digest))).toEqual(["old-view"]);
    expect(reasonsOf(backup.checkpoint(2, 4))).toEqual([]);
  });

  it("two different ones of one sender for one view are proof, the same one twice is not", () => {
    const backup = createLone();
    backup.viewChange(3, 1);
    expect(reasonsOf(backup.viewChange(3, 1))).toEqual(["duplicate"]);
    const effects = backup.viewChange(3, 1, { prepared: [backup.prepared(0, 1, backup.notary.hash("x"))] });
    expect(effectsOf(effects, "evidence")[0]?.evidence).toMatchObject({ kind: "conflicting-view-changes", culprit: 3 });
    expect(blames(effects)).toBe(true);
  });

  it("coming home late, when the view is entered already, is no sign of a stolen key", () => {
    const backup = createLone({ disk: false });
    backup.viewChange(2, 2);
    const announced = viewChangeOf(backup.viewChange(3, 2));
    backup.newView(
      2,
      [0, 2, 3].map((from) => backup.signedViewChange(from, 2)),
    );
    backup.give({ type: "view-change", signed: backup.sign(announced) });
    expect(backup.replica.describe()).toMatchObject({ halted: undefined, view: 2, active: true });
  });
});

describe("O", () => {
  const lone = createLone({ n: 7 });
  const digest = (name: string): Digest => lone.notary.hash(name);
  const change = (from: number, content: Partial<ViewChange>) => lone.signedViewChange(from, 5, content);
  const empty = lone.notary.emptyBatch.digest;

  it("is empty when nothing prepared", () => {
    expect(
      carryOver(
        [0, 1, 2].map((from) => change(from, {})),
        empty,
      ).proposals,
    ).toEqual([]);
  });

  it("starts above the highest stable checkpoint and ends with the highest prepared sequence", () => {
    const { stable, proposals } = carryOver(
      [
        change(0, { stable: lone.stable(4), prepared: [lone.prepared(0, 6, digest("six"))] }),
        change(1, { stable: lone.stable(0), prepared: [lone.prepared(0, 3, digest("three")), lone.prepared(0, 5, digest("five"))] }),
      ],
      empty,
    );
    expect(stable.sequence).toBe(4);
    expect(proposals).toEqual([slot(5, digest("five")), slot(6, digest("six"))]);
  });

  it("takes the digest of the highest view, whoever says it and in whatever order", () => {
    const claims = [
      change(0, { prepared: [lone.prepared(1, 1, digest("old"))] }),
      change(1, { prepared: [lone.prepared(3, 1, digest("new"))] }),
    ];
    for (const changes of [claims, claims.toReversed()]) expect(carryOver(changes, empty).proposals).toEqual([slot(1, digest("new"))]);
  });

  it("fills a gap with the empty batch", () => {
    const { proposals } = carryOver([change(0, { prepared: [lone.prepared(0, 3, digest("three"))] })], empty);
    expect(proposals).toEqual([slot(1, empty), slot(2, empty), slot(3, digest("three"))]);
  });
});

describe("the new primary", () => {
  it("sends NEW-VIEW with q VIEW-CHANGEs, its own among them, once", () => {
    const primary = createLone();
    primary.viewChange(0, 1);
    const effects = primary.viewChange(3, 1);
    const newView = effectsOf(effects, "announce")
      .map((one) => one.message)
      .find((one) => one.kind === "new-view");
    expect(newView).toMatchObject({ view: 1, replica: 1 });
    expect(newView?.kind === "new-view" ? newView.viewChanges.map((one) => one.message.replica) : []).toEqual([0, 1, 3]);
    expect(primary.replica.status()).toMatchObject({ view: 1, active: true });
    expect(said(primary.viewChange(2, 1))).toEqual([]);
  });

  it("does not count its own VIEW-CHANGE before that is on disk", () => {
    const primary = createLone({ disk: false });
    for (const from of [0, 2, 3]) primary.viewChange(from, 1);
    expect(primary.replica.status().active).toBe(false);
  });

  it("proposes new requests only after what it carries over, and none of those again", () => {
    const primary = createLone({ settings: { maxBatchDelayMs: 0 } });
    const request = primary.request(1);
    const batch = primary.batch(request);
    const prepared = [primary.prepared(0, 1, batch.digest)];
    primary.give({ type: "request", request, local: true });
    primary.give({ type: "request", request: primary.request(2), local: true });
    primary.viewChange(0, 1, { prepared });
    expect(said(primary.viewChange(3, 1, { prepared }))).not.toContain("pre-prepare");
    const proposed = effectsOf(primary.give({ type: "batch", batch: batch as never }), "propose");
    expect(proposed.map((one) => [one.message.sequence, one.batch.requests.map(({ sequence }) => sequence)])).toEqual([[2, [2]]]);
  });

  it("proposes nothing before it has what lies below the checkpoint it starts from", () => {
    const primary = createLone({ settings: { maxBatchDelayMs: 0 } });
    primary.give({ type: "request", request: primary.request(9), local: true });
    primary.viewChange(0, 1, { stable: primary.stable(4) });
    expect(said(primary.viewChange(3, 1, { stable: primary.stable(4) }))).not.toContain("pre-prepare");
    const blocks = [1, 2, 3, 4].map((sequence) => {
      primary.now += 2;
      return primary.block(0, sequence, primary.batch(primary.request(sequence)));
    });
    expect(effectsOf(primary.blocks(0, ...blocks), "propose").map((one) => one.message.sequence)).toEqual([5]);
  });
});

describe("a backup that is sent NEW-VIEW", () => {
  const changes = (backup: Lone, view: number, content: Partial<ViewChange> = {}) =>
    [0, 2, 3].map((from) => backup.signedViewChange(from, view, content));

  it("recomputes O, and takes one that differs as proof of cheating", () => {
    const digest = createLone().notary.hash("x");
    for (const lie of [[], [slot(1, digest), slot(2, digest)], [slot(1, digest)]]) {
      const backup = createLone();
      const batch = backup.batch(backup.request(1));
      const prepared = [backup.prepared(0, 1, batch.digest)];
      const effects = backup.newView(2, changes(backup, 2, { prepared }), lie);
      expect(effectsOf(effects, "evidence")[0]?.evidence).toMatchObject({ kind: "bad-new-view", culprit: 2 });
      expect([reasonsOf(effects), blames(effects), backup.replica.status().view]).toEqual([["wrong-new-view"], true, 0]);
    }
  });

  it("asks for the view after it when the awaited primary cheats", () => {
    const backup = createLone();
    for (const from of [2, 3]) backup.viewChange(from, 2);
    backup.newView(2, changes(backup, 2), [slot(1, backup.notary.hash("x"))]);
    expect(backup.replica.status()).toMatchObject({ view: 2, active: false, demand: 3 });
  });

  it("saves the view it enters before it votes in it", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    const prepared = [backup.prepared(0, 1, batch.digest)];
    const effects = backup.newView(2, changes(backup, 2, { prepared }), [slot(1, batch.digest)]);
    expect(effects.filter((one) => one.type === "save" || one.type === "broadcast")[0]).toMatchObject({ record: { type: "entered-view" } });
    expect(said(effects)).toEqual(["prepare"]);
  });

  it("does not judge a re-proposed batch by the clock again", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    const prepared = [backup.prepared(0, 1, batch.digest)];
    backup.now += 3_600_000;
    backup.newView(2, changes(backup, 2, { prepared }), [slot(1, batch.digest)]);
    expect(said(backup.give({ type: "batch", batch: batch as never }))).toContain("prepare");
  });

  it("asks those who prepared a carried batch for it, not only the new primary", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    const prepared = [backup.prepared(0, 1, batch.digest)];
    const [first, ...rest] = changes(backup, 2).slice(0, 2);
    const withOne = [first!, ...rest, backup.signedViewChange(3, 2, { prepared })];
    const effects = backup.newView(2, withOne, [slot(1, batch.digest)]);
    expect(effectsOf(effects, "fetch-batch")[0]?.from).toContain(3);
  });

  it("votes again in the new view for what it has executed, where one that it hears has not, or does not say", () => {
    const inViewTwo = (...executed: readonly number[]): [string[], unknown[], unknown[]] => {
      const backup = createLone();
      const batch = backup.batch(backup.request(1));
      backup.order(0, 1, batch);
      executed.forEach((sequence, index) => backup.status([0, 2, 3][index]!, { executed: sequence as Sequence }));
      const prepared = [backup.prepared(0, 1, batch.digest)];
      const effects = backup.newView(2, changes(backup, 2, { prepared }), [slot(1, batch.digest)]);
      return [said(effects), effectsOf(effects, "execute"), effectsOf(effects, "fetch-batch")];
    };
    expect(inViewTwo()).toEqual([["prepare"], [], []]);
    expect(inViewTwo(1, 1)).toEqual([["prepare"], [], []]);
    expect(inViewTwo(1, 0, 1)).toEqual([["prepare"], [], []]);
    expect(inViewTwo(1, 1, 1)).toEqual([[], [], []]);
  });

  it("commits in the new view what it had said COMMIT for in the old one, where that was not enough", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    const { digest } = batch;
    backup.prePrepare(0, 1, batch);
    expect(said(backup.prepare(2, 0, 1, digest))).toEqual(["commit"]);
    const prepared = [backup.prepared(0, 1, digest)];
    expect(said(backup.newView(2, changes(backup, 2, { prepared }), [slot(1, digest)]))).toEqual(["prepare"]);
    const again = backup.prepare(0, 2, 1, digest);
    expect(effectsOf(again, "broadcast").map(({ message }) => message)).toMatchObject([{ kind: "commit", view: 2, sequence: 1, digest }]);
    backup.commit(0, 2, 1, digest);
    expect(effectsOf(backup.commit(2, 2, 1, digest), "execute")).toHaveLength(1);
  });

  it("fills a gap with the empty batch without asking anybody for it", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(2));
    const prepared = [backup.prepared(0, 2, batch.digest)];
    const empty = backup.notary.emptyBatch.digest;
    const effects = backup.newView(2, changes(backup, 2, { prepared }), [slot(1, empty), slot(2, batch.digest)]);
    expect(effectsOf(effects, "broadcast").map((one) => one.message)).toMatchObject([{ kind: "prepare", sequence: 1, digest: empty }]);
  });

  it("does not let the primary put anything else into a gap that it filled: its own NEW-VIEW is half of the proof", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(2));
    const prepared = [backup.prepared(0, 2, batch.digest)];
    const proposals = [slot(1, backup.notary.emptyBatch.digest), slot(2, batch.digest)];
    backup.newView(2, changes(backup, 2, { prepared }), proposals);
    const effects = backup.prePrepare(2, 1, backup.batch(backup.request(1)));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["conflicting-proposal"]]);
    expect(effectsOf(effects, "evidence").map(({ evidence }) => evidence)).toMatchObject([{ kind: "conflicting-votes", culprit: 2 }]);
    expect(backup.replica.status().demand).toBe(3);
  });

  it("takes up what is carried beyond its window once the window gets there", () => {
    const backup = createLone();
    const batch = backup.notary.createBatch(1_700_000_000_500, [backup.request(99)]);
    const content = { stable: backup.stable(8), prepared: [backup.prepared(0, 9, batch.digest)] };
    backup.newView(2, changes(backup, 2, content), [slot(9, batch.digest)]);
    for (let sequence = 1; sequence <= 8; sequence += 1) {
      backup.now += 2;
      backup.blocks(0, backup.block(0, sequence, backup.batch(backup.request(sequence))));
      backup.executed(sequence);
    }
    expect(backup.replica.describe().stable.sequence).toBe(8);
    expect(effectsOf(backup.give({ type: "batch", batch: batch as never }), "broadcast").map((one) => one.message.sequence)).toEqual([9]);
  });

  it("accepts nothing at or below the checkpoint that the view was built on, though it lacks it itself", () => {
    const backup = createLone();
    backup.newView(2, changes(backup, 2, { stable: backup.stable(4) }));
    const effects = backup.prePrepare(2, 1, backup.batch(backup.request(1)));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["outside-window"]]);
  });

  it("is not moved back by a NEW-VIEW of a view it has left or entered", () => {
    const backup = createLone();
    backup.newView(3, changes(backup, 3));
    for (const view of [2, 3]) expect(reasonsOf(backup.newView(view, changes(backup, view)))).toEqual(["old-view"]);
    expect(backup.replica.status()).toMatchObject({ view: 3, active: true });
  });

  it("enters a later view than the one it waits for", () => {
    const backup = createLone();
    for (const from of [2, 3]) backup.viewChange(from, 2);
    backup.newView(7, changes(backup, 7));
    expect(backup.replica.status()).toMatchObject({ view: 7, active: true });
  });

  it("relays its clients' waiting requests to the new primary", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.give({ type: "request", request, local: true });
    expect(effectsOf(backup.newView(2, changes(backup, 2)), "relay")).toEqual([{ type: "relay", to: [2], requests: [request] }]);
  });

  it("does not enter a view on the word of anybody but its primary", () => {
    const backup = createLone();
    const signed = backup.signedNewView(2, changes(backup, 2), []);
    const stolen = backup.sign({ ...signed.message, replica: 3 as typeof signed.message.replica });
    const effects = backup.give({ type: "new-view", signed: { ...stolen, proposalSignatures: [] } as never });
    expect(reasonsOf(effects)).toEqual(["not-the-primary"]);
    expect(backup.replica.status()).toMatchObject({ view: 0, active: true });
  });

  it("keeps what comes for the view that it waits for until that has begun", () => {
    const backup = createLone({ self: 3 });
    for (const from of [0, 1]) backup.viewChange(from, 1);
    expect(backup.replica.status()).toMatchObject({ view: 1, active: false });
    const batch = backup.batch(backup.request(1));
    expect(said(backup.prePrepare(1, 1, batch))).toEqual([]);
    const begun = [0, 1, 2].map((from) => backup.signedViewChange(from, 1));
    expect(said(backup.newView(1, begun))).toEqual(["prepare"]);
  });

  it("handles what overtook the NEW-VIEW", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    expect(said(backup.prePrepare(2, 1, batch))).toEqual([]);
    for (const from of [0, 3]) backup.prepare(from, 2, 1, batch.digest);
    expect(said(backup.newView(2, changes(backup, 2)))).toEqual(["prepare", "commit"]);
  });
});

describe("waiting for NEW-VIEW", () => {
  it("runs no timer before q validators ask for the view, then asks for the next one in time", () => {
    const backup = createLone();
    for (const from of [0, 3]) backup.viewChange(from, 2);
    expect(backup.replica.status().active).toBe(false);
    const alone = createLone({ n: 7 });
    for (const from of [0, 3, 4]) alone.viewChange(from, 2);
    alone.wait(120_000);
    expect(alone.replica.status()).toMatchObject({ view: 2, demand: 2 });
    backup.wait(1_990);
    expect(backup.replica.status().demand).toBe(2);
    backup.wait(20);
    expect(backup.replica.status().demand).toBe(3);
  });

  it("alone between views, it relays to the primary that f+1 others follow", () => {
    const backup = createLone();
    for (const from of [2, 3]) backup.viewChange(from, 6);
    const relay = (sequence: number) =>
      effectsOf(backup.give({ type: "request", request: backup.request(sequence), local: true }), "relay").map((one) => one.to);
    expect(relay(1)).toEqual([]);
    backup.status(0, { view: 2 as never });
    backup.status(3, { view: 7 as never });
    expect(relay(2)).toEqual([[2]]);
  });

  it("repeats its VIEW-CHANGE until the view begins", () => {
    const backup = createLone();
    for (const from of [0, 3]) backup.viewChange(from, 2);
    const repeats = effectsOf(backup.wait(1_500), "repeat").filter(
      (one) => one.message.kind === "signed" && one.message.signed.message.kind === "view-change",
    );
    expect(repeats.length).toBeGreaterThanOrEqual(2);
    expect(repeats[0]?.to).toEqual([0, 2, 3]);
  });

  it("a replica in the new view repeats the NEW-VIEW to one whose heartbeat shows that it lacks it, at a bounded rate", () => {
    const backup = createLone();
    backup.newView(
      2,
      [0, 2, 3].map((from) => backup.signedViewChange(from, 2)),
    );
    const help = () => effectsOf(backup.status(3, { view: 1 as never, active: false }), "repeat").map((one) => [one.message.kind, one.to]);
    expect([help(), help()]).toEqual([[["signed-new-view", [3]]], []]);
    backup.wait(301);
    expect(help()).toEqual([["signed-new-view", [3]]]);
    expect(effectsOf(backup.status(0, { view: 2 as never }), "repeat")).toEqual([]);
  });
});

describe("one that left its view and was not followed", () => {
  /** 3 is between views 0 and 1, and heard to be */
  const strand = (backup: Lone, view: number): void => {
    backup.viewChange(3, view);
    backup.status(3, { view: view as View, active: false, demand: view as View });
  };
  const enter = (backup: Lone, view: number): void => {
    const changes = [0, 2, 3].map((from) => backup.signedViewChange(from, view));
    backup.newView(view, changes);
    for (const from of [0, 2, 3]) backup.status(from, { view: view as View, demand: view as View });
  };

  it("is fetched by a view change after a while: a network must not be short of a vote until the next crash", () => {
    const backup = createLone();
    backup.reach(0, 2, 3);
    strand(backup, 1);
    expect([said(backup.wait(9_000)), backup.replica.status().demand]).toEqual([[], 0]);
    expect(said(backup.wait(1_100))).toEqual(["view-change"]);
    enter(backup, 1);
    expect(backup.replica.status()).toMatchObject({ view: 1, active: true, demand: 1 });
  });

  it("has this done for it three times at first, then once in ten minutes, whoever began it: a liar gains little by staying behind", () => {
    const backup = createLone();
    backup.reach(0, 2, 3);
    strand(backup, 1);
    backup.wait(9_900);
    // the others were a moment earlier
    backup.viewChange(0, 1);
    enter(backup, 1);
    for (const view of [2, 3]) {
      strand(backup, view);
      backup.wait(10_100);
      expect(backup.replica.status()).toMatchObject({ view, active: false });
      enter(backup, view);
    }
    strand(backup, 4);
    backup.wait(575_000);
    expect(backup.replica.status()).toMatchObject({ view: 3, active: true, demand: 3 });
    backup.wait(15_000);
    expect(backup.replica.status()).toMatchObject({ view: 4, active: false });
    enter(backup, 4);
    strand(backup, 5);
    backup.wait(580_000);
    expect(backup.replica.status()).toMatchObject({ view: 4, active: true, demand: 4 });
  });

  it("is fetched where it waits, unless it says that this is further up than anybody honest can be", () => {
    for (const [waits, asked] of [
      [2, 2],
      [3, 1],
    ] as const) {
      const backup = createLone();
      backup.reach(0, 2, 3);
      strand(backup, waits);
      expect(viewChangeOf(backup.wait(10_100))).toMatchObject({ view: asked });
    }
  });

  it("is left alone while nothing is heard of it, or while it says that it takes part", () => {
    for (const [peers, active] of [
      [[0, 2], false],
      [[0, 2, 3], true],
    ] as const) {
      const backup = createLone();
      backup.reach(0, 2, 3);
      backup.viewChange(3, 1);
      backup.status(3, { view: (active ? 0 : 1) as View, active, demand: 1 as View });
      backup.reach(...peers);
      backup.wait(60_000);
      expect(backup.replica.status()).toMatchObject({ view: 0, active: true, demand: 0 });
    }
  });
});
