/** Starts and stops the process of one node. */
import { spawn } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../node/home/config.ts";
import { homeAt } from "../node/home/layout.ts";
import { allocatorEnvironment, heapArgument } from "../node/memory/memory-budget.ts";
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

/** The limit in the home's configuration, MiB; 0 where there is none, or none that can be read: then the node says so itself. */
const memoryLimitOf = ({ home }: TestnetNode): number => {
  try {
    return loadConfig({ file: homeAt(home).config }).config.node.memoryLimitMib;
  } catch {
    return 0;
  }
};

/** What a memory limit means to the process itself, which can only be said as it is started. */
const processLimits = (node: TestnetNode): { readonly args: readonly string[]; readonly environment: NodeJS.ProcessEnv } => {
  const limitMib = memoryLimitOf(node);
  if (limitMib === 0) return { args: [], environment: {} };
  return { args: [heapArgument(limitMib * 1024 * 1024)], environment: allocatorEnvironment };
};

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
    const limits = processLimits(node);
    const nodeArguments = [...limits.args, ...(options.nodeArguments ?? [])];
    const child = spawn(process.execPath, [...nodeArguments, entry, "start", "--home", node.home, ...owner, ...behave], {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...cleanEnvironment(), ...limits.environment },
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
