/** Signed requests and the ordered log: `/v1/requests` and `/v1/blocks`. */
import { Buffer } from "node:buffer";
import { limits } from "../../protocol/limits.ts";
import { toDigest, toSequence } from "../../protocol/ids.ts";
import type { NodeService, RequestReport } from "../../node/service.ts";
import { answerProofJson } from "../answer-proof-json.ts";
import { blockJson, type KeyValueCodec, requestReportJson } from "../json.ts";
import { parseJsonBody, parseQuery, requireMediaType } from "../parse.ts";
import { type Answer, jsonAnswer, Refusal, refuseInvalid, valueOf } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import * as schemas from "../schemas/common.ts";

/** a request in base64, with its JSON member */
const maxJsonRequestBytes = Math.ceil(limits.maxRequestBytes / 3) * 4 + 64;
/** batches on one page, bytes; as JSON about twice that */
const maxPageBytes = 4 * 1024 * 1024;
const binary = "application/octet-stream";
const json = "application/json";

const requestBytes = async (call: Call): Promise<Uint8Array> => {
  if (requireMediaType(call.headers["content-type"], [binary, json]) === binary) return call.body(limits.maxRequestBytes);
  const { request } = parseJsonBody(schemas.requestBody, await call.body(maxJsonRequestBytes));
  return Buffer.from(request, "base64");
};

const blocks = async (service: NodeService, call: Call, codec: KeyValueCodec | undefined): Promise<Answer> => {
  const { from, limit } = parseQuery(schemas.blocksQuery, call.query);
  // without a start: the latest
  const first = from ?? Math.max(1, service.status().sequence.executed - limit + 1);
  await call.turn();
  const records = await service.blocks({ from: toSequence(first), limit, maxBytes: maxPageBytes });
  return jsonAnswer(records.map((record) => blockJson(record, codec)));
};

const block = async (service: NodeService, call: Call, codec: KeyValueCodec | undefined): Promise<Answer> => {
  parseQuery(schemas.noQuery, call.query);
  const sequence = schemas.sequenceParameter.safeParse(call.parameter);
  if (!sequence.success) return refuseInvalid("a sequence is a whole number from 1 on");
  await call.turn();
  const record = await service.block(toSequence(sequence.data));
  if (record === undefined) {
    throw new Refusal({
      code: "not_found",
      message: "this node does not have that block",
      hint: "it may not be executed yet, or no longer be kept: /v1/status says up to where it executed",
    });
  }
  return jsonAnswer(blockJson(record, codec));
};

/** A committed request's answer brings its proof when that was asked for; without it, this node could not make one. */
const requestAnswer = async (
  service: NodeService,
  report: RequestReport,
  proof: "0" | "1",
  codec: KeyValueCodec | undefined,
): Promise<Answer> => {
  const { state, sequence, index } = report;
  const answer = requestReportJson(report, codec);
  if (proof === "0" || state !== "committed" || sequence === undefined || index === undefined) return jsonAnswer(answer);
  const found = await service.proveAnswer(sequence, index);
  return jsonAnswer(found === undefined ? answer : { ...answer, proof: answerProofJson(found) });
};

/** @param codec absent when another application than the key-value store runs */
export const ledgerRoutes = (service: NodeService, codec: KeyValueCodec | undefined): readonly Route[] => [
  {
    path: "/v1/requests",
    operations: {
      POST: {
        summary: "Order a signed request",
        abreast: true,
        query: schemas.proofQuery,
        body: { [binary]: null, [json]: schemas.requestBody },
        answer: schemas.requestAnswer,
        async handle(call) {
          const { proof } = parseQuery(schemas.proofQuery, call.query);
          return requestAnswer(service, valueOf(await service.submitRequest(await requestBytes(call))), proof, codec);
        },
      },
    },
  },
  {
    path: "/v1/requests/{id}",
    operations: {
      GET: {
        summary: "What became of a request",
        always: true,
        query: schemas.proofQuery,
        answer: schemas.requestAnswer,
        async handle(call) {
          const { proof } = parseQuery(schemas.proofQuery, call.query);
          const id = schemas.idParameter.safeParse(call.parameter);
          if (!id.success) return refuseInvalid("a request's id is 64 lowercase hexadecimal characters");
          return requestAnswer(service, await service.requestState(toDigest(id.data)), proof, codec);
        },
      },
    },
  },
  {
    path: "/v1/blocks",
    operations: {
      GET: {
        summary: "Executed blocks, ascending",
        query: schemas.blocksQuery,
        answer: schemas.blocksAnswer,
        handle: (call) => blocks(service, call, codec),
      },
    },
  },
  {
    path: "/v1/blocks/{sequence}",
    operations: {
      GET: {
        summary: "One executed block",
        query: schemas.noQuery,
        answer: schemas.blockAnswer,
        handle: (call) => block(service, call, codec),
      },
    },
  },
];
