/** The `byz` command: declares, runs, and turns whatever goes wrong into one line and an exit status. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { visible } from "../node/home/printable.ts";
import { addGlobals, programHelpAfter } from "./command.ts";
import type { Host } from "./command.ts";
import { commandsFor } from "./commands.ts";
import { complaintOf, exitCodes } from "./errors.ts";
import { createProcessIo } from "./io.ts";
import type { Io } from "./io.ts";

const version = (): string => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string };
  return manifest.version;
};

const configure = (command: Command, io: Io): void => {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout(text),
    writeErr: () => undefined,
    getOutHelpWidth: () => 110,
  });
  for (const child of command.commands) configure(child, io);
};

const createProgram = async (host: Host, args: readonly string[]): Promise<Command> => {
  const program = new Command("byz")
    .description("A ledger and key-value store for parties that do not trust each other: Byzantine fault tolerant, on libp2p.")
    .enablePositionalOptions()
    .version(version(), "--version", "print the version");
  addGlobals(program);
  for (const command of await commandsFor(args, host)) program.addCommand(command);
  program.addHelpText("after", programHelpAfter(["byz testnet up -n 4", "byz put greeting hello"]));
  configure(program, host.io);
  return program;
};

/** `error: unknown option '--x'` → `unknown option '--x'` */
const usageLine = (error: CommanderError): string =>
  error.code === "commander.help"
    ? "a command is missing"
    : error.message
        .replace(/^error: /, "")
        .replaceAll(/\s*\n\s*/g, " ")
        .replace(/\.$/, "");

const isPlainHelp = (error: CommanderError): boolean => error.code === "commander.helpDisplayed" || error.code === "commander.version";

const report = (error: unknown, args: readonly string[], io: Io): number => {
  const options = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  const complaint =
    error instanceof CommanderError
      ? { code: "usage", message: usageLine(error), hint: "see `byz --help`, or --help of the command", exitCode: exitCodes.usage }
      : complaintOf(error);
  const { code, message, hint } = complaint;
  io.stderr(`byz: ${visible(message)}; ${visible(hint)}\n`);
  if (options.includes("--json")) io.stdout(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  if (options.includes("--trace") && error instanceof Error) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) io.stderr(`${at.stack ?? at.message}\n`);
  }
  return complaint.exitCode;
};

/**
 * Runs one command line, without the program's name.
 *
 * @returns the exit status; never rejects
 */
export const runCli = async (args: readonly string[], io: Io): Promise<number> => {
  let status: number = exitCodes.done;
  const exit = (code: number): void => {
    status = code;
  };
  try {
    const program = await createProgram({ io, exit }, args);
    if (args.length === 0) {
      io.stdout(program.helpInformation());
      return exitCodes.done;
    }
    await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && isPlainHelp(error)) return exitCodes.done;
    return report(error, args, io);
  }
};

/** a Ctrl-C may arrive twice, from the terminal and from a parent that forwards it */
const echoMs = 500;

/** Aborts at the first SIGINT or SIGTERM, which its reason names; a later SIGINT, meant as such, ends the process at once. */
const listenForInterrupts = (): AbortSignal => {
  const interrupted = new AbortController();
  let first = 0;
  const stop = (why: string): void => {
    if (interrupted.signal.aborted && performance.now() - first > echoMs) process.exit(exitCodes.interrupted);
    if (!interrupted.signal.aborted) first = performance.now();
    interrupted.abort(new DOMException(why, "AbortError"));
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  // Started by bin/byz.js under an older Node.js: when that one is killed, this one must not live on.
  if (process.env["BYZ_RERUN"] !== undefined) {
    delete process.env["BYZ_RERUN"];
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && stop("its parent process ended"), echoMs).unref();
  }
  return interrupted.signal;
};

/** Runs this process's command line and ends the process. */
export const main = async (argv: readonly string[]): Promise<void> => {
  const signal = listenForInterrupts();
  // `byz list | head` closes our stdout early: that is no error
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.failed));
  const status = await runCli(argv.slice(2), createProcessIo(signal));
  // Timers of libraries must not hold a finished command; what was written to a pipe must arrive first.
  process.stdout.write("", () => process.exit(status));
};
