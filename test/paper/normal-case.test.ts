/** PROTOCOL §3; Castro & Liskov, OSDI '99, §4.2: one test per sentence. */
import { describe, expect, it } from "vitest";
import { blames, createLone, effectsOf, reasonsOf, said } from "../consensus/lone.ts";
import type { Digest } from "../../src/protocol/ids.ts";
import { EPOCH_MS } from "../consensus/world/node.ts";

describe("the primary", () => {
  it("proposes a request as soon as it comes when it is idle", () => {
    const primary = createLone({ self: 0 });
    const request = primary.request(1);
    const effects = primary.give({ type: "request", request, local: true });
    expect(effectsOf(effects, "propose")[0]?.batch.requests).toEqual([request]);
    expect(effectsOf(effects, "propose")[0]?.message).toMatchObject({ view: 0, sequence: 1, replica: 0 });
  });

  it("saves its proposal before it says it", () => {
    const primary = createLone({ self: 0 });
    const effects = primary.give({ type: "request", request: primary.request(1), local: true });
    const types = effects.map((effect) => effect.type);
    expect(types.indexOf("save")).toBeLessThan(types.indexOf("propose"));
  });

  it("keeps no more sequences in flight than its pipeline is deep, and gathers what comes meanwhile", () => {
    const primary = createLone({ self: 0, settings: { pipelineDepth: 2, maxBatchDelayMs: 0 } });
    const proposed = [1, 2, 3, 4].flatMap((n) =>
      effectsOf(primary.give({ type: "request", request: primary.request(n), local: true }), "propose"),
    );
    expect(proposed.map((one) => one.message.sequence)).toEqual([1, 2]);
    const digest = proposed[0]?.message.digest ?? primary.notary.emptyBatch.digest;
    for (const from of [1, 2]) primary.prepare(from, 0, 1, digest);
    const effects = [1, 2].flatMap((from) => primary.commit(from, 0, 1, digest));
    expect(effectsOf(effects, "propose").map((one) => one.batch.requests.map((request) => request.sequence))).toEqual([[3, 4]]);
  });

  it("cuts a batch when it is full, though its delay has not passed", () => {
    const primary = createLone({ self: 0, parameters: { maxBatchRequests: 2 }, settings: { maxBatchDelayMs: 1_000 } });
    const sizes = [1, 2, 3].flatMap((n) =>
      effectsOf(primary.give({ type: "request", request: primary.request(n), local: true }), "propose").map(
        (one) => one.batch.requests.length,
      ),
    );
    expect(sizes).toEqual([1, 2]);
  });

  it("gathers for longer the fuller its pipeline is, and never while it is idle", () => {
    const primary = createLone({ self: 0, settings: { pipelineDepth: 4, maxBatchDelayMs: 400 } });
    const waited = [1, 2, 3].map((n) => {
      const since = primary.now;
      let effects = primary.give({ type: "request", request: primary.request(n), local: true });
      while (effectsOf(effects, "propose").length === 0) effects = primary.wait(10);
      return primary.now - since;
    });
    expect(waited).toEqual([0, 100, 200]);
  });

  it("waits for those who were in the last batch when others are there already, and for a lone client never", () => {
    const primary = createLone({ self: 0, settings: { pipelineDepth: 4, maxBatchDelayMs: 400 } });
    const ask = (n: number) =>
      effectsOf(primary.give({ type: "request", request: primary.request(n, `client ${n}`), local: true }), "propose");
    const commit = (sequence: number, digest: Digest) =>
      [1, 2].flatMap((from) => [...primary.prepare(from, 0, sequence, digest), ...primary.commit(from, 0, sequence, digest)]);
    const digestOf = (proposals: ReturnType<typeof ask>) => proposals[0]?.message.digest ?? primary.notary.emptyBatch.digest;
    const first = ask(1);
    expect([2, 3, 4, 5, 6, 7, 8].flatMap(ask)).toEqual([]);
    primary.wait(20);
    // seven wait, and whoever sent 1 is about to ask again
    expect(effectsOf(commit(1, digestOf(first)), "propose")).toEqual([]);
    primary.wait(5);
    const second = ask(9);
    expect(second[0]?.batch.requests.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    primary.wait(20);
    commit(2, digestOf(second));
    // of the eight one comes back: for the others it waits four batches' time, and no more
    expect(ask(10)).toEqual([]);
    expect(effectsOf(primary.wait(79), "propose")).toEqual([]);
    const third = effectsOf(primary.wait(1), "propose");
    expect(third.length).toBe(1);
    commit(3, digestOf(third));
    expect(ask(11).length).toBe(1);
  });

  it("stamps batches in rising order even when its clock stands still", () => {
    const primary = createLone({ self: 0, settings: { maxBatchDelayMs: 0 } });
    const stamps = [1, 2, 3].flatMap((n) =>
      effectsOf(primary.give({ type: "request", request: primary.request(n), local: true }), "propose").map((one) => one.batch.timestamp),
    );
    expect(stamps).toEqual([EPOCH_MS, EPOCH_MS + 1, EPOCH_MS + 2]);
  });

  it("proposes a request once, however often it is handed in", () => {
    const primary = createLone({ self: 0, settings: { maxBatchDelayMs: 0 } });
    const request = primary.request(1);
    const give = () => effectsOf(primary.give({ type: "request", request, local: true }), "propose").length;
    expect([give(), give(), give()]).toEqual([1, 0, 0]);
  });

  it("gives up what is too far ahead of its clock, which may have been ahead itself, and proposes the rest", () => {
    const primary = createLone({ self: 0 });
    const far = primary.request(Number.MAX_SAFE_INTEGER, "bob");
    const alone = primary.give({ type: "request", request: far, local: true });
    expect([said(alone), reasonsOf(alone)]).toEqual([[], ["request-too-far-ahead"]]);
    expect(primary.replica.deadline()).not.toBe(Number.NEGATIVE_INFINITY);
    expect(primary.replica.describe().pool.requests).toBe(0);
    const [proposal] = effectsOf(primary.give({ type: "request", request: primary.request(1), local: true }), "propose");
    expect(proposal?.batch.requests.map(({ sequence }) => sequence)).toEqual([1]);
  });

  it("proposes nothing beyond the high watermark", () => {
    const primary = createLone({ self: 0, parameters: { checkpointInterval: 1 }, settings: { maxBatchDelayMs: 0 } });
    const proposed = [1, 2, 3].flatMap((n) =>
      effectsOf(primary.give({ type: "request", request: primary.request(n), local: true }), "propose").map((one) => one.message.sequence),
    );
    expect(proposed).toEqual([1, 2]);
  });

  it("proposes nothing while it can not reach a quorum", () => {
    const primary = createLone({ self: 0 });
    primary.reach(1);
    expect(said(primary.give({ type: "request", request: primary.request(1), local: true }))).toEqual([]);
    expect(said([...primary.reach(1, 2), ...primary.wait(1)])).toEqual(["pre-prepare"]);
  });
});

describe("a backup", () => {
  it("relays its client's request to the primary", () => {
    const backup = createLone();
    const request = backup.request(1);
    expect(effectsOf(backup.give({ type: "request", request, local: true }), "relay")).toEqual([
      { type: "relay", to: [0], requests: [request] },
    ]);
  });

  it("tells every validator about a request that has waited for half its timeout", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.give({ type: "request", request, local: true });
    expect(effectsOf(backup.wait(499), "relay")).toEqual([]);
    expect(effectsOf(backup.wait(2), "relay")).toEqual([{ type: "relay", to: [0, 2, 3], requests: [request] }]);
  });

  it("tells it again while it waits: a lost relay is a delay, never a silence", () => {
    const backup = createLone();
    backup.give({ type: "request", request: backup.request(1), local: true });
    expect(effectsOf(backup.wait(10_000), "relay").filter((one) => one.to.length === 3).length).toBeGreaterThan(3);
  });

  it("tells it again even without a vote of its own", () => {
    for (const lone of [createLone({ observer: true }), createLone({ restored: { mayVote: false } })]) {
      lone.give({ type: "request", request: lone.request(1), local: true });
      expect(effectsOf(lone.wait(10_000), "relay").length).toBeGreaterThan(3);
    }
  });

  it("tells the primary of what others brought before it blames it: they may have passed the primary over, to have it replaced", () => {
    const backup = createLone();
    const request = backup.request(1);
    expect(effectsOf([...backup.give({ type: "request", request, local: false }), ...backup.wait(490)], "relay")).toEqual([]);
    expect(effectsOf(backup.wait(500), "relay")).toEqual([{ type: "relay", to: [0], requests: [request] }]);
    expect(backup.replica.status().demand).toBe(0);
  });

  it("tells it once in a view, and again in the next one", () => {
    const backup = createLone();
    for (const sequence of [1, 2, 3]) backup.give({ type: "request", request: backup.request(sequence), local: false });
    backup.prePrepare(0, 1, backup.batch(backup.request(1)));
    backup.order(0, 1, backup.batch(backup.request(1)));
    const told = () => effectsOf(backup.wait(900), "relay").map(({ to, requests }) => [to, requests.map(({ sequence }) => sequence)]);
    expect(told()).toEqual([[[0], [2, 3]]]);
    const changes = [0, 2, 3].map((from) => backup.signedViewChange(from, 2));
    backup.newView(2, changes);
    expect(told()).toEqual([[[2], [2, 3]]]);
  });

  it("tells everybody of it when it demands another view for it: whoever brought it may be gone", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.give({ type: "request", request, local: false });
    backup.wait(990);
    expect(backup.replica.status().demand).toBe(0);
    const told = effectsOf(backup.wait(5_000), "relay");
    expect(backup.replica.status().demand).toBe(1);
    expect(told.length).toBeGreaterThan(0);
    for (const { to, requests } of told) expect([to, requests]).toEqual([[0, 2, 3], [request]]);
  });

  it("goes on telling of it once it has left the view: the others may be content there, and never hear of it otherwise", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.give({ type: "request", request, local: false });
    backup.wait(5_000);
    backup.viewChange(3, 1);
    expect(backup.replica.status()).toMatchObject({ view: 1, active: false });
    const told = effectsOf(backup.wait(5_000), "relay");
    expect(told.length).toBeGreaterThan(0);
    for (const { to, requests } of told) expect([to, requests]).toEqual([[0, 2, 3], [request]]);
  });

  it("saves the accepted proposal with its batch, then sends PREPARE with the primary's signature", () => {
    const backup = createLone({ disk: false });
    const batch = backup.batch(backup.request(1));
    const effects = backup.prePrepare(0, 1, batch);
    expect(effects[0]).toMatchObject({ type: "save", record: { type: "accepted", view: 0, sequence: 1, digest: batch.digest, batch } });
    expect(effects[1]).toMatchObject({ type: "broadcast", message: { kind: "prepare", sequence: 1, digest: batch.digest, replica: 1 } });
    const slot = { epoch: backup.committee.epoch, view: 0, sequence: 1, digest: batch.digest, replica: 0 };
    const proposal = backup.notary.sign(backup.committee.validators[0]!.index, { kind: "pre-prepare", ...slot } as never);
    expect(effectsOf(effects, "broadcast")[0]?.message).toHaveProperty("proposalSignature", proposal);
  });

  it("does not accept a proposal of anyone but the view's primary", () => {
    const backup = createLone();
    const effects = backup.prePrepare(0, 1, backup.batch(backup.request(1)), 2);
    expect([said(effects), reasonsOf(effects), blames(effects)]).toEqual([[], ["not-the-primary"], true]);
  });

  it("does not accept a second digest for the same view and sequence, and holds the two as proof", () => {
    const backup = createLone();
    backup.prePrepare(0, 1, backup.batch(backup.request(1)));
    const effects = backup.prePrepare(0, 1, backup.batch(backup.request(2)));
    expect(said(effects)).toEqual([]);
    expect(effectsOf(effects, "evidence")[0]?.evidence).toMatchObject({ kind: "conflicting-votes", culprit: 0 });
    expect(backup.replica.status().demand).toBe(1);
  });

  it("does not accept a sequence outside the watermarks", () => {
    const backup = createLone();
    for (const sequence of [0, 9, 1_000])
      expect(reasonsOf(backup.prePrepare(0, sequence, backup.batch(backup.request(1))))).toEqual(["outside-window"]);
  });

  it("does not accept a batch whose digest is not the proposed one", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    const { digest } = backup.batch(backup.request(2));
    const signed = backup.sign({ kind: "pre-prepare", epoch: 0, view: 0, sequence: 1, digest, replica: 0 } as never);
    const effects = backup.give({ type: "pre-prepare", signed, batch } as never);
    expect([said(effects), reasonsOf(effects), blames(effects)]).toEqual([[], ["digest-mismatch"], true]);
  });

  it("does not accept a batch that is not later than the one before it", () => {
    const backup = createLone();
    backup.prePrepare(0, 1, backup.notary.createBatch(EPOCH_MS + 10, [backup.request(1)]));
    const effects = backup.prePrepare(0, 2, backup.notary.createBatch(EPOCH_MS + 10, [backup.request(2)]));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["timestamp-not-after-previous"]]);
  });

  it("does not accept a batch from outside the clocks' drift, and does once its clock has come closer", () => {
    const backup = createLone();
    const effects = backup.prePrepare(0, 1, backup.notary.createBatch(EPOCH_MS + 31_000, [backup.request(1)]));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["timestamp-outside-drift"]]);
    backup.now += 1_000;
    expect(said(backup.give({ type: "tick" }))).toContain("prepare");
  });

  it("goes on by the smallest step where clocks that were ahead together have come back, and by that only", () => {
    const backup = createLone();
    const ahead = backup.notary.createBatch(EPOCH_MS + 20_000, [backup.request(1)]);
    expect(said(backup.prePrepare(0, 1, ahead))).toEqual(["prepare"]);
    // all clocks went back by a year
    backup.wallOffset = -365 * 86_400_000;
    const hasty = backup.prePrepare(0, 2, backup.notary.createBatch(ahead.timestamp + 2, [backup.request(2)]));
    expect([said(hasty), reasonsOf(hasty)]).toEqual([[], ["timestamp-outside-drift"]]);
    const other = createLone({ notary: backup.notary });
    other.prePrepare(0, 1, ahead);
    other.wallOffset = backup.wallOffset;
    for (const sequence of [2, 3]) {
      const step = other.notary.createBatch(ahead.timestamp + sequence - 1, [other.request(sequence)]);
      expect(said(other.prePrepare(0, sequence, step))).toEqual(["prepare"]);
    }
  });

  it("does not let the primary hold the ledger's time back, step by step", () => {
    const backup = createLone();
    const first = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, first);
    backup.wallOffset = 60_000;
    const effects = backup.prePrepare(0, 2, backup.notary.createBatch(first.timestamp + 1, [backup.request(2)]));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["timestamp-outside-drift"]]);
  });

  it("does not accept a request that was executed", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.order(0, 1, backup.batch(request));
    backup.now += 5;
    const effects = backup.prePrepare(0, 2, backup.batch(request, backup.request(2)));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["already-executed"]]);
  });

  it("does not accept a request whose number is farther ahead than the ledger would run it: nobody would remember that it was refused", () => {
    const backup = createLone();
    const highest = (EPOCH_MS + 5 + 86_400_000) * 1024;
    const ordered = (sequence: number, number: number): readonly string[] => {
      const effects = backup.prePrepare(0, sequence, backup.notary.createBatch(EPOCH_MS + 4 + sequence, [backup.request(number)]));
      return [...said(effects), ...reasonsOf(effects)];
    };
    expect(ordered(1, highest)).toEqual(["prepare"]);
    expect(ordered(2, highest + 1024 + 1)).toEqual(["request-too-far-ahead"]);
  });

  it("does not accept a request that is in flight at another sequence", () => {
    const backup = createLone();
    const request = backup.request(1);
    backup.prePrepare(0, 1, backup.batch(request));
    backup.now += 5;
    const effects = backup.prePrepare(0, 2, backup.batch(request));
    expect([said(effects), reasonsOf(effects)]).toEqual([[], ["request-in-flight"]]);
  });

  it("accepts strictly in order: what comes early waits for what is before it", () => {
    const backup = createLone();
    const first = backup.batch(backup.request(1));
    backup.now += 5;
    expect(said(backup.prePrepare(0, 2, backup.batch(backup.request(2))))).toEqual([]);
    expect(said(backup.prePrepare(0, 1, first))).toEqual(["prepare", "prepare"]);
  });

  it("learns of a proposal that gossip passed over from a PREPARE, and asks its sender for the batch", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch.digest);
    const effects = backup.prepare(3, 0, 1, batch.digest);
    expect(effectsOf(effects, "fetch-batch")[0]).toMatchObject({ digest: batch.digest, from: [3, 0] });
    expect(said(backup.give({ type: "batch", batch: batch as never }))).toEqual(["prepare", "commit"]);
  });

  it("takes a batch that no replica can accept as proof against the primary", () => {
    const backup = createLone();
    const request = backup.request(1);
    const batch = backup.batch(request, request);
    const signed = backup.sign({ kind: "pre-prepare", epoch: 0, view: 0, sequence: 1, digest: batch.digest, replica: 0 } as never);
    const effects = backup.give({ type: "invalid-batch", signed, batch, reason: "duplicate-request" } as never);
    expect(effectsOf(effects, "evidence")[0]?.evidence).toMatchObject({ kind: "invalid-batch", culprit: 0, reason: "duplicate-request" });
    expect(backup.replica.status().demand).toBe(1);
  });
});

describe("prepared and committed", () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 4],
    [6, 4],
    [7, 5],
    [10, 7],
    [13, 9],
  ])("of %i validators, q = %i: q−1 PREPAREs of others than the primary prepare, q COMMITs commit", (n, q) => {
    const replica = createLone({ n, self: n - 1 });
    if (n === 1) {
      const effects = replica.give({ type: "request", request: replica.request(1), local: true });
      expect([said(effects), effectsOf(effects, "execute").length]).toEqual([["pre-prepare", "commit"], 1]);
      return;
    }
    const batch = replica.batch(replica.request(1));
    const commitsAfter: number[] = [];
    let prepares = 1;
    let effects = replica.prePrepare(0, 1, batch);
    for (let from = 1; from < n - 1 && !said(effects).includes("commit"); from += 1) {
      effects = replica.prepare(from, 0, 1, batch.digest);
      prepares += 1;
    }
    expect([prepares, said(effects).includes("commit")]).toEqual([q - 1, true]);
    for (let from = 0; from < n - 1; from += 1) {
      effects = replica.commit(from, 0, 1, batch.digest);
      if (effectsOf(effects, "execute").length > 0) commitsAfter.push(from + 2);
    }
    expect(commitsAfter).toEqual([q]);
  });

  it("saves the prepared certificate before it sends COMMIT", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    const types = backup.prepare(2, 0, 1, batch.digest).map((effect) => effect.type);
    expect(types.slice(0, 2)).toEqual(["save", "broadcast"]);
  });

  it("counts its own vote only once it is on disk", () => {
    const backup = createLone({ disk: false });
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    expect(said(backup.prepare(2, 0, 1, batch.digest))).toEqual([]);
    expect(said(backup.prepare(1, 0, 1, batch.digest))).toEqual(["commit"]);
  });

  it("does not count the primary as one of those who prepare", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    const effects = backup.prepare(0, 0, 1, batch.digest);
    expect([said(effects), reasonsOf(effects), blames(effects)]).toEqual([[], ["prepare-by-primary"], true]);
  });

  it("does not mix the votes of different digests", () => {
    const backup = createLone({ n: 7 });
    const batch = backup.batch(backup.request(1));
    const other = backup.notary.hash("other");
    backup.prePrepare(0, 1, batch);
    for (const from of [2, 3, 4]) expect(said(backup.prepare(from, 0, 1, other))).toEqual([]);
    for (const from of [0, 2, 3]) backup.commit(from, 0, 1, other);
    for (const from of [4, 5]) expect(effectsOf(backup.commit(from, 0, 1, batch.digest), "execute")).toEqual([]);
  });

  it("counts the first vote of each sender, and keeps one that contradicts it as proof", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    backup.commit(2, 0, 1, batch.digest);
    const effects = backup.commit(2, 0, 1, backup.notary.hash("other"));
    expect(effectsOf(effects, "evidence")[0]?.evidence).toMatchObject({ kind: "conflicting-votes", culprit: 2 });
    expect(reasonsOf(backup.commit(2, 0, 1, batch.digest))).toEqual(["duplicate"]);
    expect(effectsOf(backup.commit(3, 0, 1, batch.digest), "execute")).toEqual([]);
  });

  it("takes another valid signature over the same vote for a repetition, not for a contradiction", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    for (const kind of ["prepare", "commit"] as const) {
      const [signed] = [backup.sign({ kind, epoch: 0, view: 0, sequence: 1, digest: batch.digest, replica: 2 } as never)];
      backup.give({ type: kind, signed } as never);
      const again = { ...(signed as object), signature: new Uint8Array(64).fill(kind.length) };
      const effects = backup.give({ type: kind, signed: again } as never);
      expect(reasonsOf(effects)).toEqual(["duplicate"]);
      expect(effectsOf(effects, "evidence")).toEqual([]);
    }
  });

  it("executes in the order of the sequences", () => {
    const backup = createLone();
    const first = backup.batch(backup.request(1));
    backup.now += 5;
    const second = backup.batch(backup.request(2));
    for (const [sequence, batch] of [
      [1, first],
      [2, second],
    ] as const)
      backup.prePrepare(0, sequence, batch);
    for (const from of [0, 2, 3]) expect(effectsOf(backup.commit(from, 0, 2, second.digest), "execute")).toEqual([]);
    const executed = [0, 2, 3].flatMap((from) => effectsOf(backup.commit(from, 0, 1, first.digest), "execute"));
    expect(executed.map((one) => one.certificate.sequence)).toEqual([1, 2]);
  });

  it("executes what q validators committed though it did not prepare here", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    const executed = [0, 2, 3].flatMap((from) => effectsOf(backup.commit(from, 0, 1, batch.digest), "execute"));
    expect(executed[0]?.certificate.commits.map((one) => one.replica)).toEqual([0, 2, 3]);
  });

  it("asks for a committed batch that it lacks, then executes it", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    const effects = [0, 2, 3].flatMap((from) => [...backup.commit(from, 0, 1, batch.digest)]);
    expect(effectsOf(effects, "fetch-batch")[0]).toMatchObject({ digest: batch.digest });
    expect(effectsOf(backup.give({ type: "batch", batch: batch as never }), "execute").length).toBe(1);
  });
});

describe("a lost message costs a delay, never a stall", () => {
  it("the primary repeats its proposal to those who have not answered it", () => {
    const primary = createLone({ self: 0 });
    const effects = primary.give({ type: "request", request: primary.request(1), local: true });
    const digest = effectsOf(effects, "propose")[0]!.message.digest;
    primary.prepare(1, 0, 1, digest);
    const repeated = effectsOf(primary.wait(400), "repeat");
    expect(repeated.map((one) => [one.message.kind, one.to])).toEqual([["signed-proposal", [2, 3]]]);
  });

  it("a backup repeats its votes, ever more slowly", () => {
    const backup = createLone();
    const batch = backup.batch(backup.request(1));
    backup.prePrepare(0, 1, batch);
    backup.prepare(2, 0, 1, batch.digest);
    const repeats = (ms: number): number => effectsOf(backup.wait(ms), "repeat").filter((one) => one.message.kind === "signed").length;
    const [early, late] = [repeats(2_500), repeats(2_500)];
    expect(early).toBeGreaterThanOrEqual(4);
    expect(late).toBeLessThanOrEqual(early / 2);
  });

  it("nothing is repeated while nothing is waited for", () => {
    const backup = createLone();
    backup.order(0, 1, backup.batch(backup.request(1)));
    expect(backup.wait(60_000)).toEqual([]);
  });

  it("after an idle minute the first repetition waits its time", () => {
    const primary = createLone({ self: 0 });
    primary.wait(60_000);
    primary.give({ type: "request", request: primary.request(1), local: true });
    expect(effectsOf(primary.wait(200), "repeat")).toEqual([]);
  });
});
