/** Schemas of parts of a node's status. */
import * as z from "zod";

const unsigned = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/** the state on its way here (PROTOCOL §7) */
export const transferReport = z.strictObject({
  target: unsigned,
  fraction: z.number().min(0).max(1),
  entries: unsigned,
  bytes: unsigned,
  milliseconds: unsigned,
});
export const memoryReport = z.strictObject({
  rss: unsigned,
  heapUsed: unsigned,
  limit: unsigned,
  pressure: z.number().min(0).max(1),
  breaker: z.enum(["closed", "open", "half-open"]),
});
