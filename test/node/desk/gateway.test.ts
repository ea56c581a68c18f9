import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Digest, Sequence } from "../../../src/protocol/ids.ts";
import { limits } from "../../../src/protocol/limits.ts";
import type { Request, Verified } from "../../../src/protocol/messages.ts";
import { createGateway, type Gateway, type GatewayOptions } from "../../../src/node/desk/gateway.ts";
import type { Ordered } from "../../../src/node/desk/gateway-queue.ts";
import type { RequestVerdict } from "../../../src/node/desk/failures.ts";
import type { Failure, Outcome } from "../../../src/node/service.ts";
import { requestOverheadBytes } from "../../../src/wire/sizes.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);
const noQuorum: Failure = { code: "no_quorum", message: "2 of 3 validators are reachable" };

/** A network that holds requests until the test lets them execute; an operation's result repeats it. */
const createWorld = (options: Partial<GatewayOptions> = {}) => {
  const deferred: (() => void)[] = [];
  const pending: Verified<Request>[] = [];
  const signed: Verified<Request>[] = [];
  const world = {
    now: 1_000,
    wall: 1_700_000_000_000,
    lastNumber: 0,
    failure: undefined as Failure | undefined,
    position: 0,
    pending,
    signed,
    answers: new Map<string, Outcome<Ordered>[]>(),
    gateway: undefined as unknown as Gateway,
    /** ends the turn */
    turn() {
      for (const run of deferred.splice(0)) run();
    },
    submit(...names: string[]) {
      const outcomes: Outcome<Ordered>[] = [];
      world.answers.set(names.join(), outcomes);
      world.gateway.submit(names.map(bytes), (outcome) => outcomes.push(outcome));
      return outcomes;
    },
    read() {
      const outcomes: Outcome<Sequence>[] = [];
      world.gateway.barrier((outcome) => outcomes.push(outcome));
      return outcomes;
    },
    execute(index = 0, verdict: RequestVerdict = "executed") {
      const [request] = pending.splice(index, 1);
      if (request === undefined) throw new Error("nothing is pending");
      world.position += 1;
      const results = verdict === "executed" ? request.operations.map((operation) => bytes(`${textOf(operation)}!`)) : [];
      world.gateway.executed({ id: request.id, sequence: world.position as Sequence, verdict, results });
      return request;
    },
  };
  world.gateway = createGateway({
    sign(sequence, operations) {
      const id = sequence.toString(16).padStart(64, "0") as Digest;
      const request = { kind: "request", sequence, operations, id } as unknown as Verified<Request>;
      signed.push(request);
      return request;
    },
    submit: (request) => pending.push(request),
    unavailable: () => world.failure,
    now: () => world.now,
    wall: () => world.wall,
    lastNumber: () => world.lastNumber,
    defer: (callback) => deferred.push(callback),
    sessionWindow: 128,
    ...options,
  });
  return world;
};

const operationsOf = (request: Request | undefined): string[] => (request?.operations ?? []).map(textOf);
const codeOf = (outcome: Outcome<unknown> | undefined): string | undefined => (outcome?.ok === false ? outcome.failure.code : undefined);
const resultsOf = (outcome: Outcome<Ordered> | undefined): string[] | undefined =>
  outcome?.ok === true ? outcome.value.results.map(textOf) : undefined;

describe("coalescing", () => {
  it("puts what comes in one turn under one signature, and answers each", () => {
    const world = createWorld();
    const first = world.submit("a");
    const second = world.submit("b", "c");
    expect(world.signed).toEqual([]);
    world.turn();
    expect(world.signed.map(operationsOf)).toEqual([["a", "b", "c"]]);
    world.execute();
    expect([first.map(resultsOf), second.map(resultsOf)]).toEqual([[["a!"]], [["b!", "c!"]]]);
  });

  it("cuts at once while a slot is free, else when one frees", () => {
    const world = createWorld({ limits: { maxOutstanding: 2 } });
    for (const name of ["a", "b", "c", "d"]) {
      world.submit(name);
      world.turn();
    }
    expect(world.signed.map(operationsOf)).toEqual([["a"], ["b"]]);
    world.execute();
    world.turn();
    expect(world.signed.map(operationsOf)).toEqual([["a"], ["b"], ["c", "d"]]);
  });

  it("bounds a request in operations and in bytes, but lets a single larger submission pass", () => {
    const world = createWorld({ limits: { maxOperationsPerRequest: 2, maxBytesPerRequest: 100 } });
    for (const names of [["a"], ["b"], ["c"], ["d", "e", "f"], ["g"], ["x".repeat(200)], ["h"]]) world.submit(...names);
    world.turn();
    expect(world.signed.map((request) => request.operations.length)).toEqual([2, 1, 3, 1, 1, 1]);
  });

  it("takes what fits a request exactly and refuses a byte more, and an operation too many", () => {
    const world = createWorld();
    const most = limits.maxRequestBytes - requestOverheadBytes - 4;
    const outcomes: Outcome<Ordered>[] = [];
    const submit = (operations: readonly Uint8Array[]) => world.gateway.submit(operations, (outcome) => outcomes.push(outcome));
    submit([new Uint8Array(most)]);
    expect(outcomes).toEqual([]);
    submit([new Uint8Array(most + 1)]);
    submit(Array.from({ length: limits.maxOperationsPerRequest + 1 }, () => bytes("x")));
    submit([]);
    expect(outcomes.map(codeOf)).toEqual(["too_large", "too_large", "invalid_request"]);
  });
});

describe("numbers", () => {
  it("follow the clock, and each other where it stands still or goes back", () => {
    const world = createWorld();
    const send = (name: string) => {
      world.submit(name);
      world.turn();
      return world.signed.at(-1)?.sequence ?? 0;
    };
    const first = send("a");
    expect(first).toBe(world.wall * 1024);
    expect(send("b")).toBe(first + 1);
    world.wall += 5;
    expect(send("c")).toBe(first + 5 * 1024);
    world.wall -= 60_000;
    expect(send("d")).toBe(first + 5 * 1024 + 1);
  });

  it("are above all that the ledger has forgotten, though somebody filled its table with numbers that are far ahead", () => {
    const world = createWorld();
    const floor = (world.wall + 86_400_000) * 1024;
    world.lastNumber = floor;
    for (const name of ["a", "b"]) {
      world.submit(name);
      world.turn();
    }
    expect(world.signed.map(({ sequence }) => sequence)).toEqual([floor + 1, floor + 2]);
  });

  it("are not given out while a request hangs that they would push out of the session's memory", () => {
    const world = createWorld({ sessionWindow: 4 });
    const hanging = world.submit("hangs");
    world.turn();
    for (let index = 0; index < 3; index += 1) {
      world.wall += 1;
      world.submit(`n${index}`);
      world.turn();
      world.execute(1);
    }
    const late = world.submit("late");
    world.turn();
    expect(world.signed).toHaveLength(4);
    world.execute(0);
    world.turn();
    world.execute(0);
    expect([hanging.length, late.map(resultsOf)]).toEqual([1, [["late!"]]]);
  });
});

describe("barriers", () => {
  it("are shared by the reads that wait, and ordered only when nothing else is", () => {
    const world = createWorld();
    const reads = [world.read(), world.read()];
    world.turn();
    expect(world.signed.map(operationsOf)).toEqual([[""]]);
    world.execute();
    expect(reads.map(([outcome]) => outcome)).toEqual([
      { ok: true, value: 1 },
      { ok: true, value: 1 },
    ]);
    const read = world.read();
    world.submit("write");
    world.turn();
    expect(world.signed.map(operationsOf)).toEqual([[""], ["write"]]);
    world.execute();
    expect(read).toEqual([{ ok: true, value: 2 }]);
  });

  it("do not serve a read that came after the cut", () => {
    const world = createWorld({ limits: { maxOutstanding: 1 } });
    const early = world.read();
    world.turn();
    const late = world.read();
    world.turn();
    world.execute();
    expect([early.length, late.length]).toEqual([1, 0]);
    world.turn();
    world.execute();
    expect(late).toEqual([{ ok: true, value: 2 }]);
  });

  it("that were not executed serve no read", () => {
    const world = createWorld();
    const read = world.read();
    world.turn();
    world.execute(0, "stale");
    expect(read.map(codeOf)).toEqual(["outcome_unknown"]);
  });
});

describe("refusals", () => {
  it("come at once without a quorum, for what waits too", () => {
    const world = createWorld({ limits: { maxOutstanding: 1 } });
    const ordered = world.submit("ordered");
    world.turn();
    const waiting = [world.submit("waits"), world.read()];
    world.failure = noQuorum;
    expect(world.submit("late").map(codeOf)).toEqual(["no_quorum"]);
    expect(world.read().map(codeOf)).toEqual(["no_quorum"]);
    world.gateway.tick();
    expect(waiting.map((outcomes) => outcomes.map(codeOf))).toEqual([["no_quorum"], ["no_quorum"]]);
    // what was handed over may yet commit: not known, and said so soon
    expect(ordered).toEqual([]);
    world.now += 2_000;
    world.gateway.tick();
    expect(ordered.map(codeOf)).toEqual(["outcome_unknown"]);
    world.failure = undefined;
    expect(world.submit("again")).toEqual([]);
  });

  it("of the pool map to what the user can do", () => {
    for (const [reason, code] of [
      ["pool-full", "overloaded"],
      ["client-pool-full", "overloaded"],
      ["source-pool-full", "overloaded"],
      ["passive", "syncing"],
      ["halted", "internal"],
    ] as const) {
      const world = createWorld();
      const outcomes = world.submit("a");
      world.turn();
      const id = world.signed[0]?.id as Digest;
      world.gateway.refused(id, "already-pending");
      world.gateway.refused(id, "already-executed");
      expect(outcomes).toEqual([]);
      world.gateway.refused(id, reason);
      world.gateway.refused(id, reason);
      expect([reason, outcomes.map(codeOf)]).toEqual([reason, [code]]);
    }
  });

  it("of the ledger blame no user for the gateway's number", () => {
    for (const [verdict, code] of [
      ["duplicate", "outcome_unknown"],
      ["stale", "outcome_unknown"],
      ["session-expired", "overloaded"],
      ["sequence-too-far", "internal"],
    ] as const) {
      const world = createWorld();
      const outcomes = world.submit("a");
      world.turn();
      world.execute(0, verdict);
      expect([verdict, outcomes.map(codeOf)]).toEqual([verdict, [code]]);
    }
  });

  it("may come while the request is handed over", () => {
    const world = createWorld({
      submit: (request) => world.gateway.refused(request.id, "pool-full"),
    });
    const outcomes = [world.submit("a"), world.read()];
    world.turn();
    expect(outcomes.map((each) => each.map(codeOf))).toEqual([["overloaded"], ["overloaded"]]);
    expect(world.gateway.deadline()).toBeUndefined();
  });

  it("hold the queue within its bounds", () => {
    const world = createWorld({ limits: { maxOutstanding: 1, maxQueuedOperations: 3, maxQueuedBytes: 50, maxWaitingReads: 1 } });
    world.submit("ordered");
    world.turn();
    expect(world.submit("a", "b")).toEqual([]);
    expect(world.submit("c", "d").map(codeOf)).toEqual(["overloaded"]);
    expect(world.submit("e".repeat(40)).map(codeOf)).toEqual(["overloaded"]);
    expect(world.submit("f")).toEqual([]);
    expect(world.read()).toEqual([]);
    expect(world.read().map(codeOf)).toEqual(["overloaded"]);
    expect(world.gateway.stats()).toMatchObject({ outstanding: 1, queuedOperations: 3, queuedBytes: 15, waitingReads: 1 });
    world.execute();
    world.turn();
    expect(world.gateway.stats()).toMatchObject({ outstanding: 1, queuedOperations: 0, queuedBytes: 0, waitingReads: 0 });
  });

  it("tell what was never ordered from what may yet be", () => {
    const world = createWorld({ limits: { maxOutstanding: 1, queueTimeoutMs: 500, requestTimeoutMs: 1_000 } });
    const ordered = world.submit("ordered");
    world.turn();
    const waits = world.submit("waits");
    const read = world.read();
    world.now += 500;
    world.gateway.tick();
    expect([ordered, waits.map(codeOf), read.map(codeOf)]).toEqual([[], [], []]);
    world.now += 1;
    world.gateway.tick();
    expect([ordered, waits.map(codeOf), read.map(codeOf)]).toEqual([[], ["overloaded"], ["overloaded"]]);
    world.now += 499;
    world.gateway.tick();
    expect(ordered).toMatchObject([{ ok: false, failure: { code: "outcome_unknown", details: { requestId: world.signed[0]?.id } } }]);
    // the late answer comes to nobody, and the slot is free
    world.execute();
    expect(ordered).toHaveLength(1);
    world.submit("next");
    world.turn();
    expect(world.signed.map(operationsOf)).toEqual([["ordered"], ["next"]]);
  });

  it("come for everything at the end, and after it", () => {
    const world = createWorld({ limits: { maxOutstanding: 1 } });
    const ordered = world.submit("ordered");
    world.turn();
    const waits = [world.submit("waits"), world.read()];
    world.gateway.close();
    world.gateway.close();
    expect(ordered.map(codeOf)).toEqual(["outcome_unknown"]);
    expect(waits.map((outcomes) => outcomes.map(codeOf))).toEqual([["overloaded"], ["overloaded"]]);
    expect(world.submit("late").map(codeOf)).toEqual(["overloaded"]);
    world.execute();
    world.turn();
    expect(world.signed).toHaveLength(1);
  });
});

/* ------------------------------------------------------------------ whatever happens */

type Step =
  | { readonly type: "submit"; readonly count: number }
  | { readonly type: "read" }
  | { readonly type: "turn" }
  | { readonly type: "execute"; readonly index: number; readonly verdict: RequestVerdict }
  | { readonly type: "lose"; readonly index: number }
  | { readonly type: "refuse"; readonly index: number }
  | { readonly type: "repeat"; readonly index: number }
  | { readonly type: "wait"; readonly milliseconds: number }
  | { readonly type: "quorum"; readonly there: boolean };

const index = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("submit" as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.constant({ type: "read" as const }) },
  { weight: 4, arbitrary: fc.constant({ type: "turn" as const }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("execute" as const),
      index,
      verdict: fc.oneof(
        { weight: 5, arbitrary: fc.constant("executed" as const) },
        fc.constantFrom("stale" as const, "session-expired" as const),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("lose" as const), index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("refuse" as const), index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("repeat" as const), index }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("wait" as const), milliseconds: fc.integer({ min: 1, max: 4_000 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("quorum" as const), there: fc.boolean() }) },
);

describe("whatever order answers come in, and whichever are lost", () => {
  it("every operation and read gets exactly one answer, of its own, and the bounds hold", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const bounds = { maxOutstanding: 3, maxOperationsPerRequest: 6, maxQueuedOperations: 20 };
        const window = 8;
        const world = createWorld({ limits: bounds, sessionWindow: window });
        const submissions: { readonly names: string[]; readonly outcomes: Outcome<Ordered>[] }[] = [];
        const reads: { readonly outcomes: Outcome<Sequence>[]; readonly signedBefore: number }[] = [];
        const executed: { readonly id: Digest; readonly position: number }[] = [];
        const done: Request[] = [];
        // what was given up may be late
        let lost = false;
        const act = (at: Step) => {
          world.wall += 3;
          const pick = "index" in at && world.pending.length > 0 ? at.index % world.pending.length : -1;
          switch (at.type) {
            case "submit": {
              const names = Array.from({ length: at.count }, (_, part) => `${submissions.length}.${part}`);
              submissions.push({ names, outcomes: world.submit(...names) });
              break;
            }
            case "read":
              reads.push({ signedBefore: world.signed.length, outcomes: world.read() });
              break;
            case "turn":
              world.turn();
              break;
            case "execute":
              if (pick < 0) break;
              done.push(world.pending[pick] as Request);
              if (at.verdict === "executed") executed.push({ id: (world.pending[pick] as Request).id, position: world.position + 1 });
              world.execute(pick, at.verdict);
              break;
            case "lose":
              if (pick >= 0) world.pending.splice(pick, 1);
              break;
            case "refuse":
              if (pick >= 0) world.gateway.refused((world.pending.splice(pick, 1)[0] as Request).id, "pool-full");
              break;
            case "repeat": {
              const again = done[at.index % Math.max(1, done.length)];
              if (again !== undefined)
                world.gateway.executed({ id: again.id, sequence: 999 as Sequence, verdict: "executed", results: again.operations });
              break;
            }
            case "wait":
              lost = true;
              world.now += at.milliseconds;
              world.gateway.tick();
              break;
            case "quorum":
              world.failure = at.there ? undefined : noQuorum;
              break;
          }
        };
        for (const at of steps) {
          act(at);
          const { outstanding, queuedOperations } = world.gateway.stats();
          expect(outstanding).toBeLessThanOrEqual(bounds.maxOutstanding);
          expect(queuedOperations).toBeLessThanOrEqual(bounds.maxQueuedOperations);
        }
        world.gateway.close();
        world.turn();

        for (const { names, outcomes } of submissions) {
          expect(outcomes).toHaveLength(1);
          const [outcome] = outcomes;
          if (outcome?.ok === true) expect(resultsOf(outcome)).toEqual(names.map((name) => `${name}!`));
        }
        for (const { outcomes, signedBefore } of reads) {
          expect(outcomes).toHaveLength(1);
          const [outcome] = outcomes;
          if (outcome?.ok !== true) continue;
          // the barrier was executed, and signed after the read came
          const { id } = executed.find(({ position }) => position === outcome.value) as { id: Digest };
          expect(world.signed.findIndex((request) => request.id === id)).toBeGreaterThanOrEqual(signedBefore);
        }
        // each submission travels whole and in order, in one request, once
        const travelled = world.signed.flatMap((request) => operationsOf(request).filter((name) => name !== ""));
        expect(new Set(travelled).size).toBe(travelled.length);
        for (const { names } of submissions) {
          const carrier = world.signed.find((request) => operationsOf(request).includes(names[0] as string));
          if (carrier === undefined) continue;
          const from = operationsOf(carrier).indexOf(names[0] as string);
          expect(operationsOf(carrier).slice(from, from + names.length)).toEqual(names);
          expect(carrier.operations.length).toBeLessThanOrEqual(bounds.maxOperationsPerRequest);
        }
        const numbers = world.signed.map((request) => request.sequence);
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        expect(new Set(numbers).size).toBe(numbers.length);
        // of what the ledger executed, nothing was so late that a session of this window would have forgotten it
        const used: number[] = [];
        for (const { sequence } of done) {
          const forgotten = used.toSorted((a, b) => b - a)[window] ?? 0;
          if (!lost) expect(sequence).toBeGreaterThan(forgotten);
          used.push(sequence);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("a caller who waits for each answer is executed in order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 60 }), (picks) => {
        const world = createWorld({ limits: { maxOutstanding: 4 } });
        const order: string[] = [];
        let own = 0;
        const next = () => {
          const name = `own${own}`;
          own += 1;
          world.gateway.submit([bytes(name)], (outcome) => {
            if (outcome.ok) next();
          });
        };
        next();
        for (const [turn, pick] of picks.entries()) {
          world.submit(`other${turn}`);
          world.turn();
          if (world.pending.length > 0) order.push(...operationsOf(world.execute(pick % world.pending.length)));
        }
        const mine = order.filter((name) => name.startsWith("own"));
        expect(mine).toEqual(mine.map((_, place) => `own${place}`));
      }),
      { numRuns: 100 },
    );
  });
});
