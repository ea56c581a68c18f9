/** PROTOCOL §6: what was said before a crash is said again to the letter, and never contradicted. */
import { describe, expect, it } from "vitest";
import type { Restored } from "../../src/consensus/config.ts";
import type { DurableRecord } from "../../src/consensus/effect.ts";
import type { Sequence, View } from "../../src/protocol/ids.ts";
import type { Signed, ViewChange } from "../../src/protocol/messages.ts";
import { createLone, effectsOf, reasonsOf, said, type Lone, type LoneOptions } from "../consensus/lone.ts";

/** What a disk that holds these records gives back. */
const restoredFrom = (effects: ReturnType<Lone["give"]>): Partial<Restored> => {
  const records = effectsOf(effects, "save").map((one) => one.record);
  const of = <T extends DurableRecord["type"]>(type: T) =>
    records.filter((one): one is Extract<DurableRecord, { type: T }> => one.type === type);
  return {
    accepted: of("accepted"),
    prepared: of("prepared").map(({ certificate }) => {
      const batch = of("accepted").find((one) => one.digest === certificate.digest)?.batch;
      return { certificate, ...(batch === undefined ? {} : { batch }) };
    }),
  };
};
const again = (lone: Lone, restored: Partial<Restored>, options: LoneOptions = {}): Lone =>
  createLone({ notary: lone.notary, restored, ...options });

describe("after a restart", () => {
  it("a backup holds to the digest that it accepted, and says its PREPARE again", () => {
    const before = createLone({ disk: false });
    const batch = before.batch(before.request(1));
    const effects = before.prePrepare(0, 1, batch);
    const after = again(before, restoredFrom(effects));
    expect(after.replica.describe().next).toMatchObject({ sequence: 1, proposed: true, prepares: [1] });
    const refused = after.prePrepare(0, 1, after.batch(after.request(2)));
    expect([said(refused), reasonsOf(refused)]).toEqual([[], ["conflicting-proposal"]]);
    expect(said(after.prepare(2, 0, 1, batch.digest))).toEqual(["commit"]);
  });

  it("a primary proposes what it had accepted again, and nothing else in its place", () => {
    const before = createLone({ self: 0, disk: false });
    const effects = before.give({ type: "request", request: before.request(1), local: true });
    const proposal = effectsOf(effects, "propose")[0]!;
    const after = again(before, restoredFrom(effects), { self: 0, disk: false });
    const next = after.give({ type: "request", request: after.request(2), local: true });
    expect(effectsOf(next, "propose").map((one) => one.message.sequence)).not.toContain(1);
    after.give({ type: "pre-prepare", signed: after.sign(proposal.message), batch: proposal.batch } as never);
    expect(after.replica.describe()).toMatchObject({ halted: undefined, next: { proposed: true } });
  });

  it("what prepared is in its next VIEW-CHANGE", () => {
    const before = createLone();
    const batch = before.batch(before.request(1));
    const effects = [...before.prePrepare(0, 1, batch), ...before.prepare(2, 0, 1, batch.digest)];
    const after = again(before, restoredFrom(effects));
    expect(after.replica.describe().next.commits).toEqual([1]);
    after.viewChange(2, 1);
    const announced = effectsOf(after.viewChange(3, 1), "announce")[0]!.message as ViewChange;
    expect(announced.prepared.map((one) => one.digest)).toEqual([batch.digest]);
  });

  it("between views it says its VIEW-CHANGE again to the letter, and takes no part in the old view", () => {
    const before = createLone();
    const signed = before.signedViewChange(1, 3) as Signed<ViewChange>;
    const restored = { view: 3 as View, active: false, viewChange: signed };
    const after = again(before, restored);
    expect(after.replica.status()).toMatchObject({ view: 3, active: false });
    const repeated = effectsOf(after.wait(1_000), "repeat").map((one) => (one.message.kind === "signed" ? one.message.signed : undefined));
    expect(repeated[0]).toBe(signed);
    expect(reasonsOf(after.prePrepare(2, 1, after.batch(after.request(1))))).toEqual(["old-view"]);
  });

  it("in a view it entered by NEW-VIEW it has what that carried over", () => {
    const before = createLone();
    const batch = before.batch(before.request(1));
    const prepared = [before.prepared(0, 1, batch.digest)];
    const changes = [0, 2, 3].map((from) => before.signedViewChange(from, 2, { prepared }));
    const newView = before.signedNewView(2, changes, [{ sequence: 1 as Sequence, digest: batch.digest }]);
    const after = again(before, { view: 2 as View, active: true, newView });
    expect(reasonsOf(after.prePrepare(2, 1, after.batch(after.request(7))))).toEqual(["conflicting-proposal"]);
    expect(said(after.give({ type: "batch", batch: batch as never }))).toContain("prepare");
  });

  it("a new primary that lags behind its view's checkpoint proposes nothing below it", () => {
    const before = createLone({ self: 2 });
    const changes = [0, 1, 3].map((from) => before.signedViewChange(from, 2, { stable: before.stable(4) }));
    const newView = before.signedNewView(2, changes, []);
    const after = again(before, { view: 2 as View, active: true, newView }, { self: 2 });
    expect(said(after.give({ type: "request", request: after.request(1), local: true }))).toEqual([]);
    const blocks = [1, 2, 3, 4].map((sequence) => {
      after.now += 2;
      return after.block(0, sequence, after.batch(after.request(sequence, "bob")));
    });
    const proposed = [...after.blocks(0, ...blocks), ...after.wait(50)];
    expect(effectsOf(proposed, "propose").map((one) => one.message.sequence)).toEqual([5]);
  });

  it("its checkpoints are said again", () => {
    const before = createLone();
    const roots = { stateRoot: before.notary.hash("state 4"), logHash: before.notary.hash("log 4") };
    const after = again(before, { executed: 4 as Sequence, checkpoints: [{ sequence: 4 as Sequence, ...roots }] });
    for (const from of [0, 2]) after.checkpoint(from, 4);
    expect(after.replica.describe().stable.signatures.map((one) => one.replica)).toEqual([0, 1, 2]);
  });

  it("what was executed is not proposed or accepted again", () => {
    const lone = createLone();
    const request = lone.request(1);
    const primary = again(lone, { executed: 1 as Sequence, executedRequests: [request.id] }, { self: 0 });
    expect(reasonsOf(primary.give({ type: "request", request, local: true }))).toEqual(["already-executed", "already-executed"]);
  });
});

describe("a validator that sees its own key voting elsewhere", () => {
  const halts = (effects: ReturnType<Lone["give"]>) => effectsOf(effects, "halt").map((one) => one.reason);
  it.each([
    ["a proposal", (lone: Lone) => lone.prePrepare(0, 1, lone.batch(lone.request(1))), 0],
    ["a PREPARE", (lone: Lone) => lone.prepare(1, 0, 1, lone.notary.hash("x")), 1],
    ["a COMMIT", (lone: Lone) => lone.commit(1, 0, 1, lone.notary.hash("x")), 1],
    ["a CHECKPOINT", (lone: Lone) => lone.checkpoint(1, 4), 1],
    ["a VIEW-CHANGE", (lone: Lone) => lone.viewChange(1, 3), 1],
  ])("stops: %s that it did not make", (_name, act, self) => {
    const lone = createLone({ self });
    expect(halts(act(lone))).toEqual(["key-used-elsewhere"]);
    expect(lone.replica.deadline()).toBeUndefined();
  });
});

describe("amnesia: a key that came back without its data", () => {
  const forgetful = (): Lone => createLone({ restored: { mayVote: false } });

  it("executes what others commit, and votes on nothing", () => {
    const lone = forgetful();
    const batch = lone.batch(lone.request(1));
    const effects = [...lone.prePrepare(0, 1, batch), ...[2, 3].flatMap((from) => [...lone.prepare(from, 0, 1, batch.digest)])];
    for (const from of [0, 2, 3]) effects.push(...lone.commit(from, 0, 1, batch.digest));
    for (const from of [2, 3]) effects.push(...lone.viewChange(from, 1));
    effects.push(...lone.wait(60_000));
    expect(said(effects)).toEqual([]);
    expect(effectsOf(effects, "execute").length).toBe(1);
  });

  it("keeps the view that it enters on its own NEW-VIEW of before, so that no later life of it is in an earlier one", () => {
    const lone = createLone({ self: 2, restored: { mayVote: false } });
    const newView = lone.signedNewView(2, [0, 1, 3].map((from) => lone.signedViewChange(from, 2)), []); // prettier-ignore
    const effects = lone.give({ type: "new-view", signed: newView as never });
    expect(lone.replica.status()).toMatchObject({ view: 2, active: true });
    expect(effectsOf(effects, "save").map((one) => one.record)).toContainEqual({ type: "entered-view", newView });
  });

  it("is not stopped by its own votes of before", () => {
    const lone = forgetful();
    lone.prepare(1, 0, 1, lone.notary.hash("forgotten"));
    lone.checkpoint(1, 4);
    lone.viewChange(1, 3);
    expect(lone.replica.describe().halted).toBeUndefined();
  });

  it("votes again once a stable checkpoint passes the window above what q others have executed", () => {
    const lone = forgetful();
    for (const from of [0, 2]) lone.status(from, { executed: 3 as never });
    for (let sequence = 1; sequence <= 12; sequence += 1) {
      lone.now += 2;
      lone.blocks(0, lone.block(0, sequence, lone.batch(lone.request(sequence))));
      lone.executed(sequence);
      if (sequence === 5) lone.status(3, { executed: 5 as never });
      if (sequence % 4 !== 0) continue;
      expect(lone.replica.describe().passive).toBe(true);
      const effects = lone.give({ type: "stable-checkpoint", certificate: lone.stable(sequence) as never });
      const records = effectsOf(effects, "save").map((one) => one.record.type);
      expect(records.includes("may-vote")).toBe(sequence === 12);
    }
    expect(lone.replica.describe().passive).toBe(false);
  });

  /** 0 and 2 have been heard; it is told of the first 8 batches, whose checkpoint is beyond all that it may have voted on once 3 is heard, too */
  const returning = (): Lone => {
    const lone = forgetful();
    for (const from of [0, 2]) lone.status(from, {});
    for (let sequence = 1; sequence <= 8; sequence += 1) {
      lone.now += 2;
      lone.blocks(0, lone.block(0, sequence, lone.batch(lone.request(sequence))));
      lone.executed(sequence);
    }
    lone.give({ type: "stable-checkpoint", certificate: lone.stable(8) as never });
    return lone;
  };
  const announced = (effects: ReturnType<Lone["give"]>) =>
    effects.flatMap((effect) =>
      effect.type === "announce" ? [`view-change ${effect.message.view}`] : effect.type === "save" ? [effect.record.type] : [],
    );
  const enterBySay = (lone: Lone, view: number): void => {
    lone.newView(
      view,
      [0, 2, 3].map((from) => lone.signedViewChange(from, view, { stable: lone.stable(8) })),
    );
  };

  it("comes back in no view that it may have left, and asks for none that it may have asked for: it leaves for the one above, on disk first", () => {
    const lone = returning();
    expect(announced(lone.status(3, {}))).toEqual(["view-change 2", "may-vote"]);
    lone.now += 2;
    const batch = lone.batch(lone.request(9));
    expect(said(lone.prePrepare(0, 9, batch))).toEqual([]);
    enterBySay(lone, 2);
    expect(said(lone.prePrepare(2, 9, batch))).toEqual(["prepare"]);
  });

  it("takes part at once in a view beyond all that it may have asked for", () => {
    const lone = returning();
    enterBySay(lone, 3);
    expect(announced(lone.status(3, { view: 1 as View }))).toEqual(["may-vote"]);
    lone.now += 2;
    expect(said(lone.prePrepare(3, 9, lone.batch(lone.request(9))))).toEqual(["prepare"]);
  });

  it("goes by views that are proven: one liar does not send it to where nobody is", () => {
    const lone = returning();
    expect(announced(lone.status(3, { view: 1_000 as View }))).toEqual([]);
    expect(lone.replica.describe()).toMatchObject({ passive: true, view: 0 });
  });

  it("counts what one that caught up has executed beyond its own watermark: a checkpoint of it may have been the one that lacked", () => {
    const lone = forgetful();
    const catchUp = (from: number, to: number): void => {
      for (let sequence = from; sequence <= to; sequence += 1) {
        lone.now += 2;
        lone.blocks(0, lone.block(0, sequence, lone.batch(lone.request(sequence))));
        lone.executed(sequence);
        if (sequence % 4 === 0) lone.give({ type: "stable-checkpoint", certificate: lone.stable(sequence) as never });
      }
    };
    catchUp(1, 8);
    // the forgotten one and two of these may have made 16 stable, and it may have voted up to 24
    lone.status(0, { executed: 16 as never, stable: 4 as never });
    lone.status(2, { executed: 8 as never, stable: 8 as never });
    lone.status(3, {});
    catchUp(9, 20);
    expect(lone.replica.describe().passive).toBe(true);
    catchUp(21, 24);
    expect(lone.replica.describe().passive).toBe(false);
  });

  it("votes again at once where the last of q others is heard when everything is long passed", () => {
    const lone = forgetful();
    for (const from of [0, 2]) lone.status(from, { executed: 3 as never });
    for (let sequence = 1; sequence <= 16; sequence += 1) {
      lone.now += 2;
      lone.blocks(0, lone.block(0, sequence, lone.batch(lone.request(sequence))));
      lone.executed(sequence);
    }
    lone.give({ type: "stable-checkpoint", certificate: lone.stable(16) as never });
    const effects = lone.status(3, { executed: 2 as never });
    expect(effectsOf(effects, "save").map((one) => one.record.type)).toEqual(["may-vote"]);
  });
});
