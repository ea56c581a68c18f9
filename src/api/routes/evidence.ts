/** Proofs of misbehaviour: `/v1/evidence` (PROTOCOL §10, §14). */
import { toDigest } from "../../protocol/ids.ts";
import type { NodeService } from "../../node/service.ts";
import { parseQuery } from "../parse.ts";
import { jsonAnswer, Refusal, refuseInvalid } from "../problem.ts";
import type { Route } from "../route.ts";
import * as evidence from "../schemas/evidence.ts";
import * as schemas from "../schemas/common.ts";

/** proofs on one page, bytes; in base64 a third more */
const maxPageBytes = 4 * 1024 * 1024;

export const evidenceRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/evidence",
    operations: {
      GET: {
        summary: "Proofs of misbehaviour, in the order in which this node found them",
        query: evidence.evidenceQuery,
        answer: evidence.evidenceListAnswer,
        handle(call) {
          const { after, limit } = parseQuery(evidence.evidenceQuery, call.query);
          const page = { after: after === undefined ? undefined : toDigest(after), limit, maxBytes: maxPageBytes };
          return jsonAnswer(service.evidence(page));
        },
      },
    },
  },
  {
    path: "/v1/evidence/{id}",
    operations: {
      GET: {
        summary: "One proof of misbehaviour",
        query: schemas.noQuery,
        answer: evidence.evidenceAnswer,
        handle(call) {
          parseQuery(schemas.noQuery, call.query);
          const id = schemas.idParameter.safeParse(call.parameter);
          if (!id.success) return refuseInvalid("a proof's id is 64 lowercase hexadecimal characters");
          const found = service.evidenceOf(toDigest(id.data));
          if (found !== undefined) return jsonAnswer(found);
          throw new Refusal({ code: "not_found", message: "this node keeps no proof of that name", hint: "GET /v1/evidence lists them" });
        },
      },
    },
  },
];
