/** Schemas of what operators read and turn: the explanation, the log's levels, metrics, this very description. */
import * as z from "zod";
import { unsigned } from "./common.ts";

const logLevel = z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]);
const logParts = { node: logLevel, consensus: logLevel, network: logLevel, api: logLevel, libp2p: logLevel };
export const logLevels = z.strictObject(logParts);
export const logBody = logLevels.partial().transform((levels) => levels as Partial<z.output<typeof logLevels>>);

const blocked = z.strictObject({ reason: z.string(), since: unsigned, waitingFor: z.array(z.string()) });
export const explainAnswer = z.strictObject({
  committing: z.boolean(),
  summary: z.array(z.string()),
  blocked: blocked.optional(),
  quorum: z.strictObject({ n: unsigned, f: unsigned, size: unsigned, reachable: unsigned }),
  view: z.strictObject({ number: unsigned, active: z.boolean(), demand: unsigned }),
  next: z.strictObject({ sequence: unsigned, proposed: z.boolean() }),
  pool: z.strictObject({ requests: unsigned, bytes: unsigned, oldestMilliseconds: unsigned, patienceMilliseconds: unsigned }),
  syncing: z.boolean(),
  passive: z.boolean(),
  validators: z.array(
    z.strictObject({
      index: unsigned,
      peerId: z.string(),
      moniker: z.string().optional(),
      self: z.boolean(),
      reachable: z.boolean(),
      primary: z.boolean(),
      prepared: z.boolean(),
      committed: z.boolean(),
      wantsView: z.boolean(),
      view: unsigned.optional(),
      executed: unsigned.optional(),
      stable: unsigned.optional(),
    }),
  ),
});
export const openApiAnswer = z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) });
export const text = z.string();
