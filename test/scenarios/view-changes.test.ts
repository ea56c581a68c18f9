/** View changes that other systems got stuck in, or lost something in. */
import { describe, expect, it } from "vitest";
import type { Sequence, View } from "../../src/protocol/ids.ts";
import { effectsOf, createLone, reasonsOf, said, type Lone } from "../consensus/lone.ts";
import { indexes } from "../consensus/world/world.ts";
import { createStage, kindOf } from "./stage.ts";

describe("a view change", () => {
  it("does not get stuck when the new primary dies with its NEW-VIEW half told", async () => {
    const stage = createStage("Stuck in a view change (Sawtooth PBFT)", { n: 7 });
    const { world } = stage;
    stage.act("#0, the primary, crashes", () => world.node(0).crash());
    const request = stage.request(3);
    stage.intercept("the NEW-VIEW of #1 reaches #2 only", (packet, from, to) =>
      packet.type === "new-view" && from === 1 && to !== 2 ? [] : [packet],
    );
    stage.until("#2 is in view 1", () => stage.view(2) === 1 && world.node(2).replica.status().active, 60_000);
    const others = [3, 4, 5, 6];
    expect(others.filter((index) => world.node(index).replica.status().active && stage.view(index) === 1)).toEqual([]);
    stage.act("#1 crashes, too", () => world.node(1).crash());
    stage.intercept("(nothing is held back any more, but #2 keeps the NEW-VIEW to itself)", (packet, from) =>
      packet.type === "new-view" && from === 2 && packet.signed.message.view === 1 ? [] : [packet],
    );
    const alive = [2, 3, 4, 5, 6];
    const done = (): boolean => alive.every((index) => world.node(index).hasExecuted(request.id) && stage.executed(index) > 0);
    stage.until("the five that are left have executed it", done, 60_000);
    expect(new Set(alive.map(stage.view)).size, "in one view").toBe(1);
    expect(stage.view(2)).toBeGreaterThan(1);
    stage.act("#0 and #1 come back", () => [world.node(0).start(), world.node(1).start()]);
    stage.until("all agree", () => stage.agree(request), 60_000);
    await stage.matches("stuck-in-view-change");
  });

  it("is entered by proof, not by what the last one said", async () => {
    const stage = createStage("The leader of the last reply (BFT-SMaRt #62)", { n: 4, liars: [2] });
    const { world } = stage;
    const first = stage.request(1);
    stage.until("all have executed it", () => stage.agree(first), 5_000);
    stage.act("#3 is cut off; what #0 proposes in view 0 is lost, so that view 1 begins without #3", () =>
      world.links.split([indexes(3), indexes(4).slice(3)]),
    );
    stage.intercept("(lost)", (packet) => (packet.type === "proposal" && packet.signed.message.view === 0 ? [] : [packet]));
    const second = stage.request(1);
    const there = (): boolean => [0, 1, 2].every((index) => world.node(index).hasExecuted(second.id));
    stage.until("the three have executed another request", there, 60_000);
    stage.intercept("nothing is lost any more", undefined);
    const view = stage.view(1);
    stage.act("#2 lies: it is in view 50, where it is the primary, and has executed 1,000 more", () =>
      world.lie(2, {
        name: "says-it-leads",
        outgoing: (packet) =>
          packet.type === "status"
            ? [{ type: "status", status: { ...packet.status, view: 50 as View, demand: 50 as View, executed: 1_000 as Sequence } }]
            : [packet],
      }),
    );
    stage.act("#3 is back", () => world.links.heal());
    stage.until("#3 has caught up", () => stage.agree(first, second), 60_000);
    const third = stage.request(3);
    stage.until("a request at #3 goes through", () => stage.agree(third), 60_000);
    expect(view).toBeGreaterThan(0);
    for (const index of [0, 1, 3]) expect(stage.view(index)).toBe(view);
    await stage.matches("leader-from-last-reply");
  });

  it("finds what prepared at one replica only, and a lock that stayed hidden blocks nobody", async () => {
    const stage = createStage("Hidden locks", { n: 4 });
    const { world } = stage;
    stage.intercept("PREPAREs reach #3 only, COMMITs nobody", (packet, _from, to) =>
      kindOf(packet) === "commit" || (kindOf(packet) === "prepare" && to !== 3) ? [] : [packet],
    );
    const request = stage.request(0);
    const locked = (index: number): number => world.node(index).disk.prepared(1)?.view ?? -1;
    stage.until("#3 alone has prepared it, in view 0", () => locked(3) === 0, 5_000);
    expect([0, 1, 2].map(locked)).toEqual([-1, -1, -1]);
    const hidden = world.node(3).disk.prepared(1)?.digest;
    stage.intercept("view 0 is over: nothing of it arrives anywhere", (packet) => {
      const message = packet.type === "proposal" || packet.type === "signed" ? packet.signed.message : undefined;
      return message !== undefined && "view" in message && message.view === 0 ? [] : [packet];
    });
    stage.act("#3, with its lock, is cut off, and restarted", () => {
      world.links.split([indexes(3), indexes(4).slice(3)]);
      world.node(3).crash();
      world.node(3).start();
    });
    const other = stage.request(1);
    const have = (index: number): boolean => world.node(index).hasExecuted(request.id) && world.node(index).hasExecuted(other.id);
    stage.until("the other three have ordered both without it", () => [0, 1, 2].every(have), 60_000);
    const ordered = world.node(1).disk.blocks(1, 1, 1)[0]?.certificate;
    expect(ordered?.view).toBeGreaterThan(0);
    expect(ordered?.digest, "another batch than the one that #3 is locked on").not.toBe(hidden);
    stage.act("#3 is back, and the primary crashes", () => {
      world.links.heal();
      world.node(stage.view(1) % 4).crash();
    });
    const last = stage.request(3);
    stage.until("those that are up agree, the once locked one among them", () => world.executedEverywhere(last), 60_000);
    for (const node of world.nodes) node.start();
    stage.until("all agree", () => stage.agree(request, other, last), 60_000);
    await stage.matches("hidden-locks");
  });
});

describe("a decision and the end of its view", () => {
  /** One replica of four, to which sequence 1 has prepared, and which lacks one COMMIT and one demand. */
  const onTheEdge = (): { readonly lone: Lone; readonly digest: ReturnType<Lone["batch"]>["digest"] } => {
    const lone = createLone({ self: 1 });
    const batch = lone.batch(lone.request(1));
    lone.prePrepare(0, 1, batch);
    lone.prepare(2, 0, 1, batch.digest);
    lone.commit(2, 0, 1, batch.digest);
    lone.viewChange(2, 1);
    return { lone, digest: batch.digest };
  };
  const claims = (effects: ReturnType<Lone["give"]>): readonly string[] =>
    effectsOf(effects, "announce").flatMap(({ message }) =>
      message.kind === "view-change" ? message.prepared.map(({ sequence, view }) => `${sequence} of view ${view}`) : [],
    );

  it("at one instant: the decision first", () => {
    const { lone, digest } = onTheEdge();
    expect(effectsOf(lone.commit(3, 0, 1, digest), "execute").map(({ certificate }) => certificate.sequence)).toEqual([1]);
    const left = lone.viewChange(3, 1);
    expect(said(left)).toContain("view-change");
    expect(claims(left), "what is decided here may be news to the others").toEqual(["1 of view 0"]);
    expect(lone.replica.describe().halted).toBeUndefined();
    expect(lone.replica.status()).toMatchObject({ view: 1, active: true });
    const next = effectsOf(lone.give({ type: "request", request: lone.request(2), local: true }), "propose");
    expect(
      next.map(({ message }) => [message.view, message.sequence]),
      "it leads view 1, and goes on",
    ).toEqual([[1, 2]]);
  });

  it("at one instant: the end of the view first", () => {
    const { lone, digest } = onTheEdge();
    const left = lone.viewChange(3, 1);
    expect(claims(left), "the decision is not lost with the view").toEqual(["1 of view 0"]);
    expect(reasonsOf(lone.commit(3, 0, 1, digest))).toEqual(["old-view"]);
    expect(lone.replica.status()).toMatchObject({ view: 1, active: true, executed: 0 });
    // carried over by the NEW-VIEW that it made itself, it is decided in view 1
    lone.prepare(2, 1, 1, digest);
    lone.prepare(3, 1, 1, digest);
    lone.commit(2, 1, 1, digest);
    const decided = effectsOf(lone.commit(3, 1, 1, digest), "execute");
    expect(decided.map(({ certificate }) => [certificate.view, certificate.digest])).toEqual([[1, digest]]);
  });
});
