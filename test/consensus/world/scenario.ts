/**
 * One seed is one universe: the size, the quality of the links, the faults and their times are all drawn from it. First faults and load,
 * then everything is healed, and a healthy core must agree and converge (safety always, liveness after the faults).
 */
import type { Request, Verified } from "../../../src/protocol/messages.ts";
import type { RejectionReason } from "../../../src/protocol/rejections.ts";
import { behaviours } from "./behaviours.ts";
import { Violation } from "./judge.ts";
import type { WorldNode } from "./node.ts";
import { createRandom, type Random } from "./random.ts";
import { arithmetic } from "./verify.ts";
import { createWorld, indexes, type World } from "./world.ts";

export interface ScenarioOptions {
  readonly seed: number;
  readonly n?: number;
  /** whether up to f nodes lie */
  readonly liars?: boolean;
  /** virtual milliseconds of faults */
  readonly faultsMs?: number;
  readonly traceLines?: number;
}

export interface ScenarioReport {
  readonly seed: number;
  readonly n: number;
  readonly liars: readonly string[];
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  readonly steps: number;
  readonly delivered: number;
  readonly ordered: number;
  readonly viewChanges: number;
  /** virtual milliseconds from healing to convergence */
  readonly recoveryMs: number;
  readonly reasons: ReadonlyMap<RejectionReason, number>;
  /** equal for equal seeds */
  readonly fingerprint: string;
  /** kinds of proof that honest nodes found */
  readonly evidence: ReadonlyMap<string, number>;
}

const sizes = [1, 2, 3, 4, 4, 4, 5, 6, 7, 10];
const ceilings = [4_000, 30_000];

/** Ten times what the longest seeds need. */
const MAX_STEPS = 1_000_000;

interface Plan {
  readonly n: number;
  readonly f: number;
  readonly liars: readonly number[];
  /** loses its data, once, and counts among the f faulty */
  readonly amnesiac: number | undefined;
  readonly ceilingMs: number;
  readonly faultsMs: number;
  readonly loadMs: number;
  readonly faultMs: number;
}

const draw = (random: Random, options: ScenarioOptions): Plan => {
  const n = options.n ?? random.pick(sizes);
  const { f } = arithmetic(n);
  // liars are often the first primaries: that is where they can do most
  const candidates = random.chance(0.5) ? random.shuffled(indexes(n)) : indexes(n).slice(random.int(2));
  const drawn = candidates.slice(0, random.chance(0.5) ? f : random.int(f + 1));
  const liars = options.liars === false ? [] : drawn;
  const forgetful = indexes(n).filter((index) => !liars.includes(index));
  return {
    n,
    f,
    liars,
    amnesiac: liars.length < f && random.chance(0.3) ? random.pick(forgetful) : undefined,
    ceilingMs: random.pick(ceilings),
    faultsMs: options.faultsMs ?? random.between(5_000, 20_000),
    loadMs: random.pick([10, 50, 300]) * (n > 7 ? 3 : 1),
    faultMs: random.pick([150, 500, 1_500, 4_000]),
  };
};

const buildWorld = (random: Random, plan: Plan, options: ScenarioOptions): World =>
  createWorld({
    n: plan.n,
    seed: options.seed,
    liars: plan.liars,
    parameters: { checkpointInterval: random.pick([2, 4, 8, 16]) },
    settings: {
      requestTimeoutCeilingMs: plan.ceilingMs,
      pipelineDepth: random.pick([1, 2, 8]),
      heldBatchBytes: random.pick([0, 1_000, 1_000_000]),
    },
    quality: {
      delayMs: random.pick([0.2, 5, 40]),
      jitterMs: random.pick([0.1, 5, 40]),
      loss: random.pick([0, 0, 0.02, 0.2]),
      duplicate: random.pick([0, 0.05, 0.3]),
      reorder: random.pick([0, 0.01, 0.2]),
      gossipLoss: random.pick([0, 0.1, 0.5, 1]),
    },
    times: { flushMs: random.pick([0.5, 3, 20]), executeMs: random.pick([0.1, 2, 20]) },
    clockMs: 500,
    maxSteps: MAX_STEPS,
    ...(options.traceLines === undefined ? {} : { traceLines: options.traceLines }),
  });

/** Submits again, elsewhere, what its node forgot. */
const createClients = (
  world: World,
  random: Random,
): { submit(): void; resubmit(): void; readonly outstanding: Set<Verified<Request>> } => {
  const outstanding = new Set<Verified<Request>>();
  const alive = (): WorldNode[] => world.honest.filter((node) => node.isUp);
  return {
    outstanding,
    submit() {
      const nodes = alive();
      if (nodes.length > 0) outstanding.add(world.request(random.pick(nodes).index));
    },
    resubmit() {
      for (const request of outstanding) {
        if (world.honest.some((node) => node.hasExecuted(request.id))) {
          outstanding.delete(request);
        } else {
          const nodes = alive();
          if (nodes.length > 0) random.pick(nodes).submit(request);
        }
      }
    },
  };
};

/** of the highest view that anybody is active in */
const primaryNow = (world: World): WorldNode => {
  const views = world.honest.filter((node) => node.isUp).map((node) => node.replica.status());
  const view = Math.max(0, ...views.filter((status) => status.active).map((status) => status.view));
  return world.node(view % world.n);
};

const breakSomething = (world: World, random: Random): void => {
  const all = indexes(world.n);
  const node = random.pick(world.nodes);
  switch (random.int(9)) {
    case 0:
      return node.crash();
    case 1:
      return node.start();
    case 2: {
      node.crash();
      return node.start();
    }
    case 3: {
      const shuffled = random.shuffled(all);
      const at = random.int(world.n + 1);
      world.links.heal();
      return world.links.split([shuffled.slice(0, at), shuffled.slice(at)]);
    }
    case 4:
      return world.links.cut(node.index, random.pick(all));
    case 5:
      return world.links.heal();
    case 6:
      return primaryNow(world).crash();
    case 7:
      return world.links.split([[primaryNow(world).index], all.filter((index) => index !== primaryNow(world).index)]);
    default:
      for (const one of world.nodes) if (random.chance(0.5)) one.start();
  }
};

const agreeOnTheEnd = (world: World, plan: Plan, requests: readonly Request[]): boolean => {
  if (!requests.every((request) => world.executedEverywhere(request))) return false;
  const told = world.honest.map((node) => node.replica.describe());
  const first = told[0];
  if (first === undefined) return true;
  const voters = told.filter((one) => !one.passive);
  const view = Math.max(...voters.filter((one) => one.active).map((one) => one.view));
  const active = voters.filter((one) => one.active && one.view === view);
  return (
    told.every((one) => one.executed === first.executed && one.stable.sequence === first.stable.sequence) &&
    told.every((one) => one.pool.requests === 0) &&
    active.length >= told.length - plan.f &&
    voters.every((one) => active.includes(one) || !one.active)
  );
};

const stateOf = (world: World): string =>
  world.nodes
    .map((node) => {
      const { view, active, demand, committed, executed, stable, pool, next, passive } = node.replica.describe();
      const votes = `next ${next.sequence}${next.proposed ? "" : " unproposed"} p[${next.prepares.join()}] c[${next.commits.join()}]`;
      return `#${node.index} v${view}${active ? "" : "?"}${demand > view ? `→${demand}` : ""} committed ${committed} executed ${executed} stable ${stable.sequence} pool ${pool.requests}${passive ? " passive" : ""} ${votes}`;
    })
    .join("\n");

export const runScenario = (options: ScenarioOptions): ScenarioReport => {
  const random = createRandom(options.seed ^ 0x5eed);
  const plan = draw(random, options);
  const world = buildWorld(random, plan, options);
  const { schedule, links } = world;
  const named: string[] = [];
  for (const liar of plan.liars) {
    const behaviour = random.pick(behaviours)(world, world.node(liar), random.fork());
    named.push(`#${liar} ${behaviour.name}`);
    world.lie(liar, behaviour);
  }
  let violation: Violation | undefined;
  let recoveryMs = 0;
  try {
    const clients = createClients(world, random.fork());
    const faults = random.fork();
    const every = (ms: number, until: number, act: () => void): void => {
      const again = (): void => {
        if (schedule.now >= until) return;
        act();
        schedule.after(random.exponential(ms), again);
      };
      schedule.after(random.exponential(ms), again);
    };
    every(plan.loadMs, plan.faultsMs, clients.submit);
    every(2_000, plan.faultsMs, clients.resubmit);
    every(plan.faultMs, plan.faultsMs, () => breakSomething(world, faults));
    if (plan.amnesiac !== undefined) {
      const forgetful = world.node(plan.amnesiac);
      schedule.after(random.between(0, plan.faultsMs), () => {
        forgetful.loseData();
        forgetful.start();
      });
    }
    world.run(plan.faultsMs);
    links.heal();
    links.quality = { ...links.quality, loss: Math.min(links.quality.loss, 0.02) };
    for (const node of world.nodes) node.start();
    const healedAt = schedule.now;
    const limitMs = 20_000 + 2 * (plan.f + 2) * plan.ceilingMs;
    world.run(1_000);
    clients.resubmit();
    for (const node of world.honest) clients.outstanding.add(world.request(node.index));
    const requests = [...clients.outstanding];
    const resubmit = (): void => {
      clients.resubmit();
      schedule.after(3_000, resubmit);
    };
    schedule.after(3_000, resubmit);
    let checkedAt = 0;
    const settled = world.runUntil(() => {
      if (schedule.now - checkedAt < 100) return false;
      checkedAt = schedule.now;
      return agreeOnTheEnd(world, plan, requests);
    }, limitMs);
    recoveryMs = schedule.now - healedAt;
    if (!settled) world.judge.violation("liveness", `no convergence within ${limitMs} ms of healing\n${stateOf(world)}`);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  const { judge } = world;
  return {
    seed: options.seed,
    n: plan.n,
    liars: named,
    violation,
    trace: world.trace,
    steps: world.steps,
    delivered: links.delivered,
    ordered: judge.top,
    viewChanges: judge.viewChanges,
    recoveryMs,
    reasons: judge.reasons,
    evidence: judge.evidence,
    fingerprint: `${world.steps}/${links.delivered}/${judge.top}/${schedule.now.toFixed(3)}`,
  };
};

export const describeFailure = (report: ScenarioReport): string =>
  `seed ${report.seed}, n=${report.n}${report.liars.length > 0 ? `, ${report.liars.join(", ")}` : ""}: ${report.violation?.message ?? "no violation"}`;
