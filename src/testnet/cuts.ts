/** Cuts of the links between groups of nodes: who is told what, and told again after a restart. */
import { stateOf } from "./process-identity.ts";
import { identityOf, nodeAt, TestnetError } from "./state.ts";
import type { TestnetCut, TestnetNode, TestnetState } from "./state.ts";

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
 * @throws TestnetError `usage` for fewer than two groups, an empty one, a node in two of them, or a one-way cut between more than two; `no_node`
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

/** a node that is busy still answers within this */
const askMs = 10_000;

/** Why it could not be told; undefined once it is. */
const tell = async (node: TestnetNode, cut: NodeCut): Promise<string | undefined> => {
  try {
    const answer = await fetch(`${node.api}/v1/testnet/cut`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(cut),
      signal: AbortSignal.timeout(askMs),
    });
    if (answer.ok) return undefined;
    const { detail } = (await answer.json()) as { readonly detail?: string };
    return detail ?? `HTTP ${answer.status}`;
  } catch (error) {
    return (error as Error).message;
  }
};

const isRunning = (node: TestnetNode): boolean => {
  const identity = identityOf(node);
  return identity !== undefined && stateOf(identity) === "running";
};

/**
 * Tells these nodes, all by default, what they are cut from at present. Those that do not run are told when they are started or resumed.
 *
 * @throws TestnetError `not_cut` naming those that could not be told
 */
export const tellCuts = async (state: TestnetState, indexes = state.nodes.map(({ index }) => index)): Promise<void> => {
  const told = await Promise.all(
    indexes.map(async (index) => {
      const node = nodeAt(state, index);
      return { index, problem: isRunning(node) ? await tell(node, nodeCut(state, index)) : undefined };
    }),
  );
  const problems = told.flatMap(({ index, problem }) => (problem === undefined ? [] : [`node ${index}: ${problem}`]));
  if (problems.length > 0) throw new TestnetError("not_cut", `some nodes could not be told: ${problems.join(", ")}`, "try again");
};
