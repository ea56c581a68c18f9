/** What a client takes for granted: the genesis, and what follows from it. */
import type { Genesis } from "../node/home/genesis.ts";
import { genesisCommittee } from "../node/home/genesis-committee.ts";
import type { Committee } from "../protocol/committee.ts";
import type { Digest } from "../protocol/ids.ts";
import type { Trust } from "../signing/plans.ts";
import { epochRoot } from "../wire/digests.ts";
import { createSignBytes } from "../wire/sign-bytes.ts";
import { ProofError, type ProofProblem } from "./proof-json.ts";

/** The network's keys and what they sign. */
export interface ClientTrust extends Trust {
  /** the validators of epoch 0, the only one so far */
  readonly validators: Committee;
  readonly epochRoot: Digest;
}

const known = new WeakMap<Genesis, ClientTrust>();

/** Computed once for each genesis. */
export const trustOf = (genesis: Genesis): ClientTrust => {
  const before = known.get(genesis);
  if (before !== undefined) return before;
  const validators = genesisCommittee(genesis);
  const trust: ClientTrust = {
    signBytes: createSignBytes(genesis.hash),
    committee: (epoch) => (epoch === validators.epoch ? validators : undefined),
    validators,
    epochRoot: epochRoot(validators),
  };
  known.set(genesis, trust);
  return trust;
};

/** Not believed, and why. */
export interface Unproven {
  readonly ok: false;
  readonly problem: ProofProblem;
  /** one sentence for a person, without a full stop */
  readonly message: string;
}

/** Turns what the verification threw into a value. */
export const judging = <T extends { readonly ok: true }>(verify: () => T): T | Unproven => {
  try {
    return verify();
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    return { ok: false, problem: error.problem, message: error.message };
  }
};
