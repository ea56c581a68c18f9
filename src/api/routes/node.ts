/** What the node knows of itself and of the others: `/v1/status`, `/v1/validators`, `/v1/peers`, `/livez`, `/readyz`. */
import type { z } from "zod";
import type { NodeService } from "../../node/service.ts";
import { parseJsonBody, parseQuery, requireMediaType } from "../parse.ts";
import { jsonAnswer } from "../problem.ts";
import type { Route } from "../route.ts";
import * as operate from "../schemas/operate.ts";
import * as schemas from "../schemas/common.ts";

const report = (path: string, summary: string, answer: z.ZodType, give: () => unknown): Route => ({
  path,
  operations: {
    GET: {
      summary,
      always: true,
      query: schemas.noQuery,
      answer,
      handle(call) {
        parseQuery(schemas.noQuery, call.query);
        return jsonAnswer(give());
      },
    },
  },
});

/** a few names and levels */
const maxLogBodyBytes = 1024;

const operatorRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/log",
    operations: {
      GET: {
        summary: "The level of each part of the log",
        always: true,
        query: schemas.noQuery,
        answer: operate.logLevels,
        handle(call) {
          parseQuery(schemas.noQuery, call.query);
          return jsonAnswer(service.logLevels());
        },
      },
      PUT: {
        summary: "Change the level of some parts of the log, until the node stops",
        always: true,
        query: schemas.noQuery,
        body: { "application/json": operate.logBody },
        answer: operate.logLevels,
        async handle(call) {
          parseQuery(schemas.noQuery, call.query);
          requireMediaType(call.headers["content-type"], ["application/json"]);
          service.setLogLevels(parseJsonBody(operate.logBody, await call.body(maxLogBodyBytes)));
          return jsonAnswer(service.logLevels());
        },
      },
    },
  },
  {
    path: "/metrics",
    operations: {
      GET: {
        summary: "Prometheus text",
        always: true,
        query: schemas.noQuery,
        answer: operate.text,
        answerType: "text/plain",
        async handle(call) {
          parseQuery(schemas.noQuery, call.query);
          // some milliseconds: who asks without pause is not to have all of them
          await call.turn();
          const { type, text } = await service.metrics();
          return { status: 200, headers: { "content-type": type }, body: text };
        },
      },
    },
  },
];

export const nodeRoutes = (service: NodeService): readonly Route[] => [
  ...operatorRoutes(service),
  report("/v1/status", "What this node knows", schemas.statusAnswer, () => service.status()),
  report("/v1/validators", "The validator set", schemas.validatorsAnswer, () => service.validators()),
  report("/v1/peers", "Connected peers", schemas.peersAnswer, () => service.peers()),
  report("/v1/explain", "Why nothing is committed right now, if it is not", operate.explainAnswer, () => service.explain()),
  report("/livez", "The process answers", schemas.liveAnswer, () => ({ alive: true })),
  {
    path: "/readyz",
    operations: {
      GET: {
        summary: "200 when in sync and able to commit new work, else 503",
        always: true,
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
