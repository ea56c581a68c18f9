/** Asks one node after another until one says something that holds. */
import type { Genesis } from "../node/home/genesis.ts";
import type { RequestAnswer } from "./answers.ts";
import { ClientError } from "./errors.ts";
import type { HttpClient } from "./http-client.ts";
import type { ProofProblem } from "./proof-json.ts";
import type { Unproven } from "./trust.ts";
import { worthRepeating } from "./signing-client.ts";
import { joinAnswers, type ProvenAnswer, verifyAnswer } from "./verify-answer.ts";

export interface Asked {
  readonly genesis: Genesis;
  readonly nodes: readonly { readonly url: string; readonly http: HttpClient }[];
  readonly distrusted: (distrust: { readonly url: string; readonly problem: ProofProblem; readonly message: string }) => void;
}

/** What an honest node may say as well: it proves nothing, and is no lie either. */
const honest: ReadonlySet<ProofProblem> = new Set(["not-committed", "no-proof", "too-few-receipts", "too-old"]);

/** What a node has no reason to say of a signed request: results come with their proof, refusals of the ledger among them. */
const outOfPlace: ReadonlySet<string> = new Set(["version_conflict", "not_found", "method_not_allowed"]);

/**
 * What a round without a proven answer comes to. A lie is the last word only when no other node may yet do better; an open outcome weighs more than
 * a refusal, that more than silence.
 */
const verdictOf = (failures: readonly ClientError[]): ClientError => {
  const lie = failures.find(({ code }) => code === "verification_failed");
  const passing = failures.find(({ code }) => worthRepeating.has(code));
  if (lie !== undefined && passing !== undefined) {
    const message = `${lie.message}; and ${passing.message}`;
    return new ClientError({ code: "outcome_unknown", message, hint: "ask several nodes, or again later", cause: lie });
  }
  const worth = ({ code, details }: ClientError): number =>
    code === "outcome_unknown" || details["sent"] === true ? 2 : code === "no_node" ? 0 : 1;
  const [first] = failures.toSorted((a, b) => worth(b) - worth(a));
  return lie ?? first ?? new ClientError({ code: "no_node", message: "no node was asked" });
};

const failureOf = (url: string, { problem, message }: Unproven): ClientError =>
  honest.has(problem)
    ? new ClientError({ code: "outcome_unknown", message: `${url}: ${message}`, hint: "ask several nodes, or again later" })
    : new ClientError({
        code: "verification_failed",
        message: `${url} is not to be believed: ${message}`,
        hint: "ask another node, and find out who runs this one",
        details: { url, problem },
      });

/** @throws ClientError */
const misplaced = (error: unknown): never => {
  if (!(error instanceof ClientError) || !outOfPlace.has(error.code)) throw error;
  throw new ClientError({ code: "verification_failed", message: `a node answered "${error.code}" to a signed request`, cause: error });
};

interface Question<A, V> {
  ask(http: HttpClient): Promise<A>;
  judge(answer: A): V | Unproven;
  /** what to make of the answers so far that proved too little each */
  join?(unproven: readonly A[]): A | undefined;
}

/** @throws ClientError of the failure that tells most */
const firstProven = async <A, V extends { readonly ok: true }>(
  { nodes, distrusted }: Asked,
  { ask, judge, join }: Question<A, V>,
): Promise<{ readonly answer: A; readonly verdict: V }> => {
  const failures: ClientError[] = [];
  const partial: A[] = [];
  for (const { url, http } of nodes) {
    try {
      const answer = await ask(http);
      const verdict = judge(answer);
      if (verdict.ok) return { answer, verdict };
      distrusted({ url, problem: verdict.problem, message: verdict.message });
      failures.push(failureOf(url, verdict));
      if (verdict.problem !== "too-few-receipts") continue;
      partial.push(answer);
      const joined = join?.(partial);
      const together = joined === undefined ? undefined : judge(joined);
      if (joined !== undefined && together?.ok === true) return { answer: joined, verdict: together };
    } catch (error) {
      if (!(error instanceof ClientError) || error.code === "aborted") throw error;
      failures.push(error);
    }
  }
  throw verdictOf(failures);
};

export const believe = {
  /** Sends a signed request to each node in turn, until an answer is proven. @throws ClientError */
  request: (asked: Asked, bytes: Uint8Array): Promise<{ readonly answer: RequestAnswer; readonly verdict: ProvenAnswer }> =>
    firstProven(asked, {
      ask: (http) => http.submitRequest(bytes, { proof: true }).catch(misplaced),
      judge: (given) => verifyAnswer(asked.genesis, bytes, given),
      join: (partial) => joinAnswers(asked.genesis, bytes, partial) as RequestAnswer | undefined,
    }),
  /** Reads from each node in turn, until an answer is proven. @throws ClientError */
  async read<A, V extends { readonly ok: true }>(
    asked: Asked,
    ask: (http: HttpClient) => Promise<A>,
    judge: (answer: A) => V | Unproven,
  ): Promise<V & { readonly answer: A }> {
    const { answer, verdict } = await firstProven(asked, { ask, judge });
    return { ...verdict, answer };
  },
} as const;
