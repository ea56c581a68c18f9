/** The key-value store: `/v1/kv` and `/v1/txn`. */
import { Buffer } from "node:buffer";
import type { z } from "zod";
import type { Comparison, KvOperation, SimpleOperation, SimpleResult } from "../../ledger/kv/operations.ts";
import { limits } from "../../protocol/limits.ts";
import type { Applied, KvPage, KvRead, NodeService } from "../../node/service.ts";
import { type Consistency, settle } from "../consistency.ts";
import { checkpointJson, entryJson, keyJson, proofJson, simpleResultJson, strictBase64, toBase64 } from "../json.ts";
import { expectedVersion, parseJsonBody, parseQuery, percentDecode, queryBytes, requireMediaType } from "../parse.ts";
import { type Answer, jsonAnswer, Refusal, refuseInvalid, valueOf } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import * as schemas from "../schemas/common.ts";

/** values on one page of a list, bytes */
const maxPageBytes = 2 * 1024 * 1024;
/** values beyond it wait for their turn */
const largeValueBytes = 64 * 1024;
/** entries on one page of a certified list: each brings a proof */
const maxCertifiedEntries = 100;
/** a transaction as JSON: the largest request, in base64, with room for its members */
const maxTxnBytes = 2 * 1024 * 1024;

const checkKey = (key: Uint8Array): Uint8Array => {
  if (key.length === 0) return refuseInvalid("the key is empty");
  if (key.length > limits.maxKeyBytes) {
    throw new Refusal({
      code: "too_large",
      message: `the key is larger than ${limits.maxKeyBytes} bytes`,
      details: { maxBytes: limits.maxKeyBytes },
    });
  }
  return key;
};

/** Refuses what can be known to be refused before anything is ordered. */
const valueTooLarge = (): never => {
  throw new Refusal({
    code: "too_large",
    message: `the value is larger than ${limits.maxValueBytes} bytes`,
    details: { maxBytes: limits.maxValueBytes },
  });
};

const conflict = (version: number, details: Readonly<Record<string, unknown>> = {}): never => {
  throw new Refusal({
    code: "version_conflict",
    message: version === 0 ? "the key does not exist" : `the key has version ${version}`,
    hint: "read it again and decide anew",
    details: { ...details, version },
  });
};

const neverComes = (type: string): never => {
  throw new Refusal({ code: "internal", message: `the ledger answered "${type}" to another operation` });
};

/** The refusals that a single operation may meet. */
const refuseSimple = (result: SimpleResult, details?: Readonly<Record<string, unknown>>): never => {
  if (result.type === "conflict") return conflict(result.version, details);
  return result.type === "too-large" ? valueTooLarge() : neverComes(result.type);
};

const submitOne = async (service: NodeService, operation: KvOperation): Promise<Applied> => {
  const [outcome] = await service.submitOperations([operation]);
  return outcome === undefined ? neverComes("nothing") : valueOf(outcome);
};

const etag = (version: number): Record<string, string> => ({ etag: `"${version}"` });

const readAnswer = (key: Uint8Array, read: KvRead, consistency: Consistency, raw: boolean): Answer => {
  const proof = read.proof === undefined ? {} : { proof: proofJson(read.proof) };
  if (read.entry === undefined) {
    const details = { ...keyJson(key), consistency, asOf: read.asOf as number, ...proof };
    throw new Refusal({ code: "not_found", message: "there is no such key", details });
  }
  const headers = etag(read.entry.version);
  if (raw) return { status: 200, headers: { "content-type": "application/octet-stream", ...headers }, body: read.entry.value };
  return jsonAnswer({ ...entryJson(read.entry), consistency, asOf: read.asOf, ...proof }, headers);
};

const pageAnswer = (page: KvPage, consistency: Consistency): Answer => {
  const last = page.entries.at(-1);
  const next = page.more && last !== undefined ? keyJson(last.key) : undefined;
  return jsonAnswer({
    items: page.entries.map((entry) => ({ ...entryJson(entry), ...(entry.path === undefined ? {} : { path: toBase64(entry.path) }) })),
    ...(next === undefined ? {} : { next: next.key, ...(next.keyEncoding === undefined ? {} : { nextEncoding: next.keyEncoding }) }),
    consistency,
    asOf: page.asOf,
    ...(page.checkpoint === undefined ? {} : { checkpoint: checkpointJson(page.checkpoint) }),
  });
};

const listBound = (text: string | undefined, encoding: "base64" | undefined, name: string): Uint8Array | undefined => {
  if (text === undefined) return undefined;
  const bytes = encoding === "base64" ? strictBase64(text, name) : queryBytes(text);
  return bytes.length > limits.maxKeyBytes ? refuseInvalid(`${name} is longer than any key`) : bytes;
};

const list = async (service: NodeService, call: Call): Promise<Answer> => {
  const query = parseQuery(schemas.listQuery, call.query);
  const prefix = listBound(query.prefix, query.prefixEncoding, "prefix") ?? new Uint8Array();
  const after = listBound(query.after, query.afterEncoding, "after");
  const consistency = await settle(service, query.consistency);
  const limit = consistency === "certified" ? Math.min(query.limit, maxCertifiedEntries) : query.limit;
  await call.turn();
  const range = { consistency, prefix, limit, maxBytes: maxPageBytes, ...(after === undefined ? {} : { after }) };
  return pageAnswer(valueOf(await service.list(range)), query.consistency);
};

const expectation = (call: Call): { expect?: number } => {
  const expect = expectedVersion(call.headers["if-match"], call.headers["if-none-match"]);
  return expect === undefined ? {} : { expect };
};

const put = async (service: NodeService, call: Call): Promise<Answer> => {
  parseQuery(schemas.noQuery, call.query);
  const key = checkKey(percentDecode(call.parameter));
  const condition = expectation(call);
  const value = await call.body(limits.maxValueBytes);
  const { result, sequence, requestId } = await submitOne(service, { type: "put", key, value, ...condition });
  if (result.type !== "put") return refuseSimple(result as SimpleResult, { requestId });
  return jsonAnswer({ ...keyJson(key), version: result.version, sequence, requestId }, etag(result.version));
};

const remove = async (service: NodeService, call: Call): Promise<Answer> => {
  parseQuery(schemas.noQuery, call.query);
  const key = checkKey(percentDecode(call.parameter));
  const { result, sequence, requestId } = await submitOne(service, { type: "delete", key, ...expectation(call) });
  if (result.type !== "delete") return refuseSimple(result as SimpleResult, { requestId });
  return jsonAnswer({ ...keyJson(key), deleted: result.deleted, sequence, requestId });
};

/* ------------------------------------------------------------------ transactions */

type TxnBody = z.output<typeof schemas.txnBody>;
type TxnOperation = TxnBody["success"][number];

const textBytes = (text: string, encoding: "utf8" | "base64" | undefined, what: string): Uint8Array =>
  encoding === "base64" ? strictBase64(text, what) : Buffer.from(text, "utf8");

const txnKey = ({ key, keyEncoding }: { readonly key: string; readonly keyEncoding?: "utf8" | "base64" | undefined }): Uint8Array =>
  checkKey(textBytes(key, keyEncoding, "key"));

const txnValue = ({ value, encoding }: { readonly value: string; readonly encoding?: "utf8" | "base64" | undefined }): Uint8Array => {
  const bytes = textBytes(value, encoding, "value");
  return bytes.length > limits.maxValueBytes ? valueTooLarge() : bytes;
};

const toOperation = (operation: TxnOperation): SimpleOperation => {
  const key = txnKey(operation);
  const expect = "ifVersion" in operation && operation.ifVersion !== undefined ? { expect: operation.ifVersion } : {};
  switch (operation.type) {
    case "put":
      return { type: "put", key, value: txnValue(operation), ...expect };
    case "delete":
      return { type: "delete", key, ...expect };
    case "get":
      return { type: "get", key };
  }
};

const toComparison = (comparison: TxnBody["compare"][number]): Comparison =>
  "version" in comparison
    ? { type: "version", key: txnKey(comparison), version: comparison.version }
    : { type: "value", key: txnKey(comparison), value: txnValue(comparison) };

const transact = async (service: NodeService, call: Call): Promise<Answer> => {
  parseQuery(schemas.noQuery, call.query);
  requireMediaType(call.headers["content-type"], ["application/json"]);
  const body = parseJsonBody(schemas.txnBody, await call.body(maxTxnBytes));
  const { result, sequence, requestId } = await submitOne(service, {
    type: "txn",
    compare: body.compare.map(toComparison),
    success: body.success.map(toOperation),
    failure: body.failure.map(toOperation),
  });
  if (result.type === "txn-refused") return refuseSimple(result.result, { requestId, index: result.index });
  if (result.type !== "txn") return neverComes(result.type);
  return jsonAnswer({ succeeded: result.succeeded, results: result.results.map(simpleResultJson), sequence, requestId });
};

/** The routes of the built-in key-value store. */
export const keyValueRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/kv",
    operations: {
      GET: {
        summary: "List keys in byte order",
        query: schemas.listQuery,
        answer: schemas.listAnswer,
        handle: (call) => list(service, call),
      },
    },
  },
  {
    path: "/v1/kv/{key*}",
    operations: {
      GET: {
        summary: "Read a key",
        query: schemas.getQuery,
        answer: schemas.getAnswer,
        async handle(call) {
          const query = parseQuery(schemas.getQuery, call.query);
          const key = checkKey(percentDecode(call.parameter));
          const read = valueOf(await service.get(key, await settle(service, query.consistency)));
          if ((read.entry?.value.length ?? 0) > largeValueBytes) await call.turn();
          return readAnswer(key, read, query.consistency, query.raw === "1");
        },
      },
      PUT: {
        summary: "Write a key",
        query: schemas.noQuery,
        body: { "*/*": null },
        answer: schemas.putAnswer,
        handle: (call) => put(service, call),
      },
      DELETE: { summary: "Delete a key", query: schemas.noQuery, answer: schemas.deleteAnswer, handle: (call) => remove(service, call) },
    },
  },
  {
    path: "/v1/txn",
    operations: {
      POST: {
        summary: "Compare, then do one of two lists of operations, all or nothing",
        query: schemas.noQuery,
        body: { "application/json": schemas.txnBody },
        answer: schemas.txnAnswer,
        handle: (call) => transact(service, call),
      },
    },
  },
];
