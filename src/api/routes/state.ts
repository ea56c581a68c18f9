/** The state of an application that is not the built-in key-value store: `/v1/state`. */
import { limits } from "../../protocol/limits.ts";
import type { NodeService, StateRead } from "../../node/service.ts";
import { type Consistency, settle } from "../consistency.ts";
import { keyJson, proofJson, valueJson } from "../json.ts";
import { parseQuery, percentDecode } from "../parse.ts";
import { type Answer, jsonAnswer, Refusal, valueOf } from "../problem.ts";
import type { Route } from "../route.ts";
import * as schemas from "../schemas/common.ts";

const checkKey = (key: Uint8Array): Uint8Array => {
  if (key.length <= limits.maxStateKeyBytes) return key;
  throw new Refusal({
    code: "too_large",
    message: `the key is larger than ${limits.maxStateKeyBytes} bytes`,
    details: { maxBytes: limits.maxStateKeyBytes },
  });
};

const readAnswer = (key: Uint8Array, read: StateRead, consistency: Consistency, raw: boolean): Answer => {
  const place = {
    ...keyJson(key),
    consistency,
    asOf: read.asOf as number,
    ...(read.proof === undefined ? {} : { proof: proofJson(read.proof) }),
  };
  if (read.value === undefined) throw new Refusal({ code: "not_found", message: "the state has no such key", details: place });
  if (raw) return { status: 200, headers: { "content-type": "application/octet-stream" }, body: read.value };
  return jsonAnswer({ ...place, ...valueJson(read.value) });
};

/** The route of every application that brings no routes of its own. */
export const stateRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/state/{key*}",
    operations: {
      GET: {
        summary: "Read what the application keeps under a key",
        query: schemas.getQuery,
        answer: schemas.stateAnswer,
        async handle(call) {
          const query = parseQuery(schemas.getQuery, call.query);
          const key = checkKey(percentDecode(call.parameter));
          const read = valueOf(await service.state(key, await settle(service, query.consistency)));
          return readAnswer(key, read, query.consistency, query.raw === "1");
        },
      },
    },
  },
];
