/** The table of routes as data: what answers, what it takes and gives, in one place for the server, the documentation and the tests. */
import type { IncomingHttpHeaders } from "node:http";
import type { z } from "zod";
import type { Answer } from "./problem.ts";
import type { Turns } from "./turns.ts";

export type Method = "GET" | "PUT" | "POST" | "DELETE";

/** One request, as a handler sees it. */
export interface Call {
  readonly method: Method;
  /** what stands for `{…}` in the route's path, still percent-encoded; empty where there is none */
  readonly parameter: string;
  /** what follows the `?`, or empty */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /**
   * The whole body.
   *
   * @throws Refusal `too_large` beyond `maxBytes`, before more is buffered; `overloaded` when all bodies together take too much
   */
  body(maxBytes: number): Promise<Uint8Array>;
  /** waited for just before an answer is made that may have many KiB */
  readonly turn: Turns;
}

export interface Operation {
  readonly summary: string;
  readonly query: z.ZodType;
  /** media type → schema; `null` stands for bytes */
  readonly body?: Readonly<Record<string, z.ZodType | null>>;
  readonly answer: z.ZodType;
  /** the answer's media type, `application/json` when absent; of a stream of events the schema is that of each event's data */
  readonly answerType?: string;
  /** answered while the node takes no new work, too: what operators ask, and what became of earlier work */
  readonly always?: true;
  /** sent ahead on one connection, its requests need not wait for each other: none depends on what an earlier one did (RFC 9112 §9.3.2) */
  readonly abreast?: true;
  /** refusals are thrown as `Refusal`s */
  handle(call: Call): Answer | Promise<Answer>;
}

export interface Route {
  /** such as `/v1/blocks/{sequence}`; a parameter stands last; `{name*}` may contain `/` */
  readonly path: string;
  readonly operations: Partial<Readonly<Record<Method, Operation>>>;
}

export interface Match {
  readonly route: Route;
  readonly parameter: string;
}

/** @returns what finds the route of a path; undefined when there is none */
export const createRouter = (routes: readonly Route[]): ((path: string) => Match | undefined) => {
  const fixed = new Map<string, Match>();
  const open: { readonly prefix: string; readonly slashes: boolean; readonly route: Route }[] = [];
  for (const route of routes) {
    const brace = route.path.indexOf("{");
    if (brace === -1) fixed.set(route.path, { route, parameter: "" });
    else open.push({ prefix: route.path.slice(0, brace), slashes: route.path.endsWith("*}"), route });
  }
  return (path) => {
    const exact = fixed.get(path);
    if (exact !== undefined) return exact;
    for (const { prefix, slashes, route } of open) {
      if (!path.startsWith(prefix)) continue;
      const parameter = path.slice(prefix.length);
      if (slashes || (parameter !== "" && !parameter.includes("/"))) return { route, parameter };
    }
    return undefined;
  };
};
