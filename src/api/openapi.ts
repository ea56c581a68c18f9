/** `GET /openapi.json`: the table of routes and its schemas, in OpenAPI 3.1. */
import { z } from "zod";
import { parseQuery } from "./parse.ts";
import { jsonAnswer, statusByCode } from "./problem.ts";
import type { Operation, Route } from "./route.ts";
import * as operate from "./schemas/operate.ts";
import * as schemas from "./schemas/common.ts";

type Json = Readonly<Record<string, unknown>>;

/** What goes in is described before it is parsed, what comes out as it is. */
const jsonSchema = (schema: z.ZodType, io: "input" | "output"): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
};

const queryParameters = (query: z.ZodType): Json[] => {
  const { properties = {}, required = [] } = jsonSchema(query, "input") as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: required.includes(name), schema }));
};

const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/\{([^}*]+)\*?\}/g)].map(([, name]) => ({ name, in: "path", required: true, schema: { type: "string" } }));

const bodyOf = ({ body }: Operation): Json =>
  body === undefined
    ? {}
    : {
        requestBody: {
          required: true,
          content: Object.fromEntries(
            Object.entries(body).map(([type, schema]) => [
              type,
              { schema: schema === null ? { type: "string", format: "binary" } : jsonSchema(schema, "input") },
            ]),
          ),
        },
      };

const operationOf = (path: string, operation: Operation): Json => ({
  summary: operation.summary,
  parameters: [...pathParameters(path), ...queryParameters(operation.query)],
  ...bodyOf(operation),
  responses: {
    "200": {
      description: operation.summary,
      content: { [operation.answerType ?? "application/json"]: { schema: jsonSchema(operation.answer, "output") } },
    },
    default: { description: "A problem", content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } },
  },
});

const problemSchema = (): Json => {
  const described = jsonSchema(schemas.problemAnswer, "output") as { properties: Record<string, Json> };
  return { ...described, properties: { ...described.properties, code: { type: "string", enum: Object.keys(statusByCode) } } };
};

/** The document that describes `routes`. */
const openApiDocument = (routes: readonly Route[], version: string): Json => ({
  openapi: "3.1.0",
  info: { title: "byz", version, description: "The HTTP interface of a node; docs/http.md explains it." },
  paths: Object.fromEntries(
    routes.map(({ path, operations }) => [
      path.replace("*}", "}"),
      Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method.toLowerCase(), operationOf(path, operation)])),
    ]),
  ),
  components: {
    schemas: { Problem: problemSchema() },
    securitySchemes: { token: { type: "http", scheme: "bearer", description: "writes, when the API is bound beyond loopback" } },
  },
});

/** @returns the routes, and the one that describes all of them, itself included; the document is made when it is asked for */
export const withOpenApi = (routes: readonly Route[], version: () => string): readonly Route[] => {
  let document: Json | undefined;
  const all: readonly Route[] = [
    ...routes,
    {
      path: "/openapi.json",
      operations: {
        GET: {
          summary: "This description, in OpenAPI 3.1",
          query: schemas.noQuery,
          answer: operate.openApiAnswer,
          handle(call) {
            parseQuery(schemas.noQuery, call.query);
            document ??= openApiDocument(all, version());
            return jsonAnswer(document);
          },
        },
      },
    },
  ];
  return all;
};
