/** Every reason for which something is refused is reached by a script, and says whether it speaks against the sender. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Effect } from "../../src/consensus/effect.ts";
import type { Epoch } from "../../src/protocol/ids.ts";
import type { RejectionReason } from "../../src/protocol/rejections.ts";
import { createLone, effectsOf, reasonsOf, type Lone } from "../consensus/lone.ts";

interface Refusal {
  readonly blame: boolean;
  readonly script: () => readonly Effect[];
}

const withProposal = (): { lone: Lone; digest: ReturnType<Lone["batch"]>["digest"] } => {
  const lone = createLone();
  const batch = lone.batch(lone.request(1));
  lone.prePrepare(0, 1, batch);
  return { lone, digest: batch.digest };
};
const later = (lone: Lone): Lone => {
  lone.now += 5;
  return lone;
};
const changes = (lone: Lone, view: number) => [0, 2, 3].map((from) => lone.signedViewChange(from, view));
const ignore = (script: Refusal["script"]): Refusal => ({ blame: false, script });
const blame = (script: Refusal["script"]): Refusal => ({ blame: true, script });

const refusals: Record<RejectionReason, Refusal> = {
  "wrong-epoch": ignore(() => {
    const lone = createLone();
    return lone.give({
      type: "commit",
      signed: lone.sign({ kind: "commit", epoch: 7 as Epoch, view: 0, sequence: 1, digest: lone.notary.hash("x"), replica: 2 } as never),
    } as never);
  }),
  "outside-window": ignore(() => {
    const lone = createLone();
    return lone.commit(2, 0, 9, lone.notary.hash("x"));
  }),
  "old-view": ignore(() => {
    const lone = createLone();
    lone.newView(2, changes(lone, 2));
    return lone.commit(2, 1, 1, lone.notary.hash("x"));
  }),
  "early-buffer-full": ignore(() => {
    const lone = createLone();
    for (let view = 1; view <= 256; view += 1) lone.commit(2, view, 1, lone.notary.hash("x"));
    return lone.commit(2, 257, 1, lone.notary.hash("x"));
  }),
  passive: ignore(() => {
    const lone = createLone({ restored: { mayVote: false } });
    return lone.give({ type: "request", request: lone.request(1), local: false });
  }),
  halted: ignore(() => {
    const lone = createLone();
    lone.commit(1, 0, 1, lone.notary.hash("x"));
    return lone.give({ type: "request", request: lone.request(1), local: true });
  }),
  "not-the-primary": blame(() => {
    const lone = createLone();
    return lone.prePrepare(0, 1, lone.batch(lone.request(1)), 2);
  }),
  "conflicting-proposal": blame(() => {
    const { lone } = withProposal();
    return lone.prePrepare(0, 1, lone.batch(lone.request(2)));
  }),
  "already-executed": ignore(() => {
    const lone = createLone();
    const request = lone.request(1);
    lone.order(0, 1, lone.batch(request));
    return lone.give({ type: "request", request, local: true });
  }),
  "request-in-flight": ignore(() => {
    const { lone } = withProposal();
    return later(lone).prePrepare(0, 2, lone.batch(lone.request(1)));
  }),
  "request-too-far-ahead": ignore(() => {
    const lone = createLone();
    return lone.prePrepare(0, 1, lone.batch(lone.request(1), lone.request(Number.MAX_SAFE_INTEGER)));
  }),
  "timestamp-not-after-previous": ignore(() => {
    const { lone } = withProposal();
    return lone.prePrepare(0, 2, lone.batch(lone.request(2)));
  }),
  "timestamp-outside-drift": ignore(() => {
    const lone = createLone();
    return lone.prePrepare(0, 1, lone.notary.createBatch(1, [lone.request(1)]));
  }),
  "digest-mismatch": blame(() => {
    const lone = createLone();
    const digest = lone.notary.hash("other");
    const signed = lone.sign({ kind: "pre-prepare", epoch: 0, view: 0, sequence: 1, digest, replica: 0 } as never);
    return lone.give({ type: "pre-prepare", signed, batch: lone.batch(lone.request(1)) } as never);
  }),
  "invalid-batch": blame(() => {
    const lone = createLone();
    const batch = lone.batch(lone.request(1), lone.request(1));
    const signed = lone.sign({ kind: "pre-prepare", epoch: 0, view: 0, sequence: 1, digest: batch.digest, replica: 0 } as never);
    return lone.give({ type: "invalid-batch", signed, batch, reason: "duplicate-request" } as never);
  }),
  "prepare-by-primary": blame(() => {
    const { lone, digest } = withProposal();
    return lone.prepare(0, 0, 1, digest);
  }),
  "conflicting-vote": blame(() => {
    const { lone, digest } = withProposal();
    lone.prepare(2, 0, 1, digest);
    return lone.prepare(2, 0, 1, lone.notary.hash("x"));
  }),
  duplicate: ignore(() => {
    const { lone, digest } = withProposal();
    lone.commit(2, 0, 1, digest);
    return lone.commit(2, 0, 1, digest);
  }),
  "stale-view-change": ignore(() => {
    const lone = createLone();
    lone.newView(2, changes(lone, 2));
    return lone.viewChange(3, 1);
  }),
  "conflicting-view-change": blame(() => {
    const lone = createLone();
    lone.viewChange(3, 1);
    return lone.viewChange(3, 1, { prepared: [lone.prepared(0, 1, lone.notary.hash("x"))] });
  }),
  "wrong-new-view": blame(() => {
    const lone = createLone();
    return lone.newView(2, changes(lone, 2), [{ sequence: 1 as never, digest: lone.notary.hash("x") }]);
  }),
  "pool-full": ignore(() => {
    const lone = createLone({ settings: { poolRequests: 0 } });
    return lone.give({ type: "request", request: lone.request(1), local: true });
  }),
  "client-pool-full": ignore(() => {
    const lone = createLone({ parameters: { sessionWindow: 0 } });
    return lone.give({ type: "request", request: lone.request(1), local: true });
  }),
  "source-pool-full": ignore(() => {
    const lone = createLone({ settings: { poolRequests: 2 } });
    lone.give({ type: "request", request: lone.request(1), local: true });
    return lone.give({ type: "request", request: lone.request(2), local: true });
  }),
  "already-pending": ignore(() => {
    const lone = createLone();
    lone.give({ type: "request", request: lone.request(1), local: true });
    return lone.give({ type: "request", request: lone.request(1), local: true });
  }),
  unrequested: ignore(() => {
    const lone = createLone();
    return lone.give({ type: "batch", batch: lone.batch(lone.request(1)) as never });
  }),
};

describe("what is refused", () => {
  const table = Object.entries(refusals).map(([reason, refusal]) => ({ reason, ...refusal }));
  it.each(table)("$reason (blame: $blame)", ({ reason, blame: blamed, script }) => {
    const effects = script();
    expect(reasonsOf(effects)).toContain(reason);
    const action = effectsOf(effects, "reject").find((one) => one.rejection.reason === reason)?.rejection.action;
    expect(action ?? "ignore").toBe(blamed ? "blame" : "ignore");
  });

  it("has every reason of protocol/rejections in this table", () => {
    const source = readFileSync(new URL("../../src/protocol/rejections.ts", import.meta.url), "utf8");
    const declared = [...source.slice(0, source.indexOf("export interface")).matchAll(/\| "([a-z-]+)"/g)].map((match) => match[1]);
    expect(new Set(declared)).toEqual(new Set(Object.keys(refusals)));
  });
});
