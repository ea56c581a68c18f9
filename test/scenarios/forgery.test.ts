/** Signatures under what was never signed. */
import { describe, expect, it } from "vitest";
import type { Commit, Signed } from "../../src/protocol/messages.ts";
import { createTestNetwork, slotOf } from "../signing/network.ts";
import { createStage, kindOf } from "./stage.ts";

describe("a vote", () => {
  it("replayed as one of another kind is none: a PREPARE is no COMMIT", async () => {
    const stage = createStage("PREPARE replayed as COMMIT", { n: 4 });
    const { world } = stage;
    let forged = 0;
    stage.intercept("whoever sees a PREPARE sends its signature on as a COMMIT; no real COMMIT arrives", (packet) => {
      if (kindOf(packet) === "commit") return [];
      if (packet.type !== "signed" || packet.signed.message.kind !== "prepare") return [packet];
      const { epoch, view, sequence, digest, replica } = packet.signed.message;
      const commit: Signed<Commit> = {
        message: { kind: "commit", epoch, view, sequence, digest, replica },
        signature: packet.signed.signature,
      };
      forged += 1;
      return [packet, { type: "signed", signed: commit }];
    });
    const request = stage.request(1);
    const prepared = (): boolean => world.nodes.every(({ disk }) => disk.prepared(1) !== undefined);
    stage.until("it is prepared everywhere", prepared, 5_000);
    stage.wait(500);
    expect(forged).toBeGreaterThan(8);
    expect(
      world.nodes.map(({ index }) => stage.executed(index)),
      "and executed nowhere",
    ).toEqual([0, 0, 0, 0]);
    stage.intercept("real COMMITs arrive again", undefined);
    stage.until("all agree", () => stage.agree(request), 60_000);
    await stage.matches("prepare-as-commit");
  });

  it("replayed so is none under real signatures either, alone or in a certificate", () => {
    const net = createTestNetwork(4);
    const slot = slotOf(0, 1);
    const { prepares } = net.prepared(slot, [1, 2, 3]);
    const verifier = net.verifier();
    const reasons: string[] = [];
    for (const { replica, signature } of prepares) {
      verifier.verifyVote<Commit>({ message: { kind: "commit", ...slot, replica }, signature }, (outcome) =>
        reasons.push(outcome.status === "refused" ? outcome.failure.reason : outcome.status),
      );
    }
    verifier.verifyCommitCertificate({ ...slot, commits: prepares }, (outcome) =>
      reasons.push(outcome.status === "refused" ? outcome.failure.reason : outcome.status),
    );
    expect(reasons).toEqual(["bad-signature", "bad-signature", "bad-signature", "bad-certificate-signature"]);
  });

  it("of a primary for two batches commits at most one of them, and is held as proof", async () => {
    const stage = createStage("An equivocating primary of five, where 2f+1 would commit twice", { n: 5, liars: [0] });
    const { world } = stage;
    const twins = new Map<string, ReturnType<typeof world.notary.createBatch>>();
    stage.act("#0 proposes one batch to #1 #2, another to #3 #4, and votes for both", () =>
      world.lie(0, {
        name: "two-faced",
        outgoing(packet, to) {
          if (to < 3) return [packet];
          const sign = (message: Commit): Signed<Commit> => ({ message, signature: world.notary.sign(message.replica, message) });
          if (packet.type === "proposal") {
            const { message } = packet.signed;
            const batch = world.notary.createBatch(packet.batch.timestamp + 1, packet.batch.requests);
            twins.set(message.digest, batch);
            const lie = { ...message, digest: batch.digest };
            return [{ type: "proposal", batch, signed: { message: lie, signature: world.notary.sign(0 as typeof message.replica, lie) } }];
          }
          if (packet.type !== "signed" || packet.signed.message.kind !== "commit") return [packet];
          const twin = twins.get(packet.signed.message.digest);
          return [twin === undefined ? packet : { type: "signed", signed: sign({ ...packet.signed.message, digest: twin.digest }) }];
        },
      }),
    );
    const request = stage.request(1);
    stage.until("the honest ones agree", () => stage.agree(request), 60_000);
    expect(world.judge.evidence.size, "somebody holds the proof").toBeGreaterThan(0);
    for (const index of [1, 2, 3, 4]) expect(stage.view(index), "and the cheat is no longer primary").not.toBe(0);
    await stage.matches("two-faced-primary");
  });
});
