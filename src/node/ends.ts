/** How a node ends that nobody asked to stop. */
import type { HaltReason } from "../consensus/effect.ts";
import type { StoreError, StoreErrorCode } from "../storage/port.ts";
import type { Logger } from "./observe/observe.ts";

/** Why a node stopped by itself. */
export interface StopReason {
  readonly reason: "disk_full" | "storage_failed" | "data_damaged" | HaltReason;
  readonly detail: string;
}

const storeReasons: Partial<Record<StoreErrorCode, StopReason["reason"]>> = { full: "disk_full", corrupt: "data_damaged" };

/** The ways in which a node stops by itself. */
export const createEnds = (logger: Logger) => {
  const { promise: stopped, resolve: stopItself } = Promise.withResolvers<StopReason>();
  return {
    stopped,
    halted: (reason: HaltReason, detail: string): void => {
      // these still serve reads, and proofs, and say so; a key that signs elsewhere must not go on here
      if (reason === "key-used-elsewhere") stopItself({ reason, detail });
    },
    storeFailed: (error: StoreError): void => {
      logger.error({ err: error }, "the store failed: nothing that depended on it was said");
      stopItself({ reason: storeReasons[error.code] ?? "storage_failed", detail: error.message });
    },
  };
};
