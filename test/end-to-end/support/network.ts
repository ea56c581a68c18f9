/** Networks of real processes for one test file, gone when it is over. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { BlockAnswer, StatusAnswer } from "../../../src/client/answers.ts";
import { ClientError } from "../../../src/client/errors.ts";
import { Testnet } from "../../../src/testnet/index.ts";
import type { TestnetOptions } from "../../../src/testnet/index.ts";
import { eventually } from "./wait.ts";

/** A folder of this file's own, removed after its tests. */
export const temporaryFolder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "byz-e2e-"));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

/** Boots a network; stopped and removed after the tests of the file, also when booting fails half-way. */
export const startNetwork = async (dir: string, options: Omit<TestnetOptions, "dir">): Promise<Testnet> => Testnet.up({ ...options, dir });

/** Call while the file is collected: whatever happens, nothing of this network outlives it. */
export const networkFolder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "byz-e2e-"));
  afterAll(async () => {
    await stopNetwork(dir);
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
};

const stopNetwork = async (dir: string): Promise<void> => {
  try {
    await Testnet.open(dir).down();
  } catch {
    // it never came to be
  }
};

export const indexesOf = (testnet: Testnet): number[] => testnet.state().nodes.map(({ index }) => index);

/** The index of the node that this node takes for the primary. */
export const primaryAsSeenBy = async (testnet: Testnet, index: number): Promise<number> => {
  const { primary } = await testnet.client(index).status();
  return testnet.state().nodes.findIndex(({ peerId }) => peerId === primary);
};

/** The code of the error that a call ends with; `none` when it succeeds. */
export const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return "none";
  } catch (error) {
    if (error instanceof ClientError) return error.code;
    throw error;
  }
};

const samePlace = (statuses: readonly StatusAnswer[]): boolean =>
  new Set(statuses.map(({ sequence, logHash, stateRoot }) => `${sequence.executed} ${logHash} ${stateRoot}`)).size === 1;

/** Waits until these nodes stand at one sequence, with one log hash and one state root. @returns the sequence */
export const settled = (testnet: Testnet, indexes: readonly number[], limitMs = 30_000): Promise<number> =>
  eventually("all nodes at one place", limitMs, async () => {
    const statuses = await Promise.all(indexes.map((index) => testnet.client(index).status()));
    if (samePlace(statuses)) return statuses[0]?.sequence.executed;
    throw new Error(JSON.stringify(statuses.map(({ sequence, logHash, view }) => ({ ...sequence, view, logHash: logHash.slice(0, 8) }))));
  });

const blocksOf = async (testnet: Testnet, index: number, from: number, to: number): Promise<BlockAnswer[]> => {
  const found: BlockAnswer[] = [];
  while (found.length < to - from + 1) {
    const page = await testnet.client(index).blocks({ from: from + found.length, limit: Math.min(256, to - from + 1 - found.length) });
    if (page.length === 0) throw new Error(`node ${index} has no block ${from + found.length}`);
    found.push(...page);
  }
  return found;
};

/** Where each request stands in a node's log up to `last`, by its id. */
export const logOf = async (testnet: Testnet, index: number, last: number): Promise<Map<string, number>> => {
  const blocks = last === 0 ? [] : await blocksOf(testnet, index, 1, last);
  return new Map(blocks.flatMap(({ sequence, requests }) => requests.map(({ id }) => [id, sequence] as const)));
};

/** What two nodes must agree on in a block; its certificate may be of other members, and of another view. */
const essence = ({ sequence, epoch, digest, logHash, timestamp, requests }: BlockAnswer): string =>
  JSON.stringify([sequence, epoch, digest, logHash, timestamp, requests.map(({ id }) => id)]);

/**
 * Waits until the nodes are at one place, then compares every block from `from` on.
 *
 * @returns the last sequence
 * @throws Error naming the first difference
 */
export const assertLogsEqual = async (testnet: Testnet, indexes: readonly number[] = indexesOf(testnet), from = 1): Promise<number> => {
  const last = await settled(testnet, indexes);
  const logs = await Promise.all(indexes.map((index) => blocksOf(testnet, index, from, last)));
  logs.forEach((log, position) => {
    log.forEach((block, at) => {
      const expected = logs[0]?.[at];
      if (expected !== undefined && essence(block) === essence(expected)) return;
      throw new Error(`node ${indexes[position]} differs at ${from + at}: ${essence(block)} and ${expected && essence(expected)}`);
    });
  });
  return last;
};
