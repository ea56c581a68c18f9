/** Nodes that lie to their clients, and clients that verify. */
import { createClient } from "../../client/client.ts";
import { ClientError } from "../../client/errors.ts";
import type { Stage } from "./stage.ts";

/** calls of each kind for each liar */
const calls = 15;

const utf8 = new TextDecoder();

/** What a client has who asks only this liar: the truth, a lie that it believed, or nothing. */
const askAlone = async (
  { testnet, genesis, signal }: Stage,
  liar: number,
  key: string,
  value: string,
): Promise<"right" | "wrong" | "refused"> => {
  const client = createClient({ genesis, urls: [testnet.node(liar).api], patienceMs: 0, signal });
  try {
    const got = await client.get(key);
    return got.value !== undefined && utf8.decode(got.value) === value ? "right" : "wrong";
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return "refused";
  }
};

/** A write and a read with all nodes at hand, the liar first. */
const askAll = async (stage: Stage, liar: number, key: string, distrusted: (url: string) => void): Promise<string | undefined> => {
  const { testnet, genesis, honest, signal } = stage;
  const urls = [liar, ...honest].map((index) => testnet.node(index).api);
  const client = createClient({ genesis, urls, signal, distrusted: ({ url }) => distrusted(url) });
  try {
    const { version } = await client.put(key, key);
    const { value } = await client.get(key);
    const there = await testnet.client(honest[0] as number).get(key);
    const read = value === undefined ? undefined : utf8.decode(value);
    const fine = version === 1 && read === key && there?.value === key && there.version === 1;
    return fine ? undefined : `${key}: written as version ${version}, read as ${read}, and there is ${JSON.stringify(there)}`;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return `${key}: ${error.code}: ${error.message}`;
  }
};

/** What came of one liar's lies. */
export interface Noticed {
  readonly liar: number;
  /** answers of it that did not hold */
  readonly refused: number;
  /** answers of an honest node that did not hold: there should be none */
  readonly honestRefused: number;
}

/** These nodes lie to clients at present. */
export const hearLies = async (stage: Stage, liars: readonly number[]): Promise<readonly Noticed[]> => {
  const { testnet, book, honest, signal } = stage;
  const tally = book.tally("lies");
  await testnet.client(honest[0] as number).put("lies/known", "known");
  const noticed: Noticed[] = [];
  for (const liar of liars) {
    const refusals = new Map<string, number>();
    const distrusted = (url: string): void => void refusals.set(url, (refusals.get(url) ?? 0) + 1);
    for (let at = 0; at < calls; at += 1) {
      signal.throwIfAborted();
      const alone = await askAlone(stage, liar, "lies/known", "known");
      if (alone === "refused") distrusted(testnet.node(liar).api);
      tally.check(alone !== "wrong", `a lie of node ${liar} was believed`);
      const problem = await askAll(stage, liar, `lies/${liar}/${at}`, distrusted);
      tally.check(problem === undefined, problem ?? "");
    }
    const refused = refusals.get(testnet.node(liar).api) ?? 0;
    const honestRefused = [...refusals.values()].reduce((sum, each) => sum + each, 0) - refused;
    tally.check(refused > 0, `node ${liar} told no lie`);
    tally.tell(`${refused} answers of node ${liar} were refused, of ${3 * calls} calls that asked it first`);
    noticed.push({ liar, refused, honestRefused });
  }
  return noticed;
};
