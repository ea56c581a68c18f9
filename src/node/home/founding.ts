/** A newcomer's way to the genesis: asked of the nodes it was told of, believed by its hash (PROTOCOL §7, a new observer). */
import { askForGenesis } from "../../network/libp2p/founding.ts";
import type { Digest } from "../../protocol/ids.ts";
import { type Genesis, parseGenesis } from "./genesis.ts";

export type FoundingErrorCode = "no_node" | "wrong_genesis";

export class FoundingError extends Error {
  readonly code: FoundingErrorCode;
  constructor(code: FoundingErrorCode, message: string) {
    super(message);
    this.name = "FoundingError";
    this.code = code;
  }
}

export interface FetchedGenesis {
  readonly genesis: Genesis;
  /** for `genesis.json` */
  readonly text: string;
  /** the address that gave it */
  readonly from: string;
}

const checkHash = (expected: Digest | undefined, { hash }: Genesis, from: string): void => {
  if (expected !== undefined && hash !== expected)
    throw new FoundingError("wrong_genesis", `${from} belongs to the network with genesis ${hash}, not ${expected}`);
};

/**
 * The genesis that the first of these nodes gives, in order, whose answer is one, and the expected one where a hash is given.
 *
 * @param timeoutMs for each node
 * @throws FoundingError `no_node` when none answered, `wrong_genesis` when what came is none, or another one
 */
export const fetchGenesis = async (
  bootstrap: readonly string[],
  expected: Digest | undefined,
  timeoutMs: number,
): Promise<FetchedGenesis> => {
  let failure = new FoundingError("no_node", "no node to ask was given");
  for (const from of bootstrap) {
    let text: string;
    try {
      text = await askForGenesis(from, timeoutMs);
    } catch (error) {
      if (failure.code !== "wrong_genesis")
        failure = new FoundingError("no_node", `${from} did not give its genesis: ${(error as Error).message}`);
      continue;
    }
    try {
      const genesis = parseGenesis(text, from);
      checkHash(expected, genesis, from);
      return { genesis, text, from };
    } catch (error) {
      failure = new FoundingError("wrong_genesis", (error as Error).message);
    }
  }
  throw failure;
};
