/** Cuts of the links between groups of nodes: who is told what, and told again after a restart. */
import { nodeAt, TestnetError } from "./state.ts";
import type { TestnetCut, TestnetState } from "./state.ts";
import { tellNodes } from "./tell.ts";

/** What one node must lose. */
export interface NodeCut {
  readonly peers: readonly string[];
  readonly direction: "both" | "inbound";
}

/**
 * Both ends of a two-way cut refuse each other; a one-way cut is made where it arrives, at the second group. Nodes in no group keep their links.
 */
export const nodeCut = ({ nodes, cut }: TestnetState, index: number): NodeCut => {
  const direction = cut?.oneWay === true ? "inbound" : "both";
  const own = cut?.groups.findIndex((group) => group.includes(index)) ?? -1;
  if (cut === null || own === -1 || (cut.oneWay && own === 0)) return { peers: [], direction: "both" };
  const lost = cut.groups.filter((_, position) => position !== own).flat();
  return { peers: nodes.filter((node) => lost.includes(node.index)).map(({ peerId }) => peerId), direction };
};

/**
 * @throws TestnetError `usage` for fewer than two groups, an empty one, a node in two of them, or a one-way cut between more than two; `no_such_node`
 */
export const checkCut = (state: TestnetState, groups: readonly (readonly number[])[], oneWay: boolean): TestnetCut => {
  const refuse = (message: string): never => {
    throw new TestnetError("usage", message, "as `byz testnet partition 0,1 2,3`", 2);
  };
  if (groups.length < 2) refuse("a cut needs at least two groups of nodes");
  if (oneWay && groups.length !== 2) refuse("a one-way cut is from one group to one other");
  if (groups.some((group) => group.length === 0)) refuse("a group has no nodes");
  const all = groups.flat();
  if (new Set(all).size !== all.length) refuse("a node is in two groups, or twice in one");
  for (const index of all) nodeAt(state, index);
  return { groups, oneWay };
};

/** Tells these nodes, all by default, what they are cut from at present. @throws TestnetError `not_told` */
export const tellCuts = (state: TestnetState, indexes = state.nodes.map(({ index }) => index)): Promise<void> =>
  tellNodes(state, indexes, (index) => ({ path: "cut", body: nodeCut(state, index) }));
