/**
 * From what one node hears, and from what its peers say they hear, to the state of the network's links (PROTOCOL §10). Votes go directly from
 * validator to validator: those can commit who lie in a set in which everybody has a working link, in both directions, to a quorum.
 */
import type { ReplicaIndex } from "../protocol/ids.ts";

export type ConnectivityState =
  /** every link works */
  | "whole"
  /** this node is among those who can commit, but not everybody is, or some link is broken */
  | "degraded"
  /** this node is not; others may be */
  | "minority"
  /** nobody is */
  | "split";

/** What `from` sends does not arrive at `to`. */
export interface BrokenLink {
  readonly from: ReplicaIndex;
  readonly to: ReplicaIndex;
}

/** What one node knows of the links. */
export interface Knowledge {
  readonly n: number;
  readonly quorum: number;
  /** absent on an observer, which is no part of the graph and only hears */
  readonly self: ReplicaIndex | undefined;
  /** validators that this node hears, without itself */
  readonly hears: ReadonlySet<ReplicaIndex>;
  /** of those, what each says it hears; a peer that said nothing yet is taken to hear whom we hear. Whether a peer hears *us* is in `deaf`. */
  readonly reports: ReadonlyMap<ReplicaIndex, ReadonlySet<ReplicaIndex>>;
  /** validators that we hear and that do not hear us */
  readonly deaf: ReadonlySet<ReplicaIndex>;
}

export interface Connectivity {
  readonly state: ConnectivityState;
  /** validators that are linked with each other, over others too; this node's own side first, then by size. Ascending inside. */
  readonly sides: readonly (readonly ReplicaIndex[])[];
  /** validators with a link to this node in both directions, itself included; ascending */
  readonly reached: readonly ReplicaIndex[];
  /**
   * Broken directions that the sides do not show: inside of a side, or between two sides while the other direction works. At most
   * `MAX_BROKEN_LINKS`.
   */
  readonly broken: readonly BrokenLink[];
}

export const MAX_BROKEN_LINKS = 256;

type Graph = readonly ReadonlySet<number>[];

/** Whether what `from` sends arrives at `to`; undefined where nothing is known. */
const arrives = ({ self, hears, reports, deaf }: Knowledge, from: number, to: number): boolean | undefined => {
  if (to === self) return hears.has(from as ReplicaIndex);
  if (!hears.has(to as ReplicaIndex)) return undefined;
  if (from === self) return !deaf.has(to as ReplicaIndex);
  return (reports.get(to as ReplicaIndex) ?? hears).has(from as ReplicaIndex);
};

/** Validators that nobody whom we hear hears: they may be one side, or many. */
const lostIn = (knowledge: Knowledge, all: readonly number[]): ReadonlySet<number> =>
  new Set(
    all.filter((index) => {
      if (index === knowledge.self || knowledge.hears.has(index as ReplicaIndex)) return false;
      return ![...knowledge.hears].some((peer) => arrives(knowledge, index, peer) === true);
    }),
  );

const linksIn = (knowledge: Knowledge, all: readonly number[]): Graph => {
  const lost = lostIn(knowledge, all);
  const linked = (a: number, b: number): boolean => {
    const there = arrives(knowledge, a, b);
    const back = arrives(knowledge, b, a);
    // of two whom we do not hear: not across the edge of what can be seen from here, else the benefit of the doubt
    if (there === undefined && back === undefined) return lost.has(a) === lost.has(b);
    return there !== false && back !== false;
  };
  return all.map((a) => new Set(all.filter((b) => b !== a && linked(a, b))));
};

/** The largest set in which everybody is linked to a quorum of it, itself included. There is at most one: two quorums meet. */
const coreOf = (graph: Graph, quorum: number): ReadonlySet<number> => {
  const core = new Set(graph.keys());
  for (let before = -1; before !== core.size;) {
    before = core.size;
    for (const index of core) {
      const links = [...(graph[index] ?? [])].filter((other) => core.has(other)).length;
      if (links + 1 < quorum) core.delete(index);
    }
  }
  return core;
};

const componentsOf = (graph: Graph): number[][] => {
  const seen = new Set<number>();
  const components: number[][] = [];
  for (const start of graph.keys()) {
    if (seen.has(start)) continue;
    seen.add(start);
    const component = [start];
    for (const index of component) {
      for (const other of graph[index] ?? []) {
        if (seen.has(other)) continue;
        seen.add(other);
        component.push(other);
      }
    }
    components.push(component.toSorted((a, b) => a - b));
  }
  return components;
};

const brokenIn = (knowledge: Knowledge, sides: readonly (readonly number[])[]): BrokenLink[] => {
  const sideOf = new Map(sides.flatMap((side, position) => side.map((index) => [index, position] as const)));
  const broken: BrokenLink[] = [];
  for (const from of sideOf.keys()) {
    for (const to of sideOf.keys()) {
      if (from === to || arrives(knowledge, from, to) !== false) continue;
      const shown = sideOf.get(from) !== sideOf.get(to) && arrives(knowledge, to, from) !== true;
      if (!shown && broken.length < MAX_BROKEN_LINKS) broken.push({ from: from as ReplicaIndex, to: to as ReplicaIndex });
    }
  }
  return broken.toSorted((a, b) => a.from - b.from || a.to - b.to);
};

export const connectivityOf = (knowledge: Knowledge): Connectivity => {
  const { n, quorum, self, hears, deaf } = knowledge;
  const all = Array.from({ length: n }, (_, index) => index);
  const graph = linksIn(knowledge, all);
  const core = coreOf(graph, quorum);
  // an observer's own side is the one of which it hears the most
  const nearness = (side: readonly number[]): number =>
    side.filter((index) => (self === undefined ? hears.has(index as ReplicaIndex) : index === self)).length;
  const sides = componentsOf(graph).toSorted((a, b) => nearness(b) - nearness(a) || b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0));
  const broken = brokenIn(knowledge, sides);
  const reached = all.filter((index) => index === self || (hears.has(index as ReplicaIndex) && !deaf.has(index as ReplicaIndex)));
  const inCore = self === undefined ? [...hears].filter((index) => core.has(index)).length >= quorum : core.has(self);
  const everything = core.size === n && broken.length === 0 && (self !== undefined || hears.size === n);
  const able = everything ? "whole" : "degraded";
  const unable = core.size > 0 ? "minority" : "split";
  return {
    state: inCore ? able : unable,
    sides: sides as ReplicaIndex[][],
    reached: reached as ReplicaIndex[],
    broken,
  };
};
