/** Partitions, and what test networks do to their nodes: `/v1/partitions`, `/v1/testnet/cut`, `/v1/testnet/behaviour`. */
import type { NodeService } from "../../node/service.ts";
import { parseJsonBody, parseQuery, requireMediaType } from "../parse.ts";
import { jsonAnswer, valueOf } from "../problem.ts";
import type { Route } from "../route.ts";
import * as schemas from "../schemas/common.ts";
import { behaviourBody, cutBody } from "../schemas/testnet.ts";

/** of a body that names peers */
const maxBodyBytes = 64 * 1024;

export const partitionRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/partitions",
    operations: {
      GET: {
        summary: "Partitions as this node lived through them, oldest first",
        always: true,
        query: schemas.noQuery,
        answer: schemas.partitionsAnswer,
        handle(call) {
          parseQuery(schemas.noQuery, call.query);
          return jsonAnswer(service.partitions());
        },
      },
    },
  },
  {
    path: "/v1/testnet/cut",
    operations: {
      POST: {
        summary: "Cut this node's links to these peers, or heal them with none; only in test networks",
        always: true,
        query: schemas.noQuery,
        body: { "application/json": cutBody },
        answer: cutBody,
        async handle(call) {
          parseQuery(schemas.noQuery, call.query);
          requireMediaType(call.headers["content-type"], ["application/json"]);
          return jsonAnswer(valueOf(service.cut(parseJsonBody(cutBody, await call.body(maxBodyBytes)))));
        },
      },
    },
  },
  {
    path: "/v1/testnet/behaviour",
    operations: {
      POST: {
        summary: "Make this validator cheat in some way, or be honest again; only in test networks",
        always: true,
        query: schemas.noQuery,
        body: { "application/json": behaviourBody },
        answer: behaviourBody,
        async handle(call) {
          parseQuery(schemas.noQuery, call.query);
          requireMediaType(call.headers["content-type"], ["application/json"]);
          return jsonAnswer(valueOf(service.behave(parseJsonBody(behaviourBody, await call.body(maxBodyBytes)).behaviour)));
        },
      },
    },
  },
];
