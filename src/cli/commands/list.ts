/** `byz list` */
import { Option } from "commander";
import type { Consistency, EntryJson } from "../../client/answers.ts";
import { ClientError } from "../../client/errors.ts";
import { listByOne } from "../../client/list-calls.ts";
import type { ProvenList } from "../../client/verify-list.ts";
import type { Genesis } from "../../node/home/genesis.ts";
import { visible } from "../../node/home/printable.ts";
import { faultsTolerated } from "../../protocol/committee.ts";
import { clientOf } from "../client.ts";
import { defineCommand, wholeNumber } from "../command.ts";
import { consistencyOption } from "./get.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { keyMembers, keyText, valueMembers } from "../value.ts";
import { storeGenesisAtHand, type GenesisFlag, genesisOption, localIsOneNodes, readingClient, sayUnverified } from "../verified.ts";

const longestValue = 60;

const brief = (entry: Pick<EntryJson, "value" | "encoding">): string => {
  const head = entry.value.slice(0, longestValue * 4);
  const value = entry.encoding === "utf8" ? visible(head.replaceAll(/\s+/g, " ")) : `base64:${head}`;
  return value.length > longestValue ? `${value.slice(0, longestValue - 1)}…` : value;
};

interface ListOptions extends GenesisFlag {
  readonly limit: number;
  readonly after?: string;
  readonly consistency?: Consistency;
}

interface Page {
  readonly items: readonly Omit<EntryJson, "sequence">[];
  readonly next?: string;
  readonly nextEncoding?: "base64";
}

/** The command line takes text only. */
const onwardFrom = (next: string, encoding: Page["nextEncoding"]): string =>
  encoding === undefined ? `add --after ${next}` : `a key that is no text is the last of these: go on with GET /v1/kv (docs/http.md)`;

const utf8 = new TextEncoder();

/** @throws ClientError `verification_failed` */
const certifiedByOne = async (session: Session, genesis: Genesis, prefix: string, { limit, after }: ListOptions): Promise<ProvenList> => {
  const range = { prefix: utf8.encode(prefix), limit, ...(after === undefined ? {} : { after: utf8.encode(after) }) };
  const node = { url: session.apiUrls[0] ?? "", http: clientOf(session) };
  const list = await listByOne({ genesis, distrusted: () => undefined }, node, range);
  if (list instanceof ClientError) throw list;
  return list;
};

/** Proven entries; that none is missing is believed when f+1 nodes are named and say so. */
const listCertified = async (session: Session, genesis: Genesis, prefix: string, options: ListOptions): Promise<Page> => {
  const needed = faultsTolerated(genesis.validators.length) + 1;
  const whole = session.apiUrls.length >= needed;
  const range = { prefix, limit: options.limit, ...(options.after === undefined ? {} : { after: options.after }) };
  const { items, more, asOf } = whole
    ? await (await readingClient(session, genesis)).listCertified(range)
    : await certifiedByOne(session, genesis, prefix, options);
  const last = items.at(-1);
  if (!whole) session.note(`each entry is proven; that none is left out is the word of fewer than ${needed} nodes: name more with --api`);
  const shown = items.map(({ key, value, version, sequence }) => ({ ...keyMembers(key), ...valueMembers(value), version, sequence }));
  const { key: next, keyEncoding: nextEncoding } = more && last !== undefined ? keyMembers(last.key) : {};
  const onward = next === undefined ? {} : { next, ...(nextEncoding === undefined ? {} : { nextEncoding }) };
  return { items: shown, ...onward, consistency: "certified", asOf, verified: true, complete: whole } as Page;
};

const listUnverified = async (session: Session, prefix: string | undefined, { limit, after, consistency }: ListOptions): Promise<Page> =>
  clientOf(session).list({
    limit,
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after }),
    ...(consistency === undefined ? {} : { consistency }),
  });

export const listCommand = defineCommand<ListOptions>({
  usage: "list [prefix]",
  summary: "Lists keys in byte order; a certified list is verified where a genesis is at hand",
  arguments: { prefix: "only those that begin with it" },
  options: [
    new Option("--limit <n>", "at most so many").argParser(wholeNumber(1, 1000)).default(100),
    new Option("--after <key>", "go on after this key"),
    consistencyOption(),
    genesisOption(),
  ],
  examples: ["byz list users/ --limit 10 --json", "byz list users/ --consistency certified --genesis genesis.json"],
  exits: [3, 4, 5, 6],
  async run(session, [prefix], options) {
    const genesis = await storeGenesisAtHand(session, options);
    const verified = genesis !== undefined && options.consistency === "certified";
    const page = verified ? await listCertified(session, genesis, prefix ?? "", options) : await listUnverified(session, prefix, options);
    const rows = page.items.map((entry) => [keyText(entry), String(entry.version), brief(entry)]);
    session.answer(rows.length === 0 && !session.json ? "no keys" : table(session, ["KEY", "VERSION", "VALUE"], rows), page);
    if (page.next !== undefined && !session.json) session.note(`there is more: ${onwardFrom(page.next, page.nextEncoding)}`);
    const remedy = genesis === undefined ? undefined : "ask for --consistency certified";
    if (!verified) sayUnverified(session, options.consistency === "local" ? localIsOneNodes : remedy);
  },
});
