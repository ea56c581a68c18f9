/** Proofs of answers for clients that trust no single node (PROTOCOL §3.6; docs/clients.md). */
import type { Sequence } from "../../protocol/ids.ts";
import type { Executions } from "./executions.ts";
import type { Receipts } from "./receipts.ts";
import type { AnswerProof } from "../service.ts";

/** Proves the answer at `index` of an executed sequence; undefined when it is not kept here. */
export type ProveAnswer = (sequence: Sequence, index: number) => Promise<AnswerProof | undefined>;

export const createProveAnswer =
  (executions: Executions, receipts: Pick<Receipts, "collect">): ProveAnswer =>
  async (sequence, index) => {
    const execution = executions.of(sequence);
    if (execution === undefined) return undefined;
    const { siblings } = execution.prove(index);
    const signatures = await receipts.collect(execution.roots);
    return { receipts: { ...execution.roots, signatures }, previousLogHash: execution.previousLogHash, siblings };
  };
