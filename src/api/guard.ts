/** Who may ask: the owner of the machine through loopback, holders of the token from elsewhere, no web page that lured a browser here. */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { Refusal, refuseInvalid } from "./problem.ts";

export interface GuardOptions {
  /** the address that the server binds to */
  readonly host: string;
  /** needed to write when `host` is not loopback */
  readonly token?: string;
  /** needs the token on loopback too, such as behind a proxy that serves others */
  readonly requireToken?: boolean;
}

/** @throws Refusal when the request may not be served */
export type Guard = (headers: IncomingHttpHeaders, writes: boolean) => void;

/** True for `localhost`, 127.0.0.0/8 and ::1, with or without brackets. */
export const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);

/** The name in `name`, `name:port`, `[v6]` or `[v6]:port`. */
const hostName = (authority: string): string => /^(\[[^\]]*\]|[^:]*)(?::\d{0,5})?$/.exec(authority)?.[1]?.toLowerCase() ?? "";

const digest = (text: string): Buffer => hash("sha256", text, "buffer");

const isOwnHost = (name: string): boolean => isLoopback(name) || name.endsWith(".localhost");

const guardHost: Guard = (headers, writes) => {
  if (!isOwnHost(hostName(headers.host ?? ""))) {
    refuseInvalid(
      "the Host header does not name this machine",
      "ask for http://127.0.0.1 or http://localhost; a proxy in front has to send such a Host",
    );
  }
  const origin = headers.origin;
  if (!writes || origin === undefined) return;
  if (!URL.canParse(origin) || !isOwnHost(new URL(origin).hostname)) refuseInvalid("a page from elsewhere may not write here");
};

const createTokenGuard = (token: string): Guard => {
  const expected = digest(token);
  return (headers, writes) => {
    if (!writes) return;
    const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
    // digests of one length: the comparison's time tells nothing
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    throw new Refusal(
      {
        code: "unauthorized",
        message: "writes need the token of this node",
        hint: "Authorization: Bearer TOKEN, from the file api.token in its home",
      },
      { "www-authenticate": "Bearer" },
    );
  };
};

/**
 * On loopback the Host header must name loopback, against DNS rebinding, and a write from a web page must come from a page of this
 * very host. Elsewhere writes need the token.
 *
 * @throws Error when a token is needed and there is none
 */
export const createGuard = (options: GuardOptions): Guard => {
  const onLoopback = isLoopback(options.host);
  const guards: Guard[] = onLoopback ? [guardHost] : [];
  if (!onLoopback || options.requireToken === true) {
    if (options.token === undefined || options.token === "") throw new Error("an API that is not on loopback needs a token");
    guards.push(createTokenGuard(options.token));
  }
  return (headers, writes) => {
    for (const guard of guards) guard(headers, writes);
  };
};
