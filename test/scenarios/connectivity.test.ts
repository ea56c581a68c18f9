/** Cut and clogged links: who can not commit waits without harm, and nobody stays behind in silence. */
import { describe, expect, it } from "vitest";
import type { ReplicaIndex } from "../../src/protocol/ids.ts";
import { indexes } from "../consensus/world/world.ts";
import type { Packet } from "../consensus/world/packets.ts";
import { createStage } from "./stage.ts";

describe("links", () => {
  it("in a star commit nothing and climb no views; a third pair of ends is enough, and the last one follows", async () => {
    const stage = createStage("Star: everybody reaches the primary only (Hyperledger Fabric PBFT #1917)", { n: 4 });
    const { world } = stage;
    const cut = (one: number, other: number): void => {
      world.links.cut(one as ReplicaIndex, other as ReplicaIndex);
      world.links.cut(other as ReplicaIndex, one as ReplicaIndex);
    };
    stage.act("only the links of #0 remain", () => [cut(1, 2), cut(1, 3), cut(2, 3)]);
    stage.wait(1_000);
    const requests = [stage.request(0), stage.request(2)];
    stage.wait(60_000);
    expect(indexes(4).map(stage.executed)).toEqual([0, 0, 0, 0]);
    expect(indexes(4).slice(1).map(stage.view), "who reaches no quorum leaves no view").toEqual([0, 0, 0]);
    stage.act("#1 and #2 reach each other again, #3 still #0 only", () => {
      world.links.heal();
      cut(1, 3);
      cut(2, 3);
    });
    stage.until("all have executed both", () => stage.agree(...requests), 60_000);
    await stage.matches("star");
  });

  it("that come back to an idle network bring the laggard everything, without a new request", async () => {
    const stage = createStage("A laggard in silence (Hyperledger Fabric PBFT #1454, #1120)", {
      n: 4,
      parameters: { checkpointInterval: 4 },
    });
    const { world } = stage;
    stage.act("#3 is cut off", () => world.links.split([indexes(3), indexes(4).slice(3)]));
    stage.wait(1_000);
    for (let count = 1; count <= 30; count += 1) {
      const request = world.request(count % 3);
      world.runUntil(() => [0, 1, 2].every((index) => world.node(index).hasExecuted(request.id)), 5_000);
    }
    stage.act("30 requests, one after the other, at the other three");
    stage.wait(60_000);
    expect(stage.executed(0)).toBeGreaterThan(3 * 2 * 4);
    expect(stage.executed(3)).toBe(0);
    stage.act("the links are healed; nobody asks for anything any more", () => world.links.heal());
    stage.until("#3 is where the others are", () => stage.executed(3) === stage.executed(0), 10_000);
    stage.wait(5_000);
    const told = world.nodes.map(({ replica }) => replica.describe());
    expect(new Set(told.map(({ stable }) => stable.sequence)).size, "the same stable checkpoint").toBe(1);
    expect(told.map(({ view }) => view)).toEqual([0, 0, 0, 0]);
    await stage.matches("laggard");
  });

  it("that held everything back for long may deliver it all at once", async () => {
    const stage = createStage("A long pause (Indy Plenum #1488)", { n: 4 });
    const { world } = stage;
    const held: (() => void)[] = [];
    const { receive } = world.node(2);
    stage.request(1);
    stage.wait(1_000);
    stage.act("#2 stands still: nothing reaches it, and it says nothing; its connections stay", () => {
      world.node(2).receive = (from, packet: Packet) => void held.push(() => receive(from, packet));
    });
    stage.intercept("(what it would say is lost)", (packet, from) => (from === 2 ? [] : [packet]));
    for (let count = 1; count <= 20; count += 1) {
      const request = world.request(count % 2);
      world.runUntil(() => world.node(0).hasExecuted(request.id), 5_000);
    }
    stage.act("20 requests at the others");
    stage.wait(600_000);
    expect(indexes(4).map(stage.view), "nobody leaves the view for one that is silent").toEqual([0, 0, 0, 0]);
    expect(stage.executed(2)).toBe(1);
    stage.intercept("#2 goes on, and hears ten minutes at once", undefined);
    world.node(2).receive = receive;
    for (const deliver of held) deliver();
    const last = stage.request(2);
    stage.until("all have executed it", () => stage.agree(last), 10_000);
    expect(indexes(4).map(stage.view)).toEqual([0, 0, 0, 0]);
    await stage.matches("long-pause");
  });

  it("between two of five and the other three let neither side commit: q is 4, not 2f+1", async () => {
    const stage = createStage("Quorum of five: 3 = 2f+1 are not enough", { n: 5 });
    const { world } = stage;
    stage.act("#0 #1 #2 | #3 #4", () => world.links.split([indexes(3), indexes(5).slice(3)]));
    stage.wait(1_000);
    const requests = [stage.request(0), stage.request(3)];
    stage.wait(60_000);
    expect(indexes(5).map(stage.executed)).toEqual([0, 0, 0, 0, 0]);
    stage.act("#2 changes sides: #0 #1 | #2 #3 #4", () => {
      world.links.heal();
      world.links.split([indexes(2), indexes(5).slice(2)]);
    });
    stage.wait(60_000);
    expect(indexes(5).map(stage.executed)).toEqual([0, 0, 0, 0, 0]);
    stage.act("healed", () => world.links.heal());
    stage.until("all have executed both", () => stage.agree(...requests), 60_000);
    await stage.matches("quorum-of-five");
  });
});
