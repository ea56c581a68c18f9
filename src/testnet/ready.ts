/** Waiting for nodes. */
import { setTimeout as delay } from "node:timers/promises";
import { createHttpClient } from "../client/http-client.ts";
import { logPath } from "./homes.ts";
import { tailOf } from "./logs.ts";
import { stateOf } from "./process-identity.ts";
import { identityOf, TestnetError } from "./state.ts";
import type { TestnetNode } from "./state.ts";

export interface Waiting {
  readonly timeoutMs: number;
  /** `answering`: its API answers; `ready`: it is in sync and able to commit */
  readonly until: "answering" | "ready";
  /** the node as it is now: its process may have changed */
  readonly current: (index: number) => TestnetNode;
  readonly signal?: AbortSignal;
}

const pollMs = 100;
const askMs = 2000;

/** Why it is not there yet; undefined once it is. */
const missing = async (node: TestnetNode, until: Waiting["until"]): Promise<string | undefined> => {
  try {
    const { ready, checks } = await createHttpClient({ urls: [node.api], timeoutMs: askMs }).ready();
    if (ready || until === "answering") return undefined;
    const failing = checks.filter(({ ok }) => !ok).map(({ name, reason }) => (reason === undefined ? name : `${name}: ${reason}`));
    return failing.join(", ");
  } catch (error) {
    return (error as Error).message;
  }
};

/** The last line of its log that says something, for the error. */
const lastWords = (node: TestnetNode): string => {
  const line =
    tailOf(node, 20)
      .split("\n")
      .findLast((each) => each.startsWith("byz:")) ?? tailOf(node, 1);
  return line.slice(0, 400);
};

const assertAlive = (node: TestnetNode): void => {
  const identity = identityOf(node);
  if (identity !== undefined && stateOf(identity) !== "gone") return;
  throw new TestnetError("exited", `node ${node.index} ended: ${lastWords(node)}`, `see ${logPath(node)}`);
};

/**
 * Until all are there at once: one that could commit before the others came may find, hearing from them, that it can not yet.
 * @throws TestnetError `exited`, `not_ready`, `interrupted`
 */
export const waitReady = async (nodes: readonly TestnetNode[], waiting: Waiting): Promise<void> => {
  const deadline = performance.now() + waiting.timeoutMs;
  for (;;) {
    const asked = await Promise.all(
      nodes.map(async ({ index }) => {
        const node = waiting.current(index);
        assertAlive(node);
        return { index, reason: await missing(node, waiting.until) };
      }),
    );
    const late = asked.filter(({ reason }) => reason !== undefined);
    if (late.length === 0) return;
    if (waiting.signal?.aborted === true) throw new TestnetError("interrupted", "interrupted", undefined, 130);
    if (performance.now() > deadline) {
      const reasons = late.map(({ index, reason }) => `node ${index} (${reason})`).join(", ");
      throw new TestnetError("not_ready", `not ready after ${waiting.timeoutMs} ms: ${reasons}`, "see `byz testnet logs`");
    }
    await delay(pollMs);
  }
};

const executedBy = async (api: string): Promise<number> => {
  const status = await createHttpClient({ urls: [api], timeoutMs: askMs })
    .status()
    .catch(() => undefined);
  return status?.sequence.executed ?? 0;
};

/** How far the ledger is, as the honest validators that answer say. */
export const executedByAny = async (nodes: readonly TestnetNode[]): Promise<number> => {
  const asked = nodes.filter(({ role, behaviour, pid }) => role === "validator" && behaviour === "honest" && pid !== null);
  return Math.max(0, ...(await Promise.all(asked.map(({ api }) => executedBy(api)))));
};

/**
 * Until the node has executed that sequence: a node counts as in sync while it is less than a checkpoint interval behind.
 *
 * @throws TestnetError `exited`, `not_ready`
 */
export const waitExecuted = async (node: TestnetNode, sequence: number, timeoutMs: number): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    assertAlive(node);
    const executed = await executedBy(node.api);
    if (executed >= sequence) return;
    if (performance.now() > deadline) {
      const behind = `node ${node.index} executed ${executed} of ${sequence} sequences`;
      throw new TestnetError("not_ready", `${behind} in ${timeoutMs} ms`, "see `byz testnet logs`");
    }
    await delay(pollMs);
  }
};
