/** Which votes are checked: those of which something can come (PROTOCOL §3, §14). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSpareVotes } from "../../../src/node/pipeline/spare-votes.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";
import type { Commit, Prepare, Signed } from "../../../src/protocol/messages.ts";
import { createTestNetwork, slotOf } from "../../signing/network.ts";

const net = createTestNetwork(4);
const digests = [slotOf(0, 1).digest, slotOf(0, 2).digest, slotOf(0, 3).digest] as const;

const vote = (
  kind: "prepare" | "commit",
  from: number,
  sequence: number,
  { view = 0, digest = 0 } = {},
): Signed<Prepare> | Signed<Commit> => {
  const slot = { ...slotOf(view, sequence, digests[digest]), replica: from as ReplicaIndex };
  const signature = net.signer(0).sign({ kind: "commit", ...slot }).signature;
  return kind === "commit"
    ? { message: { kind, ...slot }, signature }
    : { message: { kind, ...slot, proposalSignature: signature }, signature };
};

describe("spare votes", () => {
  it("keep a PREPARE and a COMMIT of each validator apart, and views", () => {
    const spares = createSpareVotes({ isNeeded: () => false, isTimely: () => true, mostSlots: 4 });
    const all = [vote("prepare", 1, 1), vote("commit", 1, 1, { digest: 1 }), vote("commit", 2, 1, { digest: 2 })];
    for (const each of all) expect(spares.admit(each)).toEqual([]);
    const later = vote("commit", 1, 1, { view: 1, digest: 2 });
    expect(spares.admit(later)).toEqual([]);
    const contradiction = vote("commit", 1, 1, { view: 1, digest: 0 });
    expect(spares.admit(contradiction)).toEqual([later, contradiction]);
  });

  it("of closed slots make room for those of open ones; where all are open no more are kept", () => {
    let low = 0;
    const spares = createSpareVotes({ isNeeded: () => false, isTimely: ({ sequence }) => sequence > low, mostSlots: 2 });
    const contradicts = (sequence: number): boolean => spares.admit(vote("commit", 1, sequence, { digest: 1 })).length === 2;
    for (const sequence of [1, 2, 3]) spares.admit(vote("commit", 1, sequence));
    expect([2, 3].map(contradicts)).toEqual([true, false]);
    low = 2;
    for (const sequence of [4, 5]) spares.admit(vote("commit", 1, sequence));
    expect([1, 4, 5].map(contradicts)).toEqual([false, true, true]);
  });

  it("lose no proof: of whoever votes for two digests in one slot, both are checked, however needed or spare each was", () => {
    const arrival = fc.record({ from: fc.nat(2), digest: fc.nat(2), needed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 20 }), (arrivals) => {
        // what is needed is not taken back while a view lasts: once a digest has its certificate, others remain of interest
        let certified: number | undefined;
        const spares = createSpareVotes({
          isNeeded: ({ digest }) => certified === undefined || digest !== digests[certified],
          isTimely: () => true,
          mostSlots: 1,
        });
        const [said, checked] = [new Map<number, Set<number>>(), new Map<number, Set<number>>()];
        const note = (who: Map<number, Set<number>>, from: number, digest: number): void =>
          void who.set(from, (who.get(from) ?? new Set()).add(digest));
        for (const { from, digest, needed } of arrivals) {
          note(said, from, digest);
          for (const { message } of spares.admit(vote("commit", from, 1, { digest })))
            note(checked, message.replica, digests.indexOf(message.digest as (typeof digests)[number]));
          if (!needed) certified ??= digest;
        }
        for (const [from, all] of said) if (all.size > 1) expect(checked.get(from)).toEqual(all);
      }),
    );
  });
});
