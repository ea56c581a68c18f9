/** The key-value store's operations through the gateway: what `NodeService.submitOperations` and `readBarrier` are made of. */
import { decodeResult, encodeOperation } from "../../ledger/kv/encoding.ts";
import type { KvOperation } from "../../ledger/kv/operations.ts";
import type { Sequence } from "../../protocol/ids.ts";
import type { Gateway } from "./gateway.ts";
import type { Ordered } from "./gateway-queue.ts";
import { type Applied, done, failed, type NodeService, type Outcome } from "../service.ts";

const applied = ({ requestId, sequence }: Ordered, bytes: Uint8Array | undefined): Outcome<Applied> => {
  const result = bytes === undefined ? undefined : decodeResult(bytes);
  if (result === undefined)
    return failed({ code: "internal", message: "the ledger's answer is not a key-value result", details: { requestId } });
  if (result.type !== "malformed") return done({ result, sequence, requestId });
  return failed({ code: "invalid_request", message: "the ledger refuses this operation as malformed", details: { requestId } });
};

/** Promises around the gateway's callbacks; they never reject. */
export const createSubmitter = (gateway: Gateway): Pick<NodeService, "submitOperations" | "readBarrier"> => ({
  submitOperations: (operations: readonly KvOperation[]) =>
    new Promise((resolve) => {
      if (operations.length === 0) return resolve([]);
      let encoded: Uint8Array[];
      try {
        encoded = operations.map(encodeOperation);
      } catch (error) {
        const message = error instanceof Error ? error.message : "an operation can not be encoded";
        return resolve(operations.map(() => failed({ code: "invalid_request", message })));
      }
      gateway.submit(encoded, (outcome) =>
        resolve(operations.map((_, index) => (outcome.ok ? applied(outcome.value, outcome.value.results[index]) : outcome))),
      );
    }),
  readBarrier: () => new Promise<Outcome<Sequence>>((resolve) => gateway.barrier(resolve)),
});
