/** Replicas that come back into something that went on without them, and messages that come before what they rest on. */
import { describe, expect, it } from "vitest";
import type { ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import type { Request, Verified, ViewChange } from "../../src/protocol/messages.ts";
import type { Packet } from "../consensus/world/packets.ts";
import { indexes } from "../consensus/world/world.ts";
import { createStage, kindOf } from "./stage.ts";

describe("a replica that comes back", () => {
  it("into a network under load catches up while the load goes on, in bounded memory", async () => {
    const stage = createStage("Out to lunch under load (BFT-SMaRt #27)", { n: 4, parameters: { checkpointInterval: 4 } });
    const { world } = stage;
    const held: (() => void)[] = [];
    const { receive } = world.node(3);
    stage.act("#3 is stopped; its connections stay, and keep whatever comes", () => {
      world.node(3).receive = (from, packet: Packet) => void held.push(() => receive(from, packet));
    });
    stage.intercept("(it says nothing)", (packet, from) => (from === 3 ? [] : [packet]));
    let last: Verified<Request> | undefined;
    const load = (count: number, whenDone: (request: Verified<Request>) => boolean): void => {
      for (let done = 0; done < count; done += 1) {
        const request = (last = world.request(done % 3));
        world.runUntil(() => whenDone(request), 5_000);
      }
    };
    const ofTheOthers = (request: Request): boolean => [0, 1, 2].every((index) => world.node(index).hasExecuted(request.id));
    load(200, ofTheOthers);
    stage.act("200 requests, one after the other, at the other three");
    expect(held.length).toBeGreaterThan(1_000);
    stage.intercept("#3 goes on, and hears all of it at once", undefined);
    world.node(3).receive = receive;
    for (const deliver of held) deliver();
    let most = { early: 0, held: 0 };
    load(40, (request) => {
      const { earlyMessages, heldBatchBytes } = world.node(3).replica.describe();
      most = { early: Math.max(most.early, earlyMessages), held: Math.max(most.held, heldBatchBytes) };
      return ofTheOthers(request);
    });
    stage.act("40 requests more, without a pause");
    expect(stage.executed(0) - stage.executed(3), "it keeps up while the load goes on").toBeLessThanOrEqual(2 * 4);
    expect(most.early).toBeLessThan(1_000);
    expect(most.held).toBeLessThan(1_000_000);
    stage.until("all agree", () => stage.agree(last as Request), 10_000);
    expect(indexes(4).map(stage.view), "nobody left the view for it").toEqual([0, 0, 0, 0]);
    await stage.matches("out-to-lunch");
  });

  it("as the primary that was replaced learns of the new view in silence", async () => {
    const stage = createStage("Nobody tells the old leader (SmartBFT #350)", { n: 4 });
    const { world } = stage;
    const first = stage.request(1);
    stage.until("all have executed it", () => stage.agree(first), 5_000);
    stage.act("#0, the primary, is cut off", () => world.links.split([indexes(1), indexes(4).slice(1)]));
    const second = stage.request(1);
    const there = (): boolean => [1, 2, 3].every((index) => world.node(index).hasExecuted(second.id));
    stage.until("the others have replaced it, and executed another request", there, 60_000);
    stage.wait(30_000);
    expect(stage.view(0)).toBe(0);
    stage.act("the links are healed; nobody asks for anything any more", () => world.links.heal());
    const follows = (): boolean => stage.view(0) === stage.view(1) && world.node(0).replica.status().active && stage.agree(second);
    stage.until("#0 is in the others' view, with all that happened there", follows, 10_000);
    expect(stage.view(0)).toBe(1);
    await stage.matches("old-leader");
  });
});

describe("a new view's first proposal", () => {
  it("that overtakes its NEW-VIEW is not lost, nor are the votes that follow it", async () => {
    const stage = createStage("A PRE-PREPARE before its view (SmartBFT #558)", { n: 4 });
    const { world } = stage;
    const held: (() => void)[] = [];
    const { receive } = world.node(3);
    stage.act("#0, the primary, crashes; what says that view 1 began reaches #3 late", () => {
      world.node(0).crash();
      world.node(3).receive = (from, packet: Packet) => {
        if (packet.type === "new-view") held.push(() => receive(from, packet));
        else receive(from, packet);
      };
    });
    let repeats = 0;
    stage.intercept("and nothing of view 1 is said to #3 twice", (packet, _from, to) => {
      const message = packet.type === "proposal" || packet.type === "signed" ? packet.signed.message : undefined;
      const ofTheView = message !== undefined && "view" in message && message.view === 1 && kindOf(packet) !== "view-change";
      if (to !== 3 || !ofTheView || held.length === 0) return [packet];
      repeats += 1;
      return repeats > 8 ? [] : [packet];
    });
    const request = stage.request(1);
    stage.until("the NEW-VIEW and a proposal are there", () => held.length > 0 && repeats >= 2, 60_000);
    expect(world.node(3).replica.status()).toMatchObject({ active: false });
    world.node(3).receive = receive;
    stage.act("the NEW-VIEW arrives", () => held[0]?.());
    const done = (): boolean => [1, 2, 3].every((index) => world.node(index).hasExecuted(request.id));
    stage.until("the three that are left have executed it", done, 5_000);
    expect([1, 2, 3].map(stage.view)).toEqual([1, 1, 1]);
    await stage.matches("proposal-before-view");
  });
});

describe("one that demands ever higher views", () => {
  it("keeps nobody in a view change", async () => {
    const stage = createStage("One fuzzing node (SmartBFT #274)", { n: 4, liars: [3] });
    const { world } = stage;
    let asked = 0;
    stage.act("#3 answers every message with demands for views far ahead", () =>
      world.lie(3, {
        name: "view-change-spam",
        outgoing(packet) {
          if (packet.type === "status") return [{ type: "status", status: { ...packet.status, demand: (1_000 + asked) as View } }];
          if (packet.type !== "signed" || packet.signed.message.kind !== "prepare") return [packet];
          asked += 1;
          const { genesis } = world;
          const message: ViewChange = {
            kind: "view-change",
            epoch: packet.signed.message.epoch,
            view: (100 * asked) as View,
            replica: 3 as ReplicaIndex,
            stable: genesis,
            prepared: [],
          };
          return [packet, { type: "signed", signed: { message, signature: world.notary.sign(message.replica, message) } }];
        },
      }),
    );
    for (let count = 0; count < 50; count += 1) {
      const request = world.request(count % 3);
      expect(world.runUntil(() => [0, 1, 2].every((index) => world.node(index).hasExecuted(request.id)), 5_000)).toBe(true);
    }
    stage.act("50 requests, one after the other");
    stage.wait(60_000);
    expect(asked).toBeGreaterThan(40);
    expect(indexes(3).map(stage.view)).toEqual([0, 0, 0]);
    expect(indexes(3).map(stage.executed)).toEqual([0, 1, 2].map(() => stage.executed(0)));
    expect(stage.executed(0)).toBeGreaterThanOrEqual(50 as Sequence);
    await stage.matches("fuzzing-node");
  });
});
