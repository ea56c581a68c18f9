/** A new primary that has more VIEW-CHANGEs than it needs may choose which of them it shows, and show others to others: both NEW-VIEWs are valid. */
import { describe, expect, it } from "vitest";
import { carryOver } from "../../src/protocol/carry-over.ts";
import type { ReplicaIndex, Sequence, View } from "../../src/protocol/ids.ts";
import type { NewView, PrePrepare, Signed, SignedNewView, ViewChange } from "../../src/protocol/messages.ts";
import { EPOCH_MS } from "../consensus/world/node.ts";
import type { Packet } from "../consensus/world/packets.ts";
import type { World } from "../consensus/world/world.ts";
import { createStage, kindOf } from "./stage.ts";

const liar = 1 as ReplicaIndex;

const sign = <M extends PrePrepare | NewView>(world: World, message: M): Signed<M> => ({
  message,
  signature: world.notary.sign(liar, message),
});

const newViewOf = (world: World, viewChanges: readonly Signed<ViewChange>[]): SignedNewView => {
  const { epoch, view } = (viewChanges[0] as Signed<ViewChange>).message;
  const { proposals } = carryOver(viewChanges as Parameters<typeof carryOver>[0], world.notary.emptyBatch.digest);
  return {
    ...sign(world, { kind: "new-view", epoch, view, replica: liar, viewChanges, proposals } as NewView),
    proposalSignatures: proposals.map(
      ({ sequence, digest }) => sign(world, { kind: "pre-prepare", epoch, view, sequence, digest, replica: liar }).signature,
    ),
  };
};

describe("a primary with two NEW-VIEWs", () => {
  it("that carries what prepared on one side only, and proposes something else on the other, divides nobody", async () => {
    const stage = createStage("Two valid NEW-VIEWs of one view", { n: 4, liars: [liar] });
    const { world } = stage;
    const asked = new Map<ReplicaIndex, Signed<ViewChange>>();
    const isOfView = (packet: Packet, view: number): boolean =>
      (packet.type === "proposal" || packet.type === "signed") && "view" in packet.signed.message && packet.signed.message.view === view;
    stage.intercept("in view 0 PREPAREs reach #3 only, COMMITs nobody", (packet, _from, to) =>
      isOfView(packet, 0) && (kindOf(packet) === "commit" || (kindOf(packet) === "prepare" && to !== 3)) ? [] : [packet],
    );
    const request = stage.request(0);
    stage.until("#3 alone has prepared it", () => world.node(3).disk.prepared(1) !== undefined, 5_000);
    const locked = world.node(3).disk.prepared(1)?.digest;
    stage.intercept("then nothing of view 0 arrives any more", (packet, from, to) => {
      if (
        packet.type === "signed" &&
        packet.signed.message.kind === "view-change" &&
        packet.signed.message.view === 1 &&
        (to === liar || from === liar)
      )
        asked.set(from, packet.signed as Signed<ViewChange>);
      return isOfView(packet, 0) ? [] : [packet];
    });
    const chosen = (...members: number[]): SignedNewView =>
      newViewOf(
        world,
        members.map((member) => asked.get(member as ReplicaIndex) as Signed<ViewChange>),
      );
    let told = 0;
    stage.act(
      "#1, next in line, waits for all VIEW-CHANGEs, shows #0 those without the lock and another batch, the others those with it",
      () =>
        world.lie(liar, {
          name: "two-new-views",
          outgoing(packet, to) {
            if (packet.type !== "new-view" || packet.signed.message.view !== 1) return [packet];
            if (asked.size < 4) return [];
            told += 1;
            if (to !== 0) return [{ type: "new-view", signed: chosen(1, 2, 3) }];
            const batch = world.notary.createBatch(EPOCH_MS + Math.floor(world.schedule.now) + 1, [request]);
            const { epoch } = packet.signed.message;
            const slot = { epoch, view: 1 as View, sequence: 1 as Sequence, digest: batch.digest };
            const proposal: Packet = { type: "proposal", signed: sign(world, { kind: "pre-prepare", ...slot, replica: liar }), batch };
            return [{ type: "new-view", signed: chosen(0, 1, 2) }, proposal];
          },
        }),
    );
    stage.until("the honest ones agree", () => stage.agree(request), 60_000);
    expect(told).toBeGreaterThanOrEqual(3);
    expect(world.node(2).disk.blocks(1, 1, 1)[0]?.certificate.digest, "what may have committed is what is ordered").toBe(locked);
    expect(world.judge.evidence.get("conflicting-votes"), "#1 signed two proposals for one place").toBeGreaterThan(0);
    for (const { replica } of world.honest) expect(replica.describe().halted).toBeUndefined();
    const last = stage.request(2);
    stage.until("and go on", () => stage.agree(request, last), 60_000);
    await stage.matches("two-new-views");
  });
});
