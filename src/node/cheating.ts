/** What test networks may do to their nodes, and no others: who can be made to cheat, and how a node is told to, or to lose its links. */
import type { Libp2pNetwork } from "../network/libp2p/create-network.ts";
import type { Clock } from "./clock.ts";
import type { Disguise } from "./disguise.ts";
import type { Genesis } from "./home/genesis.ts";
import { type Identity, NodeError, type NodeOptions } from "./home/identity.ts";
import type { Logger } from "./observe/observe.ts";
import { createCutter } from "./observe/partitions.ts";
import { done, failed, type NodeService } from "./service.ts";

/**
 * The disguise of a validator of a test network, as it is to be from the start; undefined for everybody else.
 *
 * @throws NodeError `can-not-cheat` when a behaviour is asked for and there can be none, or not this one
 */
export const disguiseOf = ({ genesis, disguise, behaviour }: NodeOptions, identity: Identity, clock: Clock): Disguise | undefined => {
  const { self, validatorKey } = identity;
  const worn =
    genesis.testnet && disguise !== undefined && self !== undefined && validatorKey !== undefined
      ? disguise({ ...identity, self, validatorKey, clock })
      : undefined;
  if (behaviour !== undefined && worn?.wear(behaviour) !== true)
    throw new NodeError("can-not-cheat", `only a validator of a test network can behave otherwise, and not as ${behaviour}`);
  return worn;
};

export interface TestControlsOptions {
  readonly genesis: Pick<Genesis, "testnet">;
  readonly network: Pick<Libp2pNetwork, "self" | "setCut">;
  readonly disguise: Disguise | undefined;
  readonly logger: Logger;
}

/** `POST /v1/testnet/…`: refusals, unless the genesis says `"testnet": true`. */
export const createTestControls = (options: TestControlsOptions): Pick<NodeService, "cut" | "behave"> => {
  const { genesis, network, disguise, logger } = options;
  return {
    cut: createCutter({ testnet: genesis.testnet, self: network.self, setCut: network.setCut, logger }),
    behave(behaviour) {
      if (disguise === undefined)
        return failed({ code: "invalid_request", message: 'only validators of networks whose genesis says "testnet": true can cheat' });
      if (!disguise.wear(behaviour)) return failed({ code: "invalid_request", message: `there is no behaviour ${behaviour}` });
      logger.warn({ behaviour }, behaviour === "honest" ? "this node obeys the protocol again" : "this node cheats on request, for a test");
      return done({ behaviour });
    },
  };
};
