/**
 * When V8 compiles a function for the last time. A node's work is spread over so many functions that each is hot only for a while: its optimising compiler, on a thread
 * of its own, takes a tenth of the CPU in the first minute, and what is compiled early is compiled again when it meets other types.
 */
import { setFlagsFromString } from "node:v8";

/** calls of a function, ten times as many as V8 waits for by itself; the cheaper compiler's code serves until then */
const CALLS = 30_000;
/** the only version that this was measured on; another one may not know the flag, and would say so on standard error */
const MEASURED = "13.";

/** From now on only what was called very often is compiled for the last time. */
export const optimiseLater = (): void => {
  if (process.versions.v8.startsWith(MEASURED)) setFlagsFromString(`--invocation-count-for-turbofan=${CALLS}`);
};
