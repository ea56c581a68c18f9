/** Shapes of shared documents on HTTP (docs/http.md, "Shared documents"). */
import { z } from "zod";
import { checkpoint } from "./common.ts";
import { documentLimits } from "../../documents/limits.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const head = { name: z.string(), digest: hash, operations: z.int() };

export const sharedListAnswer = z.strictObject({ items: z.array(z.strictObject(head)) });

/** What stands under one key; `map` holds further ones. */
const field = z.strictObject({
  counter: z.number().optional(),
  list: z.array(z.strictObject({ id: z.string(), value: z.string() })).optional(),
  map: z.record(z.string(), z.unknown()).optional(),
  register: z.array(z.string()).optional(),
  set: z.array(z.string()).optional(),
});

/** what the ledger says: f+1 validators held the document with this digest */
const anchor = z.strictObject({ digest: hash, sequence: z.int(), timestamp: z.int(), validators: z.array(hash) });
const base64 = z.string();

export const sharedAnswer = z.strictObject({
  ...head,
  heads: z.array(hash),
  forkers: z.array(hash),
  /** `current`: it is of what the document holds now */
  anchor: z.strictObject({ ...anchor.shape, current: z.boolean() }).optional(),
  /** with `proof=1`: the anchor, or that there is none, as of a stable checkpoint; the operations that it names, if they are not too many */
  proof: z.strictObject({ anchor: anchor.optional(), checkpoint, path: base64, operations: z.array(base64).optional() }).optional(),
  content: z.record(z.string(), field),
});

export const sharedQuery = z.strictObject({ raw: z.enum(["1"]).optional(), proof: z.enum(["0", "1"]).default("0") });

const path = z.array(z.string().min(1)).min(1).max(documentLimits.maxPathSegments);
const value = z.string();
/** `operation:index` as a list shows it; without the operation, a change of the same edit */
const element = z.string().regex(/^(?:[0-9a-f]{64})?:\d{1,2}$/);

const change = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("counter-add"), path, amount: z.int() }),
  z.strictObject({ type: z.literal("set-add"), path, value }),
  z.strictObject({ type: z.literal("set-remove"), path, value }),
  z.strictObject({ type: z.literal("register-set"), path, value }),
  z.strictObject({ type: z.literal("list-insert"), path, value, after: element.optional() }),
  z.strictObject({ type: z.literal("list-remove"), path, element }),
  z.strictObject({ type: z.literal("clear"), path }),
]);

export const sharedBody = z.strictObject({ changes: z.array(change).min(1).max(documentLimits.maxChanges) });

export const sharedEditAnswer = z.strictObject({ name: z.string(), operation: hash, sequence: z.int(), digest: hash });
