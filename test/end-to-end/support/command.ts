/** The command as users run it: a process of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const entry = fileURLToPath(new URL("../../../bin/byz.js", import.meta.url));

export interface Ran {
  /** null when a signal ended it */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  stdout(): string;
  stderr(): string;
}

const cleanEnvironment = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BYZ_") || name === "BYZ_SOURCE")),
  ...more,
});

const running = new Set<ChildProcess>();

/** Call while a file is collected: nothing that it started outlives it. */
export const killWhatRuns = (): void =>
  afterAll(async () => {
    await Promise.all(
      [...running].map((child) => {
        const gone = new Promise((resolve) => child.once("close", resolve));
        child.kill("SIGKILL");
        return gone;
      }),
    );
  });

export const start = (args: readonly string[], environment?: Readonly<Record<string, string>>, input?: Uint8Array): Started => {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ["pipe", "pipe", "pipe"], env: cleanEnvironment(environment) });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const ended = new Promise<Ran>((resolve) =>
    child.once("close", (status) => {
      running.delete(child);
      resolve({ status, stdout, stderr });
    }),
  );
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
};

/** Runs one command to its end. */
export const byz = (args: readonly string[], environment?: Readonly<Record<string, string>>, input?: Uint8Array): Promise<Ran> =>
  start(args, environment, input).ended;
