/** The proof of an answer as JSON (docs/clients.md, "What proves an answer"). */
import type { AnswerProof } from "../node/service.ts";
import { toBase64 } from "./json.ts";

export const answerProofJson = ({ receipts, previousLogHash, siblings }: AnswerProof) => ({
  receipts: {
    epoch: receipts.epoch as number,
    sequence: receipts.sequence as number,
    requests: receipts.requests,
    resultsRoot: receipts.resultsRoot as string,
    stateRoot: receipts.stateRoot as string,
    logHash: receipts.logHash as string,
    signatures: receipts.signatures.map(({ replica, signature }) => ({ replica: replica as number, signature: toBase64(signature) })),
  },
  previousLogHash: previousLogHash as string,
  siblings: siblings as readonly string[],
});
