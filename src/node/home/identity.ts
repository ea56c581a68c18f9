/** Who a node is, and in which network, before anything is opened. */
import type { Application } from "../../ledger/application.ts";
import type { Committee } from "../../protocol/committee.ts";
import type { PeerName, ReplicaIndex } from "../../protocol/ids.ts";
import type { KeyPair } from "../../signing/keys.ts";
import type { Passphrase } from "../../signing/passphrase.ts";
import { createSignBytes, type SignBytes } from "../../wire/sign-bytes.ts";
import type { Config } from "./config.ts";
import type { CreateDisguise } from "../disguise.ts";
import { gatewayKeyOf } from "./gateway-key.ts";
import type { Genesis } from "./genesis.ts";
import { genesisCommittee } from "./genesis-committee.ts";
import { peerIdOf } from "./home.ts";
import { loadNodeKey, loadOrCreateClientKey, loadValidatorKey } from "./home-keys.ts";
import { type Home } from "./layout.ts";
import type { Logger } from "../observe/observe.ts";

export interface NodeOptions {
  readonly home: Home;
  readonly config: Config;
  readonly genesis: Genesis;
  readonly logger: Logger;
  /** opens the home's key files, if they are encrypted; the caller's to forget once the node runs */
  readonly passphrase?: Passphrase;
  /** what `[node] application` of the configuration names when absent; its name must be the genesis' */
  readonly application?: Application;
  /** how a validator can be made to cheat; looked at only where the genesis says `"testnet": true` */
  readonly disguise?: CreateDisguise;
  /** what it does from the start */
  readonly behaviour?: string;
}

/** A node that can not be made of what it was given. */
export class NodeError extends Error {
  readonly code: "wrong-application" | "bad-application" | "wrong-record" | "can-not-cheat";
  constructor(code: NodeError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NodeError";
    this.code = code;
  }
}

/** Our place among the validators: by validator key, on the peer id that the record binds it to. @throws NodeError */
const placeOf = (committee: Committee, validatorKey: string | undefined, peer: PeerName): ReplicaIndex | undefined => {
  const own = committee.validators.find(({ publicKey }) => publicKey === validatorKey);
  if (own === undefined || own.peer === peer) return own?.index;
  throw new NodeError("wrong-record", `the genesis binds this validator key to the node key of ${own.peer}, and this home's is ${peer}`);
};

/** What a node is before anything is opened: who it is, and in which network. */
export interface Identity {
  readonly nodeKey: KeyPair;
  readonly gatewayKey: KeyPair;
  readonly committee: Committee;
  readonly self: ReplicaIndex | undefined;
  /** only of a validator in the committee */
  readonly validatorKey: KeyPair | undefined;
  readonly signBytes: SignBytes;
  readonly application: Application;
}

/** @throws NodeError, KeyFileError, HomeError */
export const identify = (
  { home, genesis, passphrase }: Pick<NodeOptions, "home" | "genesis" | "passphrase">,
  application: Application,
): Identity => {
  if (application.name !== genesis.application) {
    throw new NodeError("wrong-application", `the network runs the application ${genesis.application}, this node ${application.name}`);
  }
  const nodeKey = loadNodeKey(home, passphrase);
  const key = loadValidatorKey(home, passphrase);
  const committee = genesisCommittee(genesis);
  const self = placeOf(committee, key?.publicKey, peerIdOf(nodeKey));
  const validatorKey = self === undefined ? undefined : key;
  const gatewayKey = gatewayKeyOf(loadOrCreateClientKey(home, passphrase));
  return { nodeKey, gatewayKey, committee, self, validatorKey, signBytes: createSignBytes(genesis.hash), application };
};
