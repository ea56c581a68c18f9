/** One run: first anything goes, then a core is healed for good, and has to make progress and converge. */
import { behaviours, combine } from "../adversaries/behaviours.ts";
import { createSigner } from "../signing/signer.ts";
import type { RejectionReason } from "../protocol/rejections.ts";
import { arithmeticOf } from "./judges/arithmetic.ts";
import type { Violation } from "./judges/violation.ts";
import type { SimulatedNode } from "./node.ts";
import type { Fault } from "./faults.ts";
import { drawPlan, type Plan, type PlanWishes } from "./plan.ts";
import { createStreams } from "./random.ts";
import { reducePlan, type Reduction } from "./reduction.ts";
import type { WorldOptions } from "./scene.ts";
import type { TwinsScript } from "./twins.ts";
import { createWorld, type World } from "./world.ts";

export interface UniverseOptions
  extends
    PlanWishes,
    Pick<WorldOptions, "decoders" | "disguiseOf" | "documents" | "filter" | "powerCuts" | "realSignatures" | "only" | "transcript"> {
  readonly seed: bigint;
  /** events after which the run ends without a verdict on liveness */
  readonly maxSteps?: number;
  /** validators that run twice, and who hears whom until the core is healed */
  readonly twins?: TwinsScript;
  /** changes what was drawn */
  readonly adjust?: (plan: Plan) => Plan;
  /** what is left out of it */
  readonly reduction?: Reduction;
  /** called once before anything runs: faults at times of its own, more to judge */
  readonly stage?: (world: World) => Staged;
}

/** What a scenario adds to a universe. */
export interface Staged {
  /** what has to come to pass once the core is healed, in place of progress and convergence */
  readonly awaited?: { readonly what: string; readonly isReached: () => boolean };
  /** the core was just healed */
  readonly healed?: (core: readonly SimulatedNode[]) => void;
  /** whether what it waits for has happened too; asked from time to time once everything else has settled */
  readonly isSettled?: () => boolean;
  /** everything has settled */
  readonly settled?: () => void | Promise<void>;
}

export interface UniverseReport {
  readonly seed: bigint;
  readonly plan: Plan;
  readonly violation: Violation | undefined;
  /** events */
  readonly steps: number;
  readonly deliveries: number;
  /** 16 hex characters, equal for equal seeds and options */
  readonly traceHash: string;
  /** sequences ordered, requests executed, operations that a client was answered */
  readonly ordered: number;
  readonly requests: number;
  readonly acknowledged: number;
  readonly viewChanges: number;
  readonly newViews: number;
  /** states that honest nodes fetched from others, to the end */
  readonly transfers: number;
  /** virtual milliseconds from healing to convergence; undefined when it was not reached */
  readonly recoveryMs: number | undefined;
  readonly virtualMs: number;
  readonly reasons: ReadonlyMap<RejectionReason, number>;
  readonly faults: readonly Fault[];
  /** how often each kind of fault happened, those of links and disks included */
  readonly troubles: Readonly<Record<string, number>>;
  /** kinds of proof by culprit */
  readonly accused: ReadonlyMap<number, ReadonlySet<string>>;
}

const DEFAULT_STEPS = 3_000_000;
/** frames a second: enough for every reason to be reached, not so many that nothing else happens */
const FLOOD_RATE = 50;

/** Chosen so that the core alone is a quorum of honest nodes that did not lose their disks. */
const chooseCore = (world: World): SimulatedNode[] => {
  const random = world.streams("config");
  const { quorum } = arithmeticOf(world.plan.n);
  const sound = world.honest.filter((node) => !world.plan.frail.includes(node.index));
  const rest = world.honest.filter((node) => world.plan.frail.includes(node.index));
  if (sound.length <= quorum || random.chance(0.5)) return [...sound, ...rest];
  const size = quorum + random.int(sound.length - quorum);
  return random.shuffled(sound).slice(0, size);
};

/** Whatever is broken outside of the core stays broken; the core is whole from now on. */
const heal = (world: World, core: readonly SimulatedNode[]): void => {
  const { links, nodes, plan, streams } = world;
  world.faults.stop();
  links.heal();
  const random = streams("config");
  for (const node of nodes) {
    node.clock.wallOffsetMs = 0;
    node.clock.setRate(1);
    if (!world.honest.includes(node) || core.includes(node)) continue;
    world.gone.add(node);
    if (random.chance(0.5)) node.crash(false);
    else
      for (const { endpoint } of nodes) links.setCut(random.chance(0.5) ? endpoint : node.endpoint, endpoint, endpoint !== node.endpoint);
  }
  const { quality } = plan;
  links.improve({ ...quality, loss: Math.min(quality.loss, 0.02), noticeUs: Math.min(quality.noticeUs, 500_000) });
  // an operator starts what is down
  for (const node of nodes) if (!world.gone.has(node)) node.start();
};

const isSettled = (world: World, core: readonly SimulatedNode[]): boolean => {
  const { history } = world.court;
  if (!world.workload.outstanding.every(({ request }) => history.isSettled(request.id))) return false;
  const summaries = core.map((node) => node.assembly?.engine.replica.describe());
  const [first] = summaries;
  if (first === undefined) return false;
  const same = summaries.every(
    (each) =>
      each !== undefined &&
      each.executed === first.executed &&
      each.logHash === first.logHash &&
      each.stable.sequence === first.stable.sequence,
  );
  if (!same || first.executed < history.top) return false;
  const views = new Set(summaries.flatMap((each) => (each?.active === true && !each.passive ? [each.view] : [])));
  const waiting = summaries.some((each) => (each?.pool.requests ?? 1) > 0);
  const active = summaries.filter((each) => each?.active === true).length;
  // one that asked for another view alone may wait there until somebody else has a reason to follow: liars who behave make up for it
  const liars = world.plan.n - world.honest.length;
  return !waiting && views.size === 1 && active >= arithmeticOf(world.plan.n).quorum - liars;
};

const stateOf = (world: World): string =>
  world.nodes
    .map(({ index, assembly }) => {
      if (assembly === undefined) return `#${index} down`;
      const { view, active, demand, committed, executed, stable, pool, next, passive, quorumReachable } =
        assembly.engine.replica.describe();
      const votes = `next ${next.proposed ? "proposed" : "unproposed"} p[${next.prepares.join()}] c[${next.commits.join()}]`;
      const mode = `${active ? "" : "?"}${demand > view ? `→${demand}` : ""}${passive ? " passive" : ""}${quorumReachable ? "" : " alone"}`;
      return `#${index} v${view}${mode} committed ${committed} executed ${executed} stable ${stable.sequence} pool ${pool.requests} ${votes}`;
    })
    .join("; ");

/** A bound on the time without progress: patience at its ceiling through every lying primary, and clocks that have to come together. */
const patienceUs = ({ f, settings, parameters }: Plan): number =>
  1000 * (30_000 + 2 * (f + 2) * settings.requestTimeoutCeilingMs + 2 * parameters.maxClockDriftMs);

/** The core executes everything it is asked for, and its members agree in the end. @returns virtual milliseconds, undefined if it failed */
const demandLiveness = async (world: World, core: readonly SimulatedNode[], staged: Staged): Promise<number | undefined> => {
  const { schedule, workload, court } = world;
  const healedAt = schedule.now;
  const limit = patienceUs(world.plan);
  let asked = false;
  let done = false;
  let progressAt = healedAt;
  let requests = court.history.requests;
  const look = (): boolean => {
    if (court.history.requests > requests) {
      requests = court.history.requests;
      progressAt = schedule.now;
    }
    if (!asked && schedule.now - healedAt > world.plan.restUs)
      asked = core.every((node) => workload.ask(node) !== undefined || node.assembly !== undefined);
    done = asked && isSettled(world, core) && staged.isSettled?.() !== false;
    return done || schedule.now - progressAt > limit;
  };
  await world.run(healedAt + 20 * limit, look);
  if (done) return (schedule.now - healedAt) / 1000;
  if (world.violation === undefined && schedule.now - progressAt > limit)
    world.violate("eventual-commit", `no convergence within ${limit / 1000} ms of the last progress: ${stateOf(world)}`);
  return undefined;
};

/** The liars of a plan, each behind its behaviours. A twin only does not listen to its other self, or it would stop. */
const disguisesOf =
  (plan: Plan, twins: readonly number[]): NonNullable<WorldOptions["disguiseOf"]> =>
  (validator, { committee, notary, signBytes, random }) => {
    const names = twins.includes(validator) ? [] : plan.behaviours[plan.liars.indexOf(validator)];
    if (names === undefined) return undefined;
    const adversary = combine(names.map((name) => behaviours[name]));
    const signer = createSigner(notary.key(`validator ${validator}`), signBytes);
    return (network, clock, self) =>
      adversary(network, {
        committee,
        self,
        signer,
        signBytes,
        floodRate: FLOOD_RATE,
        random: () => random.next(),
        after: (delayMs, run) => void clock.after(delayMs, run),
      });
  };

/** @returns virtual milliseconds, undefined if it did not come to pass in time */
const demandAwaited = async (world: World, { what, isReached }: NonNullable<Staged["awaited"]>): Promise<number | undefined> => {
  const healedAt = world.schedule.now;
  await world.run(healedAt + patienceUs(world.plan), isReached);
  if (isReached()) return (world.schedule.now - healedAt) / 1000;
  world.violate("awaited", `${what}: not within ${patienceUs(world.plan) / 1000} ms; ${stateOf(world)}`);
  return undefined;
};

/** From the first start to convergence. @returns virtual milliseconds from healing to convergence, undefined when it was not reached */
const runWorld = async (world: World, options: UniverseOptions): Promise<number | undefined> => {
  const { court, workload, faults, plan } = world;
  const staged = options.stage?.(world) ?? {};
  for (const node of world.nodes) node.start();
  workload.start();
  faults.start();
  await world.run(plan.safetyUs);
  workload.stop();
  const core = chooseCore(world);
  options.twins?.lift();
  heal(world, core);
  staged.healed?.(core);
  if (world.violation !== undefined) return undefined;
  if (staged.awaited !== undefined) return demandAwaited(world, staged.awaited);
  const recoveryMs = await demandLiveness(world, core, staged);
  if (world.violation === undefined && recoveryMs !== undefined) {
    court.clients.settle(true);
    await staged.settled?.();
  }
  return recoveryMs;
};

const troublesOf = ({ links, faults, nodes, deaths }: World): Record<string, number> => {
  const counts: Record<string, number> = { ...links.troubles, ...Object.fromEntries(deaths) };
  // these only set a trap: what counts is who died in it
  const traps = new Set<string>(["power-cut-in-turn"]);
  for (const { kind } of faults.happened) if (!traps.has(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  counts["torn-write"] = nodes.reduce((sum, { disk }) => sum + disk.torn, 0);
  return counts;
};

/** Runs one seed's universe to its end, or to the first violation. */
export const runUniverse = async (options: UniverseOptions): Promise<UniverseReport> => {
  const drawn = drawPlan(createStreams(options.seed)("config"), options);
  const { twins, reduction = {}, ...rest } = options;
  const plan = reducePlan(options.adjust?.(drawn) ?? drawn, reduction);
  const world = createWorld({
    disguiseOf: disguisesOf(plan, twins?.twins ?? []),
    ...rest,
    ...(twins === undefined ? {} : { twins: twins.twins, filter: twins.filter }),
    ...(reduction.keep === undefined ? {} : { keep: reduction.keep }),
    plan,
    maxSteps: options.maxSteps ?? DEFAULT_STEPS,
  });
  const { court, schedule, faults, links } = world;
  const recoveryMs = await runWorld(world, options);
  world.trace.noteText(world.violation?.invariant ?? "");
  return {
    seed: options.seed,
    plan,
    violation: world.violation,
    steps: world.steps,
    deliveries: links.delivered,
    traceHash: world.trace.digest(),
    ordered: court.history.top,
    requests: court.history.requests,
    acknowledged: court.clients.acknowledged,
    viewChanges: court.words.viewChanges,
    newViews: court.words.newViews,
    transfers: court.transfers,
    recoveryMs,
    virtualMs: schedule.now / 1000,
    reasons: court.reasons,
    faults: faults.happened,
    troubles: troublesOf(world),
    accused: court.accused,
  };
};
