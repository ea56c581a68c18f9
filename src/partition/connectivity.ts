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

/** Whether what `from` sends arrives at `to`, at `from · n + to`; nothing is known of whom we do not hear. */
type Arrivals = Int8Array;
const [NO, YES, UNKNOWN] = [0, 1, -1];

const arrivalsIn = ({ n, self, hears, reports, deaf }: Knowledge): Arrivals => {
  const arrivals = new Int8Array(n * n).fill(UNKNOWN);
  for (let to = 0; to < n; to += 1) {
    const peer = to as ReplicaIndex;
    if (to !== self && !hears.has(peer)) continue;
    const heard = to === self ? hears : (reports.get(peer) ?? hears);
    for (let from = 0; from < n; from += 1) {
      const arrives = from === self && to !== self ? !deaf.has(peer) : heard.has(from as ReplicaIndex);
      arrivals[from * n + to] = arrives ? YES : NO;
    }
  }
  return arrivals;
};

/** Whether nobody whom we hear hears it: those of whom this is true may be one side, or many. */
const lostIn = ({ n, self, hears }: Knowledge, arrivals: Arrivals): Uint8Array => {
  const lost = new Uint8Array(n);
  for (let index = 0; index < n; index += 1) {
    if (index === self || hears.has(index as ReplicaIndex)) continue;
    lost[index] = YES;
    for (const peer of hears) if (arrivals[index * n + peer] === YES) lost[index] = NO;
  }
  return lost;
};

/** Who is linked with whom in both directions, at `a · n + b`. */
type Graph = Uint8Array;

const linksIn = (knowledge: Knowledge, arrivals: Arrivals): Graph => {
  const { n } = knowledge;
  const lost = lostIn(knowledge, arrivals);
  const links = new Uint8Array(n * n);
  for (let a = 0; a < n; a += 1) {
    for (let b = 0; b < a; b += 1) {
      const there = arrivals[a * n + b];
      const back = arrivals[b * n + a];
      // of two whom we do not hear: not across the edge of what can be seen from here, else the benefit of the doubt
      const unseen = there === UNKNOWN && back === UNKNOWN;
      const linked = unseen ? lost[a] === lost[b] : there !== NO && back !== NO;
      links[a * n + b] = links[b * n + a] = linked ? YES : NO;
    }
  }
  return links;
};

/** The largest set in which everybody is linked to a quorum of it, itself included. There is at most one: two quorums meet. */
const coreOf = (graph: Graph, n: number, quorum: number): Uint8Array => {
  const core = new Uint8Array(n).fill(YES);
  for (let changed = true; changed;) {
    changed = false;
    for (let index = 0; index < n; index += 1) {
      if (core[index] === NO) continue;
      let members = 1;
      for (let other = 0; other < n; other += 1) if (graph[index * n + other] === YES && core[other] === YES) members += 1;
      if (members >= quorum) continue;
      core[index] = NO;
      changed = true;
    }
  }
  return core;
};

const componentsOf = (graph: Graph, n: number): number[][] => {
  const seen = new Uint8Array(n);
  const components: number[][] = [];
  for (let start = 0; start < n; start += 1) {
    if (seen[start] === YES) continue;
    seen[start] = YES;
    const component = [start];
    for (const index of component) {
      for (let other = 0; other < n; other += 1) {
        if (seen[other] === YES || graph[index * n + other] === NO) continue;
        seen[other] = YES;
        component.push(other);
      }
    }
    components.push(component.sort((a, b) => a - b));
  }
  return components;
};

const brokenIn = (arrivals: Arrivals, n: number, sides: readonly (readonly number[])[]): BrokenLink[] => {
  const sideOf = new Uint8Array(n);
  for (const [position, side] of sides.entries()) for (const index of side) sideOf[index] = position;
  const order = sides.flat();
  const broken: BrokenLink[] = [];
  for (const from of order) {
    for (const to of order) {
      if (from === to || arrivals[from * n + to] !== NO) continue;
      const shown = sideOf[from] !== sideOf[to] && arrivals[to * n + from] !== YES;
      if (!shown && broken.length < MAX_BROKEN_LINKS) broken.push({ from: from as ReplicaIndex, to: to as ReplicaIndex });
    }
  }
  return broken.sort((a, b) => a.from - b.from || a.to - b.to);
};

export const connectivityOf = (knowledge: Knowledge): Connectivity => {
  const { n, quorum, self, hears, deaf } = knowledge;
  const arrivals = arrivalsIn(knowledge);
  const graph = linksIn(knowledge, arrivals);
  const core = coreOf(graph, n, quorum);
  const coreSize = core.reduce((sum, each) => sum + each, 0);
  // an observer's own side is the one of which it hears the most
  const nearness = (side: readonly number[]): number =>
    side.filter((index) => (self === undefined ? hears.has(index as ReplicaIndex) : index === self)).length;
  const sides = componentsOf(graph, n).sort((a, b) => nearness(b) - nearness(a) || b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0));
  const broken = brokenIn(arrivals, n, sides);
  const isReached = (index: ReplicaIndex): boolean => index === self || (hears.has(index) && !deaf.has(index));
  const reached = Array.from({ length: n }, (_, index) => index as ReplicaIndex).filter(isReached);
  const inCore = self === undefined ? [...hears].filter((index) => core[index] === YES).length >= quorum : core[self] === YES;
  const everything = coreSize === n && broken.length === 0 && (self !== undefined || hears.size === n);
  const able = everything ? "whole" : "degraded";
  const unable = coreSize > 0 ? "minority" : "split";
  return {
    state: inCore ? able : unable,
    sides: sides as ReplicaIndex[][],
    reached,
    broken,
  };
};
