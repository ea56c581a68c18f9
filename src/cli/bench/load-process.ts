/** Starts and commands the process that makes the load. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CliError, exitCodes } from "../errors.ts";
import type { LoadOrder, LoadResult } from "./load.ts";

export interface LoadProcess {
  /** @throws CliError when it ends instead of answering, or is interrupted */
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): void;
}

/** beside this file, in the same form: TypeScript in a checkout, JavaScript when built */
const program = (): string =>
  fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./load-worker.ts" : "./load-worker.js", import.meta.url));

const interrupted = (): CliError => new CliError({ code: "aborted", message: "interrupted", exitCode: exitCodes.interrupted });

const once = (child: ChildProcess, order: LoadOrder, signal: AbortSignal): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      child.off("message", onMessage).off("exit", onExit);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onMessage = (result: unknown): void => finish(() => resolve(result as LoadResult));
    const onExit = (): void =>
      finish(() =>
        reject(new CliError({ code: "load_ended", message: "the process that makes the load ended", exitCode: exitCodes.failed })),
      );
    const onAbort = (): void => finish(() => reject(interrupted()));
    if (signal.aborted) return reject(interrupted());
    child.on("message", onMessage).on("exit", onExit);
    signal.addEventListener("abort", onAbort, { once: true });
    child.send(order);
  });

export const startLoad = (signal: AbortSignal): LoadProcess => {
  // its own options, not those that this process may have been started with
  const child = fork(program(), [], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return { run: (order) => once(child, order, signal), stop: () => void child.kill("SIGKILL") };
};
