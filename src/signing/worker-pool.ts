/**
 * Verification on worker threads (PROTOCOL §9: client signatures are the largest cost of a node).
 *
 * Checks from all callers of one turn of the event loop are put together and sent off in jobs of 8 to 64. A handful is checked on the main thread:
 * for them the trip costs more than the work. Workers (about 25 MiB each) start once there is more to do than a start costs, and stop after a while without
 * work: a burst such as a view change's is done sooner without them, above all where several nodes share a machine. Until the first one is there, and
 * where none can be had, the main thread works the backlog off in small slices.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { checkSignature, packJob, verdictsOf } from "./check.ts";
import { ed25519 } from "./ed25519.ts";
import { createJobQueue, toWaiting } from "./job-queue.ts";
import type { Waiting } from "./job-queue.ts";
import type { VerificationPool } from "./pool.ts";

export interface WorkerPoolOptions {
  /** worker threads at most, min(2, cores) by default; 0 checks everything on the main thread */
  readonly workers?: number;
  /** a worker without work for this long is stopped; 30,000 by default */
  readonly idleMs?: number;
  /**
   * checks that may wait; 32,768 by default, at about 600 bytes each 20 MiB. Beyond it a call is worked off on the main thread before it returns:
   * that holds up the node's reading, which is what lets the backlog shrink.
   */
  readonly maxQueued?: number;
  /** the worker's program; its own by default, another one in tests */
  readonly workerUrl?: URL;
  /** milliseconds, monotonic; `performance.now` when absent */
  readonly now?: () => number;
}

export interface PoolStats {
  readonly queued: number;
  /** signatures checked on the main thread, and by workers, since the start */
  readonly inline: number;
  readonly offloaded: number;
  readonly workers: number;
  /** workers that died; their jobs were done on the main thread */
  readonly crashes: number;
}

export interface WorkerPool extends VerificationPool {
  stats(): PoolStats;
}

const smallestJob = 8;
const largestJob = 64;
/** as many of one urgency at the end of a turn are checked on the main thread: 0.25 ms, or 2 ms where a worker would have to be started */
const inlineUpTo = { workersRun: 4, noneRuns: 32 };
/** checked on the main thread between two looks at the network, while no worker is there: 2 ms for what a view may wait for, 0.5 ms for requests */
const slices = { urgent: 32, bulk: 8 };
/** checks that cost as much as the start of a worker does: 80 ms of a core */
const startCost = 1_024;
/** checks beyond a handful that are forgotten in a second: so many can come for ever without a worker, for 2 % of a core */
const forgottenPerSecond = 256;
/** jobs under way at one worker: one at work, one at hand */
const jobsPerWorker = 2;
/** workers that may die before no more are started */
const maxCrashes = 5;

/** Two at most: further ones gain little beside the main thread, and each costs memory. */
const defaultWorkers = (): number => Math.min(2, availableParallelism());

/** Beside this file, in the same form: TypeScript in a checkout, JavaScript when built. */
const ownWorkerUrl = (): URL => new URL(import.meta.url.endsWith(".ts") ? "./verify-worker.ts" : "./verify-worker.js", import.meta.url);

/** How many checks were done lately, a handful at a time not counted; no more is remembered than two starts cost. */
const createBacklog = (now: () => number): { done(count: number): void; isWorthAStart(waiting: number): boolean } => {
  let [level, since] = [0, 0];
  const levelNow = (): number => Math.max(0, level - ((now() - since) * forgottenPerSecond) / 1_000);
  return {
    done(count) {
      level = Math.min(levelNow() + count, 2 * startCost);
      since = now();
    },
    isWorthAStart: (waiting) => levelNow() + waiting > startCost,
  };
};

interface Member {
  readonly worker: Worker;
  /** in the order they were sent, which is the order they come back */
  readonly jobs: Waiting[][];
  ready: boolean;
  retired: boolean;
  idle: NodeJS.Timeout | undefined;
}

/** A pool of at most `workers` threads; it holds no process open while it is idle. */
export const createWorkerPool = (options: WorkerPoolOptions = {}): WorkerPool => {
  const { workers: maxWorkers = defaultWorkers(), idleMs = 30_000, maxQueued = 32_768, workerUrl = ownWorkerUrl() } = options;
  const queue = createJobQueue();
  const members = new Set<Member>();
  const backlog = createBacklog(options.now ?? (() => performance.now()));
  const counts = { inline: 0, offloaded: 0, crashes: 0 };
  let flushing: NodeJS.Immediate | undefined;
  let closed = false;

  const runInline = (waiting: readonly Waiting[]): void => {
    counts.inline += waiting.length;
    for (const { check, settle } of waiting) settle(checkSignature(ed25519, check));
  };

  const retire = (member: Member): Promise<number> => {
    member.retired = true;
    clearTimeout(member.idle);
    members.delete(member);
    return member.worker.terminate();
  };

  /** It died: what it had is done here, and the others go on. */
  const bury = (member: Member): void => {
    if (member.retired || closed) return;
    counts.crashes += 1;
    void retire(member);
    for (const job of member.jobs.splice(0)) runInline(job);
    pump();
  };

  const receive = (member: Member, memory: ArrayBuffer): void => {
    const job = member.jobs.shift();
    if (job === undefined || closed) return;
    counts.offloaded += job.length;
    const verdicts = verdictsOf(memory, job.length);
    if (member.jobs.length === 0) rest(member);
    pump(); // before the callbacks, which may take long
    job.forEach(({ settle }, index) => settle(verdicts[index] === true));
  };

  /** Its program is loaded: before that, jobs would wait longer than they take here. */
  const welcome = (member: Member): void => {
    if (member.retired) return;
    member.ready = true;
    rest(member);
    pump();
  };

  const rest = (member: Member): void => {
    member.worker.unref();
    member.idle = setTimeout(() => void retire(member), idleMs).unref();
  };

  const startMember = (): Member | undefined => {
    let worker: Worker;
    try {
      worker = new Worker(workerUrl, { name: "verify", resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 } });
    } catch {
      counts.crashes = maxCrashes; // no threads to be had here: all on the main thread from now on
      return undefined;
    }
    const member: Member = { worker, jobs: [], ready: false, retired: false, idle: undefined };
    worker.on("message", (message: ArrayBuffer | "ready") => {
      if (message === "ready") welcome(member);
      else receive(member, message);
    });
    worker.on("error", () => bury(member));
    worker.on("exit", () => bury(member));
    members.add(member);
    return member;
  };

  const send = (member: Member, job: Waiting[]): void => {
    clearTimeout(member.idle);
    member.worker.ref();
    member.jobs.push(job);
    backlog.done(job.length);
    const memory = packJob(job.map(({ check }) => check));
    member.worker.postMessage(memory, [memory]);
  };

  /** The running member with the least to do; when none is free another one is started, for later. */
  const freeMember = (): Member | undefined => {
    const [least] = [...members].filter((member) => member.ready).sort((a, b) => a.jobs.length - b.jobs.length);
    if (least !== undefined && least.jobs.length === 0) return least;
    const starting = [...members].some((member) => !member.ready);
    if (!starting && members.size < maxWorkers && counts.crashes < maxCrashes && backlog.isWorthAStart(queue.size)) startMember();
    return least !== undefined && least.jobs.length < jobsPerWorker ? least : undefined;
  };

  const pump = (): void => {
    while (queue.size > 0) {
      const member = freeMember();
      if (member === undefined) break;
      const share = Math.ceil(queue.size / (maxWorkers * jobsPerWorker));
      send(member, queue.take(Math.min(largestJob, Math.max(smallestJob, share))));
    }
    if (queue.size > 0 && !workersRun()) flushing ??= setImmediate(flush);
  };

  const workersRun = (): boolean => [...members].some((member) => member.ready);

  const flush = (): void => {
    flushing = undefined;
    // taken before any is run: a callback may bring more
    const few = workersRun() ? inlineUpTo.workersRun : inlineUpTo.noneRuns;
    const inline = (["urgent", "bulk"] as const)
      .filter((urgency) => queue.sizeOf(urgency) <= few)
      .flatMap((urgency) => queue.takeAll(urgency));
    pump(); // the workers start while this thread does its part
    runInline(inline);
    if (workersRun() || queue.size === 0) return;
    const next = queue.take(queue.sizeOf("urgent") > 0 ? slices.urgent : slices.bulk);
    backlog.done(next.length);
    runInline(next);
  };

  return {
    verify: (checks, urgency, done) => {
      if (closed) return;
      if (checks.length === 0) return done([]);
      const waiting = toWaiting(checks, done);
      if (queue.size + checks.length > maxQueued) return runInline(waiting);
      for (const each of waiting) queue.push(urgency, each);
      flushing ??= setImmediate(flush);
    },
    close: async () => {
      closed = true;
      if (flushing !== undefined) clearImmediate(flushing);
      queue.clear();
      await Promise.all([...members].map((member) => retire(member)));
    },
    stats: () => ({ queued: queue.size, workers: members.size, ...counts }),
  };
};
