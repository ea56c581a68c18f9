/** Shared documents: `/v1/shared` (PROTOCOL §11; docs/documents.md). They are written without a quorum. */
import { Buffer } from "node:buffer";
import type { z } from "zod";
import type { Change, ElementRef } from "../../documents/changes.ts";
import type { EditRefusal } from "../../documents/documents.ts";
import { isDocumentName } from "../../documents/operation.ts";
import type { DocumentName } from "../../documents/operation.ts";
import type { Anchor } from "../../ledger/anchors.ts";
import { toDigest } from "../../protocol/ids.ts";
import type { NodeService } from "../../node/service.ts";
import { parseJsonBody, parseQuery, percentDecode, requireMediaType } from "../parse.ts";
import { checkpointJson, toBase64 } from "../json.ts";
import { type Answer, jsonAnswer, type Problem, Refusal, refuseInvalid, valueOf } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import * as shared from "../schemas/shared.ts";
import * as schemas from "../schemas/common.ts";

/** an operation is at most 64 KiB; JSON escapes may take six characters a byte */
const maxEditBytes = 512 * 1024;

/** a document's operations in the answer that proves its anchor; without them the digest alone is proven */
const maxProofBytes = 1024 * 1024;

const nameOf = (call: Call): DocumentName => {
  const name = Buffer.from(percentDecode(call.parameter)).toString("latin1");
  return isDocumentName(name) ? name : refuseInvalid("a document's name is 1 to 64 of a-z 0-9 . _ -, a letter or digit first");
};

const refOf = (text: string): ElementRef => {
  const [operation = "", index] = text.split(":");
  return { index: Number(index), ...(operation === "" ? {} : { operation: toDigest(operation) }) };
};

const toChange = (change: z.output<typeof shared.sharedBody>["changes"][number]): Change => {
  switch (change.type) {
    case "list-insert": {
      const { after, ...rest } = change;
      return after === undefined ? rest : { ...rest, after: refOf(after) };
    }
    case "list-remove":
      return { ...change, element: refOf(change.element) };
    default:
      return change;
  }
};

const refusals: Readonly<Record<Exclude<EditRefusal, "invalid">, Problem>> = {
  "not-an-author": {
    code: "invalid_request",
    message: "this node does not write shared documents",
    hint: "ask a validator's node: validators are the authors",
  },
  "author-full": { code: "too_large", message: "this node's history of the document is full", hint: "go on in a new document" },
  "too-many-documents": { code: "too_large", message: "this node has made as many documents as it may" },
  forked: {
    code: "invalid_request",
    message: "this node's author was proven to have forked this document",
    hint: "did two nodes run with one validator key?",
  },
  behind: { code: "syncing", message: "this node does not have its own latest operations back yet", retryAfterSeconds: 1 },
  busy: { code: "overloaded", message: "too many edits wait", retryAfterSeconds: 1 },
};

const edit = async (service: NodeService, call: Call): Promise<Answer> => {
  parseQuery(schemas.noQuery, call.query);
  const name = nameOf(call);
  requireMediaType(call.headers["content-type"], ["application/json"]);
  const { changes } = parseJsonBody(shared.sharedBody, await call.body(maxEditBytes));
  const result = await service.shared.edit(name, changes.map(toChange));
  if (result.ok) return jsonAnswer({ name, operation: result.operation, sequence: result.sequence, digest: result.digest });
  if (result.reason === "invalid")
    return refuseInvalid(`the edit is not valid: ${result.detail ?? "it breaks a bound"}`, "see docs/documents.md");
  throw new Refusal(refusals[result.reason]);
};

const anchorJson = ({ digest, sequence, timeMs, validators }: Anchor) => ({
  digest: digest as string,
  sequence: sequence as number,
  timestamp: timeMs,
  validators: validators as readonly string[],
});

/** Proofs of forks first: they are part of what the digest names. Undefined when they are too large for an answer, or are of something else. */
const operationsOf = async (service: NodeService, name: DocumentName, digest: string): Promise<readonly string[] | undefined> => {
  const forks = await service.shared.forks(name);
  const operations = [...forks.flatMap((fork) => fork.operations), ...(await service.shared.operations(name))];
  if (operations.reduce((sum, { bytes }) => sum + bytes.length, 0) > maxProofBytes) return undefined;
  // an edit may have come in between
  return (await service.shared.read(name))?.digest === digest ? operations.map(({ bytes }) => toBase64(bytes)) : undefined;
};

const prove = async (service: NodeService, name: DocumentName, digest: string) => {
  const { anchor, checkpoint, path } = valueOf(service.anchors.prove(name));
  const operations = anchor?.digest === digest ? await operationsOf(service, name, digest) : undefined;
  return {
    ...(anchor === undefined ? {} : { anchor: anchorJson(anchor) }),
    checkpoint: checkpointJson(checkpoint),
    path: toBase64(path),
    ...(operations === undefined ? {} : { operations }),
  };
};

const show = async (service: NodeService, call: Call): Promise<Answer> => {
  const { raw, proof } = parseQuery(shared.sharedQuery, call.query);
  const name = nameOf(call);
  await call.turn();
  const document = await service.shared.read(name);
  if (document === undefined) throw new Refusal({ code: "not_found", message: `there is no shared document ${name} here` });
  const { bytes, digest, operations, heads, forkers } = document;
  const headers = { "content-type": "application/json", etag: `"${digest}"` };
  if (raw === "1") return { status: 200, headers, body: bytes };
  const anchor = service.anchors.get(name);
  const ledger = {
    ...(anchor === undefined ? {} : { anchor: { ...anchorJson(anchor), current: anchor.digest === digest } }),
    ...(proof === "1" ? { proof: await prove(service, name, digest) } : {}),
  };
  // the content as it stands: its counters may be beyond what a double holds
  const head = JSON.stringify({ name, digest, operations, heads, forkers, ...ledger });
  return { status: 200, headers, body: `${head.slice(0, -1)},"content":${Buffer.from(bytes).toString("utf8")}}` };
};

export const sharedRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/shared",
    operations: {
      GET: {
        summary: "The shared documents that this node has",
        query: schemas.noQuery,
        answer: shared.sharedListAnswer,
        handle(call) {
          parseQuery(schemas.noQuery, call.query);
          return jsonAnswer({ items: service.shared.list() });
        },
      },
    },
  },
  {
    path: "/v1/shared/{name}",
    operations: {
      GET: {
        summary: "A shared document as this node has it",
        query: shared.sharedQuery,
        answer: shared.sharedAnswer,
        handle: (call) => show(service, call),
      },
      POST: {
        summary: "Change a shared document: all of the changes or none, with or without a quorum",
        query: schemas.noQuery,
        body: { "application/json": shared.sharedBody },
        answer: shared.sharedEditAnswer,
        handle: (call) => edit(service, call),
      },
    },
  },
];
