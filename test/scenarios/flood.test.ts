/**
 * Floods of requests under thousands of keys, which anybody may make, and one client elsewhere who asks for one thing at a time (PROTOCOL §3): what he waits,
 * how many that were handed in after his are ordered before it, and that no primary is deposed for what it could not help.
 */
import { describe, expect, it } from "vitest";
import type { Digest, ReplicaIndex } from "../../src/protocol/ids.ts";
import type { Request, Verified } from "../../src/protocol/messages.ts";
import type { WorldOptions } from "../consensus/world/world.ts";
import { indexes } from "../consensus/world/world.ts";
import { createStage, type Stage } from "./stage.ts";

const KEYS = 10_000;
const BATCH = 16;
const DEPTH = 2;
/** a few thousand requests a second, in batches of 16 */
const narrow: WorldOptions = {
  n: 4,
  parameters: { maxBatchRequests: BATCH, maxBatchBytes: 64 * 1024, checkpointInterval: 64 },
  settings: { pipelineDepth: DEPTH, poolRequests: 2_048 },
};

/** Requests without end, each under the next of 10⁴ keys. */
const createCrowd = ({ world }: Stage, bytes?: number): ((count: number) => Verified<Request>[]) => {
  let made = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      made += 1;
      return world.notary.createRequest(`key ${made % KEYS}`, Math.floor(made / KEYS), bytes);
    });
};

interface Waited {
  readonly count: number;
  readonly longestMs: number;
  /** most requests that were ordered before one of his, and handed in after it */
  readonly inversion: number;
}

/** One client at `home`, with one request outstanding, for so long; `flood` goes on every 5 ms and tells what it handed in. */
const watch = ({ world }: Stage, home: number, ms: number, flood: () => readonly Request[]): Waited => {
  const node = world.node(home);
  const end = world.schedule.now + ms;
  let [count, longestMs, inversion] = [0, 0, 0];
  let mine: { readonly request: Request; readonly since: number; readonly later: Set<Digest> } | undefined;
  for (let floodAt = 0; world.schedule.now < end; world.run(1)) {
    const waitedMs = mine === undefined ? 0 : world.schedule.now - mine.since;
    longestMs = Math.max(longestMs, waitedMs);
    if (mine !== undefined && node.hasExecuted(mine.request.id)) {
      count += 1;
      inversion = Math.max(inversion, [...mine.later].filter((id) => node.hasExecuted(id)).length);
      mine = undefined;
    }
    mine ??= { request: world.request(home), since: world.schedule.now, later: new Set() };
    if (world.schedule.now < floodAt) continue;
    floodAt = world.schedule.now + 5;
    for (const { id } of flood()) mine.later.add(id);
  }
  return { count, longestMs: Math.round(longestMs), inversion };
};

const tell = ({ count, longestMs, inversion }: Waited): string =>
  `(he had ${count} answers, the latest after ${longestMs} ms, with ${inversion} ordered before it that came after it)`;

const views = (stage: Stage): number[] => indexes(4).map(stage.view);

describe("a flood under 10,000 keys", () => {
  it.each([
    { name: "flood-by-validator", title: "A validator relays a flood of requests (Aardvark)", bytes: 128, each: 50 },
    { name: "flood-of-bytes", title: "A validator relays a flood of the largest requests", bytes: 60 * 1024, each: 10 },
  ])("of $bytes bytes each, that a validator relays to all, delays nobody else's client", async ({ name, title, bytes, each }) => {
    const stage = createStage(title, { ...narrow, liars: [3] });
    const { world } = stage;
    const crowd = createCrowd(stage, bytes);
    const calm = watch(stage, 1, 1_000, () => []);
    stage.act(`a client of #1 asks for one thing after the other ${tell(calm)}`);
    const flooded = watch(stage, 1, 2_000, () => {
      const requests = crowd(each);
      for (const to of [0, 1, 2]) world.links.direct(3 as ReplicaIndex, to as ReplicaIndex, { type: "relay", requests });
      return requests;
    });
    stage.act(`#3 relays ${each} requests of ${bytes} bytes to each every 5 ms, for 2 s ${tell(flooded)}`);
    expect(flooded.count).toBeGreaterThan(calm.count);
    expect(flooded.longestMs).toBeLessThan(4 * calm.longestMs);
    // what the pipeline held when it came, and the batch that it is in
    expect(flooded.inversion).toBeLessThanOrEqual(BATCH * (DEPTH + 2));
    stage.wait(3_000);
    expect(views(stage)).toEqual([0, 0, 0, 0]);
    await stage.matches(name);
  });

  it("that the clients of two nodes hand in delays nobody's at the third, and has no primary replaced", async () => {
    const stage = createStage("Two nodes with a flood of clients", narrow);
    const { world } = stage;
    const crowd = createCrowd(stage);
    const calm = watch(stage, 3, 1_000, () => []);
    stage.act(`a client of #3 asks for one thing after the other ${tell(calm)}`);
    const flooded = watch(stage, 3, 3_000, () => {
      const requests = crowd(50);
      requests.forEach((request, index) => world.node(1 + (index % 2)).submit(request));
      return requests;
    });
    stage.act(`clients of #1 and #2 hand in 25 requests each every 5 ms, for 3 s ${tell(flooded)}`);
    expect(flooded.longestMs).toBeLessThan(4 * calm.longestMs);
    expect(flooded.inversion).toBeLessThanOrEqual(BATCH * (DEPTH + 2));
    stage.wait(3_000);
    expect(views(stage)).toEqual([0, 0, 0, 0]);
    await stage.matches("flood-of-clients");
  });

  it("that a validator relays to backups only has no honest primary replaced", async () => {
    const stage = createStage("What the primary is not told", { ...narrow, liars: [3] });
    const { world } = stage;
    const crowd = createCrowd(stage);
    const flooded = watch(stage, 1, 12_000, () => {
      const requests = crowd(2);
      for (const to of [1, 2]) world.links.direct(3 as ReplicaIndex, to as ReplicaIndex, { type: "relay", requests });
      return requests;
    });
    stage.act(`#3 relays 2 requests to #1 and #2 every 5 ms, for 12 s; a client of #1 asks for one thing after the other ${tell(flooded)}`);
    stage.wait(3_000);
    expect(views(stage)).toEqual([0, 0, 0, 0]);
    await stage.matches("flood-past-the-primary");
  });
});

describe("a primary that starves the clients of one node", () => {
  it("is replaced, though it serves everybody else and keeps every pool full", async () => {
    const stage = createStage("The primary serves all but one", { ...narrow, liars: [0] });
    const { world } = stage;
    const { receive } = world.node(0);
    stage.act("#0, the primary, takes no requests of #1's client", () => {
      world.node(0).receive = (from, packet) => {
        const requests = packet.type === "relay" ? packet.requests.filter(({ client }) => client !== "client 1") : [];
        receive(from, packet.type === "relay" ? { ...packet, requests } : packet);
      };
    });
    const crowd = createCrowd(stage);
    const starved = watch(stage, 1, 4_000, () => {
      const requests = crowd(20);
      for (const to of [1, 2, 3]) world.links.direct(0 as ReplicaIndex, to as ReplicaIndex, { type: "relay", requests });
      for (const request of requests) world.node(0).submit(request);
      for (const home of [1, 2, 3]) for (const request of crowd(1)) world.node(home).submit(request);
      return requests;
    });
    stage.act(`and all others' without end, for 4 s ${tell(starved)}`);
    expect(starved.longestMs).toBeLessThan(3_000);
    expect(starved.count).toBeGreaterThan(10);
    expect(Math.min(...views(stage))).toBe(1);
    await stage.matches("starved-client");
  });
});
