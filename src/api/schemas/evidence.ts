/** Schemas of `/v1/evidence` (docs/http.md). */
import * as z from "zod";
import { decimal, idParameter as hex64, unsigned } from "./common.ts";

/** records on a page unless asked for otherwise, and at most */
export const pageRecords = { default: 100, max: 1000 } as const;
export const evidenceQuery = z.strictObject({
  after: hex64.optional(),
  limit: decimal(1, pageRecords.max).default(pageRecords.default),
});

const validator = z.strictObject({ index: unsigned, peerId: z.string(), validatorKey: hex64, moniker: z.string() });
export const evidenceAnswer = z.strictObject({
  id: hex64,
  kind: z.string(),
  culprit: z.string().nullable(),
  culprits: z.array(validator),
  signedBoth: z.array(validator).optional(),
  document: z.string().optional(),
  epoch: unsigned,
  view: unsigned,
  sequence: unsigned,
  detectedAt: unsigned,
  method: z.string(),
  action: z.string(),
  proof: z.base64(),
});
export const evidenceListAnswer = z.array(evidenceAnswer);
