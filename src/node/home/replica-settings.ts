/** What of a node's configuration concerns its replica. */
import { defaultSettings, type ReplicaSettings } from "../../consensus/config.ts";
import type { Config } from "./config.ts";

/** @param poolShare of the memory budget, bytes */
export const replicaSettings = ({ consensus }: Config, poolShare = Number.MAX_SAFE_INTEGER): ReplicaSettings => ({
  ...defaultSettings,
  pipelineDepth: consensus.pipelineDepth,
  maxBatchDelayMs: consensus.maxBatchDelayMs,
  requestTimeoutFloorMs: consensus.requestTimeoutFloorMs,
  requestTimeoutCeilingMs: consensus.requestTimeoutCeilingMs,
  repeatMs: consensus.retransmitIntervalMs,
  poolRequests: consensus.poolMaxRequests,
  poolBytes: Math.min(consensus.poolMaxBytes, poolShare),
});
