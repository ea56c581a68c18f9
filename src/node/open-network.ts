/** The node's network, as its configuration says. */
import { createLibp2pNetwork, type Libp2pNetwork } from "../network/libp2p/create-network.ts";
import type { Disguise } from "./disguise.ts";
import { renderGenesis } from "./home/genesis.ts";
import type { Identity, NodeOptions } from "./home/identity.ts";
import { libraryLogOf, type LogSwitch } from "./observe/log-parts.ts";
import type { MemoryShares } from "./memory/memory-budget.ts";

/** What a cheat tells others goes through his disguise. */
export const openNetwork = async (
  { config, genesis, home }: NodeOptions,
  logSwitch: LogSwitch,
  { committee, nodeKey }: Identity,
  { peerQueue }: Pick<MemoryShares, "peerQueue">,
  disguise: Disguise | undefined,
): Promise<Libp2pNetwork> => {
  const logger = logSwitch.of("network");
  const network = await createLibp2pNetwork({
    genesisHash: genesis.hash,
    genesis: renderGenesis(genesis),
    nodeKey: nodeKey.exportSeed(),
    listen: config.network.listen,
    announce: config.network.announce,
    bootstrap: config.network.bootstrap,
    validators: committee.validators.map(({ peer }) => peer),
    dataDirectory: home.data,
    limits: {
      maxStrangers: config.network.maxObservers,
      deadMs: config.network.deadPeerMs,
      consensusQueueBytes: peerQueue,
    },
    log: (level, message, fields) => logger[level](fields, message),
    libraryLog: libraryLogOf(logSwitch),
  });
  return disguise?.network(network) ?? network;
};
