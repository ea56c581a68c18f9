/** Shapes of broken networks. Those that divide everybody begin with whole links. */
import type { Links } from "./links.ts";
import type { SimulatedNode } from "./node.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

export interface Cuts {
  /** two sides, any of which may be empty */
  split(random: Random): void;
  isolate(node: SimulatedNode | undefined): void;
  /** one direction only: towards a node or away from it, or a single link */
  oneWay(random: Random): void;
  /** each sees its neighbours only */
  ring(random: Random): void;
  /** two sides that share one member */
  bridge(random: Random): void;
  /** a link that delivers nothing for a while, and then all at once */
  clog(random: Random): void;
  /** cuts one node after the other, and mends them in another order */
  swizzle(random: Random): void;
  /** a split that comes and goes */
  flap(random: Random): void;
  /** one kind of message gets lost everywhere for a while */
  loseKind(random: Random): void;
  /** one node's links take long for a while */
  slow(random: Random): void;
}

const second = 1_000_000;
/** a frame's first byte: the kinds of consensus */
const KINDS = 6;

export interface CutsOptions {
  readonly links: Links;
  readonly nodes: readonly SimulatedNode[];
  readonly schedule: Pick<Schedule, "now">;
  /** runs what a shape still has to do, unless everything is healed by then */
  readonly later: (microseconds: number, run: () => void) => void;
  /** mean time between two faults, microseconds: what lasts, lasts a few times that */
  readonly pace: number;
}

export const createCuts = ({ links, nodes, schedule, later, pace }: CutsOptions): Cuts => {
  const lasting = Math.min(second, 3 * pace);
  const both = (a: number, b: number): void => {
    links.setCut(a, b, true);
    links.setCut(b, a, true);
  };
  const between = (inside: ReadonlySet<number>): void => {
    for (const a of nodes) for (const b of nodes) if (inside.has(a.endpoint) && !inside.has(b.endpoint)) both(a.endpoint, b.endpoint);
  };
  const half = (random: Random): Set<number> => new Set(nodes.filter(() => random.chance(0.5)).map(({ endpoint }) => endpoint));
  const shuffled = (random: Random): number[] => random.shuffled(nodes.map(({ endpoint }) => endpoint));
  const isolate = (node: SimulatedNode | undefined): void => {
    if (node !== undefined) between(new Set([node.endpoint]));
  };
  return {
    split(random) {
      links.heal();
      between(half(random));
    },
    isolate,
    oneWay(random) {
      const one = random.pick(nodes).endpoint;
      const shape = random.int(3);
      const others = shape === 2 ? [random.pick(nodes)] : nodes;
      for (const { endpoint } of others)
        if (endpoint !== one) links.setCut(shape === 0 ? one : endpoint, shape === 0 ? endpoint : one, true);
    },
    ring(random) {
      links.heal();
      const order = shuffled(random);
      for (const [i, a] of order.entries())
        for (const [j, b] of order.entries()) {
          const apart = Math.abs(i - j);
          if (i < j && apart > 1 && apart < order.length - 1) both(a, b);
        }
    },
    bridge(random) {
      links.heal();
      const order = shuffled(random);
      const middle = order.length >>> 1;
      for (const a of order.slice(0, middle)) for (const b of order.slice(middle + 1)) both(a, b);
    },
    clog(random) {
      links.clog(random.pick(nodes).endpoint, random.pick(nodes).endpoint, schedule.now + random.exponential(lasting));
    },
    swizzle(random) {
      const chosen = nodes.filter(() => random.chance(0.5));
      let at = 0;
      for (const node of random.shuffled(chosen)) later((at += random.exponential(lasting / 5)), () => isolate(node));
      later(at + random.exponential(lasting), () => links.heal());
    },
    flap(random) {
      const sides = half(random);
      const period = random.between(lasting / 20, lasting / 2);
      for (let times = 0; times < 6; times += 1) later(times * period, () => (times % 2 === 0 ? between(sides) : links.heal()));
    },
    loseKind(random) {
      links.loseKind(1 + random.int(KINDS), schedule.now + random.exponential(lasting));
    },
    slow(random) {
      links.slow(random.pick(nodes).endpoint, random.exponential(lasting / 4), schedule.now + random.exponential(lasting));
    },
  };
};
