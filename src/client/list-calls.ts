/** Certified lists: each entry is proven, and that none is missing is believed when f+1 nodes leave out the same. */
import { setTimeout as delay } from "node:timers/promises";
import type { Genesis } from "../node/home/genesis.ts";
import { faultsTolerated } from "../protocol/committee.ts";
import { ClientError } from "./errors.ts";
import type { Asked } from "./believe.ts";
import type { Bytes, HttpClient } from "./http-client.ts";
import { type ProvenList, verifyList } from "./verify-list.ts";

export interface CertifiedRange {
  readonly prefix?: Bytes;
  /** only keys behind this one */
  readonly after?: Bytes;
  /** at most so many, 100 by default and at most */
  readonly limit?: number;
}

/** nodes come to a checkpoint one after the other: they are asked again so often until f+1 are at the same one */
const attempts = 8;
const pauseMs = 250;

const utf8 = new TextEncoder();
const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === "string" ? utf8.encode(bytes) : bytes);

/** What two nodes must agree on: entries are proven already, so their keys say all. */
const essence = ({ asOf, more, items }: ProvenList): string =>
  JSON.stringify([asOf, more, items.map(({ key }) => Buffer.from(key).toString("base64"))]);

/** One node's list, if each of its entries is proven; that none was left out is its word. What went wrong is given, not thrown. */
export const listByOne = async (
  { genesis, distrusted }: Pick<Asked, "genesis" | "distrusted">,
  { url, http }: { readonly url: string; readonly http: HttpClient },
  { prefix, after, limit }: { readonly prefix: Uint8Array; readonly after?: Uint8Array; readonly limit: number },
): Promise<ProvenList | ClientError> => {
  const range = { prefix, ...(after === undefined ? {} : { after }) };
  try {
    const verdict = verifyList(genesis, range, await http.list({ ...range, limit, consistency: "certified" }));
    if (verdict.ok) return verdict;
    distrusted({ url, problem: verdict.problem, message: verdict.message });
    return new ClientError({
      code: "verification_failed",
      message: `${url} is not to be believed: ${verdict.message}`,
      hint: "ask other nodes, and find out who runs this one",
      details: { url, problem: verdict.problem },
    });
  } catch (error) {
    if (!(error instanceof ClientError) || error.code === "aborted") throw error;
    return error;
  }
};

const neededOf = ({ validators }: Genesis): number => faultsTolerated(validators.length) + 1;

/**
 * @returns a page of proven entries that f+1 of the nodes agree on
 * @throws ClientError `invalid_request` with fewer than f+1 nodes to ask; `verification_failed`; `outcome_unknown` when too few agree in time
 */
export const listCertified = async (asked: Asked, { prefix = "", after, limit = 100 }: CertifiedRange): Promise<ProvenList> => {
  const needed = neededOf(asked.genesis);
  if (asked.nodes.length < needed) {
    throw new ClientError({
      code: "invalid_request",
      message: `that a list is whole is believed when ${needed} nodes say so`,
      hint: `name at least ${needed} nodes`,
    });
  }
  const range = { prefix: toBytes(prefix), limit: Math.min(100, limit), ...(after === undefined ? {} : { after: toBytes(after) }) };
  let failures: readonly ClientError[] = [];
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (attempt > 0) await delay(pauseMs);
    const answers = await Promise.all(asked.nodes.map((node) => listByOne(asked, node, range)));
    const lists = answers.filter((answer): answer is ProvenList => !(answer instanceof ClientError));
    failures = answers.filter((answer) => answer instanceof ClientError);
    const agreed = [...Map.groupBy(lists, essence).values()].find((alike) => alike.length >= needed);
    if (agreed?.[0] !== undefined) return agreed[0];
    if (lists.length < needed && failures.every(({ code }) => code === "verification_failed")) break;
  }
  throw (
    failures.find(({ code }) => code === "verification_failed") ??
    failures[0] ??
    new ClientError({ code: "outcome_unknown", message: `fewer than ${needed} nodes agree on the list`, hint: "ask again, or other nodes" })
  );
};
