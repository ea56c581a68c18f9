/** What goes wrong in a universe, and when: drawn from the seed, one fault after the other, until everything is healed. */
import type { SimulatedNode } from "./node.ts";
import type { Links } from "./links.ts";
import type { FaultKind, Plan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

export interface FaultWorld {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly links: Links;
  /** all endpoints, in order */
  readonly nodes: readonly SimulatedNode[];
  /** a disk was lost or damaged */
  readonly harmed: (node: SimulatedNode) => void;
}

export interface Faults {
  /** from now on, until `stop` */
  start(): void;
  stop(): void;
  /** how often each kind happened */
  readonly counts: ReadonlyMap<FaultKind, number>;
}

export interface FaultStreams {
  readonly crash: Random;
  readonly partition: Random;
  readonly storage: Random;
  readonly clock: Random;
}

const second = 1_000_000;

/** The primary of the highest view that an honest node is in. */
const primaryOf = (world: FaultWorld): SimulatedNode | undefined => {
  const views = world.nodes.flatMap(({ honest, assembly }) =>
    honest && assembly !== undefined ? [assembly.engine.replica.describe().view] : [],
  );
  return world.nodes[Math.max(0, ...views) % world.plan.n];
};

/** Shapes of broken networks; each begins with whole links. */
const createPartitions = (world: FaultWorld, random: Random) => {
  const { links, nodes, schedule } = world;
  const both = (a: number, b: number): void => {
    links.setCut(a, b, true);
    links.setCut(b, a, true);
  };
  const between = (inside: ReadonlySet<number>): void => {
    for (const a of nodes) for (const b of nodes) if (inside.has(a.endpoint) && !inside.has(b.endpoint)) both(a.endpoint, b.endpoint);
  };
  const isolate = (node: SimulatedNode | undefined): void => {
    if (node !== undefined) between(new Set([node.endpoint]));
  };
  return {
    split(): void {
      links.heal();
      between(new Set(nodes.filter(() => random.chance(0.5)).map(({ endpoint }) => endpoint)));
    },
    isolate,
    /** one direction only: towards a node or away from it, or a single link */
    oneWay(): void {
      const one = random.pick(nodes).endpoint;
      const shape = random.int(3);
      const others = shape === 2 ? [random.pick(nodes)] : nodes;
      for (const { endpoint } of others)
        if (endpoint !== one) links.setCut(shape === 0 ? one : endpoint, shape === 0 ? endpoint : one, true);
    },
    /** each sees its neighbours only */
    ring(): void {
      links.heal();
      const order = random.shuffled(nodes.map(({ endpoint }) => endpoint));
      for (const [i, a] of order.entries())
        for (const [j, b] of order.entries()) {
          const apart = Math.abs(i - j);
          if (i < j && apart > 1 && apart < order.length - 1) both(a, b);
        }
    },
    /** two sides that share one member */
    bridge(): void {
      links.heal();
      const order = random.shuffled(nodes.map(({ endpoint }) => endpoint));
      const middle = order.length >>> 1;
      for (const a of order.slice(0, middle)) for (const b of order.slice(middle + 1)) both(a, b);
    },
    clog(): void {
      links.clog(random.pick(nodes).endpoint, random.pick(nodes).endpoint, schedule.now + random.exponential(second));
    },
    /** cuts one node after the other, and mends them in another order */
    swizzle(): void {
      const chosen = nodes.filter(() => random.chance(0.5));
      let at = 0;
      for (const node of random.shuffled(chosen)) schedule.after((at += random.exponential(second / 5)), () => isolate(node));
      schedule.after(at + random.exponential(second), () => links.heal());
    },
  };
};

/** Faults that are not running yet. */
export const createFaults = (world: FaultWorld, streams: FaultStreams): Faults => {
  const { plan, schedule, links, nodes } = world;
  const { crash, storage, clock } = streams;
  const partitions = createPartitions(world, streams.partition);
  const counts = new Map<FaultKind, number>();
  let active = false;

  const frail = (): SimulatedNode | undefined => {
    const candidates = nodes.filter(({ endpoint }) => plan.frail.includes(endpoint));
    return candidates.length === 0 ? undefined : storage.pick(candidates);
  };
  const acts: Readonly<Record<FaultKind, () => void>> = {
    crash: () => crash.pick(nodes).crash(crash.chance(0.5)),
    "crash-primary": () => primaryOf(world)?.crash(crash.chance(0.5)),
    "power-cut-in-turn": () => crash.pick(nodes).process?.cutPowerAfter(crash.int(30)),
    "crash-all": () => {
      if (crash.chance(0.2)) for (const node of nodes) node.crash(true);
    },
    split: partitions.split,
    "isolate-one": () => partitions.isolate(streams.partition.pick(nodes)),
    "isolate-primary": () => partitions.isolate(primaryOf(world)),
    "one-way": partitions.oneWay,
    ring: partitions.ring,
    bridge: partitions.bridge,
    clog: partitions.clog,
    swizzle: partitions.swizzle,
    heal: () => links.heal(),
    "failing-sync": () => storage.pick(nodes).disk.failNext("io"),
    "full-disk": () => storage.pick(nodes).disk.failNext("full"),
    "lost-disk": () => {
      const node = storage.chance(0.3) ? frail() : undefined;
      if (node === undefined) return;
      world.harmed(node);
      node.wipe();
    },
    "damaged-disk": () => {
      const node = frail();
      if (node?.disk.damage() === true) world.harmed(node);
    },
    "wall-clock": () => {
      // most are a little off; one in ten is far out
      const spread = plan.parameters.maxClockDriftMs * (clock.chance(0.1) ? 20 : 0.2);
      clock.pick(nodes).clock.wallOffsetMs = clock.between(-spread, spread);
    },
    drift: () => {
      clock.pick(nodes).clock.rate = clock.pick([0.5, 0.9, 1, 1.1, 2]);
    },
    stall: () => clock.pick(nodes).process?.stallUntil(schedule.now + clock.exponential(clock.pick([0.05, 0.5, 5]) * second)),
  };

  const next = (): void => {
    schedule.after(crash.exponential(plan.faultEveryUs), () => {
      if (!active) return;
      const kind = crash.pick(plan.faults);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      acts[kind]();
      next();
    });
  };
  return {
    start() {
      active = true;
      if (plan.faults.length > 0) next();
    },
    stop() {
      active = false;
    },
    counts,
  };
};
