/** Starts and stops the process of one node. */
import { spawn } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { logPath } from "./homes.ts";
import { identify, signalProcess, stateOf } from "./process-identity.ts";
import type { ProcessIdentity, ProcessState } from "./process-identity.ts";
import { identityOf, TestnetError } from "./state.ts";
import type { TestnetNode } from "./state.ts";

/** the same place seen from src and from dist */
const entry = fileURLToPath(new URL("../../bin/byz.js", import.meta.url));

/** a log larger than this is moved to node.log.1 at the next start */
const maxLogBytes = 16 * 1024 * 1024;

const openLog = (path: string): number => {
  try {
    if (statSync(path).size > maxLogBytes) renameSync(path, `${path}.1`);
  } catch {
    // there is no log yet
  }
  return openSync(path, "a");
};

export interface LaunchOptions {
  /** the node stops itself when this process ends */
  readonly owner: ProcessIdentity | null;
  /** for Node.js itself, such as `--max-old-space-size=256` */
  readonly nodeArguments?: readonly string[];
}

/** What the children's environment must not inherit: settings meant for another node would win over theirs. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("BYZ_") || name === "BYZ_SOURCE" || name === "BYZ_LOG_LEVEL"),
  );

/**
 * Starts `byz start` for a node in a session of its own, its output going to its log.
 *
 * @throws TestnetError `start_failed`
 */
export const launch = (node: TestnetNode, options: LaunchOptions): ProcessIdentity => {
  const log = openLog(logPath(node));
  try {
    const owner = options.owner === null ? [] : ["--stop-with", String(options.owner.pid)];
    const behave = node.behaviour === "honest" ? [] : ["--behave", node.behaviour];
    const child = spawn(process.execPath, [...(options.nodeArguments ?? []), entry, "start", "--home", node.home, ...owner, ...behave], {
      detached: true,
      stdio: ["ignore", log, log],
      env: cleanEnvironment(),
    });
    child.on("error", () => undefined); // without a pid, below
    child.unref();
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity === undefined) throw new TestnetError("start_failed", `node ${node.index} did not start`, `see ${logPath(node)}`);
    return identity;
  } finally {
    closeSync(log);
  }
};

/** Waits until the process has ended, or is in another state that a signal brings about. @returns false when it is not after `limitMs` */
export const waitState = async (identity: ProcessIdentity, state: ProcessState, limitMs: number): Promise<boolean> => {
  const deadline = performance.now() + limitMs;
  while (stateOf(identity) !== state) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
};

/** how long a node may take to stop before it is killed */
const politenessMs = 5000;

/** SIGTERM, or SIGKILL at once; does nothing for a node that does not run. */
export const stopProcess = async (node: TestnetNode, how: "politely" | "at once"): Promise<void> => {
  const identity = identityOf(node);
  if (identity === undefined || stateOf(identity) === "gone") return;
  if (how === "politely") {
    signalProcess(identity, "SIGTERM");
    signalProcess(identity, "SIGCONT"); // a paused process hears of it only then
    if (await waitState(identity, "gone", politenessMs)) return;
  }
  signalProcess(identity, "SIGKILL");
  await waitState(identity, "gone", politenessMs);
};
