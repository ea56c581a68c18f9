import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { highestNumberAt } from "../../src/protocol/client-sequence.ts";
import type { Execution, Ledger } from "../../src/ledger/ledger.ts";
import type { OrderedRequest } from "../../src/ledger/executor.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { baseTime, bytes, client, open, request, run } from "./support.ts";

/** Adds one to the version of its client's key: executing twice would show. */
const count = (who: number, number: number): OrderedRequest =>
  request(client(who), number, [{ type: "put", key: bytes(`count ${who}`), value: bytes(String(number)) }]);
const settings = (maxSessions: number, sessionWindow: number) => ({ parameters: { maxSessions, sessionWindow } });
const statusOf = (execution: { answers: readonly { outcome: unknown }[] }) => execution.answers.map(({ outcome }) => outcome);
const plainOf = ({ sequence, answers, stateRoot, resultsRoot }: Execution) => ({ sequence, answers, stateRoot, resultsRoot });
const executed = { status: "executed" };

const opened = async (maxSessions = 10, sessionWindow = 4) => {
  const store = createMemoryStore();
  const ledger = await open(store, settings(maxSessions, sessionWindow));
  return { store, ledger, send: (...requests: OrderedRequest[]) => run(ledger, store, requests) };
};

describe("a client's numbers", () => {
  it("execute in any order within the window, each once; a repeat is told where its first answer is", async () => {
    const { send, ledger } = await opened();
    expect(statusOf(await send(count(1, 40), count(1, 10), count(1, 30)))).toEqual([executed, executed, executed]);
    expect(statusOf(await send(count(1, 10), count(1, 20), count(1, 20)))).toEqual([
      { status: "duplicate", sequence: 1, index: 1 },
      executed,
      { status: "duplicate", sequence: 2, index: 1 },
    ]);
    expect(ledger.lookup(client(1), 30, 0)).toEqual({ status: "duplicate", sequence: 1, index: 2 });
    expect(ledger.lookup(client(1), 25, 0)).toEqual({ status: "new" });
    expect(ledger.lookup(client(2), 1, 0)).toEqual({ status: "new" });
  });

  it("are stale once the window has passed them", async () => {
    const { send, ledger } = await opened();
    await send(...[10, 20, 30, 40, 50].map((number) => count(1, number)));
    // 10 was forgotten: it may be a repeat, and so may all below
    expect(statusOf(await send(count(1, 10), count(1, 9), count(1, 11)))).toEqual([
      { status: "refused", reason: "stale" },
      { status: "refused", reason: "stale" },
      executed,
    ]);
    expect(ledger.lookup(client(1), 5, 0)).toEqual({ status: "refused", reason: "stale" });
    expect(ledger.lookup(client(1), 11, 0)).toMatchObject({ status: "refused", reason: "stale" });
  });

  it("may be as far apart as a clock makes them, with a window's worth outstanding", async () => {
    const { send } = await opened(10, 4);
    const numbers = [1, 2, 3, 4].map((millisecond) => (baseTime + millisecond * 50) * 1024);
    const [first, ...rest] = numbers.map((number) => count(1, number)) as [OrderedRequest, ...OrderedRequest[]];
    expect(statusOf(await send(...rest, first))).toEqual([executed, executed, executed, executed]);
  });

  it("may not run ahead of ledger time by more than a day", async () => {
    const { send, ledger } = await opened();
    const highest = highestNumberAt(baseTime);
    expect(statusOf(await send(count(1, highest + 1), count(1, highest)))).toEqual([
      { status: "refused", reason: "sequence-too-far" },
      executed,
    ]);
    expect(ledger.lookup(client(2), highest + 1, baseTime)).toEqual({ status: "refused", reason: "sequence-too-far" });
    expect(ledger.lookup(client(2), highest + 1, baseTime + 1)).toEqual({ status: "new" });
    expect(highestNumberAt(Number.MAX_SAFE_INTEGER / 2)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("that are the next above the last known ones run, also for clients whom strangers with numbers a day ahead made forgotten", async () => {
    const { send, ledger, store } = await opened(4, 2);
    await send(count(1, baseTime * 1024));
    expect(ledger.lastNumber(client(1))).toBe(baseTime * 1024);
    const ahead = highestNumberAt(baseTime);
    await send(count(2, ahead), count(3, ahead), count(4, ahead));
    await send(count(5, ahead), count(6, ahead));
    expect(ledger.lastNumber(client(1))).toBe(ahead);
    expect(statusOf(await send(count(1, baseTime * 1024 + 1)))).toMatchObject([{ status: "refused", reason: "session-expired" }]);
    // a batch is always later than the one before it
    const next = await run(ledger, store, [count(1, ledger.lastNumber(client(1)) + 1)], baseTime + 1);
    expect(statusOf(next)).toEqual([executed]);
    expect(ledger.lastNumber(client(1))).toBe(ahead + 1);
  });

  it("belong to the client: another one may use the same", async () => {
    const { send } = await opened();
    expect(statusOf(await send(count(1, 5), count(2, 5)))).toEqual([executed, executed]);
  });
});

describe("a full table", () => {
  it("evicts who was not used for longest, those of one batch by key, and lifts the floor", async () => {
    const { send, ledger } = await opened(3);
    const [low, high] = [client(1), client(2)].sort()[0] === client(1) ? [1, 2] : [2, 1];
    await send(count(high as number, 70), count(low as number, 60));
    await send(count(3, 5));
    await send(count(4, 5), count(low as number, 60));
    // a repeat is no use: the lower key of the oldest batch went
    expect(ledger.lookup(client(low as number), 60, 0)).toEqual({ status: "refused", reason: "session-expired", floor: 60 });
    expect(ledger.lookup(client(high as number), 70, 0)).toEqual({ status: "duplicate", sequence: 1, index: 0 });
    expect(ledger.lookup(client(9), 60, 0)).toEqual({ status: "refused", reason: "session-expired", floor: 60 });
    // who has a session goes on below the floor
    expect(statusOf(await send(count(3, 6)))).toEqual([executed]);
  });

  it("lets a client that was evicted go on above the floor, and never takes its old numbers again", async () => {
    const { send } = await opened(1);
    await send(count(1, 100));
    await send(count(2, 50 + 100));
    expect(statusOf(await send(count(1, 100), count(1, 101)))).toEqual([
      { status: "refused", reason: "session-expired", floor: 100 },
      executed,
    ]);
    // its new session counts everything up to the floor as forgotten
    expect(statusOf(await send(count(1, 99)))).toEqual([{ status: "refused", reason: "stale" }]);
  });

  it("is the same after a restart", async () => {
    const store = createMemoryStore();
    const before = await open(store, settings(4, 4));
    for (let index = 0; index < 6; index++) await run(before, store, [count(index, 10 + index), count(5 - index, 20 + index)]);
    const after = await open(createMemoryStore({ entries: store.entries() }), settings(4, 4));
    const lookups = (ledger: Ledger) =>
      Array.from({ length: 8 }, (_, index) => [10, 15, 20, 25].map((number) => ledger.lookup(client(index), number + (index % 3), 0)));
    expect(lookups(after)).toEqual(lookups(before));
    const batch = {
      sequence: 7 as never,
      timestamp: baseTime,
      digest: "11".repeat(32) as never,
      requests: [count(20, 100), count(21, 100)],
    };
    expect(after.root()).toBe(before.root());
    expect(plainOf(after.execute(batch))).toEqual(plainOf(before.execute(batch)));
    expect(after.root()).toBe(before.root());
  });
});

describe("whatever is sent, in whatever order", () => {
  it("no request executes twice, and a client with a window's worth outstanding is not refused", async () => {
    const step = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 24 })), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, maxSessions, window) => {
          const store = createMemoryStore();
          const ledger = await open(store, settings(maxSessions, window));
          const done = new Map<string, { sequence: number; index: number }>();
          const highest = new Map<number, number[]>();
          for (const requests of steps) {
            const execution = await run(
              ledger,
              store,
              requests.map(([who, number]) => count(who, number)),
            );
            execution.answers.forEach(({ outcome }, index) => {
              const [who, number] = requests[index] as [number, number];
              const name = `${who}/${number}`;
              if (outcome.status === "executed") {
                expect(done.has(name)).toBe(false);
                done.set(name, { sequence: execution.sequence, index });
                highest.set(
                  who,
                  [...(highest.get(who) ?? []), number].sort((a, b) => b - a),
                );
              } else if (outcome.status === "duplicate")
                expect(done.get(name)).toEqual({ sequence: outcome.sequence, index: outcome.index });
              else if (outcome.reason === "stale" && maxSessions > 5) {
                // only with the table never full: as many higher numbers as the window holds were executed, or it was itself
                expect((highest.get(who) ?? []).filter((other) => other > number).length).toBeGreaterThanOrEqual(window);
              }
            });
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
