/** PROTOCOL §4; Castro & Liskov, OSDI '99, §4.3: one test per sentence. */
import { describe, expect, it } from "vitest";
import type { Epoch, Sequence } from "../../src/protocol/ids.ts";
import type { Checkpoint, Signed } from "../../src/protocol/messages.ts";
import { blames, createLone, effectsOf, reasonsOf, said, type Lone } from "../consensus/lone.ts";

const run = (lone: Lone, upTo: number): void => {
  for (let sequence = 1; sequence <= upTo; sequence += 1) {
    lone.now += 2;
    lone.order(0, sequence, lone.batch(lone.request(sequence)));
  }
};

describe("checkpoints", () => {
  it("are signed every checkpointInterval sequences, once those have run", () => {
    const backup = createLone();
    run(backup, 3);
    backup.now += 2;
    const batch = backup.batch(backup.request(4));
    backup.prePrepare(0, 4, batch);
    for (const from of [0, 2, 3]) expect(said(backup.commit(from, 0, 4, batch.digest))).not.toContain("checkpoint");
    expect(said(backup.executed(4))).toEqual(["checkpoint"]);
  });

  it("q matching ones move the low watermark, fewer do not", () => {
    const backup = createLone();
    run(backup, 4);
    backup.checkpoint(0, 4);
    expect(backup.replica.status().stable).toBe(0);
    const effects = backup.checkpoint(2, 4);
    expect(backup.replica.describe()).toMatchObject({ stable: { sequence: 4 }, windowTop: 12 });
    expect(effectsOf(effects, "save")[0]?.record).toMatchObject({ type: "stable", certificate: { sequence: 4 } });
    expect(backup.replica.describe().stable.signatures.map((one) => one.replica)).toEqual([0, 1, 2]);
  });

  it("with other roots do not count together, and a second one of the same sender is proof", () => {
    const backup = createLone();
    run(backup, 4);
    backup.checkpoint(0, 4, "else");
    backup.checkpoint(2, 4, "other");
    expect(backup.replica.status().stable).toBe(0);
    const effects = backup.checkpoint(2, 4);
    expect([reasonsOf(effects), blames(effects)]).toEqual([["conflicting-vote"], true]);
    expect(effectsOf(effects, "evidence")[0]?.evidence).toMatchObject({ kind: "conflicting-checkpoints", culprit: 2 });
  });

  it("let go of the votes at or below them", () => {
    const backup = createLone();
    run(backup, 4);
    for (const from of [0, 2]) backup.checkpoint(from, 4);
    expect(reasonsOf(backup.commit(2, 0, 4, backup.notary.hash("late")))).toEqual(["outside-window"]);
    for (const from of [2, 3]) backup.viewChange(from, 1);
    expect(effectsOf(backup.viewChange(0, 1), "announce")).toEqual([]);
  });

  it("outside the window, or at no checkpoint's sequence, are dropped", () => {
    const backup = createLone();
    const isDue = (sequence: number, epoch = 0): boolean => backup.replica.isDue({ epoch: epoch as Epoch, sequence: sequence as Sequence });
    for (const sequence of [3, 12, 400]) {
      expect(reasonsOf(backup.checkpoint(2, sequence))).toEqual(["outside-window"]);
      expect(isDue(sequence)).toBe(false);
    }
    expect([isDue(4), isDue(8), isDue(4, 1)]).toEqual([true, true, false]);
  });

  it("votes beyond the window are dropped, never stored", () => {
    const backup = createLone();
    for (const sequence of [9, 10_000]) {
      expect(reasonsOf(backup.commit(2, 0, sequence, backup.notary.hash("far")))).toEqual(["outside-window"]);
      expect(reasonsOf(backup.prepare(2, 0, sequence, backup.notary.hash("far")))).toEqual(["outside-window"]);
    }
  });

  it("a stable checkpoint that is ahead moves the watermark when execution reaches it", () => {
    const backup = createLone();
    run(backup, 3);
    backup.give({ type: "stable-checkpoint", certificate: backup.stable(4) as never });
    expect(backup.replica.status().stable).toBe(0);
    backup.now += 2;
    backup.order(0, 4, backup.batch(backup.request(4)));
    expect(backup.replica.status().stable).toBe(4);
    expect(reasonsOf(backup.give({ type: "stable-checkpoint", certificate: backup.stable(4) as never }))).toEqual(["duplicate"]);
  });

  it("a replica whose own root differs from a stable checkpoint stops voting, loudly, and fetches the others' state", () => {
    const backup = createLone();
    run(backup, 3);
    backup.now += 2;
    const batch = backup.batch(backup.request(4));
    backup.prePrepare(0, 4, batch);
    for (const from of [0, 2, 3]) backup.commit(from, 0, 4, batch.digest);
    backup.now += 2;
    const next = backup.batch(backup.request(5));
    backup.prePrepare(0, 5, next);
    const { stateRoot } = backup.stable(4, "wrong");
    const { logHash } = backup.stable(4);
    backup.give({ type: "executed", sequence: 4 as never, stateRoot, logHash });
    const effects = [0, 2, 3].flatMap((from) => [...backup.checkpoint(from, 4)]);
    expect(effectsOf(effects, "state-diverged")[0]).toMatchObject({ sequence: 4 });
    expect(effectsOf(effects, "save").map(({ record }) => record.type)).toEqual(["may-not-vote"]);
    // nothing more is said, and nothing executed, before the state is whole
    const said = [
      ...effects,
      ...[2, 3].flatMap((from) => [...backup.prepare(from, 0, 5, next.digest)]),
      ...[0, 2, 3].flatMap((from) => [...backup.commit(from, 0, 5, next.digest)]),
      ...backup.give({ type: "tick" }),
      ...backup.give({ type: "compared" }),
    ];
    expect(effectsOf(said, "broadcast")).toEqual([]);
    expect(effectsOf(said, "execute")).toEqual([]);
    expect(effectsOf(said, "begin-transfer")[0]).toMatchObject({ target: { sequence: 4 }, fresh: true });
  });

  it("that a window has passed on the way to one far ahead are let go, and our own words about them come to nothing", () => {
    const backup = createLone();
    backup.give({ type: "stable-checkpoint", certificate: backup.stable(40) as never });
    const own: Signed<Checkpoint>[] = [];
    for (let sequence = 1; sequence <= 40; sequence += 1) {
      const [message] = effectsOf(backup.executed(sequence), "broadcast").map((one) => one.message);
      if (message?.kind === "checkpoint") own.push(backup.sign(message));
      expect(backup.replica.sizes().ownCheckpoints).toBeLessThanOrEqual(2);
    }
    expect(own.map(({ message }) => message.sequence)).toEqual([4, 8, 12, 16, 20, 24, 28, 32, 36, 40]);
    // kept by the disk until now
    const late = own.flatMap((signed) => [...backup.give({ type: "checkpoint", signed: signed as never })]);
    expect(effectsOf(late, "halt")).toEqual([]);
    expect(backup.replica.status().stable).toBe(40);
  });

  it("are repeated until they are stable", () => {
    const backup = createLone();
    run(backup, 4);
    const kinds = () =>
      effectsOf(backup.wait(1_000), "repeat").map((one) =>
        one.message.kind === "signed" ? one.message.signed.message.kind : one.message.kind,
      );
    expect(kinds()).toContain("checkpoint");
    for (const from of [0, 2]) backup.checkpoint(from, 4);
    expect(kinds()).toEqual([]);
  });

  it("that were signed beyond the window count, and are said again, once the window is there", () => {
    const backup = createLone();
    for (let sequence = 1; sequence <= 12; sequence += 1) {
      backup.now += 2;
      backup.blocks(0, backup.block(0, sequence, backup.batch(backup.request(sequence))));
      backup.executed(sequence);
    }
    backup.give({ type: "stable-checkpoint", certificate: backup.stable(8) as never });
    for (const from of [0, 2]) backup.checkpoint(from, 12);
    expect(backup.replica.status().stable).toBe(8);
    expect(said(backup.wait(1_000))).toEqual(["checkpoint"]);
    expect(backup.replica.status().stable).toBe(12);
  });

  it("that a peer has not seen are told to it, at a bounded rate", () => {
    const backup = createLone();
    run(backup, 4);
    for (const from of [0, 2]) backup.checkpoint(from, 4);
    const told = () => effectsOf(backup.status(3, { executed: 4 as never }), "send-stable").length;
    backup.wait(301);
    expect([told(), told()]).toEqual([1, 0]);
  });
});
