/** Rules for a proposed batch that depend on nobody's state, so that breaking one is proof against whoever signed it (PROTOCOL §3, §14). */
import type { InvalidBatchReason } from "../protocol/evidence.ts";
import type { Digest } from "../protocol/ids.ts";
import type { Parameters } from "../protocol/limits.ts";
import type { Batch } from "../protocol/messages.ts";
import { emptyBatchDigest } from "../wire/requests.ts";

export type BatchLimits = Pick<Parameters, "maxBatchBytes" | "maxBatchRequests">;

const hasDuplicate = (batch: Batch): boolean => {
  const seen = new Set<Digest>();
  for (const { id } of batch.requests) {
    if (seen.has(id)) return true;
    seen.add(id);
  }
  return false;
};

/**
 * All rules but the requests' signatures. The empty batch of a NEW-VIEW gap passes when `gapAllowed`: above view 0 its primary may have signed it
 * rightly, and only consensus knows. Any other batch without requests does not.
 */
export const batchProblem = (batch: Batch, limits: BatchLimits, gapAllowed: boolean): InvalidBatchReason | undefined => {
  if (batch.requests.length === 0) return gapAllowed && batch.digest === emptyBatchDigest ? undefined : "empty";
  if (batch.requests.length > limits.maxBatchRequests) return "too-many-requests";
  // one request always fits, whatever its size
  if (batch.requests.length > 1 && batch.bytes.length > limits.maxBatchBytes) return "too-many-bytes";
  return hasDuplicate(batch) ? "duplicate-request" : undefined;
};
