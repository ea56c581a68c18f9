/** `testnet.json`: what a local network is made of, kept current so that any terminal can work on it. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { withFileLock } from "../node/home/file-lock.ts";
import { writeFileDurably } from "../node/home/layout.ts";
import type { ProcessIdentity } from "./process-identity.ts";

export interface TestnetNode {
  readonly index: number;
  readonly role: "validator" | "observer";
  readonly peerId: string;
  /** base URL */
  readonly api: string;
  /** multiaddr, peer id included */
  readonly p2p: string;
  /** null while it does not run */
  readonly pid: number | null;
  /** tells this process from a later one with the same pid; null while it does not run */
  readonly started: string | null;
  readonly home: string;
  readonly behaviour: string;
}

/** Links that are cut between groups of nodes, by index; `oneWay`: only from the first to the second. */
export interface TestnetCut {
  readonly groups: readonly (readonly number[])[];
  readonly oneWay: boolean;
}

export interface TestnetState {
  readonly chainId: string;
  /** the process that stops all nodes when it ends; null for a detached network */
  readonly owner: ProcessIdentity | null;
  /** null while all links are as they are */
  readonly cut: TestnetCut | null;
  readonly nodes: readonly TestnetNode[];
}

export class TestnetError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
  constructor(code: string, message: string, hint?: string, exitCode = 1) {
    super(message);
    this.name = "TestnetError";
    this.code = code;
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

export const statePath = (dir: string): string => join(resolve(dir), "testnet.json");

export const stateExists = (dir: string): boolean => existsSync(statePath(dir));

const isState = (value: unknown): value is TestnetState =>
  typeof value === "object" && value !== null && "nodes" in value && Array.isArray(value.nodes) && "chainId" in value && "owner" in value;

/** @throws TestnetError `no_testnet`, `invalid_testnet` */
export const readState = (dir: string): TestnetState => {
  const path = statePath(dir);
  if (!existsSync(path))
    throw new TestnetError(
      "no_testnet",
      `there is no testnet in ${resolve(dir)}`,
      "start one with `byz testnet up`, or name its folder with --dir",
    );
  try {
    const state: unknown = JSON.parse(readFileSync(path, "utf8"));
    // an earlier version wrote no cut
    if (isState(state)) return { ...state, cut: state.cut ?? null };
  } catch {
    // said below
  }
  throw new TestnetError("invalid_testnet", `${path} is damaged`, "remove the folder and start anew", 3);
};

export const writeState = (dir: string, state: TestnetState): void =>
  writeFileDurably(statePath(dir), `${JSON.stringify(state, undefined, 2)}\n`);

/** Changes the state under a lock. @throws TestnetError as `readState` does */
export const changeState = (dir: string, change: (state: TestnetState) => TestnetState): Promise<TestnetState> =>
  withFileLock(statePath(dir), () => {
    const state = change(readState(dir));
    writeState(dir, state);
    return state;
  });

/** @throws TestnetError `no_such_node` */
export const nodeAt = (state: TestnetState, index: number): TestnetNode => {
  const node = state.nodes[index];
  if (node === undefined)
    throw new TestnetError("no_such_node", `there is no node ${index}`, `nodes are 0 to ${state.nodes.length - 1}`, 2);
  return node;
};

/** The node's process; undefined while it does not run. */
export const identityOf = (node: TestnetNode): ProcessIdentity | undefined =>
  node.pid === null || node.started === null ? undefined : { pid: node.pid, started: node.started };

/** Notes a node's process, or that it has none. */
export const withProcess = (state: TestnetState, index: number, identity: ProcessIdentity | undefined): TestnetState => ({
  ...state,
  nodes: state.nodes.map((node) =>
    node.index === index ? { ...node, pid: identity?.pid ?? null, started: identity?.started ?? null } : node,
  ),
});
