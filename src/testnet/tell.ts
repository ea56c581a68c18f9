/** Tells running nodes of a test network what they are to suffer or to do. */
import { stateOf } from "./process-identity.ts";
import { identityOf, nodeAt, TestnetError } from "./state.ts";
import type { TestnetNode, TestnetState } from "./state.ts";

/** What is said to one node: the last part of its path under `/v1/testnet`, and a JSON body. */
export interface Telling {
  readonly path: "cut" | "behaviour";
  readonly body: unknown;
}

/** a node that is busy still answers within this */
const askMs = 10_000;

/** Why it could not be told; undefined once it is. */
const tellOne = async (node: TestnetNode, { path, body }: Telling): Promise<string | undefined> => {
  try {
    const answer = await fetch(`${node.api}/v1/testnet/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(askMs),
    });
    if (answer.ok) return undefined;
    const { detail } = (await answer.json()) as { readonly detail?: string };
    return detail ?? `HTTP ${answer.status}`;
  } catch (error) {
    return (error as Error).message;
  }
};

const isRunning = (node: TestnetNode): boolean => {
  const identity = identityOf(node);
  return identity !== undefined && stateOf(identity) === "running";
};

/**
 * Tells these nodes, where they run; those that do not are told when they are started or resumed.
 *
 * @throws TestnetError `not_told` naming those that could not be told
 */
export const tellNodes = async (state: TestnetState, indexes: readonly number[], telling: (index: number) => Telling): Promise<void> => {
  const told = await Promise.all(
    indexes.map(async (index) => {
      const node = nodeAt(state, index);
      return { index, problem: isRunning(node) ? await tellOne(node, telling(index)) : undefined };
    }),
  );
  const problems = told.flatMap(({ index, problem }) => (problem === undefined ? [] : [`node ${index}: ${problem}`]));
  if (problems.length > 0) throw new TestnetError("not_told", `some nodes could not be told: ${problems.join(", ")}`, "try again");
};
