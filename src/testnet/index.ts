/** Entry point `byzantine-coordinator/testnet`: local networks of real processes, for scripts and tests. */
export { Testnet } from "./testnet.ts";
export type { TestnetOptions } from "./testnet.ts";
export { TestnetError } from "./state.ts";
export type { TestnetCut, TestnetNode, TestnetState } from "./state.ts";
export type { ProcessState } from "./process-identity.ts";
