/** Where a command reads from and writes to; tests give their own. */
import { askHidden } from "./hidden-question.ts";

export interface Io {
  /** what people and programs asked for */
  stdout(text: string | Uint8Array): void;
  /** progress, logs, errors */
  stderr(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** true when stdout is a terminal */
  readonly terminal: boolean;
  /** true when it may show colours, too */
  readonly colour: boolean;
  /** ends when the user interrupts */
  readonly signal: AbortSignal;
  /** everything on standard input */
  stdin(): Promise<Uint8Array>;
  /** Asks a person for something that is not shown, on the terminal; absent where standard input is none. @throws CliError when interrupted */
  readonly askHidden?: ((question: string) => Promise<Uint8Array>) | undefined;
}

const readStandardInput = async (): Promise<Uint8Array> => {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** A passphrase is not for the programs and modules that this process may start. */
const takeEnvironment = (): Io["environment"] => {
  const environment = { ...process.env };
  delete process.env["BYZ_PASSPHRASE"];
  return environment;
};

/** This process's own. */
export const createProcessIo = (signal: AbortSignal): Io => ({
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  environment: takeEnvironment(),
  terminal: process.stdout.isTTY,
  colour: process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "",
  signal,
  stdin: readStandardInput,
  askHidden: process.stdin.isTTY ? (question) => askHidden({ input: process.stdin, output: process.stderr, signal }, question) : undefined,
});
