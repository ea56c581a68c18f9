/** All mutants, in the order of the table in docs/mutants.md. */
import { carryingMutants } from "./consensus-carrying.ts";
import { livenessMutants } from "./consensus-liveness.ts";
import { votingMutants } from "./consensus-voting.ts";
import { executionMutants } from "./execution.ts";
import type { Mutant } from "./mutant.ts";
import { signatureMutants } from "./signatures.ts";

export const mutants: readonly Mutant[] = [
  ...votingMutants,
  ...carryingMutants,
  ...livenessMutants,
  ...signatureMutants,
  ...executionMutants,
];
