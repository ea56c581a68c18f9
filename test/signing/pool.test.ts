import { afterEach, describe, expect, it } from "vitest";
import type { SignatureCheck } from "../../src/signing/check.ts";
import { createKey, keyFromSeed } from "../../src/signing/keys.ts";
import { createInlinePool } from "../../src/signing/pool.ts";
import type { Urgency, VerificationPool } from "../../src/signing/pool.ts";
import { createWorkerPool } from "../../src/signing/worker-pool.ts";
import type { WorkerPoolOptions } from "../../src/signing/worker-pool.ts";
import { mixedKey, signWithMixedKey } from "./mixed-order.ts";

const pools: VerificationPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});
const open = (options: WorkerPoolOptions = {}) => {
  const pool = createWorkerPool(options);
  pools.push(pool);
  return pool;
};

const key = keyFromSeed(new Uint8Array(32).fill(1));
const message = new Uint8Array(106).fill(2);
const good: SignatureCheck = { publicKey: key.publicKeyBytes, message, signature: key.sign(message), keyIsGood: true };
const forged: SignatureCheck = { ...good, signature: createKey().sign(message) };
const unknownKey: SignatureCheck = { ...good, keyIsGood: false };
/** only the check of its key tells it from a good one */
const weakKey: SignatureCheck = { publicKey: mixedKey, message, signature: signWithMixedKey(message), keyIsGood: false };
const kinds = [good, forged, unknownKey, weakKey] as const;
const mixed = (count: number): SignatureCheck[] => Array.from({ length: count }, (_, index) => kinds[index % 4] ?? good);
const verdictsOfMixed = (count: number): boolean[] => Array.from({ length: count }, (_, index) => index % 2 === 0);

const verify = (pool: VerificationPool, checks: readonly SignatureCheck[], urgency: Urgency = "bulk"): Promise<readonly boolean[]> =>
  new Promise((resolve) => pool.verify(checks, urgency, resolve));

/** for a worker to start, milliseconds: on a machine with much else to do it takes seconds */
const limitMs = 50_000;
/** what was done lately is never forgotten, however little of a core this process gets */
const now = (): number => 0;

const until = async (holds: () => boolean, what: string): Promise<void> => {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** Verifies until a worker has done some of it; each time enough that its start is worth it, however slow the machine is. */
const untilOffloaded = async (pool: ReturnType<typeof open>): Promise<void> => {
  const deadline = performance.now() + limitMs;
  while (pool.stats().offloaded === 0) {
    if (performance.now() > deadline) throw new Error("no worker took anything");
    expect(await verify(pool, mixed(2_048))).toEqual(verdictsOfMixed(2_048));
  }
};

describe("the worker pool", () => {
  it("gives each check its verdict, keys included, wherever it was done", async () => {
    const pool = open({ workers: 2 });
    await untilOffloaded(pool);
    const [a, b, c] = await Promise.all([verify(pool, mixed(301)), verify(pool, mixed(7), "urgent"), verify(pool, [forged])]);
    expect(a).toEqual(verdictsOfMixed(301));
    expect(b).toEqual(verdictsOfMixed(7));
    expect(c).toEqual([false]);
    expect(pool.stats()).toMatchObject({ queued: 0, crashes: 0 });
  });

  it("agrees with the inline pool, which answers at once", () => {
    let verdicts: readonly boolean[] = [];
    createInlinePool().verify(mixed(8), "bulk", (each) => (verdicts = each));
    expect(verdicts).toEqual(verdictsOfMixed(8));
  });

  it("answers an empty call", async () => {
    expect(await verify(open(), [])).toEqual([]);
  });

  it("starts no worker for a few signatures", async () => {
    const pool = open({ workers: 2 });
    await verify(pool, mixed(4), "urgent");
    await verify(pool, mixed(30));
    expect(pool.stats()).toMatchObject({ workers: 0, inline: 34 });
  });

  it("starts no worker for a burst that is over before one could help: two nodes a core change their view without", async () => {
    const pool = open({ workers: 2 });
    expect(await verify(pool, mixed(82), "urgent")).toEqual(verdictsOfMixed(82));
    expect(await verify(pool, mixed(800), "urgent")).toEqual(verdictsOfMixed(800));
    expect(pool.stats()).toMatchObject({ workers: 0, inline: 882, offloaded: 0 });
  });

  it("starts workers at once for more than that, and for bursts that do not end", async () => {
    const [many, often] = [open({ workers: 2 }), open({ workers: 2, now })];
    const all = verify(many, mixed(1_200));
    await until(() => many.stats().workers === 1, "one was started");
    expect(await all).toEqual(verdictsOfMixed(1_200));
    for (let burst = 0; burst < 64 && often.stats().workers === 0; burst += 1) await verify(often, mixed(64));
    expect(often.stats().workers).toBe(1);
  });

  it("starts none for as many as cost little, however long that goes on", async () => {
    let time = 0;
    const pool = open({ workers: 2, now: () => time });
    for (let burst = 0; burst < 64; burst += 1) {
      time += 250;
      await verify(pool, mixed(64));
    }
    expect(pool.stats()).toMatchObject({ workers: 0, inline: 64 * 64 });
  });

  it("stops workers that have nothing to do, and starts them again", async () => {
    const pool = open({ workers: 1, idleMs: 30, now });
    await untilOffloaded(pool);
    await until(() => pool.stats().workers === 0, "the idle worker stopped");
    const before = pool.stats().offloaded;
    const deadline = performance.now() + limitMs;
    while (pool.stats().offloaded === before && performance.now() < deadline) await verify(pool, mixed(256));
    expect(pool.stats().offloaded).toBeGreaterThan(before);
    expect(pool.stats().crashes).toBe(0);
  });

  it("does the work itself when workers die, and gives up on them after a few", async () => {
    const pool = open({ workers: 2, idleMs: 20, now, workerUrl: new URL("./fixtures/dying-worker.ts", import.meta.url) });
    const deadline = performance.now() + limitMs;
    while (pool.stats().crashes < 5) {
      if (performance.now() > deadline) throw new Error(`only ${pool.stats().crashes} crashes`);
      expect(await verify(pool, mixed(256))).toEqual(verdictsOfMixed(256));
    }
    await until(() => pool.stats().workers === 0, "the last of them is gone");
    expect(await verify(pool, mixed(256))).toEqual(verdictsOfMixed(256));
    expect(pool.stats()).toMatchObject({ workers: 0, queued: 0 });
  });

  it("does the work itself when the worker's program is not there", async () => {
    const pool = open({ workers: 1, workerUrl: new URL("./fixtures/no-such-worker.ts", import.meta.url) });
    expect(await verify(pool, mixed(256))).toEqual(verdictsOfMixed(256));
  });

  it("lets votes overtake a backlog of requests", async () => {
    const pool = open({ workers: 0 });
    const order: string[] = [];
    const bulk = verify(pool, mixed(200)).then(() => order.push("bulk"));
    const urgent = verify(pool, mixed(40), "urgent").then(() => order.push("urgent"));
    await Promise.all([bulk, urgent]);
    expect(order).toEqual(["urgent", "bulk"]);
  });

  it("leaves turns to others while it works without workers", async () => {
    const pool = open({ workers: 0 });
    let turns = 0;
    const tick = (): void => {
      turns += 1;
      ticking = setImmediate(tick);
    };
    let ticking = setImmediate(tick);
    await verify(pool, mixed(200));
    clearImmediate(ticking);
    expect(turns).toBeGreaterThan(10);
  });

  it("works a call off before it returns when its queue is full", () => {
    const pool = open({ workers: 2, maxQueued: 10 });
    let first: readonly boolean[] | undefined;
    let second: readonly boolean[] | undefined;
    pool.verify(mixed(10), "bulk", (verdicts) => (first = verdicts));
    pool.verify(mixed(6), "bulk", (verdicts) => (second = verdicts));
    expect(first).toBeUndefined();
    expect(second).toEqual(verdictsOfMixed(6));
    expect(pool.stats().queued).toBe(10);
  });

  it("calls nobody back after it was closed, and leaves no worker", async () => {
    const pool = open({ workers: 2 });
    await untilOffloaded(pool);
    let called = 0;
    pool.verify(mixed(500), "bulk", () => (called += 1));
    await pool.close();
    pool.verify(mixed(5), "urgent", () => (called += 1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(called).toBe(0);
    expect(pool.stats()).toMatchObject({ workers: 0, queued: 0 });
  });
});
