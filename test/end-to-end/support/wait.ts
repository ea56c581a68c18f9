/** Waiting for conditions. */
export { eventually, unchanged, until } from "../../../src/cli/validate/wait.ts";
