/** What of a node's configuration concerns its replica. */
import { defaultSettings, type ReplicaSettings } from "../consensus/config.ts";
import type { Config } from "./config.ts";

export const replicaSettings = ({ consensus }: Config): ReplicaSettings => ({
  ...defaultSettings,
  pipelineDepth: consensus.pipelineDepth,
  maxBatchDelayMs: consensus.maxBatchDelayMs,
  requestTimeoutFloorMs: consensus.requestTimeoutFloorMs,
  requestTimeoutCeilingMs: consensus.requestTimeoutCeilingMs,
  repeatMs: consensus.retransmitIntervalMs,
  poolRequests: consensus.poolMaxRequests,
  poolBytes: consensus.poolMaxBytes,
});
