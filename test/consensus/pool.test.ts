/** What the pool owes to each source of requests, whatever the others do (PROTOCOL §3.1, §3.2). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Source } from "../../src/consensus/lanes.ts";
import { createPool, type Pool } from "../../src/consensus/pool.ts";
import type { ReplicaIndex, Sequence } from "../../src/protocol/ids.ts";
import type { Request, Verified } from "../../src/protocol/messages.ts";
import { createNotary } from "./world/notary.ts";

const REQUESTS = 60;
const BYTES = 6_000;
const LARGEST = 700;
const sources: readonly Source[] = ["own", 0 as ReplicaIndex, 2 as ReplicaIndex, 3 as ReplicaIndex, "observers"];
const SHARE = { requests: REQUESTS / 6, bytes: BYTES / 6 };

const createRig = (bounds: Partial<Parameters<typeof createPool>[0]> = {}) => {
  const notary = createNotary();
  const pool = createPool({ requests: REQUESTS, bytes: BYTES, requestsPerClient: 1_000, share: SHARE, leastCost: 50, ...bounds });
  let made = 0;
  const request = (bytes = 100): Verified<Request> => notary.createRequest("key", (made += 1), bytes);
  return { pool, request };
};

/** Proposes so many, as a primary does. */
const cut = (pool: Pool, count: number): Source[] => {
  const served: Source[] = [];
  for (let entry = pool.nextUnproposed(); entry !== undefined && served.length < count; entry = pool.nextUnproposed()) {
    served.push(entry.source);
    pool.markProposed(entry.request.id, 1 as Sequence);
  }
  return served;
};

type Act =
  | { readonly type: "add"; readonly source: number; readonly bytes: number }
  /** a request that is here, brought by another */
  | { readonly type: "copy"; readonly source: number; readonly pick: number }
  | { readonly type: "execute" | "drop" | "propose" | "tell"; readonly pick: number }
  | { readonly type: "release" };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant("add" as const),
        source: fc.nat(sources.length - 1),
        bytes: fc.integer({ min: 1, max: LARGEST }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant("copy" as const), source: fc.nat(sources.length - 1), pick: fc.nat(REQUESTS) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constantFrom("execute" as const, "drop" as const, "propose" as const, "tell" as const),
        pick: fc.nat(REQUESTS),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("release" as const) }) },
  ),
  { maxLength: 300 },
);

const play = ({ pool, request }: ReturnType<typeof createRig>, act: Act, now: number): void => {
  if (act.type === "add") return void pool.add(request(act.bytes), now, sources[act.source] as Source);
  if (act.type === "release") return pool.releaseAll();
  const entry = act.type === "propose" ? pool.nextUnproposed() : [...pool.values()][act.pick % Math.max(1, pool.size)];
  if (entry === undefined) return;
  if (act.type === "copy") pool.add(entry.request, now, sources[act.source] as Source);
  else if (act.type === "propose") pool.markProposed(entry.request.id, 1 as Sequence);
  else if (act.type === "tell") {
    const next = pool.nextToTell();
    if (next !== undefined) pool.markTold(next, now);
  } else pool.remove(entry.request.id, act.type === "execute" ? now : undefined);
};

/** Everything that is counted twice agrees. */
const audit = (pool: Pool): void => {
  const entries = [...pool.values()];
  const lanes = [...pool.lanes()];
  const bytesOf = (of: readonly { readonly request: Request }[]): number => of.reduce((sum, { request }) => sum + request.bytes.length, 0);
  expect(pool.size).toBe(entries.length);
  expect(pool.bytes).toBe(bytesOf(entries));
  expect(pool.size).toBeLessThanOrEqual(REQUESTS);
  expect(pool.bytes).toBeLessThanOrEqual(BYTES);
  expect(lanes.reduce((sum, lane) => sum + lane.entries.size, 0)).toBe(entries.length);
  const waiting = entries.filter(({ proposed }) => proposed === undefined);
  expect(pool.unproposed).toEqual({ requests: waiting.length, bytes: bytesOf(waiting) });
  const firsts = lanes.flatMap(
    ({ source }) => waiting.filter((entry) => entry.source === source).toSorted((a, b) => a.place - b.place)[0] ?? [],
  );
  expect(pool.oldestUnproposed()?.since).toBe(firsts.length === 0 ? undefined : Math.min(...firsts.map(({ since }) => since)));
  for (const { source, entries: own, bytes } of lanes) {
    expect(own.size).toBeGreaterThan(0);
    expect([...own.values()].every((entry) => entry.source === source)).toBe(true);
    expect(bytes).toBe(bytesOf([...own.values()]));
    const places = [...own.values()].map(({ place }) => place);
    expect(places, "a lane is in the order in which its requests came to it").toEqual(places.toSorted((a, b) => a - b));
  }
};

describe("the pool's room", () => {
  it("is never passed, and its counts agree, whatever comes, goes and moves", () => {
    fc.assert(
      fc.property(acts, (script) => {
        const rig = createRig();
        script.forEach((act, now) => play(rig, act, now));
        audit(rig.pool);
      }),
    );
  });

  it("is there for a source that has nothing here, as long as k others fill it by themselves", () => {
    fc.assert(
      fc.property(acts, fc.nat(sources.length - 1), (script, which) => {
        const rig = createRig({ requests: REQUESTS, bytes: Number.POSITIVE_INFINITY });
        const newcomer = sources[which] as Source;
        // it brings nothing, and takes over nothing
        script.filter((act) => !("source" in act) || sources[act.source] !== newcomer).forEach((act, now) => play(rig, act, now));
        expect(rig.pool.add(rig.request(LARGEST), 1_000, newcomer)).toBe("admitted");
        expect(rig.pool.size).toBeLessThan(REQUESTS);
      }),
    );
  });

  it.each([1, 2, 3, 4])("%i greedy sources share evenly, and leave as much as each has", (greedy) => {
    const { pool, request } = createRig({ bytes: Number.POSITIVE_INFINITY });
    for (let round = 0; round < REQUESTS; round += 1) for (const source of sources.slice(0, greedy)) pool.add(request(), round, source);
    const sizes = [...pool.lanes()].map(({ entries }) => entries.size);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    expect(sizes[0]).toBeCloseTo(REQUESTS / (greedy + 1), -1);
    expect(pool.refusalOf(request(), sources[0] as Source)).toBe("source-pool-full");
    expect(pool.refusalOf(request(), sources[4] as Source)).toBe(undefined);
    expect(sources.map((source) => pool.roomFor(source) > 0)).toEqual(sources.map((_, index) => index >= greedy));
  });

  it("counts bytes as it counts requests", () => {
    const { pool, request } = createRig();
    const admitted = Array.from({ length: 20 }, () => pool.add(request(LARGEST), 0, "own"));
    expect(admitted.filter((admission) => admission === "admitted")).toHaveLength(4);
    expect(admitted.at(-1)).toBe("source-pool-full");
    expect(pool.add(request(LARGEST), 0, 3 as ReplicaIndex)).toBe("admitted");
  });

  it("says beforehand how much of one source it will take", () => {
    fc.assert(
      fc.property(acts, fc.nat(sources.length - 1), fc.integer({ min: 1, max: REQUESTS }), (script, which, most) => {
        const rig = createRig({ bytes: Number.POSITIVE_INFINITY });
        script.forEach((act, now) => play(rig, act, now));
        const source = sources[which] as Source;
        const room = rig.pool.roomFor(source, most);
        let admitted = 0;
        while (rig.pool.add(rig.request(), 1_000, source, most) === "admitted") admitted += 1;
        expect(admitted).toBe(room);
      }),
    );
  });

  it("keeps of what others brought the first few, and all of our own clients'", () => {
    const { pool, request } = createRig();
    for (let round = 0; round < 8; round += 1) for (const source of sources) pool.add(request(50), round, source);
    pool.keepFirst(2);
    expect([...pool.lanes()].map(({ entries }) => [...entries.values()].map(({ since }) => since))).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      ...Array.from({ length: 4 }, () => [0, 1]),
    ]);
    audit(pool);
  });
});

describe("turns", () => {
  it("go round, each source's oldest first, wherever the last batch stopped", () => {
    const { pool, request } = createRig();
    for (let round = 0; round < 8; round += 1) pool.add(request(), round, 3 as ReplicaIndex);
    for (const source of ["own", 2] as Source[]) for (let round = 0; round < 2; round += 1) pool.add(request(), round, source);
    expect([cut(pool, 2), cut(pool, 2), cut(pool, 4), cut(pool, 9)]).toEqual([
      [3, "own"],
      [2, 3],
      ["own", 2, 3, 3],
      [3, 3, 3, 3],
    ]);
  });

  it("come to whoever waits before any other has had two largest requests more than it", () => {
    fc.assert(
      fc.property(acts, (script) => {
        const rig = createRig();
        script.forEach((act, now) => play(rig, act, now));
        rig.pool.releaseAll();
        const had = new Map<Source, number>([...rig.pool.lanes()].map(({ source }) => [source, 0]));
        const ids = new Map([...rig.pool.lanes()].map(({ source, entries }) => [source, [...entries.keys()]]));
        for (let entry = rig.pool.nextUnproposed(); entry !== undefined; entry = rig.pool.nextUnproposed()) {
          expect(entry.request.id, "oldest first").toBe(ids.get(entry.source)?.shift());
          rig.pool.markProposed(entry.request.id, 1 as Sequence);
          had.set(entry.source, (had.get(entry.source) ?? 0) + Math.max(50, entry.request.bytes.length));
          const waiting = [...had].filter(([source]) => (ids.get(source)?.length ?? 0) > 0).map(([, bytes]) => bytes);
          if (waiting.length > 0) expect((had.get(entry.source) ?? 0) - Math.min(...waiting)).toBeLessThanOrEqual(2 * LARGEST);
        }
      }),
    );
  });

  it("are not saved up by who has nothing to be ordered", () => {
    const { pool, request } = createRig();
    const drop = (): void => {
      for (const entry of pool.values()) if (entry.proposed !== undefined) pool.remove(entry.request.id, 0);
    };
    pool.add(request(), 0, "own");
    for (let round = 0; round < 20; round += 1) pool.add(request(), round, 3 as ReplicaIndex);
    cut(pool, 11);
    drop();
    for (let round = 0; round < 10; round += 1) pool.add(request(), round, "own");
    expect(cut(pool, 4).filter((source) => source === "own")).toHaveLength(2);
  });
});

describe("a request that comes again", () => {
  const flooded = () => {
    const { pool, request } = createRig();
    for (let round = 0; round < 9; round += 1) pool.add(request(50), round, 3 as ReplicaIndex);
    const hidden = request(50);
    pool.add(hidden, 10, 3 as ReplicaIndex);
    return { pool, request, hidden };
  };

  it("goes to whoever brings it sooner to its turn: nobody hides it in his own queue", () => {
    const { pool, hidden } = flooded();
    expect(pool.refusalOf(hidden, 2 as ReplicaIndex)).toBe(undefined);
    expect(pool.add(hidden, 11, 2 as ReplicaIndex)).toBe("already-pending");
    expect([pool.get(hidden.id)?.source, pool.get(hidden.id)?.since, pool.lane(2 as ReplicaIndex)?.headSince]).toEqual([2, 10, 11]);
    expect(cut(pool, 2)).toEqual([3, 2]);
    audit(pool);
  });

  it("stays where its turn comes sooner: nobody draws it into a longer queue", () => {
    const { pool, request, hidden } = flooded();
    const first = request(50);
    pool.add(first, 12, 2 as ReplicaIndex);
    for (let round = 0; round < 5; round += 1) pool.add(request(50), 13, 2 as ReplicaIndex);
    for (const thief of [3, 0] as ReplicaIndex[]) pool.add(first, 14, thief);
    expect(pool.get(first.id)?.source).toBe(2);
    pool.markProposed(hidden.id, 1 as Sequence);
    expect(pool.refusalOf(hidden, 0 as ReplicaIndex), "it is on its way").toBe("already-pending");
  });

  it("is our own client's for good once he hands it in here", () => {
    const { pool, hidden } = flooded();
    pool.add(hidden, 11, "own");
    pool.add(hidden, 12, 0 as ReplicaIndex);
    expect([pool.get(hidden.id)?.source, pool.nextToTell()?.request.id]).toEqual(["own", hidden.id]);
  });
});

describe("what the primary is told of", () => {
  const tell = (pool: Pool): number => {
    let told = 0;
    for (let next = pool.nextToTell(); next !== undefined; next = pool.nextToTell()) {
      pool.markTold(next, 0);
      told += 1;
    }
    return told;
  };

  it("is a share of what it has room for; the next when the first are executed; all of it again in another view", () => {
    const { pool, request } = createRig({ bytes: Number.POSITIVE_INFINITY, share: { requests: 10, bytes: Number.POSITIVE_INFINITY } });
    for (let round = 0; round < 30; round += 1) pool.add(request(), round, "own");
    expect([tell(pool), tell(pool)]).toEqual([10, 0]);
    for (const { request: each } of [...pool.values()].slice(0, 3)) pool.remove(each.id, 1);
    expect([pool.nextToTell()?.since, tell(pool)]).toEqual([10, 3]);
    pool.releaseAll();
    expect([pool.nextToTell()?.since, tell(pool)]).toEqual([3, 10]);
  });

  it("is one request at least, however large", () => {
    const { pool, request } = createRig({ share: { requests: 0.5, bytes: 10 } });
    for (let round = 0; round < 3; round += 1) pool.add(request(), round, "own");
    expect(tell(pool)).toBe(1);
    pool.remove([...pool.values()][0]!.request.id, 1);
    expect(tell(pool)).toBe(1);
  });
});
