/** A running node's data as one file: `/v1/backup`. */
import * as z from "zod";
import type { NodeService } from "../../node/service.ts";
import { parseQuery } from "../parse.ts";
import { valueOf } from "../problem.ts";
import type { Route } from "../route.ts";
import * as schemas from "../schemas/common.ts";

const binary = "application/octet-stream";

export const backupRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/backup",
    operations: {
      // it changes nothing, but it is for the operator: beyond loopback it needs the token, as writes do
      POST: {
        summary: "The node's data in one consistent file, for `byz restore`",
        query: schemas.noQuery,
        answer: z.never(),
        answerType: binary,
        handle(call) {
          parseQuery(schemas.noQuery, call.query);
          return { status: 200, headers: { "content-type": binary }, body: "", parts: valueOf(service.backup()) };
        },
      },
    },
  },
];
