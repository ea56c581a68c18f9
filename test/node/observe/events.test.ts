import { describe, expect, it } from "vitest";
import { nodeEvent } from "../../../src/api/schemas/common.ts";
import type { Effect } from "../../../src/consensus/effect.ts";
import type { Replica } from "../../../src/consensus/replica.ts";
import { createEventLog } from "../../../src/node/observe/events.ts";
import { createCommittee } from "../../../src/protocol/committee.ts";
import { toDigest, toEpoch, toPeerName, toPublicKey, toReplicaIndex, toSequence, toView } from "../../../src/protocol/ids.ts";
import { emptyBatch } from "../../../src/wire/requests.ts";

const committee = createCommittee(
  toEpoch(0),
  [0, 1, 2, 3].map((index) => ({
    index: toReplicaIndex(index),
    publicKey: toPublicKey(String(index).repeat(64)),
    peer: toPeerName(`12D3KooW${"ABCD"[index]}`),
    moniker: `v${index}`,
  })),
);
const hash = toDigest("a".repeat(64));

const createTold = (keptEvents?: number) => {
  let time = 0;
  const clock = { now: () => time, wall: () => 1_700_000_000_000 + time };
  const log = createEventLog({ committee, clock, ...(keptEvents === undefined ? {} : { keptEvents }) });
  const first = log.last;
  return {
    log,
    pass: (ms: number) => (time += ms),
    happen: (...effects: Effect[]) => log.observe({ type: "tick" }, effects, {} as Replica),
    told: (after = first) => log.read(after, 1_000).events.map((event) => nodeEvent.parse(event)),
  };
};
const reject: Effect = {
  type: "reject",
  input: "prepare",
  from: toReplicaIndex(2),
  rejection: { reason: "conflicting-vote", action: "blame" },
};

describe("the log of events", () => {
  it("tells view changes, checkpoints, evidence, halts and peers by their names", () => {
    const { log, happen, told } = createTold();
    const viewChange = { kind: "view-change", epoch: toEpoch(0), view: toView(1), replica: toReplicaIndex(3) } as never;
    const newView = { message: { view: toView(1), replica: toReplicaIndex(1) } } as never;
    const certificate = { sequence: toSequence(128), stateRoot: hash, logHash: hash } as never;
    happen({ type: "announce", message: viewChange }, { type: "save", record: { type: "entered-view", newView } });
    happen(
      { type: "save", record: { type: "stable", certificate } },
      { type: "halt", reason: "conflicting-commit", detail: "roots differ" },
    );
    happen({ type: "evidence", evidence: { kind: "conflicting-votes", culprit: toReplicaIndex(2) } as never });
    log.peer(toPeerName("12D3KooWB"), true);
    log.peer(toPeerName("12D3KooWZ"), false);
    expect(told()).toMatchObject([
      { type: "view_change", epoch: 0, view: 1, reason: "tick" },
      { type: "new_view", view: 1, primary: "12D3KooWB" },
      { type: "stable_checkpoint", sequence: 128, stateRoot: hash, logHash: hash },
      { type: "halted", reason: "conflicting-commit", detail: "roots differ" },
      { type: "evidence", kind: "conflicting-votes", culprit: "12D3KooWC" },
      { type: "peer_up", peerId: "12D3KooWB", role: "validator" },
      { type: "peer_down", peerId: "12D3KooWZ", role: "observer" },
    ]);
  });

  it("sums up what was executed, and tells once what blocks and for how long", () => {
    const { log, happen, told, pass } = createTold();
    const execute = (sequence: number): Effect => ({
      type: "execute",
      certificate: { epoch: toEpoch(0), view: toView(2), sequence: toSequence(sequence), digest: hash, commits: [] },
      batch: emptyBatch,
    });
    happen(execute(7), execute(8));
    happen(execute(9));
    log.tick(undefined);
    log.tick(undefined);
    const blocked = { reason: "no_quorum", since: 1_700_000_000_000, waitingFor: ["12D3KooWC"] };
    log.tick(blocked);
    log.tick(blocked);
    pass(1_500);
    log.tick(undefined);
    expect(told()).toMatchObject([
      { type: "executed", sequence: 9, view: 2, blocks: 3, requests: 0, operations: 0 },
      { type: "blocked", reason: "no_quorum", waitingFor: ["12D3KooWC"] },
      { type: "unblocked", reason: "no_quorum", milliseconds: 1_500 },
    ]);
  });

  it("samples what a peer could cause at will", () => {
    const { happen, told, pass } = createTold();
    for (let turn = 0; turn < 100; turn += 1) happen(reject);
    pass(1_001);
    happen(reject);
    expect(told()).toMatchObject([
      { type: "rejected", reason: "conflicting-vote", action: "blame", from: "12D3KooWC", suppressed: 0 },
      { suppressed: 99 },
    ]);
  });

  it("keeps a bounded number, and says when some are lost", () => {
    const { log, told } = createTold(16);
    const first = log.last;
    for (let turn = 0; turn < 1_000; turn += 1) log.peer(toPeerName("12D3KooWB"), turn % 2 === 0);
    const { events, lost } = log.read(first, 1_000);
    expect(lost).toBe(true);
    expect(events.length).toBeGreaterThanOrEqual(16);
    expect(events.length).toBeLessThan(32);
    expect(events.at(-1)?.id).toBe(log.last);
    expect(log.read(events[3]?.id ?? "", 2)).toEqual({ events: events.slice(4, 6), lost: false });
    expect(log.read("another-life-3", 5).lost).toBe(true);
    expect(told(log.last)).toEqual([]);
  });
});
