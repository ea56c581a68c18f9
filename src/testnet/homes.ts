/** Makes the homes of a local network: keys, configurations and one genesis. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Config, loadConfig } from "../node/home/config.ts";
import type { PartialConfig } from "../node/home/config-file.ts";
import { renderGenesis } from "../node/home/genesis.ts";
import { initHome, peerIdOf } from "../node/home/home.ts";
import { homeAt, makeFolder, writeFileDurably } from "../node/home/layout.ts";
import type { HomeKeys } from "../node/home/home.ts";
import type { Home } from "../node/home/layout.ts";
import { signRecord } from "../node/home/record.ts";
import type { Parameters } from "../protocol/limits.ts";
import { writeState } from "./state.ts";
import type { TestnetNode, TestnetState } from "./state.ts";

export interface HomesPlan {
  readonly dir: string;
  readonly chainId: string;
  readonly validators: number;
  readonly observers: number;
  /** node i listens on 2i above it for peers and on the port after that for HTTP */
  readonly basePort: number;
  /** for every node, beside its addresses */
  readonly config: PartialConfig;
  readonly parameters: Partial<Parameters>;
  /** its name and absolute path; the key-value store when absent */
  readonly application?: { readonly name: string; readonly path: string };
}

/** What the home of one node is made of; `port` is for peers, the one after it for HTTP. */
interface HomePlan {
  readonly dir: string;
  readonly index: number;
  readonly role: TestnetNode["role"];
  readonly port: number;
  readonly bootstrap: readonly string[];
  readonly config: PartialConfig;
}

const configOf = ({ config, port, bootstrap }: HomePlan): PartialConfig => ({
  ...config,
  network: { ...config.network, listen: [`/ip4/127.0.0.1/tcp/${port}`], bootstrap },
  api: { ...config.api, listen: `127.0.0.1:${port + 1}` },
});

/** Of a node beside its addresses: the same for all of a network. */
type Common = Partial<Pick<Config["node"], "application" | "memoryLimitMib">>;

const withCommon = (config: PartialConfig, common: Common): PartialConfig => ({ ...config, node: { ...common, ...config.node } });

interface MadeHome {
  readonly home: Home;
  readonly keys: HomeKeys;
  readonly node: TestnetNode;
}

const makeHome = (plan: HomePlan): MadeHome => {
  const { index, role, port } = plan;
  const home = homeAt(resolve(plan.dir, `node-${index}`));
  const keys = initHome(home.path, { moniker: `node-${index}`, config: configOf(plan) });
  const peerId = peerIdOf(keys.node);
  const node: TestnetNode = {
    index,
    role,
    peerId,
    api: `http://127.0.0.1:${port + 1}`,
    p2p: `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}`,
    pid: null,
    started: null,
    home: home.path,
    behaviour: "honest",
  };
  return { home, keys, node };
};

/**
 * Every node but the first is given the first one's address as its only bootstrap; the genesis says `"testnet": true`.
 *
 * @throws HomeError, GenesisError, Error of the file system
 */
export const makeHomes = (plan: HomesPlan): TestnetState => {
  makeFolder(plan.dir);
  const made: MadeHome[] = [];
  for (let index = 0; index < plan.validators + plan.observers; index += 1) {
    const [first] = made;
    made.push(
      makeHome({
        dir: plan.dir,
        index,
        role: index < plan.validators ? "validator" : "observer",
        port: plan.basePort + 2 * index,
        bootstrap: first === undefined ? [] : [first.node.p2p],
        config: plan.application === undefined ? plan.config : withCommon(plan.config, { application: plan.application.path }),
      }),
    );
  }
  const validators = made.slice(0, plan.validators).map(({ keys, node }) => signRecord(`node-${node.index}`, keys));
  const genesis = renderGenesis({
    chainId: plan.chainId,
    createdAt: Date.now(),
    testnet: true,
    parameters: plan.parameters,
    validators,
    ...(plan.application === undefined ? {} : { application: plan.application.name }),
  });
  for (const { home } of made) writeFileDurably(home.genesis, genesis);
  const state: TestnetState = { chainId: plan.chainId, owner: null, cut: null, nodes: made.map(({ node }) => node) };
  writeState(plan.dir, state);
  return state;
};

/**
 * Makes the home of one more observer beside those of `state`: the network's genesis, application and memory limit, the first node's address as its only bootstrap.
 *
 * @param port for peers; the one after it is for HTTP
 * @throws HomeError, Error of the file system
 */
export const makeObserverHome = (dir: string, { nodes }: TestnetState, port: number, config: PartialConfig): TestnetNode => {
  const [first] = nodes as readonly [TestnetNode, ...TestnetNode[]];
  const like = homeAt(first.home);
  const { application, memoryLimitMib } = loadConfig({ file: like.config }).config.node;
  const plan = { dir, index: nodes.length, role: "observer", port, bootstrap: [first.p2p] } as const;
  const { home, node } = makeHome({ ...plan, config: withCommon(config, { application, memoryLimitMib }) });
  writeFileDurably(home.genesis, readFileSync(like.genesis, "utf8"));
  return node;
};

export const logPath = (node: Pick<TestnetNode, "home">): string => join(node.home, "node.log");
