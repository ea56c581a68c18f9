/** How current an answer is (PROTOCOL §9). */
import type { NodeService, UnorderedConsistency } from "../node/service.ts";
import { valueOf } from "./problem.ts";

export type Consistency = "linearizable" | UnorderedConsistency;

/** What a read needs before it may look at this node's own state. @throws Refusal when nothing can be ordered */
export const settle = async (service: NodeService, consistency: Consistency): Promise<UnorderedConsistency> => {
  if (consistency !== "linearizable") return consistency;
  valueOf(await service.readBarrier());
  return "local";
};
