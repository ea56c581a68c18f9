/** What the node knows of itself and of the others: `/v1/status`, `/v1/validators`, `/v1/peers`, `/livez`, `/readyz`. */
import type { z } from "zod";
import type { NodeService } from "../node/service.ts";
import { parseQuery } from "./parse.ts";
import { jsonAnswer } from "./problem.ts";
import type { Route } from "./route.ts";
import * as schemas from "./schemas.ts";

const report = (path: string, summary: string, answer: z.ZodType, give: () => unknown): Route => ({
  path,
  operations: {
    GET: {
      summary,
      query: schemas.noQuery,
      answer,
      handle(call) {
        parseQuery(schemas.noQuery, call.query);
        return jsonAnswer(give());
      },
    },
  },
});

export const nodeRoutes = (service: NodeService): readonly Route[] => [
  report("/v1/status", "What this node knows", schemas.statusAnswer, () => service.status()),
  report("/v1/validators", "The validator set", schemas.validatorsAnswer, () => service.validators()),
  report("/v1/peers", "Connected peers", schemas.peersAnswer, () => service.peers()),
  report("/livez", "The process answers", schemas.liveAnswer, () => ({ alive: true })),
  {
    path: "/readyz",
    operations: {
      GET: {
        summary: "200 when in sync and able to commit, else 503",
        query: schemas.readyQuery,
        answer: schemas.readyAnswer,
        handle(call) {
          const { verbose } = parseQuery(schemas.readyQuery, call.query);
          const { ready, checks } = service.ready();
          const told = verbose === undefined ? checks.filter(({ ok }) => !ok) : checks;
          return jsonAnswer({ ready, checks: told }, {}, ready ? 200 : 503);
        },
      },
    },
  },
];
