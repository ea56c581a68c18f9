/** Nodes that cheat: who does what, and being told so while it runs. */
import { actNames, actOf } from "../adversaries/cast.ts";
import { nodeAt, TestnetError } from "./state.ts";
import type { TestnetState } from "./state.ts";
import { tellNodes } from "./tell.ts";

/** @throws TestnetError `usage` for a behaviour that there is not, or an observer's; `no_such_node` */
export const withBehaviour = (state: TestnetState, index: number, behaviour: string): TestnetState => {
  if (actOf(behaviour) === undefined)
    throw new TestnetError("usage", `there is no behaviour ${behaviour}`, `there are ${actNames.join(", ")}`, 2);
  if (nodeAt(state, index).role !== "validator")
    throw new TestnetError("usage", `node ${index} has no vote`, "only validators can cheat", 2);
  return { ...state, nodes: state.nodes.map((node) => (node.index === index ? { ...node, behaviour } : node)) };
};

/** Tells this node, if it runs, how to behave from now on. @throws TestnetError `not_told` */
export const tellBehaviour = (state: TestnetState, index: number): Promise<void> =>
  tellNodes(state, [index], () => ({ path: "behaviour", body: { behaviour: nodeAt(state, index).behaviour } }));
