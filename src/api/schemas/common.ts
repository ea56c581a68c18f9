/**
 * One schema for each query, body and answer of the HTTP interface (docs/http.md). Queries and bodies are parsed by them; answers are built to
 * fit them, which the tests check: a description for machines is generated from the same source.
 */
import * as z from "zod";
import { memoryReport, transferReport } from "./status.ts";

export const unsigned = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "64 lowercase hexadecimal characters");
const base64 = z.base64();

/** in a query, numbers are decimal text */
export const decimal = (smallest: number, largest: number) =>
  z
    .string()
    .regex(/^[0-9]{1,16}$/, "a whole number")
    .transform(Number)
    .pipe(z.number().min(smallest).max(largest));

export const consistency = z.enum(["linearizable", "certified", "local"]);
const valueEncoding = z.enum(["utf8", "base64"]);
const keyMembers = { key: z.string(), keyEncoding: z.literal("base64").optional() };
const valueMembers = { value: z.string(), encoding: valueEncoding };

/* ------------------------------------------------------------------ queries and parameters */

export const noQuery = z.strictObject({});
export const getQuery = z.strictObject({ consistency: consistency.default("linearizable"), raw: z.enum(["0", "1"]).default("0") });
/** entries on a page unless asked for otherwise, and at most */
export const pageEntries = { default: 100, max: 1000 } as const;
export const listQuery = z.strictObject({
  prefix: z.string().default(""),
  after: z.string().optional(),
  prefixEncoding: z.literal("base64").optional(),
  afterEncoding: z.literal("base64").optional(),
  limit: decimal(1, pageEntries.max).default(pageEntries.default),
  consistency: consistency.default("linearizable"),
});
export const pageBlocks = { default: 20, max: 256 } as const;
export const blocksQuery = z.strictObject({
  from: decimal(1, Number.MAX_SAFE_INTEGER).optional(),
  limit: decimal(1, pageBlocks.max).default(pageBlocks.default),
});
export const watchQuery = z.strictObject({
  prefix: z.string().default(""),
  prefixEncoding: z.literal("base64").optional(),
  from: decimal(0, Number.MAX_SAFE_INTEGER).optional(),
});
export const proofQuery = z.strictObject({ proof: z.enum(["0", "1"]).default("0") });
export const readyQuery = z.strictObject({ verbose: z.enum(["", "1"]).optional() });
export const sequenceParameter = decimal(1, Number.MAX_SAFE_INTEGER);
export const idParameter = hex64;

/* ------------------------------------------------------------------ bodies */

const txnKey = { key: z.string(), keyEncoding: z.enum(["utf8", "base64"]).optional() };
const txnValue = { value: z.string(), encoding: valueEncoding.optional() };
const comparison = z.union([z.strictObject({ ...txnKey, version: unsigned }), z.strictObject({ ...txnKey, ...txnValue })], {
  error: "a comparison is a key, and a version (a whole number) or a value (text)",
});
const operation = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("put"), ...txnKey, ...txnValue, ifVersion: unsigned.optional() }),
  z.strictObject({ type: z.literal("delete"), ...txnKey, ifVersion: unsigned.optional() }),
  z.strictObject({ type: z.literal("get"), ...txnKey }),
]);
/** comparisons, and operations of one branch, of one transaction */
export const maxTxnEntries = 1024;
const entries = <S extends z.ZodType>(schema: S) => z.array(schema).max(maxTxnEntries);
export const txnBody = z.strictObject({
  compare: entries(comparison).default([]),
  success: entries(operation),
  failure: entries(operation).default([]),
});
export const requestBody = z.strictObject({ request: base64 });

/* ------------------------------------------------------------------ answers */

const signatures = z.array(z.strictObject({ replica: unsigned, signature: base64 }));
const certificate = z.strictObject({ epoch: unsigned, view: unsigned, sequence: unsigned, digest: hex64, signatures });
const answerProof = z.strictObject({
  receipts: z.strictObject({
    epoch: unsigned,
    sequence: unsigned,
    requests: unsigned,
    resultsRoot: hex64,
    stateRoot: hex64,
    logHash: hex64,
    signatures,
  }),
  previousLogHash: hex64,
  siblings: z.array(hex64),
});
export const checkpoint = z.strictObject({
  epoch: unsigned,
  sequence: unsigned,
  stateRoot: hex64,
  logHash: hex64,
  epochRoot: hex64,
  signatures,
});
const proof = z.strictObject({ checkpoint, path: base64 });
const entry = { ...keyMembers, ...valueMembers, version: unsigned, sequence: unsigned };

export const putAnswer = z.strictObject({ ...keyMembers, version: unsigned, sequence: unsigned, requestId: hex64 });
export const deleteAnswer = z.strictObject({ ...keyMembers, deleted: z.boolean(), sequence: unsigned, requestId: hex64 });
export const getAnswer = z.strictObject({ ...entry, consistency, asOf: unsigned, proof: proof.optional() });
export const stateAnswer = z.strictObject({ ...keyMembers, ...valueMembers, consistency, asOf: unsigned, proof: proof.optional() });
export const listAnswer = z.strictObject({
  items: z.array(z.strictObject({ ...entry, path: base64.optional() })),
  next: z.string().optional(),
  nextEncoding: z.literal("base64").optional(),
  consistency,
  asOf: unsigned,
  checkpoint: checkpoint.optional(),
});

const simpleResult = z.union([
  z.strictObject({ type: z.literal("put"), version: unsigned }),
  z.strictObject({ type: z.literal("delete"), deleted: z.boolean() }),
  z.strictObject({ type: z.literal("get"), found: z.literal(true), ...valueMembers, version: unsigned }),
  z.strictObject({ type: z.literal("get"), found: z.literal(false) }),
  z.strictObject({ type: z.literal("conflict"), version: unsigned }),
  z.strictObject({ type: z.literal("too-large") }),
]);
const result = z.union([
  simpleResult,
  z.strictObject({ type: z.literal("txn"), succeeded: z.boolean(), results: z.array(simpleResult) }),
  z.strictObject({ type: z.literal("txn-refused"), index: unsigned, result: simpleResult }),
  z.strictObject({ type: z.literal("time"), timestamp: unsigned }),
  z.strictObject({ type: z.literal("malformed") }),
]);
export const txnAnswer = z.strictObject({ succeeded: z.boolean(), results: z.array(simpleResult), sequence: unsigned, requestId: hex64 });
export const requestAnswer = z.strictObject({
  id: hex64,
  state: z.enum(["pending", "committed", "unknown"]),
  sequence: unsigned.optional(),
  index: unsigned.optional(),
  result: z.array(result).optional(),
  results: z.array(base64).optional(),
  certificate: certificate.optional(),
  proof: answerProof.optional(),
});

const blockOperation = z.union([
  operation,
  z.strictObject({ type: z.literal("txn"), compare: z.array(comparison), success: z.array(operation), failure: z.array(operation) }),
  z.strictObject({ type: z.literal("time") }),
  z.strictObject({ type: z.literal("unknown"), bytes: base64 }),
]);
export const blockAnswer = z.strictObject({
  sequence: unsigned,
  epoch: unsigned,
  view: unsigned,
  digest: hex64,
  logHash: hex64,
  timestamp: unsigned,
  requests: z.array(z.strictObject({ id: hex64, client: hex64, sequence: unsigned, operations: z.array(blockOperation) })),
  certificate,
});
export const blocksAnswer = z.array(blockAnswer);

const role = z.enum(["validator", "observer"]);

/** the data of one event of `/v1/watch` */
export const watchEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("put"), ...keyMembers, ...valueMembers, version: unsigned, sequence: unsigned }),
  z.strictObject({ type: z.literal("delete"), ...keyMembers, version: z.literal(0), sequence: unsigned }),
]);

const connectivity = z.enum(["whole", "degraded", "minority", "split"]);
const links = {
  state: connectivity,
  sides: z.array(z.array(z.string())),
  brokenLinks: z.array(z.strictObject({ from: z.string(), to: z.string() })).optional(),
};

const catchUp = z.strictObject({ sequences: unsigned, bytes: unsigned, milliseconds: unsigned }).optional();

const happening = <T extends string, S extends z.ZodRawShape>(type: T, members: S) =>
  z.strictObject({ type: z.literal(type), id: z.string(), time: unsigned, ...members });
/** the data of one event of `/v1/events` */
export const nodeEvent = z.discriminatedUnion("type", [
  happening("view_change", { epoch: unsigned, view: unsigned, reason: z.string() }),
  happening("new_view", { view: unsigned, primary: z.string() }),
  happening("stable_checkpoint", { sequence: unsigned, stateRoot: hex64, logHash: hex64 }),
  happening("executed", { sequence: unsigned, view: unsigned, blocks: unsigned, requests: unsigned, operations: unsigned }),
  happening("peer_up", { peerId: z.string(), role }),
  happening("peer_down", { peerId: z.string(), role }),
  happening("partition_opened", { partition: z.string(), ...links }),
  happening("partition_changed", { partition: z.string(), ...links }),
  happening("partition_closed", { partition: z.string(), ...links, milliseconds: unsigned, catchUp }),
  happening("evidence", { kind: z.string(), culprit: z.string() }),
  happening("rejected", {
    input: z.string(),
    reason: z.string(),
    action: z.enum(["ignore", "blame"]),
    from: z.string().optional(),
    suppressed: unsigned,
  }),
  happening("blocked", { reason: z.string(), waitingFor: z.array(z.string()) }),
  happening("unblocked", { reason: z.string(), milliseconds: unsigned }),
  happening("votes_again", {}),
  happening("transfer_begun", { target: unsigned }),
  happening("transferred", { sequence: unsigned }),
  happening("transfer_fault", { peerId: z.string(), fault: z.enum(["false-state", "stalled"]), suppressed: unsigned }),
  happening("state_diverged", { sequence: unsigned, detail: z.string() }),
  happening("memory_breaker", { breaker: memoryReport.shape.breaker, used: unsigned, limit: unsigned }),
  happening("halted", { reason: z.string(), detail: z.string() }),
]);

const mergedDocument = z.strictObject({
  name: z.string(),
  ours: unsigned,
  theirs: unsigned,
  anchor: z.strictObject({ digest: z.string(), sequence: unsigned }).optional(),
});
const partitionPhase = z.strictObject({ at: unsigned, ...links });
const partition = z.strictObject({
  id: z.string(),
  since: unsigned,
  until: unsigned.optional(),
  ...links,
  sequences: z.strictObject({ since: unsigned, until: unsigned.optional() }),
  phases: z.array(partitionPhase),
  catchUp,
  documents: z.array(mergedDocument).optional(),
  conflicts: z
    .array(z.strictObject({ kind: z.string(), document: z.string().optional(), detail: z.string(), resolution: z.string() }))
    .optional(),
});
export const partitionsAnswer = z.array(partition);

export const statusAnswer = z.strictObject({
  version: z.string(),
  chainId: z.string(),
  genesisHash: hex64,
  peerId: z.string(),
  validatorKey: hex64.optional(),
  moniker: z.string(),
  role,
  epoch: unsigned,
  view: unsigned,
  primary: z.string(),
  sequence: z.strictObject({ committed: unsigned, executed: unsigned, stable: unsigned }),
  logHash: hex64,
  stateRoot: hex64,
  quorum: z.strictObject({ n: unsigned, f: unsigned, size: unsigned, reachable: unsigned }),
  connectivity,
  sides: links.sides,
  brokenLinks: links.brokenLinks,
  syncing: z.boolean(),
  transfer: transferReport.optional(),
  passive: z.boolean().optional(),
  blocked: z.strictObject({ reason: z.string(), since: unsigned, waitingFor: z.array(z.string()) }).optional(),
  uptimeSeconds: z.number().nonnegative(),
  memory: memoryReport,
});
export const validatorsAnswer = z.array(
  z.strictObject({
    index: unsigned,
    peerId: z.string(),
    validatorKey: hex64,
    moniker: z.string().optional(),
    reachable: z.boolean(),
    reputation: z.number().min(0).max(1),
    standing: z.enum(["good", "throttled", "isolated", "quarantined", "suspended"]),
    because: z.string().optional(),
    primary: z.boolean(),
  }),
);
export const peersAnswer = z.array(
  z.strictObject({
    peerId: z.string(),
    addresses: z.array(z.string()),
    role,
    direction: z.enum(["inbound", "outbound"]),
    rttMs: z.number().nonnegative().nullable(),
    connectedSince: unsigned,
  }),
);
export const liveAnswer = z.strictObject({ alive: z.literal(true) });
export const readyAnswer = z.strictObject({
  ready: z.boolean(),
  checks: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), reason: z.string().optional() })),
});
export const problemAnswer = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string(),
  hint: z.string().optional(),
});
