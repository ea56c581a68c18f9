/** Nodes reached over libp2p, under the client's `fetch`: one multiaddr, the same questions, the same answers. */
import type { Visitor } from "../network/libp2p/visitor.ts";
import type { Digest } from "../protocol/ids.ts";
import { decodeClientAnswer, encodeQuestion } from "../wire/exchanges.ts";
import { ClientError } from "./errors.ts";

/** All of a client's connections over libp2p. */
export interface Libp2pNodes {
  /** What stands in for `fetch` for one node. @throws ClientError `invalid_request` when the address is not one, or names no peer */
  fetchFrom(address: string): typeof globalThis.fetch;
  close(): Promise<void>;
}

/** for an exchange without a limit of its own */
const longestMs = 60_000;

/** such as `/ip4/192.0.2.1/tcp/27656/p2p/12D3KooW…` */
export const isMultiaddr = (text: string): boolean => text.startsWith("/");

const toBody = (body: unknown): Uint8Array => {
  if (body === undefined || body === null) return new Uint8Array();
  return body instanceof Uint8Array ? body : new TextEncoder().encode(body as string);
};

/** @param genesisHash of the network whose nodes these are */
export const createLibp2pNodes = (genesisHash: Digest): Libp2pNodes => {
  let starting: Promise<Visitor> | undefined;
  /** libp2p is loaded by whoever uses it only */
  const visitor = (): Promise<Visitor> =>
    (starting ??= import("../network/libp2p/visitor.ts").then(({ createVisitor }) => createVisitor(genesisHash)));
  return {
    fetchFrom(address) {
      return async (input, init = {}) => {
        const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
        const question = encodeQuestion({
          method: init.method === "POST" ? "POST" : "GET",
          target: url.slice(address.length),
          body: toBody(init.body),
        });
        const { addressProblem } = await import("../network/libp2p/visitor.ts");
        const problem = addressProblem(address);
        if (problem !== undefined) throw new ClientError({ code: "invalid_request", message: problem });
        const bytes = await (await visitor()).ask(address, question, init.signal ?? AbortSignal.timeout(longestMs));
        const answer = decodeClientAnswer(bytes);
        if (!answer.ok) throw new ClientError({ code: "bad_answer", message: `${address} did not answer in this protocol` });
        const { status, retryAfterSeconds, body } = answer.value;
        return new Response(status === 204 ? null : (body as Uint8Array<ArrayBuffer>), {
          status,
          headers: retryAfterSeconds === 0 ? {} : { "retry-after": String(retryAfterSeconds) },
        });
      };
    },
    async close() {
      await (await starting)?.stop();
    },
  };
};
