/** What goes wrong in a universe, and when: drawn from the seed, one fault after the other, until everything is healed. */
import { createCuts } from "./cuts.ts";
import type { SimulatedNode } from "./node.ts";
import type { Links } from "./links.ts";
import type { FaultKind, Plan } from "./plan.ts";
import { createRandom, type Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

export interface FaultWorld {
  readonly seed: bigint;
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly links: Links;
  /** all endpoints, in order */
  readonly nodes: readonly SimulatedNode[];
  /** a disk was lost, damaged or set back */
  readonly harmed: (node: SimulatedNode) => void;
  /** which of the faults happen, by their number; all when absent */
  readonly keep?: readonly number[] | undefined;
  readonly happens?: (fault: Fault) => void;
}

export interface Fault {
  /** 0, 1, 2, … in the order in which they are drawn */
  readonly number: number;
  readonly kind: FaultKind;
  /** virtual microseconds */
  readonly at: number;
}

export interface Faults {
  /** from now on, until `stop` */
  start(): void;
  stop(): void;
  /** those that happened */
  readonly happened: readonly Fault[];
}

const second = 1_000_000;

/** The primary of the highest view that an honest node is in. */
const primaryOf = ({ nodes, plan }: FaultWorld): SimulatedNode | undefined => {
  const views = nodes.flatMap(({ honest, assembly }) =>
    honest && assembly !== undefined ? [assembly.engine.replica.describe().view] : [],
  );
  return nodes[Math.max(0, ...views) % plan.n];
};

/** False where there was nothing to break. */
type Act = (random: Random) => boolean | void;

/** Faults of disks that count with the liars: only validators that the plan calls frail have them. */
const createLosses = ({ plan, nodes, harmed }: FaultWorld): Pick<Record<FaultKind, Act>, "lost-disk" | "damaged-disk" | "old-backup"> => {
  const frail = (random: Random): SimulatedNode | undefined => {
    const candidates = nodes.filter(({ endpoint }) => plan.frail.includes(endpoint));
    return candidates.length === 0 ? undefined : random.pick(candidates);
  };
  return {
    "lost-disk"(random) {
      const node = random.chance(0.3) ? frail(random) : undefined;
      if (node === undefined) return false;
      harmed(node);
      node.wipe();
      return true;
    },
    "damaged-disk"(random) {
      const node = frail(random);
      if (node?.disk.damage() !== true) return false;
      harmed(node);
      return true;
    },
    "old-backup"(random) {
      const node = frail(random);
      if (node === undefined) return false;
      if (!node.disk.hasBackup) {
        node.disk.backUp();
        return false;
      }
      harmed(node);
      node.crash(true);
      node.disk.restoreBackup();
      return true;
    },
  };
};

const createActs = (world: FaultWorld, later: (microseconds: number, run: () => void) => void): Readonly<Record<FaultKind, Act>> => {
  const { plan, schedule, links, nodes } = world;
  const cuts = createCuts({ links, nodes, schedule, later, pace: plan.faultEveryUs });
  return {
    ...createLosses(world),
    crash: (random) => random.pick(nodes).crash(random.chance(0.5)),
    "crash-primary": (random) => primaryOf(world)?.crash(random.chance(0.5)),
    "power-cut-in-turn": (random) => random.pick(nodes).process?.cutPowerAfter(random.int(30)),
    "crash-all"(random) {
      if (!random.chance(0.2)) return false;
      for (const node of nodes) node.crash(true);
      return true;
    },
    split: cuts.split,
    "isolate-one": (random) => cuts.isolate(random.pick(nodes)),
    "isolate-primary": () => cuts.isolate(primaryOf(world)),
    "one-way": cuts.oneWay,
    ring: cuts.ring,
    bridge: cuts.bridge,
    clog: cuts.clog,
    swizzle: cuts.swizzle,
    flap: cuts.flap,
    "lost-kind": cuts.loseKind,
    "slow-node": cuts.slow,
    heal: () => links.heal(),
    "failing-sync": (random) => random.pick(nodes).disk.failNext("io"),
    "full-disk": (random) => random.pick(nodes).disk.failNext("full"),
    "wall-clock"(random) {
      // most are a little off; one in ten is far out
      const spread = plan.parameters.maxClockDriftMs * (random.chance(0.1) ? 20 : 0.2);
      random.pick(nodes).clock.wallOffsetMs = random.between(-spread, spread);
    },
    drift(random) {
      random.pick(nodes).clock.setRate(random.pick([0.5, 0.9, 1, 1.1, 2]));
    },
    stall(random) {
      const mean = Math.min(1, plan.faultEveryUs / (0.1 * second)) * random.pick([0.05, 0.5, 5]) * second;
      random.pick(nodes).process?.stallUntil(schedule.now + random.exponential(mean));
    },
  };
};

/**
 * Faults that are not running yet. Each draws what it needs from a stream of its own, so that one can be left out and the others stay what they were.
 *
 * @param times when and of which kind
 */
export const createFaults = (world: FaultWorld, times: Random): Faults => {
  const { plan, schedule, keep } = world;
  const acts = createActs(world, (microseconds, run) => void schedule.after(microseconds, () => active && run()));
  const kept = keep === undefined ? undefined : new Set(keep);
  const happened: Fault[] = [];
  let active = false;

  const next = (number: number): void => {
    schedule.after(times.exponential(plan.faultEveryUs), () => {
      if (!active) return;
      const kind = times.pick(plan.faults);
      if (kept?.has(number) !== false) {
        const fault = { number, kind, at: schedule.now };
        if (acts[kind](createRandom(world.seed, `fault ${number}`)) !== false) {
          happened.push(fault);
          world.happens?.(fault);
        }
      }
      next(number + 1);
    });
  };
  return {
    start() {
      active = true;
      if (plan.faults.length > 0) next(0);
    },
    stop() {
      active = false;
    },
    happened,
  };
};
