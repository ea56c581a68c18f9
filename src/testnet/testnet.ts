/** A local network of real processes, for scripts and for `byz testnet`. Everything about it is on disk, so any process can work on it. */
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { createHttpClient } from "../client/http-client.ts";
import type { HttpClient } from "../client/http-client.ts";
import { createConfig } from "../node/home/config.ts";
import type { PartialConfig } from "../node/home/config-file.ts";
import { loadApplication } from "../node/home/load-application.ts";
import type { Parameters } from "../protocol/limits.ts";
import { tellBehaviour, withBehaviour } from "./behaviours.ts";
import { checkCut, tellCuts } from "./cuts.ts";
import { makeHomes, makeObserverHome } from "./homes.ts";
import { launch, stopProcess, waitState } from "./launch.ts";
import { tailOf } from "./logs.ts";
import { freeBasePort } from "./ports.ts";
import { identify, signalProcess, stateOf } from "./process-identity.ts";
import type { ProcessIdentity, ProcessState } from "./process-identity.ts";
import { executedByAny, waitExecuted, waitReady } from "./ready.ts";
import { changeState, identityOf, nodeAt, readState, stateExists, TestnetError, withProcess } from "./state.ts";
import type { TestnetNode, TestnetState } from "./state.ts";

export interface TestnetOptions {
  /** `.byz-testnet` in the working directory by default; one that holds a stopped testnet starts that again */
  readonly dir?: string;
  /** validators, 4 by default */
  readonly nodes?: number;
  /** nodes that are not in the genesis */
  readonly observers?: number;
  /** node i has the ports `basePort + 2i` (peers) and `basePort + 2i + 1` (HTTP); free ones are found when absent */
  readonly basePort?: number;
  /** taken instead of `basePort` when they happen to be free */
  readonly preferredBasePort?: number;
  readonly chainId?: string;
  /** a module that exports the application to replicate, relative to the working directory; the key-value store when absent */
  readonly application?: string;
  readonly config?: PartialConfig;
  /** of each node, MiB, at least 160; three quarters of what the machine has when absent */
  readonly memoryLimitMib?: number;
  readonly parameters?: Partial<Parameters>;
  readonly nodeArguments?: readonly string[];
  /** how validators cheat from the start, by index; the others are honest */
  readonly byzantine?: Readonly<Record<number, string>>;
  /** leave the nodes running when this process ends */
  readonly detach?: boolean;
  /** 60,000 by default; more for machines under load */
  readonly readyTimeoutMs?: number;
  readonly progress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface Testnet {
  readonly dir: string;
  /** as on disk now */
  state(): TestnetState;
  node(index: number): TestnetNode;
  processState(index: number): ProcessState;
  /** talks to one node only */
  client(index: number): HttpClient;
  /** Waits until these nodes, all by default, are in sync and able to commit. */
  ready(indexes?: readonly number[], timeoutMs?: number): Promise<void>;
  /** SIGKILL */
  kill(index: number): Promise<void>;
  /** Starts a node again, after stopping it politely where it still runs; waits until it answers. */
  restart(index: number): Promise<void>;
  /** SIGSTOP */
  pause(index: number): Promise<void>;
  /** SIGCONT */
  resume(index: number): Promise<void>;
  /**
   * Cuts every link between these groups of nodes until `heal`; with `oneWay`, only what the first sends to the second is lost. Replaces the cut
   * before; nodes in no group keep their links; nodes that are started or resumed meanwhile get it too. Resolves once all running nodes have it.
   */
  partition(groups: readonly (readonly number[])[], options?: { readonly oneWay?: boolean }): Promise<void>;
  /** Ends every cut. */
  heal(): Promise<void>;
  /**
   * Starts one more observer, which knows nothing but the genesis and the first node's address; waits until it is in sync. Ports after those of the
   * other nodes are taken where they are free.
   */
  add(options?: { readonly config?: PartialConfig }): Promise<TestnetNode>;
  /** Makes a validator cheat in this way from now on, also after a restart; `honest` ends it. A node that is not running is told once it is. */
  byzantine(index: number, behaviour: string): Promise<void>;
  /** the last lines of a node's log */
  logs(index: number, lines?: number): string;
  /** Stops all nodes; with `purge` removes the folder. */
  down(options?: { readonly purge?: boolean }): Promise<void>;
}

const defaultReadyMs = 60_000;
/** the system stops and continues a process a moment after it was told to */
const signalMs = 1_000;
export const maxNodes = 64;

const isRunning = (node: TestnetNode): boolean => {
  const identity = identityOf(node);
  return identity !== undefined && stateOf(identity) !== "gone";
};

const runningProcess = (node: TestnetNode): ProcessIdentity => {
  const identity = identityOf(node);
  if (identity === undefined || stateOf(identity) === "gone") {
    throw new TestnetError("not_running", `node ${node.index} does not run`, `start it with \`byz testnet restart ${node.index}\``);
  }
  return identity;
};

/** Kills what still runs when this process ends without `down`; a process that is killed itself is noticed by the nodes. */
const killAtExit = (dir: string): void => {
  // before those who remove the folder
  process.prependOnceListener("exit", () => {
    if (!stateExists(dir)) return;
    const state = readState(dir);
    if (state.owner?.pid !== process.pid) return;
    for (const node of state.nodes) {
      const identity = identityOf(node);
      if (identity !== undefined) signalProcess(identity, "SIGKILL");
    }
  });
};

const launchNode = async (dir: string, index: number, nodeArguments: readonly string[]): Promise<void> => {
  const state = readState(dir);
  const identity = launch(nodeAt(state, index), { owner: state.owner, nodeArguments });
  await changeState(dir, (current) => withProcess(current, index, identity));
};

/** A home and a place in `testnet.json` for one more node, which does not run yet. */
const addObserver = async (dir: string, config: PartialConfig): Promise<TestnetNode> => {
  const { nodes } = readState(dir);
  if (nodes.length >= maxNodes) throw new TestnetError("usage", `a testnet has at most ${maxNodes} nodes`, undefined, 2);
  const last = Math.max(...nodes.map(({ api }) => Number(new URL(api).port)));
  const port = await freeBasePort(2, last + 1);
  const changed = await changeState(dir, (state) => ({ ...state, nodes: [...state.nodes, makeObserverHome(dir, state, port, config)] }));
  return changed.nodes.at(-1) as TestnetNode;
};

/** Works on the testnet in a folder. @throws TestnetError when there is none */
const open = (folder: string, nodeArguments: readonly string[] = []): Testnet => {
  const dir = resolve(folder);
  readState(dir);
  const node = (index: number): TestnetNode => nodeAt(readState(dir), index);
  const forget = (index: number) => changeState(dir, (state) => withProcess(state, index, undefined));
  const client = (index: number): HttpClient => createHttpClient({ urls: [node(index).api] });
  const tellPresentCut = async (index: number): Promise<void> => {
    const state = readState(dir);
    await tellCuts(state, [index]);
  };
  return {
    dir,
    state: () => readState(dir),
    node,
    processState: (index) => {
      const identity = identityOf(node(index));
      return identity === undefined ? "gone" : stateOf(identity);
    },
    client,
    async ready(indexes, timeoutMs = defaultReadyMs) {
      const { nodes } = readState(dir);
      await waitReady(indexes === undefined ? nodes : indexes.map((index) => node(index)), { timeoutMs, until: "ready", current: node });
    },
    async kill(index) {
      runningProcess(node(index));
      await stopProcess(node(index), "at once");
      await forget(index);
    },
    async restart(index) {
      await stopProcess(node(index), "politely");
      await launchNode(dir, index, nodeArguments);
      await waitReady([node(index)], { timeoutMs: defaultReadyMs, until: "answering", current: node });
      await tellPresentCut(index);
    },
    async pause(index) {
      const identity = runningProcess(node(index));
      signalProcess(identity, "SIGSTOP");
      await waitState(identity, "paused", signalMs);
    },
    async resume(index) {
      const identity = runningProcess(node(index));
      signalProcess(identity, "SIGCONT");
      await waitState(identity, "running", signalMs);
      await tellPresentCut(index);
      await tellBehaviour(readState(dir), index);
    },
    async partition(groups, { oneWay = false } = {}) {
      await tellCuts(await changeState(dir, (state) => ({ ...state, cut: checkCut(state, groups, oneWay) })));
    },
    async heal() {
      await tellCuts(await changeState(dir, (state) => ({ ...state, cut: null })));
    },
    async add({ config = {} } = {}) {
      const { index } = await addObserver(dir, config);
      const goal = await executedByAny(readState(dir).nodes);
      await launchNode(dir, index, nodeArguments);
      await waitReady([node(index)], { timeoutMs: defaultReadyMs, until: "ready", current: node });
      await waitExecuted(node(index), goal, defaultReadyMs);
      return node(index);
    },
    async byzantine(index, behaviour) {
      await tellBehaviour(await changeState(dir, (state) => withBehaviour(state, index, behaviour)), index);
    },
    logs: (index, lines = 50) => tailOf(node(index), lines),
    async down({ purge = false } = {}) {
      const { nodes } = await changeState(dir, (state) => ({ ...state, owner: null, cut: null }));
      await Promise.all(nodes.map((each) => stopProcess(each, "politely")));
      await changeState(dir, (state) => nodes.reduce((changed, { index }) => withProcess(changed, index, undefined), state));
      if (purge) rmSync(dir, { recursive: true, force: true });
    },
  };
};

const checkCount = (name: string, value: number, minimum: number): number => {
  if (Number.isInteger(value) && value >= minimum && value <= maxNodes) return value;
  throw new TestnetError("usage", `${name} must be from ${minimum} to ${maxNodes}`, undefined, 2);
};

const namedApplication = async (path: string): Promise<{ readonly name: string; readonly path: string }> => {
  const { name } = await loadApplication(path);
  return { name, path: resolve(path) };
};

const prepare = async (dir: string, options: TestnetOptions): Promise<void> => {
  if (stateExists(dir)) {
    const { nodes } = readState(dir);
    if (nodes.some(isRunning))
      throw new TestnetError("running", `the testnet in ${dir} runs already`, "stop it with `byz testnet down`, or choose another --dir");
    const validators = nodes.filter(({ role }) => role === "validator").length;
    if (options.nodes !== undefined && options.nodes !== validators) {
      throw new TestnetError(
        "exists",
        `the testnet in ${dir} has ${validators} validators`,
        "remove it with `byz testnet down --purge` first",
      );
    }
    if (options.memoryLimitMib !== undefined) {
      const hint = "change `memory_limit_mib` in the `config.toml` of each, or remove it with `byz testnet down --purge` first";
      throw new TestnetError("exists", `the nodes of the testnet in ${dir} have their configuration already`, hint);
    }
    return;
  }
  const validators = checkCount("the number of nodes", options.nodes ?? 4, 1);
  const observers = checkCount("the number of observers", options.observers ?? 0, 0);
  const basePort = options.basePort ?? (await freeBasePort(2 * (validators + observers), options.preferredBasePort));
  const chainId = options.chainId ?? "testnet";
  const { memoryLimitMib, parameters = {} } = options;
  const config = memoryLimitMib === undefined ? options.config : { ...options.config, node: { ...options.config?.node, memoryLimitMib } };
  createConfig(config);
  const application = options.application === undefined ? undefined : await namedApplication(options.application);
  makeHomes({
    dir,
    chainId,
    validators,
    observers,
    basePort,
    config: config ?? {},
    parameters,
    ...(application === undefined ? {} : { application }),
  });
};

/** Everybody behaves as asked for now, whatever was before. */
const cast = (state: TestnetState, byzantine: Readonly<Record<number, string>>): TestnetState =>
  Object.entries(byzantine).reduce<TestnetState>((now, [index, behaviour]) => withBehaviour(now, Number(index), behaviour), {
    ...state,
    nodes: state.nodes.map((node) => ({ ...node, behaviour: "honest" })),
  });

/**
 * Makes the homes, starts every node and waits until all can commit. When it fails, nothing is left running.
 *
 * @throws TestnetError, HomeError, ConfigError, GenesisError, NodeError `bad-application`
 */
const up = async (options: TestnetOptions = {}): Promise<Testnet> => {
  const dir = resolve(options.dir ?? ".byz-testnet");
  await prepare(dir, options);
  const testnet = open(dir, options.nodeArguments);
  const owner = options.detach === true ? null : (identify(process.pid) ?? null);
  const { nodes } = await changeState(dir, (state) => cast({ ...state, owner }, options.byzantine ?? {}));
  if (owner !== null) killAtExit(dir);
  try {
    for (const { index } of nodes) await launchNode(dir, index, options.nodeArguments ?? []);
    options.progress?.(`${nodes.length} nodes are up, waiting until all can commit`);
    const limits = { timeoutMs: options.readyTimeoutMs ?? defaultReadyMs, until: "ready", current: testnet.node } as const;
    await waitReady(nodes, options.signal === undefined ? limits : { ...limits, signal: options.signal });
  } catch (error) {
    await testnet.down();
    throw error;
  }
  return testnet;
};

/** Local networks of real processes. */
export const Testnet = { up, open };
