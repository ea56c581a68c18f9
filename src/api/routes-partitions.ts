/** Partitions, and the cuts that test networks make: `/v1/partitions`, `/v1/testnet/cut`. */
import type { NodeService } from "../node/service.ts";
import { parseJsonBody, parseQuery, requireMediaType } from "./parse.ts";
import { jsonAnswer, valueOf } from "./problem.ts";
import type { Route } from "./route.ts";
import * as schemas from "./schemas.ts";

/** of a body that names peers */
const maxBodyBytes = 64 * 1024;

export const partitionRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/partitions",
    operations: {
      GET: {
        summary: "Partitions as this node lived through them, oldest first",
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
        query: schemas.noQuery,
        body: { "application/json": schemas.cutBody },
        answer: schemas.cutBody,
        async handle(call) {
          parseQuery(schemas.noQuery, call.query);
          requireMediaType(call.headers["content-type"], ["application/json"]);
          return jsonAnswer(valueOf(service.cut(parseJsonBody(schemas.cutBody, await call.body(maxBodyBytes)))));
        },
      },
    },
  },
];
