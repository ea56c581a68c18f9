/** What nodes of a network have in common, and who leads them. */
import type { BlockAnswer, StatusAnswer } from "../../client/answers.ts";
import type { Testnet } from "../../testnet/testnet.ts";
import { eventually } from "./wait.ts";

export const indexesOf = (testnet: Testnet): number[] => testnet.state().nodes.map(({ index }) => index);

/** The index of the node that this node takes for the primary. */
export const primaryAsSeenBy = async (testnet: Testnet, index: number): Promise<number> => {
  const { primary } = await testnet.client(index).status();
  return testnet.state().nodes.findIndex(({ peerId }) => peerId === primary);
};

const samePlace = (statuses: readonly StatusAnswer[]): boolean =>
  new Set(statuses.map(({ sequence, logHash, stateRoot }) => `${sequence.executed} ${logHash} ${stateRoot}`)).size === 1;

/** Waits until these nodes stand at one sequence, with one log hash and one state root. @returns the sequence */
export const settled = (testnet: Testnet, indexes: readonly number[], limitMs = 30_000, signal?: AbortSignal): Promise<number> =>
  eventually(
    "all nodes at one place",
    limitMs,
    async () => {
      const statuses = await Promise.all(indexes.map((index) => testnet.client(index).status()));
      if (samePlace(statuses)) return statuses[0]?.sequence.executed;
      throw new Error(JSON.stringify(statuses.map(({ sequence, logHash, view }) => ({ ...sequence, view, logHash: logHash.slice(0, 8) }))));
    },
    signal,
  );

/** blocks asked for at once */
const pageBlocks = 256;

/** One block of a node's log. */
export interface LogEntry {
  readonly sequence: number;
  /** ids */
  readonly requests: readonly string[];
  /** what two nodes must agree on; the certificate may be of other members, and of another view */
  readonly essence: string;
}

const entryOf = ({ sequence, epoch, digest, logHash, timestamp, requests }: BlockAnswer): LogEntry => {
  const ids = requests.map(({ id }) => id);
  return { sequence, requests: ids, essence: JSON.stringify([sequence, epoch, digest, logHash, timestamp, ids]) };
};

/** A node's log from `from` to `to`, both included. @throws Error where it has no such block; ClientError */
export const logOf = async (testnet: Testnet, index: number, from: number, to: number): Promise<LogEntry[]> => {
  const found: LogEntry[] = [];
  while (found.length < to - from + 1) {
    const page = await testnet
      .client(index)
      .blocks({ from: from + found.length, limit: Math.min(pageBlocks, to - from + 1 - found.length) });
    if (page.length === 0) throw new Error(`node ${index} has no block ${from + found.length}`);
    found.push(...page.map(entryOf));
  }
  return found;
};

/** Where each request stands in a log, by its id. */
export const placesIn = (log: readonly LogEntry[]): Map<string, number> =>
  new Map(log.flatMap(({ sequence, requests }) => requests.map((id) => [id, sequence] as const)));

/**
 * Waits until the nodes are at one place, then compares every block from `from` on.
 *
 * @returns the last sequence
 * @throws Error naming the first difference
 */
export const assertLogsEqual = async (testnet: Testnet, indexes: readonly number[] = indexesOf(testnet), from = 1): Promise<number> => {
  const last = await settled(testnet, indexes);
  const logs = await Promise.all(indexes.map((index) => logOf(testnet, index, from, last)));
  logs.forEach((log, position) => {
    log.forEach(({ essence }, at) => {
      const expected = logs[0]?.[at]?.essence;
      if (expected === undefined || essence === expected) return;
      throw new Error(`node ${indexes[position]} differs at ${from + at}: ${essence} and ${expected}`);
    });
  });
  return last;
};

/** longer than a replica's patience with its primary can grow */
const givenUpMs = 45_000;

/**
 * Brings this validator into the primary's seat, or brought it there and it lost it: whoever sits there is cut off until the others have given him
 * up, for which there has to be a load. Ends every cut.
 *
 * @param honest nodes that can be asked where they are, at least two
 */
export const seatPrimary = async (testnet: Testnet, wanted: number, honest: readonly number[], signal?: AbortSignal): Promise<void> => {
  const indexes = indexesOf(testnet);
  const seatOf = (view: number): number => view % indexes.length;
  const viewSeenBy = async (index: number): Promise<number> => (await testnet.client(index).status()).view;
  let view = await viewSeenBy(honest[0] as number);
  const goal = view + ((wanted - seatOf(view) + indexes.length) % indexes.length);
  try {
    for (; view < goal;) {
      const primary = seatOf(view);
      const witness = honest.find((index) => index !== primary) as number;
      await testnet.partition([[primary], indexes.filter((index) => index !== primary)]);
      const left = view;
      view = await eventually(
        `node ${primary} is given up in view ${left}`,
        givenUpMs,
        async () => {
          const now = await viewSeenBy(witness);
          return now > left ? now : undefined;
        },
        signal,
      );
    }
  } finally {
    await testnet.heal();
  }
};
