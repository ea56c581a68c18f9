/** What is dropped before anybody spends time on it: VIEW-CHANGEs beyond a rate or out of reach, and whatever comes from suspects (PROTOCOL §5, §14). */
import { describe, expect, it } from "vitest";
import type { Input } from "../../../src/consensus/input.ts";
import type { Replica } from "../../../src/consensus/replica.ts";
import { createCounters } from "../../../src/node/counters.ts";
import { createFetcher } from "../../../src/node/pipeline/fetcher.ts";
import { createInbound, type InboundOptions } from "../../../src/node/pipeline/inbound.ts";
import type { Checkpoint, Commit, Request, Signed, Status, ViewChange } from "../../../src/protocol/messages.ts";
import type { Digest, PeerName, ReplicaIndex, Sequence, View } from "../../../src/protocol/ids.ts";
import type { Outcome } from "../../../src/signing/verifier.ts";
import { encodeFrame } from "../../../src/wire/frames.ts";
import { createBatch } from "../../../src/wire/requests.ts";
import { createTestNetwork, slotOf } from "../../signing/network.ts";

const net = createTestNetwork(4);
const peerOf = (replica: number): PeerName => net.committee.validators[replica]?.peer as PeerName;
const nobody = (): never => {
  throw new Error("not asked in these tests");
};

/** Validator 0, whose replica wants everything and finds all views up to `reach` plausible; it counts what is verified. */
const createRig = (reach = 1) => {
  const steps: Input[] = [];
  const down = new Set<PeerName>();
  const isolated: [PeerName, number][] = [];
  const counters = createCounters();
  const real = net.verifier();
  let verified = 0;
  const counted =
    <T>(verify: (signed: T, done: (outcome: Outcome<T>) => void) => void) =>
    (signed: T, done: (outcome: Outcome<T>) => void): void => {
      verified += 1;
      verify(signed, done);
    };
  const clock = { time: 0, now: () => clock.time };
  const waiting = new Set<Digest>();
  const settled = new Set<Sequence>();
  const room = { requests: 4_096 };
  const asked: Digest[] = [];
  const fetcher = createFetcher({
    local: () => undefined,
    found: nobody,
    ask: (_peer, digest) => void asked.push(digest),
    now: clock.now,
    timeoutMs: 1_000,
  });
  /** checks of proposals that are not over */
  const held: (() => void)[] = [];
  const replica = {
    isTimely: () => true,
    isDue: ({ sequence }: Checkpoint) => sequence === 8,
    needsVote: ({ sequence }: Commit) => !settled.has(sequence),
    isWithinReach: (view: View) => view <= reach,
    knowsProposal: () => true,
    refusalOf: ({ id }: Request) => (waiting.has(id) ? "already-pending" : undefined),
    roomFor: () => room.requests,
    hasBatch: () => false,
  };
  const inbound = createInbound({
    committee: net.committee,
    replica: replica as unknown as Replica,
    verifier: {
      ...real,
      verifyVote: counted(real.verifyVote) as typeof real.verifyVote,
      verifyProposal: (signed, batch, done) => void held.push(() => real.verifyProposal(signed, batch, done)),
      verifyViewChange: counted(real.verifyViewChange),
      verifyRequests(requests, done) {
        verified += requests.length;
        real.verifyRequests(requests, done);
      },
    },
    network: {
      blame: () => undefined,
      self: peerOf(0),
      isUp: (peer) => peer !== peerOf(0) && !down.has(peer),
      isolate: (peer, ms) => void isolated.push([peer, ms]),
    },
    clock,
    serving: { batch: nobody, blocks: nobody, checkpoint: nobody, receipt: nobody, state: nobody },
    counters,
    openSlots: 16,
    step: (input) => void steps.push(input),
    isSettled: () => false,
    fetcher,
    receipts: { arrived: nobody },
    blocksArrived: () => false,
    audit: { status: () => undefined, take: () => false } as unknown as InboundOptions["audit"],
    reachedBy: () => [],
    stateArrived: () => false,
    comparison: nobody as unknown as InboundOptions["comparison"],
  });
  const viewChange = (from: number, view: number): void =>
    inbound.frame(peerOf(from), "consensus", encodeFrame({ kind: "view-change", signed: net.viewChange(from, view) }));
  return {
    inbound,
    clock,
    steps,
    isolated,
    down,
    /** requests that wait in its pool */
    waiting,
    held,
    fetcher,
    /** batches that were fetched */
    fetched: asked,
    /** sequences with a certificate, for whatever digest */
    settled,
    /** further ones that it would take of each source */
    room,
    counted: (): Readonly<Record<string, number>> => counters.read(),
    verified: (): number => verified,
    viewChange,
    /** of the views that were stepped, those that this validator asked for */
    asked: (from: number): number[] =>
      steps.flatMap((input) =>
        input.type === "view-change" && input.signed.message.replica === from ? [(input.signed as Signed<ViewChange>).message.view] : [],
      ),
    commit(from: number, sequence: number, good: boolean, { by = from, digest = slotOf(0, sequence).digest } = {}): void {
      const message: Commit = { kind: "commit", ...slotOf(0, sequence, digest), replica: from as ReplicaIndex };
      const signed = net.signer(from).sign(message);
      const signature = (good ? signed.signature : signed.signature.map((byte) => byte ^ 1)) as typeof signed.signature;
      inbound.frame(peerOf(by), "consensus", encodeFrame({ kind: "commit", signed: { message, signature } }));
    },
    heartbeat(from: number, demand: number): Status {
      const status: Status = {
        kind: "status",
        epoch: net.committee.epoch,
        view: 0 as View,
        active: true,
        demand: demand as View,
        executed: 0 as Sequence,
        stable: 0 as Sequence,
        oldest: 1 as Sequence,
        logHash: net.genesisCheckpoint.logHash,
        reach: [],
      };
      inbound.frame(peerOf(from), "sync", encodeFrame(status));
      const stepped = steps.at(-1);
      if (stepped?.type !== "status") throw new Error("the heartbeat was not stepped");
      return stepped.status;
    },
  };
};

describe("relayed requests", () => {
  it("that wait here already cost nothing, and the others of the frame go on", () => {
    const { inbound, waiting, verified, steps } = createRig();
    const [known, fresh] = [net.request(1), net.request(2)];
    waiting.add(known.id);
    inbound.frame(peerOf(1), "sync", encodeFrame({ kind: "relay", requests: [known, fresh] }));
    inbound.frame(peerOf(2), "sync", encodeFrame({ kind: "relay", requests: [known] }));
    expect(verified()).toBe(1);
    expect(steps.map((input) => input.type === "request" && input.request.id)).toEqual([fresh.id]);
  });

  it("are verified as far as the pool has room for their source: a flood costs the others no turn", () => {
    const { inbound, room, verified, counted } = createRig();
    const requests = Array.from({ length: 12 }, (_, index) => net.request(index + 1));
    room.requests = 5;
    inbound.frame(peerOf(1), "sync", encodeFrame({ kind: "relay", requests }));
    expect([verified(), counted()["dropped.source-pool-full"]]).toEqual([5, 7]);
    room.requests = 0;
    inbound.frame(peerOf(1), "sync", encodeFrame({ kind: "relay", requests }));
    expect(verified()).toBe(5);
    room.requests = 12;
    inbound.frame(peerOf(2), "sync", encodeFrame({ kind: "relay", requests }));
    expect(verified()).toBe(17);
  });
});

describe("a batch whose proposal is being checked", () => {
  const batch = createBatch(1_000, [net.request(1)]);
  const proposal = net.proposal(slotOf(0, 1, batch.digest));
  const frame = encodeFrame({ kind: "proposal", signed: proposal, batch });

  it("is not fetched from those whose votes name it", () => {
    const { inbound, fetcher, held, fetched, steps } = createRig();
    inbound.gossip(peerOf(0), frame, () => undefined);
    fetcher.want(batch.digest, [2 as ReplicaIndex]);
    for (const go of held) go();
    expect(steps.map((input) => input.type === "pre-prepare" && input.batch?.digest)).toEqual([batch.digest]);
    expect([fetched, fetcher.deadline()]).toEqual([[], undefined]);
  });
});

describe("a vote that no certificate needs any more", () => {
  const other = slotOf(0, 99).digest;
  const rigAfterQuorum = () => {
    const rig = createRig();
    rig.settled.add(5 as Sequence);
    const votes = (): unknown[] =>
      rig.steps.map((input) => input.type === "commit" && [input.signed.message.replica, input.signed.message.digest]);
    return { ...rig, votes };
  };

  it("is not checked, however often it comes; others are", () => {
    const { commit, verified, counted } = rigAfterQuorum();
    for (let at = 0; at < 3; at += 1) commit(2, 5, true);
    commit(2, 6, true);
    expect([verified(), counted()["dropped.spare-vote"]]).toEqual([1, 3]);
  });

  it("is checked with the one that contradicts it, before it: together they are proof", () => {
    const { commit, votes } = rigAfterQuorum();
    commit(2, 5, true);
    commit(2, 5, true, { digest: other });
    expect(votes()).toEqual([
      [2, slotOf(0, 5).digest],
      [2, other],
    ]);
  });

  it("brought by somebody else can not take the place of what its sender says", () => {
    const { commit, votes, verified, counted } = rigAfterQuorum();
    commit(2, 5, false, { by: 3 });
    expect([verified(), counted()["refused.bad-signature"]]).toEqual([1, 1]);
    commit(2, 5, true);
    commit(2, 5, true, { digest: other });
    expect(votes()).toHaveLength(2);
  });
});

describe("heartbeats of one validator", () => {
  it("are looked at 400 times at once and fifty times a second, whatever the others send, and make a suspect of it", () => {
    const { inbound, heartbeat, steps, counted, clock } = createRig();
    for (let at = 0; at < 479; at += 1) heartbeat(1, 0);
    expect([steps.length, counted()["dropped.heartbeat-rate"]]).toEqual([400, 79]);
    expect(inbound.opinionOf(peerOf(1)).standing).toBe("good");
    heartbeat(1, 0);
    expect(inbound.opinionOf(peerOf(1)).standing).toBe("throttled");
    heartbeat(2, 0);
    clock.time += 1_000;
    for (let at = 0; at < 90; at += 1) heartbeat(1, 0);
    expect(steps).toHaveLength(400 + 1 + 50);
  });
});

describe("CHECKPOINTs", () => {
  it("that can not count any more, or not yet, cost no check of a signature", () => {
    const { inbound, verified, counted } = createRig();
    const checkpoint = (sequence: number): void => {
      const root = "00".repeat(32) as Digest;
      const message: Checkpoint = {
        kind: "checkpoint",
        epoch: net.committee.epoch,
        sequence: sequence as Sequence,
        stateRoot: root,
        logHash: root,
        epochRoot: root,
        replica: 1 as ReplicaIndex,
      };
      inbound.frame(peerOf(1), "consensus", encodeFrame({ kind: "checkpoint", signed: net.signer(1).sign(message) }));
    };
    for (let at = 0; at < 50; at += 1) checkpoint(1_000_000 + at);
    expect([verified(), counted()["dropped.untimely"]]).toEqual([0, 50]);
    checkpoint(8);
    expect(verified()).toBe(1);
  });
});

describe("VIEW-CHANGEs of one validator", () => {
  it("are looked at twenty times at once and ten times a second, whatever the others send", () => {
    const { viewChange, verified, counted, asked, clock } = createRig();
    for (let at = 0; at < 50; at += 1) viewChange(1, 1);
    expect([verified(), counted()["dropped.view-change-rate"]]).toEqual([20, 30]);
    viewChange(2, 1);
    expect(asked(2)).toEqual([1]);
    clock.time += 1_000;
    for (let at = 0; at < 50; at += 1) viewChange(1, 1);
    expect(verified()).toBe(20 + 1 + 10);
  });

  it("are not even decoded beyond that", () => {
    const { inbound, viewChange, counted } = createRig();
    const malformed = (): void => inbound.frame(peerOf(1), "consensus", Uint8Array.of(0x05, 0xff, 0xff));
    malformed();
    for (let at = 0; at < 19; at += 1) viewChange(1, 1);
    for (let at = 0; at < 50; at += 1) malformed();
    expect(counted()["dropped.view-change-rate"]).toBe(50);
    expect(Object.entries(counted()).flatMap(([name, count]) => (name.startsWith("malformed.") ? [count] : []))).toEqual([1]);
  });

  it("for views that nobody honest can have come to are looked at once a second, after two at once", () => {
    const { viewChange, asked, clock } = createRig(3);
    for (let view = 4; view < 40; view += 1) viewChange(1, view);
    expect(asked(1)).toEqual([4, 5]);
    clock.time += 3_000;
    for (let view = 40; view < 43; view += 1) viewChange(1, view);
    expect(asked(1)).toEqual([4, 5, 40, 41]);
    clock.time += 3_000;
    for (let view = 1; view <= 3; view += 1) viewChange(1, view);
    expect(asked(1).slice(-3)).toEqual([1, 2, 3]);
  });

  it("without end make it a suspect, who moves nobody to another view, by VIEW-CHANGE or by heartbeat", () => {
    const { inbound, viewChange, heartbeat, asked, clock } = createRig(1_000);
    expect(heartbeat(1, 7).demand).toBe(7);
    for (let at = 0; at < 20 + 80; at += 1) viewChange(1, 1);
    expect([1, 2].map((each) => inbound.opinionOf(peerOf(each)).standing)).toEqual(["throttled", "good"]);
    expect(asked(1)).toHaveLength(20);
    clock.time += 5_000;
    viewChange(1, 2);
    viewChange(2, 2);
    expect([asked(1).includes(2), asked(2)]).toEqual([false, [2]]);
    expect([heartbeat(1, 7).demand, heartbeat(2, 7).demand]).toEqual([0, 7]);
    // forgiven ten seconds after the last time
    clock.time += 5_001;
    viewChange(1, 3);
    expect([asked(1).at(-1), heartbeat(1, 7).demand]).toEqual([3, 7]);
  });
});

describe("a validator that is proven to cheat", () => {
  it("is listened to a hundred times a second, whoever has the proof; the others are in full", () => {
    const { inbound, commit, verified, counted } = createRig();
    for (let proofs = 0; proofs < 7; proofs += 1) inbound.accused(3 as ReplicaIndex);
    for (let sequence = 1; sequence <= 200; sequence += 1) commit(3, sequence, true);
    expect([verified(), counted()["dropped.suspect"]]).toEqual([200, undefined]);
    inbound.accused(3 as ReplicaIndex);
    for (let sequence = 1; sequence <= 200; sequence += 1) commit(3, sequence, true);
    expect([verified(), counted()["dropped.suspect"]]).toEqual([300, 100]);
    for (let sequence = 1; sequence <= 200; sequence += 1) commit(2, sequence, true);
    expect(verified()).toBe(500);
    expect([2, 3].map((each) => inbound.opinionOf(peerOf(each)).standing)).toEqual(["good", "throttled"]);
  });

  it("is not talked to any more when it floods, as long as there is a quorum without it", () => {
    const { commit, isolated, verified, down } = createRig();
    down.add(peerOf(1));
    for (let sequence = 1; sequence <= 8; sequence += 1) commit(3, sequence, false);
    for (let sequence = 1; sequence <= 700; sequence += 1) commit(3, sequence, true);
    expect([verified(), isolated]).toEqual([8 + 100, []]);
    down.clear();
    for (let sequence = 1; sequence <= 501; sequence += 1) commit(3, sequence, true);
    expect([verified(), isolated]).toEqual([8 + 100, [[peerOf(3), 5_000]]]);
  });
});
