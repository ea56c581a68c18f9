/** Makes the homes of a local network: keys, configurations and one genesis. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { PartialConfig } from "../node/config-file.ts";
import { renderGenesis } from "../node/genesis.ts";
import { homeAt, initHome, peerIdOf, writeFileDurably } from "../node/home.ts";
import type { Home, HomeKeys } from "../node/home.ts";
import { signRecord } from "../node/record.ts";
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
}

const configOf = (plan: HomesPlan, index: number, bootstrap: readonly string[]): PartialConfig => ({
  ...plan.config,
  network: { ...plan.config.network, listen: [`/ip4/127.0.0.1/tcp/${plan.basePort + 2 * index}`], bootstrap },
  api: { ...plan.config.api, listen: `127.0.0.1:${plan.basePort + 2 * index + 1}` },
});

/**
 * Every node but the first is given the first one's address as its only bootstrap; the genesis says `"testnet": true`.
 *
 * @throws HomeError, GenesisError, Error of the file system
 */
export const makeHomes = (plan: HomesPlan): TestnetState => {
  mkdirSync(plan.dir, { recursive: true });
  const made: { readonly home: Home; readonly keys: HomeKeys; readonly node: TestnetNode }[] = [];
  for (let index = 0; index < plan.validators + plan.observers; index += 1) {
    const home = homeAt(resolve(plan.dir, `node-${index}`));
    const [first] = made;
    const moniker = `node-${index}`;
    const keys = initHome(home.path, { moniker, config: configOf(plan, index, first === undefined ? [] : [first.node.p2p]) });
    const peerId = peerIdOf(keys.node);
    const node: TestnetNode = {
      index,
      role: index < plan.validators ? "validator" : "observer",
      peerId,
      api: `http://127.0.0.1:${plan.basePort + 2 * index + 1}`,
      p2p: `/ip4/127.0.0.1/tcp/${plan.basePort + 2 * index}/p2p/${peerId}`,
      pid: null,
      started: null,
      home: home.path,
      behaviour: "honest",
    };
    made.push({ home, keys, node });
  }
  const validators = made.slice(0, plan.validators).map(({ keys, node }) => signRecord(`node-${node.index}`, keys));
  const genesis = renderGenesis({ chainId: plan.chainId, createdAt: Date.now(), testnet: true, parameters: plan.parameters, validators });
  for (const { home } of made) writeFileDurably(home.genesis, genesis);
  const state: TestnetState = { chainId: plan.chainId, owner: null, cut: null, nodes: made.map(({ node }) => node) };
  writeState(plan.dir, state);
  return state;
};

export const logPath = (node: Pick<TestnetNode, "home">): string => join(node.home, "node.log");
