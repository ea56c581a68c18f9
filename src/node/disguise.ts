/**
 * Room for a cheat, in test networks only: what may stand between a node and those it talks to. `createNode` puts it there when it is given one and
 * the genesis says `"testnet": true`; the parts of the node do not know.
 */
import type { Committee } from "../protocol/committee.ts";
import type { ReplicaIndex } from "../protocol/ids.ts";
import type { Network } from "../network/port.ts";
import type { KeyPair } from "../signing/keys.ts";
import type { SignBytes } from "../wire/sign-bytes.ts";
import type { Clock } from "./clock.ts";
import type { NodeService } from "./service.ts";

/** What a cheat holds: the validator's own keys, and nothing more. */
export interface Masquerade {
  readonly committee: Committee;
  readonly self: ReplicaIndex;
  readonly validatorKey: KeyPair;
  readonly signBytes: SignBytes;
  readonly clock: Clock;
}

export interface Disguise {
  /** Call once, before the network is started. */
  network<N extends Network>(network: N): N;
  /** what the node's clients are told */
  service(service: NodeService): NodeService;
  /** Behaves like this from now on; false, and nothing changes, when there is no such behaviour. */
  wear(behaviour: string): boolean;
}

export type CreateDisguise = (who: Masquerade) => Disguise;
