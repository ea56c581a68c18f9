/** Waiting for conditions. */
export { eventually, until } from "../../../src/cli/validate/wait.ts";
