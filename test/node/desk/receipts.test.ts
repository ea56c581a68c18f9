/** Receipts on demand: collected from peers that answer late, wrongly, twice or never; and nothing done when nobody asks (PROTOCOL §3.6). */
import { describe, expect, it } from "vitest";
import { createResultProver, encodeAnswers, verifyResultProof, type Answer } from "../../../src/ledger/answers.ts";
import { createProveAnswer } from "../../../src/node/desk/answer-proofs.ts";
import { createCounters } from "../../../src/node/counters.ts";
import { createExecutions } from "../../../src/node/desk/executions.ts";
import type { History } from "../../../src/node/data/history.ts";
import { createReceipts, type Receipts } from "../../../src/node/desk/receipts.ts";
import type { Digest, PeerName, ReplicaIndex, Sequence, Signature } from "../../../src/protocol/ids.ts";
import type { ExecutionRoots, Receipt } from "../../../src/protocol/messages.ts";
import { verifyReceiptCertificate } from "../../../src/signing/receipts.ts";
import { sha256 } from "../../../src/wire/digests.ts";
import { decodeSyncFrame } from "../../../src/wire/frames.ts";
import { createTestNetwork, slotOf, text } from "../../signing/network.ts";

const at = (replica: number) => replica as ReplicaIndex;
const sequence = 5 as Sequence;
const answers: readonly Answer[] = [1, 2, 3].map((n) => ({
  id: sha256(text(`request ${n}`)),
  outcome: { status: "executed" },
  results: [text(`${n}`)],
}));

interface Asked {
  readonly replica: number;
  readonly at: number;
}

/** Validator 0 of n, or an observer, over a history that counts how often it is read. */
const createRig = (n: number, options: { readonly observer?: boolean; readonly down?: readonly number[] } = {}) => {
  const net = createTestNetwork(n);
  const timers: { readonly due: number; readonly run: () => void }[] = [];
  let now = 0;
  let reads = 0;
  const asked: Asked[] = [];
  const blamed: string[] = [];
  const history: Pick<History, "header" | "results"> = {
    header: (of) => {
      reads += 1;
      const certificate = net.committed(slotOf(1, of));
      return of > 8
        ? undefined
        : { certificate, logHash: sha256(text(`log ${of}`)), stateRoot: sha256(text(`state ${of}`)), timestamp: of };
    },
    results: () => encodeAnswers(answers),
  };
  const counters = createCounters();
  const executions = createExecutions(history, "00".repeat(32) as Digest);
  const receipts: Receipts = createReceipts({
    committee: net.committee,
    ...(options.observer === true ? {} : { self: at(0), signer: net.signer(0) }),
    trust: net.trust,
    executions,
    network: {
      isUp: (peer: PeerName) => options.down?.some((index) => peer === `peer-${index}`) !== true,
      send: (to, _channel, frame) => {
        const decoded = decodeSyncFrame(frame);
        if (!decoded.ok || decoded.value.kind !== "fetch-receipt") throw new Error("not a fetch-receipt");
        expect(decoded.value.sequence).toBe(sequence);
        asked.push({ replica: Number(to.slice(5)), at: now });
        return true;
      },
      blame: (peer) => blamed.push(peer),
    },
    clock: {
      now: () => now,
      after(delayMs, run) {
        const timer = { due: now + delayMs, run };
        timers.push(timer);
        return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
      },
    },
    counters,
  });
  const roots = executions.of(sequence)?.roots as ExecutionRoots;
  return {
    net,
    receipts,
    roots,
    asked,
    blamed,
    counters,
    prove: createProveAnswer(executions, receipts),
    reads: () => reads,
    pendingTimers: () => timers.length,
    receiptOf: (replica: number, change: Partial<Receipt> = {}): Receipt => ({
      ...net.signer(replica).signReceipt({ ...roots, ...change }, at(replica)),
      ...change,
    }),
    pass(ms: number) {
      for (const end = now + ms; ;) {
        const next = timers.toSorted((a, b) => a.due - b.due)[0];
        if (next === undefined || next.due > end) return void (now = end);
        timers.splice(timers.indexOf(next), 1);
        now = next.due;
        next.run();
      }
    },
  };
};

describe("receipts of f+1 validators", () => {
  it("are this validator's own and those of peers, one round trip away", async () => {
    const rig = createRig(7);
    const collected = rig.receipts.collect(rig.roots);
    expect(rig.asked.map(({ replica }) => replica)).toEqual([1, 2, 3]);
    rig.receipts.arrived(at(3), rig.receiptOf(3));
    rig.receipts.arrived(at(1), rig.receiptOf(1));
    const signatures = await collected;
    expect(signatures.map(({ replica }) => replica)).toEqual([0, 1, 3]);
    expect(verifyReceiptCertificate(rig.net.trust, { ...rig.roots, signatures })).toBeUndefined();
    expect(rig.pendingTimers()).toBe(0);
  });

  it("need nobody else where f is 0, and f+1 others on an observer", async () => {
    const small = createRig(3);
    expect(await small.receipts.collect(small.roots)).toHaveLength(1);
    expect(small.asked).toEqual([]);
    const observer = createRig(4, { observer: true });
    const collected = observer.receipts.collect(observer.roots);
    for (const replica of [2, 0]) observer.receipts.arrived(at(replica), observer.receiptOf(replica));
    expect((await collected).map(({ replica }) => replica)).toEqual([0, 2]);
    expect(observer.receipts.serve(sequence).receipt).toBeUndefined();
  });

  it("are asked for again, of everybody who did not answer, less and less often, for 2 s", async () => {
    const rig = createRig(4, { down: [1] });
    const collected = rig.receipts.collect(rig.roots);
    rig.pass(2_000);
    expect((await collected).map(({ replica }) => replica)).toEqual([0]);
    expect(new Set(rig.asked.map(({ replica }) => replica))).toEqual(new Set([2, 3]));
    expect(rig.asked.length).toBeLessThan(24);
    expect(rig.pendingTimers()).toBe(0);
    expect(rig.counters.read()["receipts.incomplete"]).toBe(1);
    // what was not complete is tried anew
    const again = rig.receipts.collect(rig.roots);
    rig.receipts.arrived(at(3), rig.receiptOf(3));
    expect(await again).toHaveLength(2);
  });

  it("are collected once for all who ask at the same time, and remembered", async () => {
    const rig = createRig(4);
    const both = [rig.receipts.collect(rig.roots), rig.receipts.collect(rig.roots)];
    const questions = rig.asked.length;
    rig.receipts.arrived(at(2), rig.receiptOf(2));
    const [first, second] = await Promise.all(both);
    expect(second).toBe(first);
    expect(await rig.receipts.collect(rig.roots)).toBe(first);
    expect(rig.asked).toHaveLength(questions);
  });

  it("are not those that were forged, borrowed, repeated, unasked for, or of something else", async () => {
    const rig = createRig(7);
    rig.receipts.arrived(at(1), rig.receiptOf(1));
    expect(rig.counters.read()).toMatchObject({ "dropped.unrequested": 1 });
    const collected = rig.receipts.collect(rig.roots);
    rig.receipts.arrived(at(2), rig.receiptOf(1));
    rig.receipts.arrived(at(2), { ...rig.receiptOf(2), signature: new Uint8Array(64) as Signature });
    rig.receipts.arrived(at(2), rig.receiptOf(2, { stateRoot: "11".repeat(32) as Digest }));
    rig.receipts.arrived(at(2), rig.receiptOf(2, { sequence: 6 as Sequence }));
    rig.receipts.arrived(at(3), rig.receiptOf(3));
    rig.receipts.arrived(at(3), rig.receiptOf(3));
    expect(rig.blamed).toEqual(["peer-2"]);
    expect(rig.counters.read()).toMatchObject({ "receipts.other-roots": 1, "refused.bad-signature": 1, "dropped.unrequested": 4 });
    rig.pass(2_000);
    expect((await collected).map(({ replica }) => replica)).toEqual([0, 3]);
  });
});

describe("proofs of answers", () => {
  it("lead from each answer to the root that is signed", async () => {
    const rig = createRig(3);
    for (const [index, answer] of answers.entries()) {
      const proof = await rig.prove(sequence, index);
      const path = { index, count: 3, siblings: proof?.siblings ?? [] };
      expect(verifyResultProof(createResultProver(answers).root, answer, path)).toBe(true);
      expect(proof).toMatchObject({ receipts: rig.roots, previousLogHash: sha256(text("log 4")) });
    }
    expect(await rig.prove(9 as Sequence, 0)).toBeUndefined();
  });

  it("read the disk once for many questions", async () => {
    const rig = createRig(3);
    const before = rig.reads();
    for (let turn = 0; turn < 20; turn += 1) {
      expect(rig.receipts.serve(sequence)).toMatchObject({ costBytes: 0, receipt: { sequence } });
      await rig.prove(sequence, 1);
    }
    expect(rig.reads()).toBe(before);
    expect(rig.receipts.serve(4 as Sequence).costBytes).toBeGreaterThan(16 * 1024);
    expect(rig.receipts.serve(9 as Sequence)).toEqual({ receipt: undefined, costBytes: 0 });
  });
});
