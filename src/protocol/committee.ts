/** The validator set of an epoch and its arithmetic (PROTOCOL §1). */
import type { Epoch, PeerName, PublicKey, ReplicaIndex, View } from "./ids.ts";

export interface Validator {
  readonly index: ReplicaIndex;
  /** signs consensus messages */
  readonly publicKey: PublicKey;
  /** the libp2p identity that authenticates its channels */
  readonly peer: PeerName;
  readonly moniker: string;
}

export interface Committee {
  readonly epoch: Epoch;
  readonly validators: readonly Validator[];
  /** number of validators */
  readonly n: number;
  /** Byzantine validators tolerated: ⌊(n−1)/3⌋ */
  readonly f: number;
  /** ⌈(n+f+1)/2⌉: any two quorums share at least f+1 validators */
  readonly quorum: number;
}

/** f = ⌊(n−1)/3⌋ */
export const faultsTolerated = (n: number): number => Math.floor((n - 1) / 3);

/** q = ⌈(n+f+1)/2⌉; never 2f+1, which is too small where n ≠ 3f+1 (5 → 4, 6 → 4) */
export const quorumSize = (n: number): number => Math.ceil((n + faultsTolerated(n) + 1) / 2);

/**
 * @param validators in the epoch's order; their `index` is their position
 * @throws RangeError if the list is empty or an index is not its position
 */
export const createCommittee = (epoch: Epoch, validators: readonly Validator[]): Committee => {
  if (validators.length === 0) throw new RangeError("a committee has at least one validator");
  validators.forEach((validator, position) => {
    if (validator.index !== position) throw new RangeError(`validator ${position} carries index ${validator.index}`);
  });
  const n = validators.length;
  return { epoch, validators, n, f: faultsTolerated(n), quorum: quorumSize(n) };
};

/** The primary of a view: validator `view mod n` (PROTOCOL §3.1). */
export const primaryOf = (committee: Committee, view: View): ReplicaIndex => (view % committee.n) as ReplicaIndex;

export const isMember = (committee: Committee, replica: number): replica is ReplicaIndex =>
  Number.isInteger(replica) && replica >= 0 && replica < committee.n;
