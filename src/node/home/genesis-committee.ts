/** The validators that a genesis names. Apart from its parser, which those who are given a checked genesis need not load. */
import { type Committee, createCommittee } from "../../protocol/committee.ts";
import { type PeerName, type PublicKey, toEpoch, toReplicaIndex } from "../../protocol/ids.ts";
import type { Genesis } from "./genesis.ts";

/** The committee of epoch 0. */
export const genesisCommittee = (genesis: Genesis): Committee =>
  createCommittee(
    toEpoch(0),
    genesis.validators.map(({ moniker, validatorKey, peerId }, position) => ({
      index: toReplicaIndex(position),
      publicKey: validatorKey satisfies PublicKey,
      peer: peerId satisfies PeerName,
      moniker,
    })),
  );
