import { describe, expect, it } from "vitest";
import { explainAnswer } from "../../../src/api/schemas/operate.ts";
import type { ReplicaSummary } from "../../../src/consensus/describe.ts";
import { explain } from "../../../src/node/observe/explain.ts";
import type { StatusReport } from "../../../src/node/service.ts";
import type { ReplicaIndex } from "../../../src/protocol/ids.ts";

const names = ["alice", "bob", "carol", "dave"];
const at = (...indexes: number[]): ReplicaIndex[] => indexes as ReplicaIndex[];

interface Situation {
  readonly reason?: string;
  readonly reachable?: readonly number[];
  readonly breaker?: "closed" | "open";
  readonly isolated?: number;
  readonly summary?: Partial<Omit<ReplicaSummary, "next" | "pool" | "viewChange">> & {
    readonly next?: Partial<ReplicaSummary["next"]>;
    readonly pool?: Partial<ReplicaSummary["pool"]>;
    readonly viewChange?: Partial<ReplicaSummary["viewChange"]>;
  };
}

/** As alice, validator 0, sees it; bob is the primary. */
const explained = ({ reason, reachable = [0, 1, 2, 3], breaker = "closed", isolated, summary = {} }: Situation) => {
  const report = explain({
    summary: {
      view: 1,
      active: true,
      demand: 1,
      behind: 0,
      passive: false,
      halted: undefined,
      requestTimeoutMs: 1_000,
      ...summary,
      peers: [{ index: 1, view: 1, executed: 41, stable: 0 }, { index: 2 }, { index: 3 }],
      pool: { requests: 0, bytes: 0, oldestSince: undefined, ...summary.pool },
      next: { sequence: 42, proposed: false, prepares: [], commits: [], ...summary.next },
      viewChange: { view: 2, from: [], ...summary.viewChange },
    } as unknown as ReplicaSummary,
    status: {
      peerId: "P0",
      quorum: { n: 4, f: 1, size: 3, reachable: reachable.length },
      syncing: false,
      memory: { breaker },
      ...(reason === undefined ? {} : { blocked: { reason, since: 1_000, waitingFor: [] } }),
    } as unknown as StatusReport,
    validators: names.map((moniker, index) => ({
      index,
      peerId: `P${index}`,
      validatorKey: "",
      moniker,
      reachable: reachable.includes(index),
      reputation: index === isolated ? 0 : 1,
      ...(index === isolated ? { standing: "isolated", because: "bad-signature, and a flood after it" } : { standing: "good" }),
      primary: index === 1,
    })),
    time: { now: 5_000, wall: 1_700_000_000_000 },
  });
  explainAnswer.parse(report);
  return report;
};

describe("what stands in the way is named", () => {
  it("when too few are reached", () => {
    const { summary, committing } = explained({ reason: "no_quorum", reachable: [0, 3] });
    expect(committing).toBe(false);
    expect(summary).toEqual(["this node reaches 2 of 4 validators, itself included, and 3 are needed", "out of reach: bob (1), carol (2)"]);
    // enough are reached, and one of them does not reach another
    const others = explained({ reason: "no_quorum", reachable: [0, 1, 3] });
    expect(others.summary[0]).toBe("this node reaches 3 of 4 validators, itself included, but not 3 of them reach each other");
  });

  it("when one is out of reach because this node does not talk to it", () => {
    expect(explained({ reachable: [0, 1, 3], isolated: 2 }).summary.slice(1)).toEqual([
      "out of reach: carol (2)",
      "isolated by this node: carol (2): bad-signature, and a flood after it",
    ]);
  });

  it("when the primary is gone: who asked for another view, who did not", () => {
    const { summary } = explained({
      reason: "view_change",
      reachable: [0, 2, 3],
      summary: { active: false, viewChange: { view: 2 as never, from: at(0, 3) } },
    });
    expect(summary[0]).toMatch(/bob \(1\), the primary of view 2, has not opened it/);
    expect(summary[1]).toBe("asked for it: alice (0), dave (3); not yet: bob (1), carol (2); 3 are needed");
    expect(summary[2]).toBe("out of reach: bob (1)");
  });

  it("when the primary proposes nothing", () => {
    const { summary, pool } = explained({ reason: "no_proposal", summary: { pool: { requests: 3, bytes: 9, oldestSince: 2_500 } } });
    expect(summary).toEqual(["bob (1), the primary of view 1, proposes nothing, and the oldest request waits for 2.5 s"]);
    expect(pool).toEqual({ requests: 3, bytes: 9, oldestMilliseconds: 2_500, patienceMilliseconds: 1_000 });
  });

  it("when votes are missing: whose", () => {
    const { summary, validators } = explained({
      reason: "missing_votes",
      summary: { next: { proposed: true, prepares: at(0), commits: at() } },
    });
    expect(summary).toEqual([
      "sequence 42 is proposed and lacks votes: 3 must commit",
      "not prepared: carol (2), dave (3); not committed: alice (0), bob (1), carol (2), dave (3)",
    ]);
    expect(validators[0]).toMatchObject({ self: true, prepared: true, committed: false });
    expect(validators[1]).toMatchObject({ self: false, primary: true, executed: 41 });
  });

  it("and when nothing does", () => {
    expect(explained({ breaker: "open" }).summary.at(-1)).toMatch(/^this node is short of memory: it votes, and takes no new work/);
    expect(explained({}).summary).toEqual(["nothing stands in the way, and nothing waits to be ordered"]);
    expect(explained({ summary: { pool: { requests: 2, oldestSince: 4_900 } } }).summary[0]).toMatch(/2 requests are being ordered/);
    expect(explained({ summary: { passive: true } }).summary.at(-1)).toMatch(/may not vote/);
    expect(
      explained({ reason: "conflicting-commit", summary: { halted: { reason: "conflicting-commit", detail: "roots differ" } } }).summary[0],
    ).toMatch(/has halted: roots differ/);
  });
});
